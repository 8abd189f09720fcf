/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that takes items from the source, one after the other, as far as there is room for
 * them. */
#include <string.h>

#include "base/clock.h"
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

/* Bytes that the source lends go to the slab here and now: they are gone with its next item. */
static void take_bytes(mr__entry *entry, const mr_item *item)
{
    mr_stream *stream = entry->stream;
    char message[160];
    mr_code code;

    entry->n_bytes = entry->version.size = item->n_bytes;
    code = mr__fetcher_judge_size(stream, item->n_bytes, message, sizeof message);
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

/* False at the end: the stream stops, or, with the error, cannot go on. */
static bool take(mr_stream *stream, const mr_item *item, mr_error *err)
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
        (void)pthread_cond_signal(&stream->fetch);
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
        bool goes_on;

        memset(&item, 0, sizeof item);
        s = mr_source_next(stream->source, &item, &err);
        mr__pool_lock(stream->pool);
        stream->stats.source_wait_s += (double)(mr__clock_ns() - from) * 1e-9;
        err.status = s;
        goes_on = s == MR_OK && !stream->stopping && !stream->closing && take(stream, &item, &err);
        if (!goes_on)
            end(stream, err.status, &err);
        mr__pool_unlock(stream->pool);
        if (!goes_on)
            return NULL;
    }
}
