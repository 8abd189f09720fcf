/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may really use: CPUs, memory, instruction sets. */
#include "base/machine.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static const char *const level_names[] = {"c", "avx2", "avx512vnni", "neon"};

const char *mr__cpu_level_name(mr__cpu_level level)
{
    return level_names[level];
}

static mr__cpu_level level_of_cpu(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") ||
        !__builtin_cpu_supports("fma"))
        return MR__CPU_C;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        return MR__CPU_AVX512VNNI;
    return MR__CPU_AVX2;
#elif defined(__aarch64__)
    return MR__CPU_NEON;
#else
    return MR__CPU_C;
#endif
}

mr_status mr__cpu_level_detect(const char *cap, mr__cpu_level *out, mr_error *err)
{
    mr__cpu_level level = level_of_cpu();
    int i;

    *out = level;
    if (!cap || !*cap)
        return MR_OK;
    for (i = 0; i <= MR__CPU_NEON; i++)
        if (strcmp(cap, level_names[i]) == 0)
            break;
    if (i > MR__CPU_NEON)
        return mr__error_set(err, MR_E_INVALID,
                             "MILLRACE_CPU=%s: not one of c, avx2, avx512vnni, neon", cap);
    /* a cap of the other architecture leaves only the portable kernels */
    if ((i == MR__CPU_NEON) != (level == MR__CPU_NEON))
        *out = i == MR__CPU_NEON || i == MR__CPU_C ? MR__CPU_C : level;
    else if (i < (int)level)
        *out = (mr__cpu_level)i;
    return MR_OK;
}

/* First line of a small file; false if it cannot be read. */
static bool read_line(const char *path, char *line, size_t size)
{
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(line, (int)size, f);

    if (f)
        (void)fclose(f);
    return ok;
}

/* Directory of this process in the cgroup v2 tree ("" if there is none). */
static void cgroup_dir(char *dir, size_t size)
{
    char line[512];

    dir[0] = '\0';
    if (!read_line("/proc/self/cgroup", line, sizeof line) || strncmp(line, "0::", 3) != 0)
        return;
    line[strcspn(line, "\n")] = '\0';
    (void)mr__text_copy(dir, size, "/sys/fs/cgroup");
    (void)mr__text_append(dir, size, line + 3);
}

/* Reads decimal numbers ("200000 100000"); returns how many came before anything else ("max"). */
static size_t read_numbers(const char *line, unsigned long long *out, size_t max)
{
    size_t n = 0;

    while (n < max) {
        char *end;

        errno = 0;
        out[n] = strtoull(line, &end, 10);
        if (end == line || errno != 0)
            break;
        line = end;
        n++;
    }
    return n;
}

uint32_t mr__machine_cores(void)
{
    cpu_set_t set;
    char path[640], line[128];
    unsigned long long cpu[2]; /* quota and period in microseconds */
    uint32_t cores = 1;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cores = (uint32_t)CPU_COUNT(&set);
    cgroup_dir(path, sizeof path - 16);
    if (path[0] && mr__text_append(path, sizeof path, "/cpu.max") &&
        read_line(path, line, sizeof line) && read_numbers(line, cpu, 2) == 2 && cpu[1] > 0) {
        unsigned long long whole = cpu[0] / cpu[1] + (cpu[0] % cpu[1] != 0);

        if (whole < cores)
            cores = (uint32_t)whole;
    }
    return cores > 0 ? cores : 1;
}

uint64_t mr__machine_memory(void)
{
    char path[640], line[128];
    unsigned long long limit;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;

    cgroup_dir(path, sizeof path - 16);
    if (path[0] && mr__text_append(path, sizeof path, "/memory.max") &&
        read_line(path, line, sizeof line) && read_numbers(line, &limit, 1) == 1 && limit < memory)
        memory = limit;
    return memory;
}
