/* SPDX-License-Identifier: Apache-2.0 */
/* Which parts of an area are free: see extents.h. */
#include "proc/extents.h"

#include <stdlib.h>
#include <string.h>

mr_status mr__extents_init(mr__extents *extents, uint64_t total, size_t unit, size_t max_extents,
                           mr_error *err)
{
    *extents = (mr__extents){.cap = max_extents + 2, .unit = unit, .total = total, .in_use = total};
    extents->free = calloc(extents->cap, sizeof extents->free[0]);
    if (!extents->free)
        return mr__error_no_memory(err, "extents");
    return MR_OK;
}

void mr__extents_fini(mr__extents *extents)
{
    free(extents->free);
    *extents = (mr__extents){0};
}

static uint64_t rounded(const mr__extents *extents, uint64_t bytes)
{
    return (bytes + extents->unit - 1) & ~((uint64_t)extents->unit - 1);
}

static void remove_at(mr__extents *extents, size_t i)
{
    extents->n_free--;
    memmove(&extents->free[i], &extents->free[i + 1],
            (extents->n_free - i) * sizeof extents->free[0]);
}

bool mr__extents_take(mr__extents *extents, uint64_t bytes, uint64_t *offset)
{
    uint64_t need = rounded(extents, bytes > 0 ? bytes : 1);
    size_t i;

    if (need < bytes || extents->n_taken + 2 >= extents->cap)
        return false;
    for (i = 0; i < extents->n_free; i++) {
        mr__extent *gap = &extents->free[i];
        if (gap->bytes < need)
            continue;
        *offset = gap->offset;
        gap->offset += need;
        gap->bytes -= need;
        extents->in_use += need;
        extents->n_taken++;
        if (gap->bytes == 0)
            remove_at(extents, i);
        return true;
    }
    return false;
}

void mr__extents_add(mr__extents *extents, uint64_t offset, uint64_t bytes)
{
    uint64_t size = rounded(extents, bytes > 0 ? bytes : 1);
    size_t i = 0;
    bool joins_next, joins_last;

    while (i < extents->n_free && extents->free[i].offset < offset)
        i++;
    extents->in_use -= size;
    joins_last = i > 0 && extents->free[i - 1].offset + extents->free[i - 1].bytes == offset;
    joins_next = i < extents->n_free && offset + size == extents->free[i].offset;
    if (joins_last) {
        extents->free[i - 1].bytes += size;
        if (joins_next) {
            extents->free[i - 1].bytes += extents->free[i].bytes;
            remove_at(extents, i);
        }
        return;
    }
    if (joins_next) {
        extents->free[i].offset = offset;
        extents->free[i].bytes += size;
        return;
    }
    /* gaps lie between taken extents, and before what was not added yet: `take` sees to it that the
     * array is large enough */
    memmove(&extents->free[i + 1], &extents->free[i],
            (extents->n_free - i) * sizeof extents->free[0]);
    extents->free[i] = (mr__extent){.offset = offset, .bytes = size};
    extents->n_free++;
}

void mr__extents_give(mr__extents *extents, uint64_t offset, uint64_t bytes)
{
    extents->n_taken--;
    mr__extents_add(extents, offset, bytes);
}

void mr__extents_trim(mr__extents *extents, uint64_t offset, uint64_t had, uint64_t kept)
{
    uint64_t keep = rounded(extents, kept > 0 ? kept : 1);
    uint64_t have = rounded(extents, had > 0 ? had : 1);

    if (keep < have)
        mr__extents_add(extents, offset + keep, have - keep);
}
