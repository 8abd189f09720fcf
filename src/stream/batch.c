/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: giving out rows, collecting answers, closing holes. */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "stream/stream.h"

static mr__batch *free_batch(mr_stream *stream)
{
    uint32_t i;

    for (i = 0; i < stream->options.slots; i++)
        if (stream->batches[i].state == MR__BATCH_FREE)
            return &stream->batches[i];
    return NULL;
}

/* Slots are reserved in the order in which they lie. */
static bool is_reserved(const mr__batch *batch)
{
    const mr_stream *stream = batch->stream;

    return *batch->slot + stream->slot_bytes <= stream->pool->slots_reserved;
}

static void begin(mr_stream *stream, mr__batch *batch)
{
    batch->state = MR__BATCH_FILLING;
    batch->order = stream->next_order++;
    batch->n_rows = batch->n_open = 0;
    batch->kept = false;
    stream->filling = batch;
}

/* Attaches an entry to the next row of the batch that is filling. */
static void place(mr__entry *entry, mr__batch *batch)
{
    mr_stream *stream = entry->stream;

    entry->batch = batch;
    entry->row = batch->n_rows;
    batch->rows[batch->n_rows++] = entry;
    batch->n_open++;
    entry->task.desc.output_offset = *batch->slot + (uint64_t)entry->row * stream->shape.bytes;
    entry->task.desc.output_bytes = stream->shape.bytes;
    if (batch->n_rows == 1 && stream->options.batch_wait_ms > 0)
        mr__pool_alarm_set(stream->pool, &stream->age,
                           mr__clock_ns() + (uint64_t)stream->options.batch_wait_ms * 1000000);
    if (batch->n_rows == stream->options.batch)
        mr__batch_close(stream);
}

mr__entry *mr__batch_entry_new(mr_stream *stream)
{
    mr__entry *entry;
    uint64_t from = mr__clock_ns();

    while (!stream->filling) {
        mr__batch *batch = free_batch(stream);
        if (stream->stopping || stream->closing || stream->pool->failed)
            return NULL;
        if (batch && is_reserved(batch))
            begin(stream, batch);
        else
            (void)pthread_cond_wait(batch ? &stream->pool->slab_changed : &stream->room,
                                    &stream->pool->lock);
    }
    stream->stats.slot_wait_s += (double)(mr__clock_ns() - from) * 1e-9;
    entry = stream->free_entries;
    stream->free_entries = (mr__entry *)(void *)entry->task.next;
    entry->task = (mr__task){.ops = &mr__batch_task_ops, .owner = stream};
    entry->task.plan_cell = stream->plan_cell;
    entry->task.plan_version = stream->plan_version;
    entry->task.max_pixels = stream->options.max_pixels;
    entry->version = (mr__version){0};
    entry->pixels = (mr_pixels){0};
    entry->detail_at = 0;
    entry->fetch_ns = entry->n_bytes = 0;
    entry->in_slab = entry->resolved = false;
    entry->seq = stream->next_seq++;
    stream->stats.taken++;
    place(entry, stream->filling);
    return entry;
}

/* Did every row of it move to a later batch? */
static bool is_hollow(const mr__batch *batch)
{
    uint32_t i;

    for (i = 0; i < batch->n_rows; i++)
        if (batch->rows[i])
            return false;
    return true;
}

static void settle(mr__batch *batch)
{
    mr_stream *stream = batch->stream;

    if (batch->state != MR__BATCH_CLOSED || batch->n_open > 0)
        return;
    if (is_hollow(batch)) {
        mr__batch_recycle(batch);
        return;
    }
    batch->state = MR__BATCH_READY;
    (void)pthread_cond_broadcast(&stream->ready);
}

void mr__batch_close(mr_stream *stream)
{
    mr__batch *batch = stream->filling;

    if (!batch)
        return;
    stream->filling = NULL;
    stream->age.at_ns = 0;
    if (batch->n_rows == 0) {
        batch->state = MR__BATCH_FREE;
        stream->next_order--;
        return;
    }
    batch->state = MR__BATCH_CLOSED;
    settle(batch);
}

void mr__batch_resolve(mr__entry *entry)
{
    mr_stream *stream = entry->stream;
    const mr__task *task = &entry->task;

    if (entry->in_slab)
        mr__pool_slab_give(stream->pool, entry->slab_offset, entry->n_bytes);
    entry->in_slab = false;
    entry->resolved = true;
    stream->stats.ok += task->state == MR_ITEM_OK;
    stream->stats.failed += task->state == MR_ITEM_FAILED;
    stream->stats.quarantined += task->state == MR_ITEM_QUARANTINED;
    stream->stats.fetch_s += (double)entry->fetch_ns * 1e-9;
    stream->stats.wait_s += (double)task->wait_ns * 1e-9;
    stream->stats.decode_s += (double)task->decode_ns * 1e-9;
    stream->stats.transform_s += (double)task->transform_ns * 1e-9;
    stream->stats.worker_busy_s += (double)(task->decode_ns + task->transform_ns) * 1e-9;
    if (task->state == MR_ITEM_OK) {
        stream->stats.bytes += entry->n_bytes;
        stream->stats.pixels += (uint64_t)task->width * task->height;
    }
    entry->batch->n_open--;
    settle(entry->batch);
    if (stream->closing)
        (void)pthread_cond_broadcast(&stream->pool->changed);
}

void mr__batch_fail(mr__entry *entry, mr_stage stage, mr_code code, const char *message)
{
    entry->task.state = MR_ITEM_FAILED;
    entry->task.stage = stage;
    entry->task.code = code;
    (void)mr__text_copy(entry->task.message, sizeof entry->task.message, message);
    mr__batch_resolve(entry);
}

static void task_done(mr__task *task)
{
    mr__entry *entry = (mr__entry *)(void *)task;

    if (task->detail) {
        entry->detail_at = entry->text.len;
        /* the failure is told without it then */
        if (!mr__buf_add(&entry->text, task->detail, strlen(task->detail) + 1))
            entry->detail_at = 0;
        task->detail = NULL;
    }
    mr__batch_resolve(entry);
}

/* The batch that a retried entry may move to; NULL if there is none. */
static mr__batch *later_batch(mr_stream *stream)
{
    mr__batch *batch = stream->filling;

    if (batch || stream->ended)
        return batch;
    batch = free_batch(stream);
    if (!batch || !is_reserved(batch))
        return NULL;
    begin(stream, batch);
    (void)pthread_cond_broadcast(&stream->room);
    return batch;
}

/*
 * A worker died on it. In order, its batch waits for it. Otherwise it moves to the batch that is
 * filling, so that the others of its batch can leave.
 */
static void task_retry(mr__task *task)
{
    mr__entry *entry = (mr__entry *)(void *)task;
    mr__batch *old = entry->batch, *later;

    if (!entry->stream->options.unordered || old->state == MR__BATCH_FILLING)
        return;
    later = later_batch(entry->stream);
    if (!later)
        return;
    old->rows[entry->row] = NULL;
    old->n_open--;
    place(entry, later);
    settle(old);
}

const mr__task_ops mr__batch_task_ops = {.done = task_done, .retry = task_retry};

static void fill_result(const mr__entry *entry, mr_item_result *out)
{
    const mr__task *task = &entry->task;
    const char *text = entry->text.data;

    *out = (mr_item_result){
        .seq = entry->seq,
        .id = text,
        .uri = text + entry->uri_at,
        .key = text + entry->key_at,
        .metadata = text + entry->metadata_at,
        .state = task->state,
        .stage = task->stage,
        .code = task->code,
        .message = task->message,
        .detail = entry->detail_at > 0 ? text + entry->detail_at : "",
        .format = mr__format_name(task->format),
        .width = task->width,
        .height = task->height,
        .attempts = task->attempts,
        .bytes = entry->n_bytes,
        .version_size = entry->version.size,
        .version_mtime_ns = entry->version.mtime_ns,
        .version_etag = entry->version.etag,
        .ms_fetch = (float)entry->fetch_ns * 1e-6F,
        .ms_wait = (float)task->wait_ns * 1e-6F,
        .ms_decode = (float)task->decode_ns * 1e-6F,
        .ms_transform = (float)task->transform_ns * 1e-6F,
    };
}

uint64_t mr__batch_compact(mr__batch *batch)
{
    const mr_stream *stream = batch->stream;
    size_t bytes = stream->shape.bytes;
    uint8_t *base = stream->pool->slots_area.base + *batch->slot;
    uint64_t moved = 0;
    uint32_t i, n_ok = 0, n_failed = 0;

    for (i = 0; i < batch->n_rows; i++) {
        const mr__entry *entry = batch->rows[i];
        if (!entry)
            continue;
        if (entry->task.state != MR_ITEM_OK) {
            fill_result(entry, &batch->failures[n_failed++]);
            continue;
        }
        if (n_ok != i) {
            memmove(base + n_ok * bytes, base + i * bytes, bytes);
            moved += bytes;
        }
        fill_result(entry, &batch->items[n_ok++]);
    }
    batch->pub.data = base;
    batch->pub.shape = stream->shape;
    batch->pub.dims = stream->dims;
    batch->pub.row_bytes = bytes;
    batch->pub.n_ok = n_ok;
    batch->pub.n_failed = n_failed;
    batch->pub.items = batch->items;
    batch->pub.failures = batch->failures;
    return moved;
}

void mr__batch_recycle(mr__batch *batch)
{
    mr_stream *stream = batch->stream;
    uint32_t i;

    for (i = 0; i < batch->n_rows; i++) {
        mr__entry *entry = batch->rows[i];
        if (!entry)
            continue;
        entry->task.next = stream->free_entries ? &stream->free_entries->task : NULL;
        stream->free_entries = entry;
    }
    batch->n_rows = 0;
    batch->state = MR__BATCH_FREE;
    (void)pthread_cond_broadcast(&stream->room);
    (void)pthread_cond_broadcast(&stream->ready);
}
