/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that help a caller with the parts of its work, where each part mostly waits. */
#ifndef MR_EMBED_TRITON_CREW_H
#define MR_EMBED_TRITON_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { MR__CREW_MAX = 16 };

typedef struct mr__crew_job mr__crew_job;

typedef struct mr__crew {
    pthread_mutex_t lock;
    pthread_cond_t work; /* a part that nobody has, or the end */
    pthread_cond_t left; /* a helper has done its part */
    pthread_t threads[MR__CREW_MAX];
    size_t n_threads, max_threads;
    mr__crew_job *jobs;
    bool ending;
} mr__crew;

/* Up to `max_threads` helpers, started when there is something to help with. */
void mr__crew_init(mr__crew *crew, size_t max_threads);
/* No job may run. */
void mr__crew_fini(mr__crew *crew);

/*
 * Calls part(cookie, i) for each i below `n`, on the calling thread and on helpers, several at
 * once, and returns when all have returned. Once one answers false no further part is begun. Any
 * thread, several at once. Without helpers the caller does it all.
 */
void mr__crew_run(mr__crew *crew, size_t n, bool (*part)(void *cookie, size_t i), void *cookie);

#endif
