/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a stream. Everything here is covered by the lock of the pool that the stream runs on.
 *
 * An item is given its row of a batch slot *before* it is fetched. So whatever lies in the input
 * slab always has a place to be decoded to, decoding never waits for the consumer, and the slab
 * always drains: no order of arrival and no size of picture can lock the stream up.
 *
 *   feeder     source -> entry in a row of the batch that is filling
 *   fetchers   entry -> bytes in the slab -> task for the pool
 *   pool       task -> row in the slot
 *   consumer   complete batch, compacted, in order
 */
#ifndef MR_STREAM_STREAM_H
#define MR_STREAM_STREAM_H

#include "base/buf.h"
#include "fetch/fetch.h"
#include "proc/pool.h"
#include "stream/fetching.h"

#define MR__FETCHERS_MAX 64
#define MR__SLOTS_MAX    64
#define MR__BATCH_MAX    4096

typedef struct mr__batch mr__batch;

/* One item in flight. `task` comes first, so that the pool's callbacks find the entry. */
typedef struct mr__entry {
    mr__task task;
    mr_stream *stream;
    mr__batch *batch;
    uint32_t row;
    uint64_t seq;
    mr__buf text; /* id, uri, key, metadata, locator: one after the other, each terminated */
    size_t uri_at, key_at, metadata_at, locator_at, detail_at; /* detail_at 0: none */
    mr__version version;
    uint64_t fetch_ns;
    mr_pixels pixels; /* height 0: it is an encoded picture */
    uint64_t n_bytes;
    uint64_t slab_offset;
    bool in_slab;
    bool resolved;
} mr__entry;

typedef enum mr__batch_state {
    MR__BATCH_FREE = 0,
    MR__BATCH_FILLING,
    MR__BATCH_CLOSED, /* takes no more items; some are on their way */
    MR__BATCH_READY,
    MR__BATCH_HELD
} mr__batch_state;

struct mr__batch {
    mr_batch pub; /* first: the caller's pointer is ours */
    mr_stream *stream;
    mr__batch_state state;
    uint64_t order;                   /* of delivery */
    uint64_t *slot;                   /* offset in the slots area; one of the stream's */
    bool kept;                        /* its rows are the caller's, the slot is already another */
    uint32_t n_rows;                  /* rows given out, holes included */
    uint32_t n_open;                  /* entries not resolved yet */
    mr__entry **rows;                 /* [batch]; NULL: moved to a later batch */
    mr_item_result *items, *failures; /* [batch] each */
};

struct mr_stream {
    mr_pool *pool;
    bool owns_pool;
    mr_source *source;
    mr_plan *plan;
    mr_stream_options options;
    mr_row_shape shape;
    mr_dims dims;
    uint64_t slot_bytes, slots[MR__SLOTS_MAX];
    uint32_t n_slots; /* leased */
    uint32_t plan_cell, plan_version;
    bool has_plan;

    mr__batch *batches;
    mr__entry *entries, *free_entries;
    size_t n_entries;
    mr__batch *filling;
    uint64_t next_order, next_out, next_index, next_seq;
    uint32_t n_held;

    mr__task_list to_fetch;
    pthread_t feeder, fetchers[MR__FETCHERS_MAX];
    uint32_t n_fetchers;
    bool fetchers_grow;
    mr__fetch_preload preload;
    mr__fetch_context *fetch_context;
    uint64_t http_bytes; /* taken from the pool's memory; 0: no URL was met yet */
    bool feeder_runs;
    pthread_cond_t room;  /* a slot became free */
    pthread_cond_t fetch; /* something to fetch */
    pthread_cond_t ready; /* a batch is ready, or the end is nearer */
    mr__alarm age;
    bool stopping, closing, ended;
    mr_error source_error; /* status MR_OK: none */

    mr_stream_stats stats;
    uint64_t opened_ns;
};

/* batch.c: room for one more item, waiting for it; NULL when the stream stops. */
mr__entry *mr__batch_entry_new(mr_stream *stream);
/* batch.c: no more items for the batch that is filling. */
void mr__batch_close(mr_stream *stream);
/* batch.c: the entry has its answer in `task`; the slab is given back, the batch may be complete.
 */
void mr__batch_resolve(mr__entry *entry);
/* batch.c: the same for an item that never reached a worker. */
void mr__batch_fail(mr__entry *entry, mr_stage stage, mr_code code, const char *message);
/* batch.c: closes the holes and fills in the results. Without the lock: the batch is the caller's
 * alone. */
uint64_t mr__batch_compact(mr__batch *batch);
/* batch.c: entries and slot are free again. */
void mr__batch_recycle(mr__batch *batch);

extern const mr__task_ops mr__batch_task_ops;

/* join.c: the stream's pool, the shape of its rows, and its slots. */
mr_status mr__stream_join(mr_stream *stream, mr_pool *pool, mr_error *err);

/* feeder.c and fetcher.c: thread mains. */
void *mr__feeder_main(void *stream);
void *mr__fetcher_main(void *stream);
/* fetcher.c: the item is an URL's: more fetchers, whose memory is taken from what decodes are
 * granted. Waits for that; false, with an error, if there is too little. */
bool mr__fetcher_go_remote(mr_stream *stream, mr_error *err);
/* fetcher.c: room in the slab for the entry's `n_bytes`; false when the stream closes. */
bool mr__fetcher_make_room(mr__entry *entry);
/* fetcher.c: the entry's bytes are in the slab: over to the workers. */
void mr__fetcher_submit(mr__entry *entry);
/* fetcher.c: what can be said of an item by its size alone; MR_CODE_NONE if nothing. */
mr_code mr__fetcher_judge_size(const mr__entry *entry, char *message, size_t size);

#endif
