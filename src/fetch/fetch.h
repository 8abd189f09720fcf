/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locator to bytes. One handle = one object being read; handles are used by one thread at a time.
 *
 * A context holds what fetches share: limits, and for URLs the connections. It costs nothing before
 * the first URL. Without one, only files are fetched.
 */
#ifndef MR_FETCH_FETCH_H
#define MR_FETCH_FETCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define MR__ETAG_MAX 128

/* What identifies the version of an object, and its size where it is known beforehand. */
typedef struct mr__version {
    uint64_t size;
    int64_t mtime_ns;        /* 0: not known */
    char etag[MR__ETAG_MAX]; /* "": none */
    bool size_known;
} mr__version;

/* Same object unchanged? By ETag where both have one, else size and modification time. */
bool mr__version_equal(const mr__version *a, const mr__version *b);

typedef struct mr__fetch mr__fetch;
typedef struct mr__fetch_context mr__fetch_context;

typedef struct mr__fetch_options {
    bool allow_private;   /* addresses that are not public may be connected to */
    uint32_t concurrency; /* connections that are kept; callers may be more */
    uint32_t timeout_ms;  /* for one object, with all redirects, attempts and waits between them */
    uint32_t idle_ms;     /* for connecting, for the head of an answer, between two pieces of it */
    uint64_t max_bytes;   /* of an object, whatever its server says */
} mr__fetch_options;

/* What a context may allocate with that many callers at once. Larger bodies wait, unread, for the
 * memory that mr__fetch_read is given. */
#define MR__FETCH_SMALL_BYTES ((size_t)256 << 10)
#define MR__FETCH_HTTP_BYTES(callers)                                                              \
    ((UINT64_C(8) << 20) + (uint64_t)(callers) * (MR__FETCH_SMALL_BYTES + (128 << 10)))

/*
 * Loads what URLs need on a thread of its own, so that it is there when the first one comes: it has
 * some thirty libraries behind it, as much work as starting a worker. Failing is nothing yet: the
 * first URL says it. Zero-initialised: nothing runs.
 */
typedef struct mr__fetch_preload {
    pthread_t thread;
    bool runs;
} mr__fetch_preload;

void mr__fetch_preload_begin(mr__fetch_preload *preload);

/* Waits for it. */
void mr__fetch_preload_end(mr__fetch_preload *preload);

mr_status mr__fetch_context_open(const mr__fetch_options *options, mr__fetch_context **out,
                                 mr_error *err);

/* Makes blocked fetches, and all later ones, return MR_E_INTERRUPTED. Any thread,
 * async-signal-safe. */
void mr__fetch_context_interrupt(mr__fetch_context *context);

/* All its handles must be closed. Sets `*context` to NULL. NULL is allowed. */
void mr__fetch_context_close(mr__fetch_context **context);

/*
 * Where a small body may be written while it is still coming, so that nobody copies it once more.
 * `take` is called at most once, from any thread, when the length is known; it must not wait, and
 * returns NULL where it would have to. What it gave is the caller's to give back.
 */
typedef struct mr__fetch_room {
    unsigned char *(*take)(struct mr__fetch_room *room, size_t bytes);
    unsigned char *at;  /* NULL: nothing was taken */
    size_t size;        /* that was taken */
    bool asked, filled; /* filled: the whole body is there, `version->size` bytes of it */
} mr__fetch_room;

typedef struct mr__fetch_ops {
    const char *name;
    bool (*takes)(const char *locator);
    /* `context` may be NULL */
    mr_status (*stat)(mr__fetch_context *context, const char *locator, mr__version *out,
                      mr_error *err);
    mr_status (*open)(mr__fetch_context *context, const char *locator, mr__fetch_room *room,
                      mr__version *version, mr__fetch **out, mr_error *err);
    mr_status (*read)(mr__fetch *fetch, void *dst, size_t size, size_t *got, mr_error *err);
    void (*close)(mr__fetch *fetch);
} mr__fetch_ops;

/* Every implementation's struct starts with this. */
struct mr__fetch {
    const mr__fetch_ops *ops;
};

/* Version without reading. MR_E_ITEM, stage `fetch`, with the reason code. Any thread; may block.
 * `context` NULL: files only. */
mr_status mr__fetch_stat(mr__fetch_context *context, const char *locator, mr__version *out,
                         mr_error *err);

/*
 * Opens for reading. Where the size is known, as it is of every file, `version->size_known` is true
 * afterwards; else `version->size` is what a first mr__fetch_read should be given. MR_E_ITEM as
 * above, MR_E_ENV. Any thread; may block.
 */
mr_status mr__fetch_open(mr__fetch_context *context, const char *locator, mr__version *version,
                         mr__fetch **out, mr_error *err);

/* The same, with room for a small body, or NULL. Where that is filled nothing is left to read. */
mr_status mr__fetch_open_into(mr__fetch_context *context, const char *locator, mr__fetch_room *room,
                              mr__version *version, mr__fetch **out, mr_error *err);

/*
 * Reads the whole object into `dst`, and says in `*got` how long it is: `size`, when that was
 * known. changed_while_reading if there are fewer bytes, more, or it was modified. MR_AGAIN, only
 * where the size was not known: there are more than `size`; call it again with room for the
 * context's `max_bytes`.
 */
mr_status mr__fetch_read(mr__fetch *fetch, void *dst, size_t size, size_t *got, mr_error *err);

/* Closes and sets `*fetch` to NULL. NULL is allowed. */
void mr__fetch_close(mr__fetch **fetch);

/* Version of the library that URLs are fetched with, or why there is none. False if there is none.
 */
bool mr__fetch_library(char *text, size_t size);

/* Is it of a kind that is worth many threads, since they only wait? */
bool mr__fetch_is_remote(const char *locator);

#endif
