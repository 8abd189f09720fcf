/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of one run, and how they are looked at while it runs. */
#ifndef MR_PIPELINE_RUN_H
#define MR_PIPELINE_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "millrace/pipeline.h"
#include "pipeline/admit.h"
#include "pipeline/bottleneck.h"
#include "pipeline/budget.h"
#include "pipeline/choice.h"
#include "pipeline/sink.h"
#include "pipeline/tally.h"
#include "pipeline/width.h"

/* The thread that looks at the run: progress five times, memory once a second. */
typedef struct mr__meter {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    pthread_t thread;
    bool started, ending;
} mr__meter;

struct mr_pipeline {
    mr_source *source;   /* the caller's */
    mr_source *admitted; /* what of it enters the stream */
    mr_store *store;     /* facts for the feeder, commits for the store thread: both at once */
    mr__choice choice;
    mr__width width;
    mr_stream *stream;
    mr__admit admit;
    mr__sink *sink;
    mr__budget budget; /* of whoever embeds, one at a time */
    mr__tally tally;
    mr__meter meter;
    mr__stop interrupted;
    bool ran;
    uint64_t opened_ns;
    double process_start_ms;
    double first_batch_ms;
    mr__fetch_preload preload;
    mr__fetch_context *fetch; /* that `admit` asks URLs with */
    uint32_t workers;
    mr_logger logger;
    void (*progress)(void *cookie, const mr_progress *progress);
    void *progress_cookie;
    void (*failed)(void *cookie, const mr_ledger_entry *entry);
    void *failed_cookie;
};

/* Working seconds of every stage since the run was opened. Any thread. */
mr__occupancy mr__run_occupancy(mr_pipeline *p);

/* Counts, figures and names of the run so far. */
void mr__run_summary(mr_pipeline *p, mr_summary *out);

/* Milliseconds since boot: now, and when this process was started. */
double mr__boot_ms(void);
double mr__process_start_ms(void);

/* Starts and ends the thread. A meter that cannot start is no reason to fail a run. */
void mr__meter_start(mr_pipeline *p);
void mr__meter_stop(mr_pipeline *p);

#endif
