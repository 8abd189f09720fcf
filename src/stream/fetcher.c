/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that bring the bytes of items into the input slab. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "proc/thread.h"
#include "stream/stream.h"

mr_code mr__fetcher_judge_size(const mr__entry *entry, char *message, size_t size)
{
    const mr_stream *stream = entry->stream;
    uint64_t bytes = entry->n_bytes;

    if (bytes == 0) {
        (void)snprintf(message, size, "0 bytes");
        return MR_CODE_EMPTY;
    }
    if (bytes < 4 && entry->pixels.height == 0) {
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

/* How the workers are told of an array. */
static void describe(const mr_pixels *pixels, mr__item_desc *desc)
{
    static const mr__mode modes[] = {MR__MODE_L, MR__MODE_LA, MR__MODE_RGB, MR__MODE_RGBA};

    desc->raw_width = pixels->width;
    desc->raw_height = pixels->height;
    if (pixels->height == 0) {
        desc->kind = MR__INPUT_ENCODED;
    } else if (pixels->dtype == MR_DTYPE_F32) {
        desc->kind = MR__INPUT_FLOATS;
        desc->raw_mode = pixels->channels;
    } else {
        desc->kind = MR__INPUT_RAW;
        desc->raw_mode = (uint32_t)modes[pixels->channels - 1];
    }
}

void mr__fetcher_submit(mr__entry *entry)
{
    entry->task.desc.input_offset = entry->slab_offset;
    entry->task.desc.input_bytes = entry->n_bytes;
    describe(&entry->pixels, &entry->task.desc);
    mr__pool_submit(entry->stream->pool, &entry->task);
}

/* One more thread that fetches. One that cannot be started is no reason to fail: there are others.
 * Under the lock. */
static void add_fetcher(mr_stream *stream)
{
    if (mr__thread_start(&stream->fetchers[stream->n_fetchers], mr__fetcher_main, stream, NULL) ==
        MR_OK)
        stream->n_fetchers++;
}

bool mr__fetcher_go_remote(mr_stream *stream, mr_error *err)
{
    uint32_t threads = stream->fetchers_grow ? MR__FETCHERS_URL : stream->n_fetchers;
    uint64_t bytes = MR__FETCH_HTTP_BYTES(threads), total = stream->pool->grant_total;

    if (stream->http_bytes == 0) {
        if (!mr__grants_take(stream->pool, bytes)) {
            (void)mr__error_set(err, MR_E_NO_MEMORY,
                                "memory: URLs need %llu MiB with %u fetch threads, %llu MiB are "
                                "left; raise --memory or lower --fetch-threads",
                                (unsigned long long)(bytes >> 20), threads,
                                (unsigned long long)(total >> 20));
            return false;
        }
        stream->http_bytes = bytes;
        while (stream->pool->grant_owed > 0 && !stream->closing && !stream->pool->failed)
            (void)pthread_cond_wait(&stream->pool->slab_changed, &stream->pool->lock);
    }
    if (stream->n_fetchers < threads && stream->n_fetchers < MR__FETCHERS_FIRST)
        add_fetcher(stream);
    return true;
}

/*
 * With a server that is near, few fetches at once keep the workers busy, and more of them only cost
 * processor time. So there are few at first; each that began while a worker had nothing to do
 * brings one more, which doubles them with every round trip of a server that is far. Under the
 * lock.
 */
static bool may_grow(const mr_stream *stream)
{
    return stream->fetchers_grow && stream->http_bytes > 0 && mr__pool_idles(stream->pool);
}

static void grow(mr_stream *stream)
{
    if (stream->n_fetchers < MR__FETCHERS_URL && stream->to_fetch.head && !stream->closing)
        add_fetcher(stream);
}

static mr_status judge_size(mr__entry *entry, mr_error *err)
{
    char message[160];
    mr_code code = mr__fetcher_judge_size(entry, message, sizeof message);

    if (code == MR_CODE_NONE)
        return MR_OK;
    return mr__error_item(err, MR_STAGE_FETCH, code, "%s", message);
}

static bool take_room(mr__entry *entry)
{
    bool room;

    mr__pool_lock(entry->stream->pool);
    room = mr__fetcher_make_room(entry);
    mr__pool_unlock(entry->stream->pool);
    return room;
}

/* Of the room only the first `kept` bytes stay taken, or, with `keep` false, none. */
static void trim_room(mr__entry *entry, bool keep, uint64_t kept)
{
    mr_pool *pool = entry->stream->pool;

    if (keep && kept == entry->n_bytes)
        return;
    mr__pool_lock(pool);
    if (keep) {
        mr__pool_slab_trim(pool, entry->slab_offset, entry->n_bytes, kept);
    } else {
        mr__pool_slab_give(pool, entry->slab_offset, entry->n_bytes);
        entry->in_slab = false;
    }
    mr__pool_unlock(pool);
}

/* The room was made for a guess: only what came stays taken. */
static void settle_room(mr__entry *entry, mr_status status, size_t got)
{
    if (status != MR_OK)
        got = 0;
    trim_room(entry, status == MR_OK, got);
    entry->n_bytes = entry->version.size = got;
    entry->version.size_known = status == MR_OK;
}

/* Room for a small body that is coming, if there is some at once: nobody waits for the network and
 * for room. */
typedef struct lent {
    mr__fetch_room room;
    mr__entry *entry;
} lent;

static unsigned char *lend(mr__fetch_room *room, size_t bytes)
{
    mr__entry *entry = ((lent *)(void *)room)->entry;
    mr_pool *pool = entry->stream->pool;

    mr__pool_lock(pool);
    entry->in_slab = mr__pool_slab_try(pool, bytes, &entry->slab_offset);
    mr__pool_unlock(pool);
    entry->n_bytes = bytes;
    return entry->in_slab ? pool->slab_area.base + entry->slab_offset : NULL;
}

/* A size that is not known is tried with a part of the slab, then with all that is allowed. Room is
 * given back in between: who holds none while it waits cannot lock others out. */
static mr_status read_unsized(mr__entry *entry, mr__fetch *fetch, uint64_t *spent, mr_error *err)
{
    mr_stream *stream = entry->stream;
    mr_status s = MR_AGAIN;
    size_t got = 0;

    while (s == MR_AGAIN) {
        uint64_t from;

        if (!take_room(entry))
            return MR_AGAIN;
        from = mr__clock_ns();
        s = mr__fetch_read(fetch, stream->pool->slab_area.base + entry->slab_offset, entry->n_bytes,
                           &got, err);
        *spent += mr__clock_ns() - from;
        settle_room(entry, s, got);
        if (s == MR_AGAIN)
            entry->n_bytes = stream->options.max_bytes;
    }
    return s == MR_OK ? judge_size(entry, err) : s;
}

static mr_status read_sized(mr__entry *entry, mr__fetch *fetch, uint64_t *spent, mr_error *err)
{
    mr_status s = judge_size(entry, err);
    uint64_t from;
    size_t got;

    if (s != MR_OK)
        return s;
    if (!take_room(entry))
        return MR_AGAIN;
    from = mr__clock_ns();
    s = mr__fetch_read(fetch, entry->stream->pool->slab_area.base + entry->slab_offset,
                       entry->n_bytes, &got, err);
    *spent += mr__clock_ns() - from;
    return s;
}

/* Opens, makes room, reads. MR_OK: submit; MR_AGAIN: the stream closes; MR_E_ITEM: `err` says why.
 */
static mr_status bring(mr__entry *entry, mr_error *err)
{
    mr_stream *stream = entry->stream;
    uint64_t from = mr__clock_ns(), spent;
    lent place = {.room = {.take = lend}, .entry = entry};
    mr__fetch *fetch = NULL;
    mr_status s;

    s = mr__fetch_open_into(stream->fetch_context, entry->text.data + entry->locator_at,
                            &place.room, &entry->version, &fetch, err);
    spent = mr__clock_ns() - from;
    if (place.room.at)
        trim_room(entry, place.room.filled, entry->version.size);
    entry->n_bytes = s == MR_OK ? entry->version.size : 0;
    if (place.room.filled) {
        s = judge_size(entry, err);
    } else if (s == MR_OK) {
        s = entry->version.size_known ? read_sized(entry, fetch, &spent, err)
                                      : read_unsized(entry, fetch, &spent, err);
    }
    mr__fetch_close(&fetch);
    entry->fetch_ns = spent;
    return s;
}

void *mr__fetcher_main(void *arg)
{
    mr_stream *stream = arg;
    mr_error err;
    mr_status s;
    bool grows;

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
        grows = may_grow(stream);
        mr__pool_unlock(stream->pool);
        s = bring(entry, &err);
        mr__pool_lock(stream->pool);
        if (grows)
            grow(stream);
        if (s == MR_OK)
            mr__fetcher_submit(entry);
        else if (s < 0)
            mr__batch_fail(entry, err.stage != MR_STAGE_NONE ? err.stage : MR_STAGE_FETCH,
                           err.code != MR_CODE_NONE ? err.code : MR_CODE_IO_ERROR, err.message);
    }
    mr__pool_unlock(stream->pool);
    return NULL;
}
