/* SPDX-License-Identifier: Apache-2.0 */
/* Where work comes from: a lazy, possibly endless sequence of items. */
#ifndef MILLRACE_SOURCE_H
#define MILLRACE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/plan.h"
#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_source mr_source;

/**
 * Pixels that need no decoding: an array [height,width,channels] without gaps, in the order of the
 * machine. Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
 */
typedef struct mr_pixels {
    uint32_t height, width; /**< 1..65535 each */
    uint32_t channels;      /**< 1..4 */
    mr_dtype dtype; /**< MR_DTYPE_U8; or MR_DTYPE_F32, for plans of float arithmetic and for worker
                       programs (worker.h). 0..255 both */
} mr_pixels;

/**
 * One item as a source names it. Strings are borrowed until the next call of the same source.
 * An item that the source itself must reject carries `code` (and still id, key and uri as far as
 * they are known): it is reported as failed and never fetched.
 */
typedef struct mr_item {
    const char *locator;  /**< what the fetcher opens: bytes without NUL; NULL if `bytes` is set */
    const char *uri;      /**< the locator for people and stores: UTF-8, other bytes %-escaped */
    const char *id;       /**< UTF-8, 1..512 bytes */
    const char *key;      /**< source key: what the ledger is keyed by, UTF-8 */
    const char *metadata; /**< a JSON object of at most 64 KiB, or NULL for {} */
    const void *bytes;    /**< the picture itself, when there is nothing to fetch, else NULL */
    size_t n_bytes;
    mr_pixels pixels;  /**< what `bytes` are; height 0, the default: an encoded picture */
    mr_code code;      /**< MR_CODE_NONE, or why the source rejects it (stage `source`) */
    char message[160]; /**< for people, when `code` is set */
} mr_item;

/** How ids are made. */
typedef enum mr_id_from { MR_ID_FROM_PATH = 0, MR_ID_FROM_STEM, MR_ID_FROM_SHA256 } mr_id_from;

typedef struct mr_source_options {
    bool
        all_files; /**< directories: every regular file, not only image extensions; default false */
    bool follow;   /**< directories: follow symbolic links found inside; default false */
    bool nul_separated; /**< lists and stdin: items end with NUL, not newline; default false */
    mr_id_from id_from; /**< default MR_ID_FROM_PATH */
    int stdin_fd;       /**< descriptor that "-" reads; default 0; never closed by the source */
    unsigned char reserved[64];
} mr_source_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_source_options_init(mr_source_options *options);

/**
 * Opens the sources named by `specs` (file, directory, "@list", "-"), read one after the other.
 * A spec that does not exist is an item that fails as `not_found`, not an error here.
 * On success the caller owns `*out`. Any thread.
 */
MR_API MR_MUST_CHECK mr_status mr_source_open(const char *const *specs, size_t n_specs,
                                              const mr_source_options *options, mr_source **out,
                                              mr_error *err);

/**
 * Yields the next item: MR_OK, MR_EOF, or an error. May block (an open pipe). `cookie` is the one
 * given to `mr_source_from_callback`. Called by one thread at a time. Fields of `item` are zeroed
 * before the call; missing `key` and `uri` default to `id`.
 */
typedef mr_status mr_source_fn(void *cookie, mr_item *item, mr_error *err);

/**
 * A source fed by the caller. `close` may be NULL; it is called once, by mr_source_close.
 * `interrupt` may be NULL; it is called from another thread and must make a blocked `next` return.
 */
MR_API MR_MUST_CHECK mr_status mr_source_from_callback(mr_source_fn *next,
                                                       void (*interrupt)(void *),
                                                       void (*close)(void *), void *cookie,
                                                       mr_source **out, mr_error *err);

/** The next item. MR_OK, MR_EOF, MR_E_INTERRUPTED, or an error of the source. One thread at a time;
 * may block. */
MR_API MR_MUST_CHECK mr_status mr_source_next(mr_source *source, mr_item *item, mr_error *err);

/** Makes a blocked, and every later, mr_source_next return MR_E_INTERRUPTED. Any thread,
 * async-signal-safe. */
MR_API void mr_source_interrupt(mr_source *source);

/** Files passed over so far (hidden, not an image by name, links inside). Any thread. */
MR_API uint64_t mr_source_ignored(const mr_source *source);

/**
 * Counts the items that `specs` name by a pass of its own, for progress displays. MR_AGAIN: not
 * countable (stdin, a pipe). `*stop`, if not NULL, ends the count early (then MR_AGAIN). May block;
 * any thread.
 */
MR_API MR_MUST_CHECK mr_status mr_source_count(const char *const *specs, size_t n_specs,
                                               const mr_source_options *options,
                                               const volatile int *stop, uint64_t *out,
                                               mr_error *err);

/** Closes the source and sets `*source` to NULL. NULL is allowed. Not while a call on it runs. */
MR_API void mr_source_close(mr_source **source);

#ifdef __cplusplus
}
#endif
#endif
