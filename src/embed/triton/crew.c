/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that help a caller with the parts of its work: see crew.h. */
#include "embed/triton/crew.h"

#include <signal.h>

#define STACK_BYTES ((size_t)1 << 20)

/* Lives on the stack of its caller, who leaves when no helper is in it. */
struct mr__crew_job {
    mr__crew_job *next;
    bool (*part)(void *cookie, size_t i);
    void *cookie;
    size_t begun, n, busy;
};

/* Takes a part of `job`. With the lock held. */
static bool take(mr__crew_job *job, size_t *i)
{
    if (job->begun == job->n)
        return false;
    *i = job->begun++;
    return true;
}

/* Does parts while there are any. With the lock held, which is let go meanwhile. */
static void work_on(mr__crew *crew, mr__crew_job *job)
{
    size_t i;

    while (take(job, &i)) {
        bool goes_on;

        job->busy++;
        pthread_mutex_unlock(&crew->lock);
        goes_on = job->part(job->cookie, i);
        pthread_mutex_lock(&crew->lock);
        job->busy--;
        if (!goes_on)
            job->n = job->begun;
    }
}

static mr__crew_job *open_job(const mr__crew *crew)
{
    mr__crew_job *job = crew->jobs;

    while (job && job->begun == job->n)
        job = job->next;
    return job;
}

static void *help(void *arg)
{
    mr__crew *crew = arg;

    pthread_mutex_lock(&crew->lock);
    while (!crew->ending) {
        mr__crew_job *job = open_job(crew);
        if (job) {
            work_on(crew, job);
            pthread_cond_broadcast(&crew->left);
        } else {
            pthread_cond_wait(&crew->work, &crew->lock);
        }
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* One more helper; none is no error. With the lock held. */
static void hire(mr__crew *crew)
{
    pthread_attr_t attr;
    sigset_t all, before;

    /* no signal of the host's is ever delivered to it */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (pthread_create(&crew->threads[crew->n_threads], &attr, help, crew) == 0)
        crew->n_threads++;
    else
        crew->max_threads = crew->n_threads;
    (void)pthread_attr_destroy(&attr);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void mr__crew_init(mr__crew *crew, size_t max_threads)
{
    *crew = (mr__crew){.max_threads = max_threads < MR__CREW_MAX ? max_threads : MR__CREW_MAX};
    (void)pthread_mutex_init(&crew->lock, NULL);
    (void)pthread_cond_init(&crew->work, NULL);
    (void)pthread_cond_init(&crew->left, NULL);
}

void mr__crew_fini(mr__crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    crew->ending = true;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
    while (crew->n_threads > 0) {
        crew->n_threads--;
        (void)pthread_join(crew->threads[crew->n_threads], NULL);
    }
    (void)pthread_cond_destroy(&crew->work);
    (void)pthread_cond_destroy(&crew->left);
    (void)pthread_mutex_destroy(&crew->lock);
}

void mr__crew_run(mr__crew *crew, size_t n, bool (*part)(void *cookie, size_t i), void *cookie)
{
    mr__crew_job job = {.part = part, .cookie = cookie, .n = n}, **at;

    pthread_mutex_lock(&crew->lock);
    job.next = crew->jobs;
    crew->jobs = &job;
    while (crew->n_threads < crew->max_threads && crew->n_threads + 1 < n)
        hire(crew);
    if (n > 1)
        pthread_cond_broadcast(&crew->work);
    work_on(crew, &job);
    while (job.busy > 0)
        pthread_cond_wait(&crew->left, &crew->lock);
    for (at = &crew->jobs; *at != &job; at = &(*at)->next)
        continue;
    *at = job.next;
    pthread_mutex_unlock(&crew->lock);
}
