/* SPDX-License-Identifier: Apache-2.0 */
/* Locator to bytes. One handle = one object being read; handles are used by one thread at a time.
 */
#ifndef MR_FETCH_FETCH_H
#define MR_FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>

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

typedef struct mr__fetch_ops {
    const char *name;
    bool (*takes)(const char *locator);
    mr_status (*stat)(const char *locator, mr__version *out, mr_error *err);
    mr_status (*open)(const char *locator, mr__version *version, mr__fetch **out, mr_error *err);
    mr_status (*read)(mr__fetch *fetch, void *dst, size_t size, mr_error *err);
    void (*close)(mr__fetch *fetch);
} mr__fetch_ops;

/* Every implementation's struct starts with this. */
struct mr__fetch {
    const mr__fetch_ops *ops;
};

/* Version without reading. MR_E_ITEM, stage `fetch`, with the reason code. Any thread; may block.
 */
mr_status mr__fetch_stat(const char *locator, mr__version *out, mr_error *err);

/* Opens for reading; `version->size_known` is true afterwards. MR_E_ITEM as above. Any thread; may
 * block. */
mr_status mr__fetch_open(const char *locator, mr__version *version, mr__fetch **out, mr_error *err);

/* Reads exactly version.size bytes into `dst`. changed_while_reading if there are fewer, more, or
 * it was modified. */
mr_status mr__fetch_read(mr__fetch *fetch, void *dst, size_t size, mr_error *err);

/* Closes and sets `*fetch` to NULL. NULL is allowed. */
void mr__fetch_close(mr__fetch **fetch);

#endif
