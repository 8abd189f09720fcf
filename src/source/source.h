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
    /* can `spec` be read by a pass of its own without taking anything away? NULL: always */
    bool (*countable)(const char *spec);
} mr__source_ops;

/*
 * How one chain of sources is told to stop. Shared by its parts, so that a part that waits needs
 * no descriptor of its own: it polls `fd`, and looks at mr__source_stopped in its loops.
 */
typedef struct mr__source_wake {
    _Atomic int interrupted;
    int fd;                   /* eventfd, readable for ever once interrupted */
    const volatile int *stop; /* a flag of the caller's that means the same; may be NULL */
} mr__source_wake;

/* Every implementation's struct starts with this. */
struct mr__source {
    const mr__source_ops *ops;
    mr__source_wake *wake; /* set by the chain between open and the first next */
    bool remote;           /* it begins with a URL, where `open` could know that without waiting */
    _Atomic uint64_t ignored;
};

static inline bool mr__source_stopped(const mr__source_wake *wake)
{
    return atomic_load(&wake->interrupted) != 0 || (wake->stop && *wake->stop != 0);
}

extern const mr__source_ops mr__source_list; /* "@list", "-" */
extern const mr__source_ops mr__source_dir;  /* what is a directory */
extern const mr__source_ops mr__source_file; /* everything else: one item */

/* Is it foreseen that it names URLs? False also where nobody can know. */
bool mr__source_is_remote(const mr_source *source);

/* The part behind mr_source_from_callback; not in the registry. */
mr_status mr__source_callback_open(mr_source_fn *next, void (*interrupt)(void *),
                                   void (*close)(void *), void *cookie, mr__source **out,
                                   mr_error *err);

#endif
