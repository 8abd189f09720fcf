/* SPDX-License-Identifier: Apache-2.0 */
/* Is this machine fit: CPU level, sandbox layers, libraries, modules. */
#ifndef MILLRACE_DOCTOR_H
#define MILLRACE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Name and version or state of a part. */
typedef struct mr_doctor_part {
    char name[32];
    char value[480];
} mr_doctor_part;

typedef struct mr_doctor {
    char cpu_level[16];    /**< "c", "avx2", "avx512vnni", "neon": after MILLRACE_CPU */
    uint32_t cores;        /**< that this process may use: affinity mask and cgroup quota */
    uint64_t memory_bytes; /**< that this process may use */
    uint32_t
        sandbox_layers; /**< mr_sandbox_layer bits in force in a worker started for the question */
    uint32_t landlock_abi; /**< 0: none */
    uint32_t n_libraries;
    mr_doctor_part libraries[16];
    uint32_t n_modules;
    mr_doctor_part modules[8];
    char worker_path[256];
    bool ok;           /**< a worker started and every sandbox layer but namespaces is in force */
    char problem[256]; /**< what is wrong and the next step, "" if nothing */
} mr_doctor;

/** Starts one worker and asks it. `worker_path` as in mr_pool_options. Any thread; blocks up to
 * five seconds. */
MR_API MR_MUST_CHECK mr_status mr_doctor_run(const char *worker_path, mr_doctor *out,
                                             mr_error *err);

#ifdef __cplusplus
}
#endif
#endif
