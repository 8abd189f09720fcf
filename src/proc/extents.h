/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which parts of an area are free: first fit over a sorted list of free extents. Private to the
 * host, so a worker cannot corrupt it. Not thread-safe: the pool's lock covers it.
 */
#ifndef MR_PROC_EXTENTS_H
#define MR_PROC_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct mr__extent {
    uint64_t offset, bytes;
} mr__extent;

typedef struct mr__extents {
    mr__extent *free; /* sorted by offset, never adjacent */
    size_t n_free, n_taken, cap;
    size_t unit; /* every extent is a multiple of it; a power of two */
    uint64_t total, in_use;
} mr__extents;

/*
 * Nothing is free at first: parts are added, in order, as they get memory of their own.
 * `max_extents` may be taken at once; memory is allocated here and never again.
 */
mr_status mr__extents_init(mr__extents *extents, uint64_t total, size_t unit, size_t max_extents,
                           mr_error *err);

void mr__extents_fini(mr__extents *extents);

/* Makes a part that was never free before available. */
void mr__extents_add(mr__extents *extents, uint64_t offset, uint64_t bytes);

/* Takes `bytes` (rounded up to the unit); false if no gap is large enough, or too many are out. */
bool mr__extents_take(mr__extents *extents, uint64_t bytes, uint64_t *offset);

/* Gives back what `take` gave for the same number of bytes. */
void mr__extents_give(mr__extents *extents, uint64_t offset, uint64_t bytes);

/* Gives back the end of what `take` gave for `had` bytes: it is then as if taken for `kept`. */
void mr__extents_trim(mr__extents *extents, uint64_t offset, uint64_t had, uint64_t kept);

#endif
