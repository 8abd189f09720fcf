/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may really use: CPUs, memory, instruction sets. */
#ifndef MR_BASE_MACHINE_H
#define MR_BASE_MACHINE_H

#include <stdint.h>

#include "base/error.h"

/* Kernel levels, lowest first. A level includes those below it on the same architecture. */
typedef enum mr__cpu_level {
    MR__CPU_C = 0,
    MR__CPU_AVX2,
    MR__CPU_AVX512VNNI,
    MR__CPU_NEON
} mr__cpu_level;

/* "c", "avx2", "avx512vnni", "neon". */
const char *mr__cpu_level_name(mr__cpu_level level);

/* The best level of this CPU, capped by `cap` (NULL or "": no cap). MR_E_INVALID for an unknown
 * cap. */
mr_status mr__cpu_level_detect(const char *cap, mr__cpu_level *out, mr_error *err);

/* CPUs that this process may use: affinity mask and cgroup v2 quota, at least 1. */
uint32_t mr__machine_cores(void);

/* Bytes of memory that this process may use: physical memory and cgroup v2 limit. */
uint64_t mr__machine_memory(void);

#endif
