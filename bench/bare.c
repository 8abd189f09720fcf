/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare loop: what the machinery is measured against. N processes, each reads its share of the
 * files and runs the same decode and transform as a worker (same code, same flags, decoder reused)
 * into rotating, cold output slots. No queue, no supervisor, no delivery: the most that this
 * machine can do with this code.
 *
 *     bare-loop PROCESSES PLAN DIRECTORY        prints {"items":N,"seconds":S,"items_per_s":R}
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/machine.h"
#include "worker/job.h"

#define SLOTS 128 /* rows written in turn: as many as four batches of 32 */

typedef struct loop {
    char **paths;
    size_t n_paths, first, step;
    mr__decoder *decoder;
    mr__transform *transform;
    unsigned char *slots, *input;
    size_t row_bytes, input_cap;
} loop;

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **list(const char *dir, size_t *n)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    char **paths = NULL;
    size_t cap = 0;

    if (!d)
        give_up(dir);
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (*n == cap) {
            cap = cap ? cap * 2 : 256;
            paths = reallocarray(paths, cap, sizeof paths[0]);
        }
        if (!paths || asprintf(&paths[(*n)++], "%s/%s", dir, entry->d_name) < 0)
            give_up("memory");
    }
    (void)closedir(d);
    if (*n > 0)
        qsort(paths, *n, sizeof paths[0], by_name);
    return paths;
}

static size_t read_file(loop *l, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t done = 0;

    if (fd < 0 || fstat(fd, &st) != 0 || (size_t)st.st_size > l->input_cap)
        give_up(path);
    while (done < (size_t)st.st_size) {
        ssize_t n = read(fd, l->input + done, (size_t)st.st_size - done);
        if (n <= 0)
            give_up(path);
        done += (size_t)n;
    }
    (void)close(fd);
    return done;
}

static int run(loop *l)
{
    mr__item_answer answer;
    size_t i, k = 0;

    for (i = l->first; i < l->n_paths; i += l->step, k++) {
        mr__job_input input = {.bytes = l->input, .max_pixels = UINT64_C(178956970)};

        input.n_bytes = read_file(l, l->paths[i]);
        mr__job_run(l->decoder, l->transform, &input, l->slots + k % SLOTS * l->row_bytes, &answer);
        if (answer.code != MR_CODE_NONE) {
            (void)fprintf(stderr, "%s: %s\n", l->paths[i], answer.message);
            return 1;
        }
    }
    return 0;
}

static unsigned char *memory(size_t bytes)
{
    void *p =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (p == MAP_FAILED)
        give_up("memory");
    return p;
}

static void prepare(loop *l, const char *plan_name)
{
    mr_plan *plan = NULL;
    mr__cpu_level level = MR__CPU_C;
    mr_error err = {0};

    if (mr_plan_open(plan_name, &plan, &err) != MR_OK ||
        mr__cpu_level_detect(getenv("MILLRACE_CPU"), &level, &err) != MR_OK ||
        mr__decoder_open(&l->decoder, &err) != MR_OK ||
        mr__decoder_warm_up(l->decoder, &err) != MR_OK ||
        mr__transform_open(mr__plan_spec_of(plan), level, &l->transform, &err) != MR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    l->row_bytes = mr_plan_row_shape(plan).bytes;
    l->slots = memory(l->row_bytes * SLOTS);
    l->input_cap = (size_t)64 << 20;
    l->input = memory(l->input_cap);
    mr_plan_close(&plan);
}

int main(int argc, char **argv)
{
    loop l = {0};
    uint64_t start;
    double seconds;
    int ready[2], go[2], status, failed = 0;
    unsigned long n, i;
    char byte = 0;

    if (argc != 4 || (n = strtoul(argv[1], NULL, 10)) == 0 || pipe(ready) != 0 || pipe(go) != 0) {
        (void)fprintf(stderr, "usage: bare-loop PROCESSES PLAN DIRECTORY\n");
        return 2;
    }
    l.paths = list(argv[3], &l.n_paths);
    l.step = n;
    for (i = 0; i < n; i++) {
        if (fork() != 0)
            continue;
        l.first = i;
        prepare(&l, argv[2]);
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
            _exit(1);
        _exit(run(&l));
    }
    for (i = 0; i < n; i++)
        if (read(ready[0], &byte, 1) != 1)
            return 1;
    start = mr__clock_ns();
    for (i = 0; i < n; i++)
        if (write(go[1], &byte, 1) != 1)
            return 1;
    for (i = 0; i < n; i++) {
        (void)wait(&status);
        failed |= status;
    }
    seconds = (double)(mr__clock_ns() - start) * 1e-9;
    (void)printf("{\"items\":%zu,\"seconds\":%.4f,\"items_per_s\":%.1f}\n", l.n_paths, seconds,
                 (double)l.n_paths / seconds);
    return failed != 0;
}
