/* SPDX-License-Identifier: Apache-2.0 */
/* stream: source -> fetch -> ring -> ordered batches. */
#include "millrace/stream.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/size.h"
#include "plan/spec.h"
#include "proc/thread.h"
#include "source/source.h"
#include "stream/stream.h"

#define TIMEOUT_MAX_MS 3600000

void mr_stream_options_init(mr_stream_options *options)
{
    *options = (mr_stream_options){.batch = 32,
                                   .batch_wait_ms = 1000,
                                   .max_pixels = UINT64_C(178956970),
                                   .fetch_timeout_ms = 60000,
                                   .fetch_idle_ms = 10000};
    mr_pool_options_init(&options->pool);
}

static mr_status check_options(mr_stream_options *options, mr_error *err)
{
    if (options->batch == 0 || options->batch > MR__BATCH_MAX)
        return mr__error_set(err, MR_E_INVALID, "batch: %u, 1 to %d", options->batch,
                             MR__BATCH_MAX);
    if (options->slots == 1 || options->slots > MR__SLOTS_MAX)
        return mr__error_set(err, MR_E_INVALID, "slots: %u, 2 to %d", options->slots,
                             MR__SLOTS_MAX);
    if (options->fetch_threads > MR__FETCHERS_MAX)
        return mr__error_set(err, MR_E_INVALID, "fetch threads: %u, at most %d",
                             options->fetch_threads, MR__FETCHERS_MAX);
    if (options->fetch_timeout_ms == 0 || options->fetch_timeout_ms > TIMEOUT_MAX_MS ||
        options->fetch_idle_ms == 0 || options->fetch_idle_ms > TIMEOUT_MAX_MS)
        return mr__error_set(err, MR_E_INVALID, "fetch timeouts: %u and %u ms, 1 to %d",
                             options->fetch_timeout_ms, options->fetch_idle_ms, TIMEOUT_MAX_MS);
    if (options->fetch_threads == 0)
        options->fetch_threads = 2;
    return MR_OK;
}

static void batch_age(mr__alarm *alarm)
{
    mr_stream *stream = (mr_stream *)(void *)((char *)alarm - offsetof(struct mr_stream, age));

    mr__batch_close(stream);
    if (!stream->pool->failed)
        return;
    /* no batch will become ready any more: whoever waits is told */
    (void)pthread_cond_broadcast(&stream->ready);
    (void)pthread_cond_broadcast(&stream->room);
}

static mr_status allocate(mr_stream *stream, mr_error *err)
{
    uint32_t n = stream->options.batch, slots = stream->options.slots, i;
    size_t k;

    stream->n_entries = (size_t)n * slots;
    stream->batches = calloc(slots, sizeof stream->batches[0]);
    stream->entries = calloc(stream->n_entries, sizeof stream->entries[0]);
    if (!stream->batches || !stream->entries)
        return mr__error_no_memory(err, "stream");
    for (i = 0; i < slots; i++) {
        mr__batch *batch = &stream->batches[i];
        batch->stream = stream;
        batch->slot = &stream->slots[i];
        batch->rows = calloc(n, sizeof batch->rows[0]);
        batch->items = calloc(n, sizeof batch->items[0]);
        batch->failures = calloc(n, sizeof batch->failures[0]);
        if (!batch->rows || !batch->items || !batch->failures)
            return mr__error_no_memory(err, "stream");
    }
    for (k = stream->n_entries; k-- > 0;) {
        mr__entry *entry = &stream->entries[k];
        entry->stream = stream;
        entry->task.next = stream->free_entries ? &stream->free_entries->task : NULL;
        stream->free_entries = entry;
    }
    return MR_OK;
}

void mr__stream_fetch_options(const mr_stream_options *options, mr__fetch_options *out)
{
    *out = (mr__fetch_options){
        .allow_private = options->allow_private,
        .concurrency = options->fetch_threads > 2 ? options->fetch_threads : MR__FETCHERS_URL,
        .timeout_ms = options->fetch_timeout_ms,
        .idle_ms = options->fetch_idle_ms,
        .max_bytes = options->max_bytes,
    };
}

static mr_status open_fetching(mr_stream *stream, mr_error *err)
{
    uint64_t slab = stream->pool->slab_area.bytes;
    mr__fetch_options options;

    if (stream->options.max_bytes == 0 || stream->options.max_bytes > slab)
        stream->options.max_bytes = slab;
    mr__stream_fetch_options(&stream->options, &options);
    return mr__fetch_context_open(&options, &stream->fetch_context, err);
}

static mr_status start_threads(mr_stream *stream, mr_error *err)
{
    mr_status s = MR_OK;

    while (s == MR_OK && stream->n_fetchers < stream->options.fetch_threads) {
        s = mr__thread_start(&stream->fetchers[stream->n_fetchers], mr__fetcher_main, stream, err);
        stream->n_fetchers += s == MR_OK;
    }
    if (s == MR_OK)
        s = mr__thread_start(&stream->feeder, mr__feeder_main, stream, err);
    stream->feeder_runs = s == MR_OK;
    return s;
}

mr_status mr_stream_open(mr_source *source, const mr_plan *plan, mr_pool *pool,
                         const mr_stream_options *options, mr_stream **out, mr_error *err)
{
    mr_stream *stream = calloc(1, sizeof *stream);
    mr_status s;

    *out = NULL;
    if (!stream)
        return mr__error_no_memory(err, "stream");
    stream->source = source;
    stream->options = *options;
    stream->opened_ns = mr__clock_ns();
    stream->age.fire = batch_age;
    mr__cond_init(&stream->room);
    mr__cond_init(&stream->fetch);
    mr__cond_init(&stream->ready);
    stream->fetchers_grow = options->fetch_threads == 0;
    s = check_options(&stream->options, err);
    if (s == MR_OK && mr__source_is_remote(source))
        mr__fetch_preload_begin(&stream->preload);
    if (s == MR_OK && plan)
        s = mr__plan_copy(plan, &stream->plan, err);
    if (s == MR_OK)
        s = mr__stream_join(stream, pool, err);
    if (s == MR_OK)
        s = allocate(stream, err);
    if (s == MR_OK)
        s = open_fetching(stream, err);
    if (s == MR_OK) {
        mr__pool_lock(stream->pool);
        mr__pool_alarm_add(stream->pool, &stream->age);
        mr__pool_unlock(stream->pool);
        s = start_threads(stream, err);
    }
    if (s != MR_OK) {
        mr_stream_close(&stream);
        return s;
    }
    *out = stream;
    return MR_OK;
}

/* The batch that may leave now; NULL if there is none. */
static mr__batch *pick(mr_stream *stream)
{
    mr__batch *best = NULL;
    uint32_t i;

    for (i = 0; i < stream->options.slots; i++) {
        mr__batch *batch = &stream->batches[i];
        if (batch->state != MR__BATCH_READY)
            continue;
        if (!stream->options.unordered && batch->order != stream->next_out)
            continue;
        if (!best || batch->order < best->order)
            best = batch;
    }
    return best;
}

/* Is there nothing to wait for? Then why. */
static mr_status nothing_to_wait_for(mr_stream *stream, mr_error *err)
{
    uint32_t i, busy = 0;

    if (stream->pool->failed) {
        if (err)
            *err = stream->pool->error;
        return stream->pool->error.status;
    }
    for (i = 0; i < stream->options.slots; i++)
        busy += stream->batches[i].state != MR__BATCH_FREE &&
                stream->batches[i].state != MR__BATCH_HELD;
    if (busy > 0)
        return MR_OK;
    if (stream->ended) {
        if (stream->source_error.status == MR_OK)
            return MR_EOF;
        if (err)
            *err = stream->source_error;
        return stream->source_error.status;
    }
    if (stream->n_held == stream->options.slots)
        return mr__error_set(err, MR_E_BUSY,
                             "stream: all %u batch slots are held; release a batch first",
                             stream->options.slots);
    return MR_OK;
}

static bool wait_ready(mr_stream *stream, int timeout_ms, const struct timespec *until)
{
    if (timeout_ms < 0)
        return pthread_cond_wait(&stream->ready, &stream->pool->lock) == 0;
    return pthread_cond_timedwait(&stream->ready, &stream->pool->lock, until) == 0;
}

static void deadline_after(int timeout_ms, struct timespec *until)
{
    uint64_t at = mr__clock_ns() + (timeout_ms > 0 ? (uint64_t)timeout_ms * 1000000 : 0);

    until->tv_sec = (time_t)(at / 1000000000);
    until->tv_nsec = (long)(at % 1000000000);
}

mr_status mr_stream_next(mr_stream *stream, int timeout_ms, mr_batch **out, mr_error *err)
{
    mr__batch *batch;
    struct timespec until;
    uint64_t from = mr__clock_ns(), moved;
    mr_status s = MR_OK;

    *out = NULL;
    deadline_after(timeout_ms, &until);
    mr__pool_lock(stream->pool);
    while ((batch = pick(stream)) == NULL) {
        s = nothing_to_wait_for(stream, err);
        if (s == MR_OK && !wait_ready(stream, timeout_ms, &until))
            s = pick(stream) ? MR_OK : MR_AGAIN;
        if (s != MR_OK)
            break;
    }
    stream->stats.consumer_wait_s += (double)(mr__clock_ns() - from) * 1e-9;
    if (batch) {
        batch->state = MR__BATCH_HELD;
        batch->pub.index = stream->next_index++;
        stream->next_out = batch->order + 1;
        stream->n_held++;
        stream->stats.batches++;
    }
    mr__pool_unlock(stream->pool);
    if (!batch)
        return s;
    moved = mr__batch_compact(batch);
    if (moved > 0) {
        mr__pool_lock(stream->pool);
        stream->stats.copied_bytes += moved;
        mr__pool_unlock(stream->pool);
    }
    *out = &batch->pub;
    return MR_OK;
}

void mr_batch_release(mr_batch **handle)
{
    mr__batch *batch = (mr__batch *)(void *)*handle;
    mr_pool *pool;

    if (!batch)
        return;
    *handle = NULL;
    pool = batch->stream->pool;
    mr__pool_lock(pool);
    batch->stream->n_held--;
    mr__batch_recycle(batch);
    mr__pool_unlock(pool);
}

mr_status mr_batch_keep(mr_batch *handle, mr_kept **out, mr_error *err)
{
    mr__batch *batch = (mr__batch *)(void *)handle;
    mr_stream *stream = batch->stream;
    mr_status s;

    *out = NULL;
    if (batch->kept)
        return mr__error_set(err, MR_E_INVALID, "batch: its rows are kept already");
    if (!stream->pool->keeper || batch->pub.n_ok < (stream->options.batch + 1) / 2)
        return MR_AGAIN;
    s = mr__keeper_take(stream->pool->keeper, stream->slot_bytes, batch->slot, out, err);
    batch->kept = s == MR_OK;
    return s;
}

void mr_stream_stop(mr_stream *stream)
{
    mr__pool_lock(stream->pool);
    stream->stopping = true;
    (void)pthread_cond_broadcast(&stream->room);
    mr__pool_unlock(stream->pool);
    mr_source_interrupt(stream->source);
}

void mr_stream_stats_get(mr_stream *stream, mr_stream_stats *out)
{
    mr__pool_lock(stream->pool);
    *out = stream->stats;
    out->fetch_threads = stream->n_fetchers;
    mr__pool_unlock(stream->pool);
    out->seconds = (double)(mr__clock_ns() - stream->opened_ns) * 1e-9;
}

mr_pool *mr_stream_pool(mr_stream *stream)
{
    return stream->pool;
}

void mr_stream_adopt_pool(mr_stream *stream)
{
    stream->owns_pool = true;
}

/* Ends the threads, then waits until no worker touches the stream's memory any more. */
static void halt(mr_stream *stream)
{
    mr__task_list cancelled = {0};
    uint32_t i;

    mr__pool_lock(stream->pool);
    stream->closing = true;
    (void)pthread_cond_broadcast(&stream->room);
    (void)pthread_cond_broadcast(&stream->fetch);
    (void)pthread_cond_broadcast(&stream->pool->slab_changed);
    mr__pool_unlock(stream->pool);
    if (stream->fetch_context)
        mr__fetch_context_interrupt(stream->fetch_context);
    if (stream->feeder_runs) {
        mr_source_interrupt(stream->source);
        (void)pthread_join(stream->feeder, NULL);
    }
    for (i = 0; i < stream->n_fetchers; i++)
        (void)pthread_join(stream->fetchers[i], NULL);
    mr__pool_lock(stream->pool);
    /* a worker that is stopped, or in the middle of a large picture, must not hold us up */
    if (stream->owns_pool)
        mr__pool_end(stream->pool);
    while (mr__pool_cancel(stream->pool, stream, &cancelled) > 0)
        (void)pthread_cond_wait(&stream->pool->changed, &stream->pool->lock);
    mr__pool_alarm_remove(stream->pool, &stream->age);
    for (i = 0; stream->entries && i < stream->n_entries; i++)
        if (stream->entries[i].in_slab)
            mr__pool_slab_give(stream->pool, stream->entries[i].slab_offset,
                               stream->entries[i].n_bytes);
    for (i = 0; i < stream->n_slots; i++)
        mr__extents_give(&stream->pool->slots, stream->slots[i], stream->slot_bytes);
    mr__grants_give(stream->pool, stream->http_bytes);
    if (stream->has_plan)
        mr__pool_plan_put(stream->pool, stream->plan_cell);
    mr__pool_unlock(stream->pool);
}

void mr_stream_close(mr_stream **handle)
{
    mr_stream *stream = *handle;
    size_t k;
    uint32_t i;

    if (!stream)
        return;
    if (stream->pool)
        halt(stream);
    mr__fetch_context_close(&stream->fetch_context);
    mr__fetch_preload_end(&stream->preload);
    if (stream->owns_pool)
        mr_pool_close(&stream->pool);
    for (i = 0; stream->batches && i < stream->options.slots; i++) {
        free(stream->batches[i].rows);
        free(stream->batches[i].items);
        free(stream->batches[i].failures);
    }
    for (k = 0; stream->entries && k < stream->n_entries; k++)
        mr__buf_fini(&stream->entries[k].text);
    free(stream->batches);
    free(stream->entries);
    mr_plan_close(&stream->plan);
    (void)pthread_cond_destroy(&stream->room);
    (void)pthread_cond_destroy(&stream->fetch);
    (void)pthread_cond_destroy(&stream->ready);
    free(stream);
    *handle = NULL;
}
