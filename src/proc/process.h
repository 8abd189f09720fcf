/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, ending and reaping one worker. The vtable exists so that tests can run the same workers
 * as threads under a race detector; millrace itself only uses mr__process_exec.
 */
#ifndef MR_PROC_PROCESS_H
#define MR_PROC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct mr__process {
    int pid;
    int fd;        /* readable once the process has ended (pidfd); -1: not running */
    void *private; /* of the implementation */
} mr__process;

/* How it ended, as far as that is known: the host may ignore SIGCHLD or reap our children itself.
 */
typedef struct mr__process_end {
    bool known;
    bool by_signal;
    int value; /* signal number or exit status */
} mr__process_end;

/* Descriptors that a worker is given, in the order of the protocol (ring/layout.h). */
typedef struct mr__process_files {
    int control, slab, slots, event;
    int data; /* -1: none */
} mr__process_files;

/* What a worker runs. */
typedef struct mr__process_program {
    const char *path;
    char **argv; /* as one block for free(); NULL: millrace-worker, with its host's process id */
    char **env;  /* the same */
} mr__process_program;

typedef struct mr__process_ops {
    /* Must be called by the thread whose death shall end the worker. */
    mr_status (*start)(const mr__process_program *program, const mr__process_files *files,
                       mr__process *out, mr_error *err);
    void (*kill)(mr__process *process);
    /* After `fd` became readable. Never blocks; leaves no zombie. Closes `fd`. */
    mr__process_end (*reap)(mr__process *process);
} mr__process_ops;

extern const mr__process_ops mr__process_exec;

/* A copy of a list of strings with NULL at its end, as one block for free(). */
mr_status mr__process_strings(const char *const *from, char ***out, mr_error *err);

/* What of the environment a worker is given, as one block for free(): all of it, or what
 * millrace-worker reads. To be called on the caller's thread: the host may change its environment
 * while our own threads run. */
mr_status mr__process_env(bool all, char ***out, mr_error *err);

/*
 * The worker executable: `path` if given, else $MILLRACE_WORKER, else beside this program, beside
 * the library, or where it was installed. MR_E_ENV names the places that were looked at.
 */
mr_status mr__process_find(const char *path, char *out, size_t size, mr_error *err);

#endif
