/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that bring the bytes of items into the input slab. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "stream/stream.h"

mr_code mr__fetcher_judge_size(const mr_stream *stream, uint64_t bytes, char *message, size_t size)
{
    if (bytes == 0) {
        (void)snprintf(message, size, "0 bytes");
        return MR_CODE_EMPTY;
    }
    if (bytes < 4) {
        (void)snprintf(message, size, "%llu bytes: no picture is that short",
                       (unsigned long long)bytes);
        return MR_CODE_TOO_SHORT;
    }
    if (bytes > stream->options.max_bytes) {
        (void)snprintf(message, size, "%llu bytes, at most %llu are taken",
                       (unsigned long long)bytes, (unsigned long long)stream->options.max_bytes);
        return MR_CODE_TOO_MANY_BYTES;
    }
    return MR_CODE_NONE;
}

bool mr__fetcher_make_room(mr__entry *entry)
{
    mr_stream *stream = entry->stream;

    entry->in_slab =
        mr__pool_slab_take(stream->pool, entry->n_bytes, &stream->closing, &entry->slab_offset);
    return entry->in_slab;
}

void mr__fetcher_submit(mr__entry *entry)
{
    entry->task.desc.input_offset = entry->slab_offset;
    entry->task.desc.input_bytes = entry->n_bytes;
    entry->task.desc.kind = MR__INPUT_ENCODED;
    mr__pool_submit(entry->stream->pool, &entry->task);
}

/* Opens, makes room, reads. MR_OK: submit; MR_AGAIN: the stream closes; MR_E_ITEM: `err` says why.
 */
static mr_status bring(mr__entry *entry, mr_error *err)
{
    mr_stream *stream = entry->stream;
    char message[160];
    uint64_t from = mr__clock_ns();
    mr__fetch *fetch = NULL;
    mr_code code;
    mr_status s;
    bool room;

    s = mr__fetch_open(entry->text.data + entry->locator_at, &entry->version, &fetch, err);
    if (s != MR_OK)
        return s;
    entry->n_bytes = entry->version.size;
    code = mr__fetcher_judge_size(stream, entry->n_bytes, message, sizeof message);
    if (code != MR_CODE_NONE) {
        mr__fetch_close(&fetch);
        return mr__error_item(err, MR_STAGE_FETCH, code, "%s", message);
    }
    entry->fetch_ns = mr__clock_ns() - from;
    mr__pool_lock(stream->pool);
    room = mr__fetcher_make_room(entry);
    mr__pool_unlock(stream->pool);
    from = mr__clock_ns();
    s = MR_AGAIN;
    if (room)
        s = mr__fetch_read(fetch, stream->pool->slab_area.base + entry->slab_offset, entry->n_bytes,
                           err);
    mr__fetch_close(&fetch);
    entry->fetch_ns += mr__clock_ns() - from;
    return s;
}

void *mr__fetcher_main(void *arg)
{
    mr_stream *stream = arg;
    mr_error err;
    mr_status s;

    mr__pool_lock(stream->pool);
    while (!stream->closing) {
        mr__entry *entry = (mr__entry *)(void *)stream->to_fetch.head;
        if (!entry) {
            if (stream->ended)
                break;
            (void)pthread_cond_wait(&stream->fetch, &stream->pool->lock);
            continue;
        }
        mr__task_remove(&stream->to_fetch, &entry->task);
        mr__pool_unlock(stream->pool);
        s = bring(entry, &err);
        mr__pool_lock(stream->pool);
        if (s == MR_OK)
            mr__fetcher_submit(entry);
        else if (s < 0)
            mr__batch_fail(entry, err.stage != MR_STAGE_NONE ? err.stage : MR_STAGE_FETCH,
                           err.code != MR_CODE_NONE ? err.code : MR_CODE_IO_ERROR, err.message);
    }
    mr__pool_unlock(stream->pool);
    return NULL;
}
