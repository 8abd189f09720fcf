/* SPDX-License-Identifier: Apache-2.0 */
/* How a run stands, in figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/run.h"

mr__occupancy mr__run_occupancy(mr_pipeline *p)
{
    mr_stream_stats stream;
    mr__counts counts = mr__tally_get(&p->tally);

    mr_stream_stats_get(p->stream, &stream);
    return (mr__occupancy){
        .seconds = (double)(mr__clock_ns() - p->opened_ns) / 1e9,
        .source = stream.source_wait_s,
        .fetch = stream.fetch_s,
        .decode = stream.worker_busy_s,
        .embed = counts.embed_s,
        .store = counts.store_s,
        .fetchers = stream.fetch_threads,
        .workers = p->workers,
        .embedders = p->width.embed_threads,
        .writers = p->width.store_threads,
    };
}

/* Start of this process in clock ticks since boot: field 22 of /proc/self/stat, 0 if unreadable. */
static unsigned long long start_ticks(void)
{
    char line[1024];
    const char *p;
    FILE *f = fopen("/proc/self/stat", "re");
    int field;

    if (!f)
        return 0;
    p = fgets(line, sizeof line, f);
    (void)fclose(f);
    /* the name in field 2 may hold spaces and parentheses: count from its last parenthesis */
    p = p ? strrchr(line, ')') : NULL;
    for (field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p, NULL, 10) : 0;
}

/*
 * The kernel tells the start of a process in ticks of 10 ms only. Within that tick the best guess
 * is now less the processor time used so far, which is exact for a process that has not waited yet,
 * as when a command opens its pipeline.
 */
double mr__process_start_ms(void)
{
    unsigned long long ticks = start_ticks();
    long hertz = sysconf(_SC_CLK_TCK);
    struct timespec used;
    double tick, from, guess;

    if (ticks == 0 || hertz <= 0 || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
        return mr__boot_ms();
    tick = 1e3 / (double)hertz;
    from = (double)ticks * tick;
    guess = mr__boot_ms() - (double)used.tv_sec * 1e3 - (double)used.tv_nsec / 1e6;
    if (guess < from)
        return from;
    return guess > from + tick ? from + tick : guess;
}

double mr__boot_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void mr__run_summary(mr_pipeline *p, mr_summary *out)
{
    mr__counts counts = mr__tally_get(&p->tally);
    mr__occupancy occupancy = mr__run_occupancy(p);
    mr_pool_stats pool;

    mr_pool_stats_get(mr_stream_pool(p->stream), &pool);
    *out = (mr_summary){
        .ok = counts.ok,
        .failed = counts.failed,
        .quarantined = counts.quarantined,
        .duplicate = counts.duplicate,
        .skipped = atomic_load(&p->admit.skipped),
        .ignored = mr_source_ignored(p->source),
        .seconds = occupancy.seconds,
        .first_batch_ms = p->first_batch_ms,
        .workers = pool.workers,
        .worker_restarts = pool.worker_restarts,
        .peak_memory_bytes = pool.peak_memory_bytes,
        .interrupted = atomic_load(&p->interrupted),
    };
    memcpy(out->by_code, counts.by_code, sizeof out->by_code);
    out->items = out->ok + out->failed + out->quarantined + out->duplicate + out->skipped;
    if (out->seconds > 0)
        out->items_per_s = (double)out->items / out->seconds;
    out->budget_exceeded = mr__budget_exceeded(&p->budget, out->skipped, out->interrupted);
    (void)mr__text_copy(out->bottleneck, sizeof out->bottleneck, mr__bottleneck(&occupancy));
    (void)mr__text_copy(out->fingerprint, sizeof out->fingerprint,
                        mr_plan_fingerprint(p->choice.plan));
}
