/* SPDX-License-Identifier: Apache-2.0 */
/* The library's own threads: no signal of the host's is ever delivered to them. */
#ifndef MR_PROC_THREAD_H
#define MR_PROC_THREAD_H

#include <pthread.h>

#include "base/error.h"

/* Starts a thread with all signals blocked. */
mr_status mr__thread_start(pthread_t *thread, void *(*main)(void *), void *arg, mr_error *err);

/* A condition whose timed waits go by the monotonic clock. */
void mr__cond_init(pthread_cond_t *cond);

#endif
