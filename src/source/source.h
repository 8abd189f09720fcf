/* SPDX-License-Identifier: Apache-2.0 */
/* The border behind which sources live: one file and one table line each. */
#ifndef MR_SOURCE_SOURCE_H
#define MR_SOURCE_SOURCE_H

#include <stdatomic.h>

#include "base/error.h"
#include "millrace/source.h"

typedef struct mr__source mr__source;

typedef struct mr__source_ops {
    const char *name;
    /* is `spec` of this kind? Asked in the order of the registry; the last takes everything. */
    bool (*takes)(const char *spec);
    mr_status (*open)(const char *spec, const mr_source_options *options, mr__source **out,
                      mr_error *err);
    /* MR_OK, MR_EOF, MR_E_INTERRUPTED or an error */
    mr_status (*next)(mr__source *source, mr_item *item, mr_error *err);
    /* makes a blocked next return; any thread, async-signal-safe; may be NULL */
    void (*interrupt)(mr__source *source);
    void (*close)(mr__source *source);
} mr__source_ops;

/* Every implementation's struct starts with this. */
struct mr__source {
    const mr__source_ops *ops;
    _Atomic uint64_t ignored;
};

#endif
