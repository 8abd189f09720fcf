/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that takes items from the source, one after the other, as far as there is room for
 * them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "stream/stream.h"

#define TEXT_MAX ((size_t)1 << 20) /* all strings of one item: metadata alone may have 64 KiB */

static bool add(mr__entry *entry, const char *text, size_t *at)
{
    *at = entry->text.len;
    return mr__buf_add(&entry->text, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Copies what the source lent; it may reuse its strings at once. */
static bool keep_strings(mr__entry *entry, const mr_item *item)
{
    const char *uri = item->uri ? item->uri : item->id;
    size_t id_at;

    entry->text.max = TEXT_MAX;
    mr__buf_reset(&entry->text);
    return add(entry, item->id, &id_at) && add(entry, uri, &entry->uri_at) &&
           add(entry, item->key ? item->key : uri, &entry->key_at) &&
           add(entry, item->metadata ? item->metadata : "{}", &entry->metadata_at) &&
           add(entry, item->locator, &entry->locator_at);
}

/* An array is what it says that it is, or the item fails here. */
static mr_code judge_pixels(const mr_item *item, char *message, size_t size)
{
    const mr_pixels *pixels = &item->pixels;
    size_t element = pixels->dtype == MR_DTYPE_F32 ? sizeof(float) : 1, bytes;

    if (pixels->dtype != MR_DTYPE_U8 && pixels->dtype != MR_DTYPE_F32) {
        (void)snprintf(message, size, "pixels of type %u: uint8 and float32 are taken",
                       (unsigned)pixels->dtype);
        return MR_CODE_UNSUPPORTED_VARIANT;
    }
    if (pixels->width == 0 || pixels->height > 65535 || pixels->width > 65535 ||
        pixels->channels == 0 || pixels->channels > 4) {
        (void)snprintf(message, size, "an array [%u,%u,%u]: sides are 1 to 65535, channels 1 to 4",
                       pixels->height, pixels->width, pixels->channels);
        return MR_CODE_BAD_DIMENSIONS;
    }
    if (!mr__size_mul(&bytes, (size_t)pixels->height * pixels->width, pixels->channels * element) ||
        bytes != item->n_bytes) {
        (void)snprintf(message, size, "%zu bytes for an array [%u,%u,%u]", item->n_bytes,
                       pixels->height, pixels->width, pixels->channels);
        return MR_CODE_CORRUPT;
    }
    return MR_CODE_NONE;
}

/* Bytes that the source lends go to the slab here and now: they are gone with its next item. */
static void take_bytes(mr__entry *entry, const mr_item *item)
{
    mr_stream *stream = entry->stream;
    char message[160];
    mr_code code = MR_CODE_NONE;

    entry->n_bytes = entry->version.size = item->n_bytes;
    entry->pixels = item->pixels;
    if (item->pixels.height > 0)
        code = judge_pixels(item, message, sizeof message);
    if (code == MR_CODE_NONE)
        code = mr__fetcher_judge_size(entry, message, sizeof message);
    if (code != MR_CODE_NONE) {
        mr__batch_fail(entry, MR_STAGE_FETCH, code, message);
        return;
    }
    if (!mr__fetcher_make_room(entry))
        return;
    mr__pool_unlock(stream->pool);
    memcpy(stream->pool->slab_area.base + entry->slab_offset, item->bytes, item->n_bytes);
    mr__pool_lock(stream->pool);
    mr__fetcher_submit(entry);
}

/* False at the end: the stream stops, or, with the error, cannot go on. `to_fetch`: a fetcher is to
 * be woken, once the lock is free: who wakes up under it only waits again. */
static bool take(mr_stream *stream, const mr_item *item, bool *to_fetch, mr_error *err)
{
    mr__entry *entry = mr__batch_entry_new(stream);

    if (!entry)
        return false;
    if (!keep_strings(entry, item)) {
        (void)mr__buf_add(&entry->text, "", 1);
        mr__batch_fail(entry, MR_STAGE_SOURCE, MR_CODE_BAD_METADATA,
                       "the item's strings are too long, or memory is short");
    } else if (item->code != MR_CODE_NONE) {
        mr__batch_fail(entry, MR_STAGE_SOURCE, item->code, item->message);
    } else if (item->bytes) {
        take_bytes(entry, item);
    } else if (mr__fetch_is_remote(entry->text.data + entry->locator_at) &&
               !mr__fetcher_go_remote(stream, err)) {
        mr__batch_fail(entry, MR_STAGE_FETCH, MR_CODE_OUT_OF_MEMORY, err->message);
        return false;
    } else {
        mr__task_push(&stream->to_fetch, &entry->task);
        *to_fetch = true;
    }
    return true;
}

static void end(mr_stream *stream, mr_status s, const mr_error *err)
{
    stream->ended = true;
    if (s < 0 && s != MR_E_INTERRUPTED)
        stream->source_error = *err;
    mr__batch_close(stream);
    (void)pthread_cond_broadcast(&stream->ready);
    (void)pthread_cond_broadcast(&stream->fetch);
}

void *mr__feeder_main(void *arg)
{
    mr_stream *stream = arg;
    mr_item item;
    mr_error err = {0};
    mr_status s;

    for (;;) {
        uint64_t from = mr__clock_ns();
        bool goes_on, to_fetch = false;

        memset(&item, 0, sizeof item);
        s = mr_source_next(stream->source, &item, &err);
        mr__pool_lock(stream->pool);
        stream->stats.source_wait_s += (double)(mr__clock_ns() - from) * 1e-9;
        err.status = s;
        goes_on = s == MR_OK && !stream->stopping && !stream->closing &&
                  take(stream, &item, &to_fetch, &err);
        if (!goes_on)
            end(stream, err.status, &err);
        mr__pool_unlock(stream->pool);
        if (to_fetch)
            (void)pthread_cond_signal(&stream->fetch);
        if (!goes_on)
            return NULL;
    }
}
