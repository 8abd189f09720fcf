/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that looks at a run five times a second, and tells the progress callback what happened
 * within the last seconds. In the first second each time, then once a second, it samples the memory
 * of host and workers, whose highest value the pool keeps: reading it makes the kernel walk every
 * page, which costs milliseconds.
 */
#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "pipeline/run.h"
#include "proc/thread.h"

#define TICK_NS     INT64_C(200000000)
#define LOOKS       16 /* the rate is that of the last three seconds */
#define MEMORY_TICK 5  /* every so many looks */

typedef struct look {
    uint64_t items;
    mr__occupancy occupancy;
} look;

static void tell(mr_pipeline *p, const look *now, const look *then)
{
    mr__counts counts = mr__tally_get(&p->tally);
    mr__occupancy lately = mr__occupancy_since(&now->occupancy, &then->occupancy);
    mr_progress progress = {
        .items = now->items,
        .ok = counts.ok,
        .failed = counts.failed,
        .quarantined = counts.quarantined,
        .duplicate = counts.duplicate,
        .skipped = atomic_load(&p->admit.skipped),
        .ignored = mr_source_ignored(p->source),
        .seconds = now->occupancy.seconds,
        .bottleneck = mr__bottleneck(&lately),
    };

    if (lately.seconds > 0)
        progress.items_per_s = (double)(now->items - then->items) / lately.seconds;
    p->progress(p->progress_cookie, &progress);
}

static look look_at(mr_pipeline *p)
{
    mr__counts counts = mr__tally_get(&p->tally);

    return (look){.items = counts.ok + counts.failed + counts.quarantined + counts.duplicate +
                           atomic_load(&p->admit.skipped),
                  .occupancy = mr__run_occupancy(p)};
}

/* Sleeps until `at`; true when the run has ended. */
static bool wait_until(mr__meter *meter, const struct timespec *at)
{
    bool ending;

    pthread_mutex_lock(&meter->lock);
    while (!meter->ending && pthread_cond_timedwait(&meter->ended, &meter->lock, at) != ETIMEDOUT)
        ;
    ending = meter->ending;
    pthread_mutex_unlock(&meter->lock);
    return ending;
}

static void *run(void *arg)
{
    mr_pipeline *p = arg;
    look looks[LOOKS] = {look_at(p)};
    mr_pool_stats memory; /* taking them is what keeps the peak */
    struct timespec at;
    size_t n = 1;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    for (;;) {
        at.tv_nsec += TICK_NS;
        if (at.tv_nsec >= 1000000000) {
            at.tv_nsec -= 1000000000;
            at.tv_sec++;
        }
        if (wait_until(&p->meter, &at))
            return NULL;
        looks[n % LOOKS] = look_at(p);
        if (n <= MEMORY_TICK || n % MEMORY_TICK == 0)
            mr_pool_stats_get(mr_stream_pool(p->stream), &memory);
        if (p->progress)
            tell(p, &looks[n % LOOKS], &looks[n < LOOKS ? 0 : (n + 1) % LOOKS]);
        n++;
    }
}

void mr__meter_start(mr_pipeline *p)
{
    mr__meter *meter = &p->meter;

    pthread_mutex_init(&meter->lock, NULL);
    mr__cond_init(&meter->ended);
    meter->started = mr__thread_start(&meter->thread, run, p, NULL) == MR_OK;
    if (!meter->started)
        mr__log(&p->logger, MR_LOG_WARN, "pipeline", "no thread for the progress display");
}

void mr__meter_stop(mr_pipeline *p)
{
    mr__meter *meter = &p->meter;

    if (meter->started) {
        pthread_mutex_lock(&meter->lock);
        meter->ending = true;
        pthread_cond_signal(&meter->ended);
        pthread_mutex_unlock(&meter->lock);
        pthread_join(meter->thread, NULL);
        meter->started = false;
    }
    pthread_cond_destroy(&meter->ended);
    pthread_mutex_destroy(&meter->lock);
}
