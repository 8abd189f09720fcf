/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store thread. A few records circle between the embedding thread and the store thread: free ->
 * filled -> committed -> free. Their number bounds what is embedded but not yet durable. Vectors
 * were copied out of the batch slot, so three records let decoding, embedding and storing overlap;
 * tensors stay in their slot, and then one record is enough: the embedding thread has nothing else
 * to do, and the stream keeps all other slots.
 */
#include "pipeline/sink.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "proc/thread.h"

#define RECORDS 3

struct mr__sink {
    mr__sink_options options;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started;
    bool draining;
    mr__record records[RECORDS];
    mr__record *spare[RECORDS]; /* stack of free ones */
    mr__record *queue[RECORDS]; /* ring of filled ones */
    uint32_t n_records, n_spare, n_queue, head;
    mr_error error; /* of the first commit that failed; status MR_OK: none */
};

/* The next filled record, or NULL when the sink is drained. */
static mr__record *take(mr__sink *sink)
{
    mr__record *record = NULL;

    pthread_mutex_lock(&sink->lock);
    while (sink->n_queue == 0 && !sink->draining)
        pthread_cond_wait(&sink->changed, &sink->lock);
    if (sink->n_queue > 0) {
        record = sink->queue[sink->head];
        sink->head = (sink->head + 1) % RECORDS;
        sink->n_queue--;
    }
    pthread_mutex_unlock(&sink->lock);
    return record;
}

static void commit(mr__sink *sink, mr__record *record)
{
    const mr__commit unit = {.rows = record->rows,
                             .n_rows = record->n_rows,
                             .entries = record->entries,
                             .n_entries = record->n_entries,
                             .batch = record->index};
    uint64_t before = mr__clock_ns();
    mr_error err = {0};
    mr_status status = mr__store_commit(sink->options.store, &unit, &err);

    if (status == MR_OK) {
        sink->options.committed(sink->options.cookie, record,
                                (double)(mr__clock_ns() - before) / 1e9);
        return;
    }
    err.status = status;
    pthread_mutex_lock(&sink->lock);
    sink->error = err;
    pthread_mutex_unlock(&sink->lock);
    sink->options.failed(sink->options.cookie);
}

static void *run(void *arg)
{
    mr__sink *sink = arg;
    mr__record *record;
    bool broken = false;

    while ((record = take(sink))) {
        if (!broken)
            commit(sink, record);
        broken = sink->error.status != MR_OK; /* written by this thread only */
        mr__sink_give_back(sink, record);
    }
    return NULL;
}

mr_status mr__sink_open(const mr__sink_options *options, mr__sink **out, mr_error *err)
{
    mr__sink *sink = calloc(1, sizeof *sink);
    mr_status status = MR_OK;
    uint32_t n = options->dim > 0 ? RECORDS : 1;

    *out = NULL;
    if (!sink)
        return mr__error_no_memory(err, "store thread");
    sink->options = *options;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->changed, NULL);
    while (sink->n_records < n && status == MR_OK) {
        mr__record *record = &sink->records[sink->n_records];

        status = mr__record_init(record, options->batch, options->dim, err);
        if (status != MR_OK)
            goto done;
        sink->n_records++;
        sink->spare[sink->n_spare++] = record;
    }
    if (status == MR_OK)
        status = mr__thread_start(&sink->thread, run, sink, err);
    sink->started = status == MR_OK;
done:
    if (status != MR_OK)
        mr__sink_close(&sink);
    *out = sink;
    return status;
}

mr_status mr__sink_get(mr__sink *sink, mr__record **out, mr_error *err)
{
    mr_status status;

    *out = NULL;
    pthread_mutex_lock(&sink->lock);
    while (sink->n_spare == 0 && sink->error.status == MR_OK)
        pthread_cond_wait(&sink->changed, &sink->lock);
    status = sink->error.status;
    if (status == MR_OK)
        *out = sink->spare[--sink->n_spare];
    else if (err)
        *err = sink->error;
    pthread_mutex_unlock(&sink->lock);
    return status;
}

void mr__sink_put(mr__sink *sink, mr__record *record)
{
    pthread_mutex_lock(&sink->lock);
    sink->queue[(sink->head + sink->n_queue) % RECORDS] = record;
    sink->n_queue++;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
}

void mr__sink_give_back(mr__sink *sink, mr__record *record)
{
    mr__record_clear(record);
    pthread_mutex_lock(&sink->lock);
    sink->spare[sink->n_spare++] = record;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
}

mr_status mr__sink_drain(mr__sink *sink, mr_error *err)
{
    if (sink->started) {
        pthread_mutex_lock(&sink->lock);
        sink->draining = true;
        pthread_cond_broadcast(&sink->changed);
        pthread_mutex_unlock(&sink->lock);
        pthread_join(sink->thread, NULL);
        sink->started = false;
    }
    if (sink->error.status != MR_OK && err)
        *err = sink->error;
    return sink->error.status;
}

void mr__sink_close(mr__sink **sink)
{
    mr__sink *s = *sink;
    uint32_t i;

    if (!s)
        return;
    (void)mr__sink_drain(s, NULL);
    for (i = 0; i < s->n_records; i++)
        mr__record_fini(&s->records[i]);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *sink = NULL;
}
