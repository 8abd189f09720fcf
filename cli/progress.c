/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line. */
#include "progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "console.h"
#include "text.h"

struct cli_progress {
    const char *const *specs;
    size_t n_specs;
    mr_source_options options;
    pthread_t thread;
    bool started;
    volatile int stop;
    _Atomic uint64_t total; /* 0: not known */
};

static void *count(void *arg)
{
    struct cli_progress *p = arg;
    uint64_t total = 0;
    mr_error err;

    if (mr_source_count(p->specs, p->n_specs, &p->options, &p->stop, &total, &err) == MR_OK)
        atomic_store(&p->total, total);
    return NULL;
}

struct cli_progress *cli_progress_open(const char *const *specs, size_t n_specs,
                                       const mr_source_options *options)
{
    struct cli_progress *p;
    sigset_t all, before;

    if (!cli_console.progress)
        return NULL;
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->specs = specs;
    p->n_specs = n_specs;
    p->options = *options;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p->started = pthread_create(&p->thread, NULL, count, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p;
}

void cli_progress_show(void *cookie, const mr_progress *now)
{
    struct cli_progress *p = cookie;
    uint64_t total = atomic_load(&p->total), bad = now->failed + now->quarantined;
    char line[256], clock[32] = "";
    int n;

    if (total >= now->items && total > 0) {
        if (now->items_per_s > 0)
            cli_text_clock(clock, sizeof clock, (double)(total - now->items) / now->items_per_s);
        n = snprintf(line, sizeof line, "%llu/%llu %3.0f%%  %.0f/s  ETA %s",
                     (unsigned long long)now->items, (unsigned long long)total,
                     100.0 * (double)now->items / (double)total, now->items_per_s,
                     *clock ? clock : "-");
    } else {
        cli_text_clock(clock, sizeof clock, now->seconds);
        n = snprintf(line, sizeof line, "%llu  %.0f/s  after %s", (unsigned long long)now->items,
                     now->items_per_s, clock);
    }
    if (n > 0 && (size_t)n < sizeof line && bad > 0)
        n += snprintf(line + n, sizeof line - (size_t)n, "  failed %llu", (unsigned long long)bad);
    if (n > 0 && (size_t)n < sizeof line && *now->bottleneck)
        (void)snprintf(line + n, sizeof line - (size_t)n, "  bottleneck %s", now->bottleneck);
    cli_console_progress(line);
}

void cli_progress_close(struct cli_progress **progress)
{
    struct cli_progress *p = *progress;

    if (!p)
        return;
    p->stop = 1;
    if (p->started)
        pthread_join(p->thread, NULL);
    cli_console_progress("");
    free(p);
    *progress = NULL;
}
