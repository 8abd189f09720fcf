/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: a program of your own in the place of millrace-worker (`worker_argv` of the pool). It is
 * started by the pool, gets pictures decoded or as they are, and writes rows of its own shape into
 * the batch. What happens to workers happens to it: a death or a missed deadline costs the item a
 * second try alone, and then quarantine; nothing else is lost.
 *
 *     static void run(void *cookie, mr_worker_item *items, size_t n)
 *     {
 *         for (size_t i = 0; i < n; i++) {
 *             compute(items[i].data, items[i].height, items[i].width, items[i].row);
 *             mr_worker_done(&items[i]);
 *         }
 *     }
 *
 *     mr_worker *worker;
 *     const mr_dims rows = {.dtype = MR_DTYPE_F32, .n = 1, .dims = {512}};
 *     if (mr_worker_open(NULL, &worker, &err) != MR_OK)
 *         return 1;                                      // not started by a pool
 *     s = mr_worker_serve(worker, &rows, run, NULL, &err);
 *     mr_worker_close(&worker);
 *
 * Everything here belongs to the thread that opened the worker. The descriptors 3 to 7 are the
 * pool's until mr_worker_open has returned: open it before anything else.
 */
#ifndef MILLRACE_WORKER_H
#define MILLRACE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MR_WORKER_ITEMS_MAX 16

typedef struct mr_worker mr_worker;

typedef struct mr_worker_options {
    bool encoded; /**< encoded pictures are handed out as they are; default false: decoded to RGB,
                     as Pillow's convert("RGB") does */
    bool apply_exif; /**< turn what is decoded upright; default false */
    unsigned char reserved[62];
} mr_worker_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_worker_options_init(mr_worker_options *options);

/**
 * Attaches to the pool that started this process: from here on it ends with its host, and ignores
 * SIGINT. `options` NULL: the defaults. MR_E_INVALID: no pool started it. On success the caller
 * owns
 * `*out`.
 */
MR_API MR_MUST_CHECK mr_status mr_worker_open(const mr_worker_options *options, mr_worker **out,
                                              mr_error *err);

/** What the host handed over (`worker_data`), read-only, while the worker is open; NULL if nothing.
 */
MR_API const void *mr_worker_data(const mr_worker *worker, size_t *n_bytes);

/** Changes the options before the worker serves. */
MR_API void mr_worker_set_options(mr_worker *worker, const mr_worker_options *options);

/**
 * Tells the host why this program cannot serve (one line); it should then exit. If no other worker
 * was ready before, the pool fails with this message.
 */
MR_API void mr_worker_refuse(mr_worker *worker, const char *message);

/** One item of a unit. */
typedef struct mr_worker_item {
    const void *data; /**< pixels [height,width,channels], 64-byte aligned, or encoded bytes; until
                         `run` returns */
    size_t n_bytes;
    uint32_t height, width, channels; /**< 0 for encoded bytes; 3, RGB, for what was decoded */
    mr_dtype dtype;                   /**< of the pixels: MR_DTYPE_U8 or MR_DTYPE_F32, 0..255 */
    bool shared; /**< `data` lies in the input slab: read-only, and another item's afterwards */
    void *row;   /**< where the output goes: 64-byte aligned only if the row's size is */
    size_t row_bytes;
    mr_worker *worker; /**< the library's */
    uint32_t index;    /**< the library's */
} mr_worker_item;

/**
 * Computes the rows of 1..MR_WORKER_ITEMS_MAX items. Each must be answered, by mr_worker_done or by
 * mr_worker_fail, before it returns: one that is not has failed. What could not be decoded never
 * comes here.
 */
typedef void mr_worker_run_fn(void *cookie, mr_worker_item *items, size_t n);

/**
 * Says what the rows are, confines the process if the pool asks for that, and serves until the pool
 * closes. MR_OK: it has. MR_E_INVALID: `row` is no shape.
 */
MR_API MR_MUST_CHECK mr_status mr_worker_serve(mr_worker *worker, const mr_dims *row,
                                               mr_worker_run_fn *run, void *cookie, mr_error *err);

/** The item's row is complete. */
MR_API void mr_worker_done(mr_worker_item *item);

/**
 * The item has failed. `code` MR_CODE_NONE: MR_CODE_PREPROCESS_FAILED. `message` is one line, cut
 * at 160 bytes; `detail` (may be NULL) may have many: some thousand bytes, shared by the unit's
 * items, of which the end is kept.
 */
MR_API void mr_worker_fail(mr_worker_item *item, mr_code code, const char *message,
                           const char *detail);

/**
 * Takes the pixels over: they outlive `run`, and the caller frees them with mr_worker_free. NULL if
 * they are `shared`: then they can only be copied.
 */
MR_API void *mr_worker_keep(mr_worker_item *item);

/** Frees what mr_worker_keep gave. NULL is allowed. */
MR_API void mr_worker_free(void *pixels);

/** Detaches, frees everything, and sets `*worker` to NULL. NULL is allowed. */
MR_API void mr_worker_close(mr_worker **worker);

#ifdef __cplusplus
}
#endif
#endif
