/* SPDX-License-Identifier: Apache-2.0 */
/* The library's own threads: see thread.h. */
#include "proc/thread.h"

#include <signal.h>
#include <time.h>

mr_status mr__thread_start(pthread_t *thread, void *(*main)(void *), void *arg, mr_error *err)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_attr_init(&attr);
    /* address space only. A host's thread-local storage is taken from it, and on the feeder runs a
     * source that may be the host's own code, an interpreter even */
    (void)pthread_attr_setstacksize(&attr, (size_t)2 << 20);
    rc = pthread_create(thread, &attr, main, arg);
    (void)pthread_attr_destroy(&attr);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return mr__error_errno(err, MR_E_ENV, rc, "start a thread");
    return MR_OK;
}

void mr__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}
