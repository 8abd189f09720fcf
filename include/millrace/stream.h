/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: source -> fetch -> sandboxed workers -> batches in shared memory. Useful alone.
 *
 *     mr_batch *batch;
 *     while ((s = mr_stream_next(stream, -1, &batch, &err)) == MR_OK) {
 *         consume(batch->data, batch->n_ok, batch->row_bytes);
 *         mr_batch_release(&batch);
 *     }                                   // MR_EOF: done; < 0: err says why
 */
#ifndef MILLRACE_STREAM_H
#define MILLRACE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/log.h"
#include "millrace/plan.h"
#include "millrace/source.h"
#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_pool mr_pool;
typedef struct mr_stream mr_stream;

/** Layers of the workers' sandbox, as bits: which are wanted, which are in force. */
typedef enum mr_sandbox_layer {
    MR_SANDBOX_NO_NEW_PRIVS = 1,
    MR_SANDBOX_SECCOMP = 2,
    MR_SANDBOX_LANDLOCK = 4,
    MR_SANDBOX_RLIMITS = 8,
    MR_SANDBOX_NAMESPACES = 16
} mr_sandbox_layer;

typedef struct mr_pool_options {
    uint32_t workers; /**< worker processes, 1..256; default 0: the CPUs this process may use */
    uint64_t memory_bytes;    /**< budget for host and workers together; default 512 MiB */
    uint64_t slab_bytes;      /**< input slab; default 0: an eighth of the budget, 8..256 MiB */
    uint64_t slots_bytes;     /**< batch slots; default 0: what the first stream needs */
    uint32_t item_timeout_ms; /**< deadline of one item in a worker, 1..3600000; default 10000 */
    bool require_sandbox;     /**< refuse to start unless every layer but namespaces holds; default
                                 false */
    const char *worker_path;  /**< the worker executable; default NULL: $MILLRACE_WORKER, beside the
                                 program, libexec */
    mr_logger logger;         /**< default: silent */
    const char *const *worker_argv; /**< another program that serves as worker (worker.h), and its
                                       arguments, NULL at the end; [0] is its path. Such workers get
                                       the whole environment, and standard error as standard output.
                                       Default NULL: millrace-worker */
    const void *worker_data;        /**< what such a program is handed besides; default NULL */
    size_t worker_data_bytes;       /**< of it, at most 1 GiB */
    uint32_t worker_start_ms; /**< that a worker may take to become ready, 1..3600000; default 0:
                                 10000, and 30000 for another program */
    uint32_t unit_items;  /**< items that a worker is given at once, 1..16, as far as they wait; the
                             deadline is that of their sum. Default 0: 1 */
    bool worker_sandbox;  /**< confine another program as far as an interpreter bears it:
                             SECURITY.md; default false; `require_sandbox` implies it */
    bool named_slots;     /**< give the batch slots a name in /dev/shm, readable by this user only,
                             where there is room: a server on this machine can then map them
                             (mr_embedder_info.named_slots). It is removed when the pool is closed, and
                             after a crash by the next such pool. Default false */
    uint64_t held_bytes;  /**< part of memory_bytes that the caller needs itself; default 0 */
    uint64_t spare_bytes; /**< part of slots_bytes for rows that callers keep (mr_batch_keep), which
                             gets its memory when it is first needed; default 0: none can be kept */
    unsigned char reserved[16];
} mr_pool_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_pool_options_init(mr_pool_options *options);

/**
 * Starts workers and maps all shared memory. MR_E_ENV: a worker cannot start or the sandbox that is
 * required is not there. MR_E_NO_MEMORY: the figures do not fit, and the message says which.
 * On success the caller owns `*out`. Any thread; blocks until the workers are spawned (not until
 * ready).
 */
MR_API MR_MUST_CHECK mr_status mr_pool_open(const mr_pool_options *options, mr_pool **out,
                                            mr_error *err);

/** Ends the workers, waits for them, frees everything, sets `*pool` to NULL. All its streams must
 * be closed. */
MR_API void mr_pool_close(mr_pool **pool);

/**
 * Waits until a worker is ready. MR_AGAIN: `timeout_ms` passed (negative: wait for ever); or why
 * none will be. Any thread; blocks.
 */
MR_API MR_MUST_CHECK mr_status mr_pool_wait(mr_pool *pool, int timeout_ms, mr_error *err);

#define MR_DIMS_MAX 8

/** Shape of an array: one row of what a worker program makes. */
typedef struct mr_dims {
    mr_dtype dtype;
    uint32_t n;                 /**< dimensions, 1..MR_DIMS_MAX */
    uint32_t dims[MR_DIMS_MAX]; /**< each at least 1 */
} mr_dims;

/** Bytes of such an array; 0 if it is none, or would have more than 2^40. Any thread. */
MR_API size_t mr_dims_bytes(const mr_dims *dims);

/**
 * The shape of the rows that the pool's worker program makes. False: they are pictures by a plan,
 * or no worker has been ready yet. Any thread.
 */
MR_API bool mr_pool_dims(mr_pool *pool, mr_dims *out);

/** Figures of a pool. */
typedef struct mr_pool_stats {
    uint32_t workers;
    uint32_t workers_ready;
    uint64_t worker_restarts;   /**< deaths and deadline kills, not planned recycling */
    uint32_t sandbox_layers;    /**< bits of mr_sandbox_layer in force in every ready worker */
    uint32_t landlock_abi;      /**< 0: none */
    uint64_t memory_bytes;      /**< PSS of host and workers now, shared memory counted once */
    uint64_t peak_memory_bytes; /**< highest value seen by mr_pool_stats_get so far */
    uint64_t grants;     /**< decodes that asked for more memory than the standing allowance */
    uint64_t take_backs; /**< items taken back from a slow worker before it began */
} mr_pool_stats;

/** Reads the figures. Any thread. Reads /proc for the memory: about a millisecond. */
MR_API void mr_pool_stats_get(mr_pool *pool, mr_pool_stats *out);

/** Process ids of the workers, at most `max`; returns how many there are. Any thread. For
 * monitoring. */
MR_API size_t mr_pool_pids(mr_pool *pool, int *pids, size_t max);

typedef struct mr_stream_options {
    uint32_t batch;         /**< items a batch, 1..4096; default 32 */
    uint32_t batch_wait_ms; /**< a partial batch leaves after this long; 0: only when full; default
                               1000 */
    uint32_t slots; /**< batches in flight, 2..64; default 0: 4, fewer if the budget is small */
    uint32_t fetch_threads; /**< 1..64; default 0: 2, and 32 once the source names URLs */
    uint64_t max_pixels;    /**< width times height of one picture; default 178956970 */
    uint64_t max_bytes;     /**< encoded size of one picture; default 0: half the input slab */
    bool unordered; /**< deliver batches as they complete; default false: in order of the source */
    mr_pool_options pool;      /**< for the stream's own pool; ignored if one is given */
    bool allow_private;        /**< URLs: also addresses that are not public; default false */
    uint32_t fetch_timeout_ms; /**< of one URL, with redirects and attempts; 1..3600000; default
                                  60000 */
    uint32_t fetch_idle_ms; /**< to connect, and that a server may say nothing; 1..3600000; default
                               10000 */
    unsigned char reserved[48];
} mr_stream_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_stream_options_init(mr_stream_options *options);

typedef enum mr_item_state {
    MR_ITEM_OK = 0, /**< decoded and transformed; `stored` once a store has acknowledged it */
    MR_ITEM_FAILED,
    MR_ITEM_QUARANTINED, /**< a worker died on it twice */
    MR_ITEM_DUPLICATE
} mr_item_state;

/** What became of one item. Strings live as long as the batch. */
typedef struct mr_item_result {
    uint64_t seq; /**< position in the source, from 0 */
    const char *id;
    const char *uri;
    const char *key;
    const char *metadata; /**< JSON object; "{}" if there is none */
    mr_item_state state;
    mr_stage stage; /**< where it failed, or the last stage that it passed */
    mr_code code;
    const char *message;      /**< "" when state is MR_ITEM_OK */
    const char *detail;       /**< more of it, in lines: the traceback of a worker program; or "" */
    const char *format;       /**< "jpeg", "png", "webp", or "" if not known */
    uint32_t width, height;   /**< of the picture as stored in the file; 0 if not known */
    uint32_t attempts;        /**< times that a worker was given it */
    uint64_t bytes;           /**< encoded size */
    uint64_t version_size;    /**< size when it was fetched */
    int64_t version_mtime_ns; /**< modification time when it was fetched, 0 if not known */
    const char *version_etag; /**< ETag, "" if there is none */
    float ms_fetch, ms_wait, ms_decode, ms_transform;
} mr_item_result;

/**
 * A batch: `n_ok` contiguous rows in shared memory, [n_ok, C,H,W] or [n_ok, H,W,C], and what
 * failed beside them. Read-only for the caller, valid until released.
 */
typedef struct mr_batch {
    uint64_t index;     /**< number of the batch in its stream, from 0 */
    void *data;         /**< 64-byte aligned; rows in the order of `items` */
    mr_row_shape shape; /**< of one row; rows that are no pictures have 1 channel, 1 line */
    mr_dims dims;       /**< of one row: [C,H,W], [H,W,C], or what the worker program makes */
    size_t row_bytes;   /**< distance between rows = shape.bytes */
    uint32_t n_ok;
    uint32_t n_failed;
    const mr_item_result *items;    /**< n_ok, parallel to the rows */
    const mr_item_result *failures; /**< n_failed, in the order of the source */
} mr_batch;

/**
 * Opens a stream: `source` is borrowed and must outlive it; `plan` is copied. `pool` NULL: the
 * stream opens one of its own. MR_E_NO_MEMORY: batch x row x slots cannot fit, with the figures. On
 * success the caller owns `*out`. Any thread.
 *
 * Where the pool's workers are another program, `plan` may be NULL: the rows are then what that
 * program says that it makes. A plan beside it is what the rows must look like (MR_E_MISMATCH), and
 * their fingerprint. Blocks until one worker is ready; see mr_pool_wait.
 */
MR_API MR_MUST_CHECK mr_status mr_stream_open(mr_source *source, const mr_plan *plan, mr_pool *pool,
                                              const mr_stream_options *options, mr_stream **out,
                                              mr_error *err);

/**
 * The next batch. MR_OK: the caller holds `*out` until mr_batch_release. MR_AGAIN: `timeout_ms`
 * passed (negative: wait for ever). MR_EOF: all delivered. MR_E_BUSY: the caller itself holds every
 * slot. Any thread, several at once; blocks.
 */
MR_API MR_MUST_CHECK mr_status mr_stream_next(mr_stream *stream, int timeout_ms, mr_batch **out,
                                              mr_error *err);

/** Gives the slot back and sets `*batch` to NULL. NULL is allowed. Any thread. */
MR_API void mr_batch_release(mr_batch **batch);

/** Rows that stay where they are after their batch: see mr_batch_keep. */
typedef struct mr_kept {
    void *data;   /**< what mr_batch.data was; the caller may write here */
    size_t bytes; /**< of the slot, whole pages; the rows are its first */
} mr_kept;

/**
 * Keeps the rows of a batch without a copy: the batch's slot becomes the caller's until
 * mr_kept_release, and the stream goes on with another of the pool's. What is kept outlives the
 * batch, the stream and the pool; it holds up none of them. The batch has to be released as ever.
 *
 * MR_AGAIN: there is no room for it: the caller copies the rows, or does without. That depends on
 * mr_pool_options.spare_bytes, on what is kept already, and on whether the memory is there yet.
 * Also for a batch that fills less than half of its slot. MR_E_INVALID: its rows are kept already.
 * On success the caller owns `*out`. Any thread.
 *
 * As long as the pool lives, its workers can reach the memory, as that of all slots: a captured
 * worker can alter the rows (SECURITY.md). So can, in a child by fork, whoever writes there: the
 * memory is shared.
 */
MR_API MR_MUST_CHECK mr_status mr_batch_keep(mr_batch *batch, mr_kept **out, mr_error *err);

/** Gives the memory back and sets `*kept` to NULL. NULL is allowed. Any thread, at any time. */
MR_API void mr_kept_release(mr_kept **kept);

/** Takes nothing more from the source; what was taken is still delivered, then MR_EOF. Any thread.
 */
MR_API void mr_stream_stop(mr_stream *stream);

typedef struct mr_stream_stats {
    uint64_t taken; /**< items taken from the source */
    uint64_t ok;
    uint64_t failed;
    uint64_t quarantined;
    uint64_t bytes;                                /**< encoded bytes read */
    uint64_t pixels;                               /**< source pixels of the items that are ok */
    uint64_t batches;                              /**< delivered */
    double fetch_s, wait_s, decode_s, transform_s; /**< summed over items */
    double consumer_wait_s; /**< time that callers spent inside mr_stream_next waiting */
    double slot_wait_s;     /**< time that the source waited for a free batch slot */
    double source_wait_s;   /**< time spent inside the source */
    double worker_busy_s;   /**< summed over workers */
    double seconds;         /**< since open */
    uint64_t copied_bytes;  /**< tensor bytes moved by the host to close holes of failed items */
    uint32_t fetch_threads; /**< at work now */
} mr_stream_stats;

/** Reads the figures. Any thread. */
MR_API void mr_stream_stats_get(mr_stream *stream, mr_stream_stats *out);

/** The pool that the stream runs on (its own, or the one given). */
MR_API mr_pool *mr_stream_pool(mr_stream *stream);

/** The pool that was given becomes the stream's own: it ends with the stream. No other stream may
 * use it. */
MR_API void mr_stream_adopt_pool(mr_stream *stream);

/** Ends the stream at once and sets `*stream` to NULL. Batches must have been released. */
MR_API void mr_stream_close(mr_stream **stream);

#ifdef __cplusplus
}
#endif
#endif
