/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writers. Each takes the next group of records and writes its rows, at the same time as the
 * others; then it waits for its turn, which goes from group to group in the order in which they
 * were taken, and records the items. After a commit that failed nothing is recorded any more: rows
 * that later groups have written meanwhile are not known, and written again by the next run.
 */
#include "pipeline/sink.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pipeline/group.h"
#include "proc/thread.h"

#define THREADS_MAX 16

typedef enum place { SPARE = 0, OUT, FILLED, TAKEN } place;

typedef struct writer {
    mr__sink *sink;
    pthread_t thread;
    bool started;
    mr__group group;
    uint64_t turn; /* of the group */
} writer;

struct mr__sink {
    mr__sink_options options;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool draining;
    mr__record *records; /* [n_records] */
    place *places;       /* of each */
    uint32_t n_records;
    uint64_t held_bytes; /* of the filled and the taken */
    uint64_t next_index; /* of the batch that is next */
    uint64_t groups_taken, groups_done;
    mr_error error; /* of the first commit that failed; status MR_OK: none */
    writer writers[THREADS_MAX];
};

/* The record that is to be written next; NULL: it is not there yet. */
static mr__record *next_record(mr__sink *sink)
{
    mr__record *first = NULL;
    uint32_t i;

    for (i = 0; i < sink->n_records; i++) {
        mr__record *record = &sink->records[i];

        if (sink->places[i] == FILLED && (!first || record->index < first->index))
            first = record;
    }
    /* nothing comes any more that could close a gap */
    if (first && (sink->options.unordered || sink->draining || first->index == sink->next_index))
        return first;
    return NULL;
}

/* Gathers what waits; false when the sink is drained. */
static bool take(writer *w)
{
    mr__sink *sink = w->sink;
    mr__record *record;

    mr__group_clear(&w->group);
    pthread_mutex_lock(&sink->lock);
    while (!(record = next_record(sink)) && !sink->draining)
        pthread_cond_wait(&sink->changed, &sink->lock);
    while (record && mr__group_add(&w->group, record)) {
        sink->places[record - sink->records] = TAKEN;
        sink->next_index = record->index + 1;
        record = next_record(sink);
    }
    if (w->group.n_records > 0)
        w->turn = sink->groups_taken++;
    pthread_mutex_unlock(&sink->lock);
    return w->group.n_records > 0;
}

static bool is_broken(mr__sink *sink)
{
    bool broken;

    pthread_mutex_lock(&sink->lock);
    broken = sink->error.status != MR_OK;
    pthread_mutex_unlock(&sink->lock);
    return broken;
}

static void wait_for_turn(writer *w)
{
    mr__sink *sink = w->sink;

    pthread_mutex_lock(&sink->lock);
    while (sink->groups_done != w->turn)
        pthread_cond_wait(&sink->changed, &sink->lock);
    pthread_mutex_unlock(&sink->lock);
}

static void pass_turn(writer *w)
{
    mr__sink *sink = w->sink;

    pthread_mutex_lock(&sink->lock);
    sink->groups_done++;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
}

/* The turn is ours. */
static void break_down(mr__sink *sink, mr_status status, const mr_error *err)
{
    bool first;

    pthread_mutex_lock(&sink->lock);
    first = sink->error.status == MR_OK;
    if (first) {
        sink->error = *err;
        sink->error.status = status;
    }
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    if (first)
        sink->options.failed(sink->options.cookie);
}

static void commit(writer *w)
{
    mr__sink *sink = w->sink;
    const mr__sink_options *o = &sink->options;
    mr__commit unit = mr__group_unit(&w->group);
    uint64_t before = mr__clock_ns();
    mr_error err = {0};
    mr_status status = MR_OK;
    double seconds;
    uint32_t i;

    if (!is_broken(sink))
        status = mr__store_write(o->store, &unit, &err);
    seconds = (double)(mr__clock_ns() - before) / 1e9;
    if (unit.n_rows > 0)
        unit.row_ms = (float)(seconds * 1e3 / (double)unit.n_rows);
    wait_for_turn(w);
    before = mr__clock_ns();
    if (status == MR_OK && !is_broken(sink)) {
        status = mr__store_record(o->store, &unit, &err);
        seconds += (double)(mr__clock_ns() - before) / 1e9;
        for (i = 0; status == MR_OK && i < w->group.n_records; i++)
            o->committed(o->cookie, w->group.records[i], i == 0 ? seconds : 0);
    }
    if (status != MR_OK)
        break_down(sink, status, &err);
    pass_turn(w);
}

static void *run(void *arg)
{
    writer *w = arg;
    uint32_t i;

    while (take(w)) {
        commit(w);
        for (i = 0; i < w->group.n_records; i++)
            mr__sink_give_back(w->sink, w->group.records[i]);
    }
    return NULL;
}

static mr_status make_records(mr__sink *sink, mr_error *err)
{
    const mr__sink_options *o = &sink->options;
    mr_status status = MR_OK;

    sink->records = calloc(o->records, sizeof *sink->records);
    sink->places = calloc(o->records, sizeof *sink->places);
    if (!sink->records || !sink->places)
        return mr__error_no_memory(err, "batch records");
    while (sink->n_records < o->records && status == MR_OK) {
        status = mr__record_init(&sink->records[sink->n_records], o->batch, o->dim, err);
        sink->n_records += status == MR_OK;
    }
    return status;
}

static mr_status start_writers(mr__sink *sink, mr_error *err)
{
    const mr__sink_options *o = &sink->options;
    mr_status status = MR_OK;
    uint32_t i;

    for (i = 0; i < o->threads && status == MR_OK; i++) {
        writer *w = &sink->writers[i];

        w->sink = sink;
        status = mr__group_init(&w->group, o->records, o->batch, o->commit_rows, err);
        if (status == MR_OK)
            status = mr__thread_start(&w->thread, run, w, err);
        w->started = status == MR_OK;
    }
    return status;
}

mr_status mr__sink_open(const mr__sink_options *options, mr__sink **out, mr_error *err)
{
    mr__sink *sink = calloc(1, sizeof *sink);
    mr_status status;

    *out = NULL;
    if (!sink)
        return mr__error_no_memory(err, "store threads");
    sink->options = *options;
    if (sink->options.threads > THREADS_MAX)
        sink->options.threads = THREADS_MAX;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->changed, NULL);
    status = make_records(sink, err);
    if (status == MR_OK)
        status = start_writers(sink, err);
    if (status != MR_OK)
        mr__sink_close(&sink);
    *out = sink;
    return status;
}

static bool has_room(const mr__sink *sink)
{
    return sink->options.bytes == 0 || sink->held_bytes < sink->options.bytes;
}

static mr__record *spare(mr__sink *sink)
{
    uint32_t i = 0;

    while (i < sink->n_records && sink->places[i] != SPARE)
        i++;
    return i < sink->n_records ? &sink->records[i] : NULL;
}

mr_status mr__sink_get(mr__sink *sink, mr__record **out, mr_error *err)
{
    mr__record *record = NULL;
    mr_status status;

    *out = NULL;
    pthread_mutex_lock(&sink->lock);
    while (sink->error.status == MR_OK && (!has_room(sink) || !(record = spare(sink))))
        pthread_cond_wait(&sink->changed, &sink->lock);
    status = sink->error.status;
    if (status == MR_OK)
        sink->places[record - sink->records] = OUT;
    else if (err)
        *err = sink->error;
    pthread_mutex_unlock(&sink->lock);
    if (status == MR_OK)
        *out = record;
    return status;
}

void mr__sink_put(mr__sink *sink, mr__record *record)
{
    pthread_mutex_lock(&sink->lock);
    sink->places[record - sink->records] = FILLED;
    sink->held_bytes += mr__record_holds(record);
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
}

void mr__sink_give_back(mr__sink *sink, mr__record *record)
{
    size_t held = mr__record_holds(record);

    mr__record_clear(record);
    pthread_mutex_lock(&sink->lock);
    if (sink->places[record - sink->records] == TAKEN)
        sink->held_bytes -= held;
    sink->places[record - sink->records] = SPARE;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
}

mr_status mr__sink_drain(mr__sink *sink, mr_error *err)
{
    uint32_t i;

    pthread_mutex_lock(&sink->lock);
    sink->draining = true;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    for (i = 0; i < THREADS_MAX; i++) {
        writer *w = &sink->writers[i];

        if (w->started)
            (void)pthread_join(w->thread, NULL);
        w->started = false;
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
    for (i = 0; i < THREADS_MAX; i++)
        mr__group_fini(&s->writers[i].group);
    for (i = 0; i < s->n_records; i++)
        mr__record_fini(&s->records[i]);
    free(s->records);
    free(s->places);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *sink = NULL;
}
