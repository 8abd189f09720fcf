/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reserving memory takes longer than starting a worker (15 ms for 64 MiB). So both areas are
 * reserved part by part on a thread of their own, in the order in which a first batch needs them: a
 * part of the slab, the slots, the rest of the slab. What is reserved can be used at once, and
 * running out is an error of the pool, never a SIGBUS in the middle of a picture.
 */
#include "proc/pool.h"

#define PART_BYTES ((size_t)4 << 20)

/* Reserves up to `end`; `*at` follows. False when there is no point in going on. */
static bool reserve(mr_pool *pool, mr__area *area, size_t *at, size_t end)
{
    bool goes_on = true;

    while (goes_on && *at < end) {
        size_t part = end - *at < PART_BYTES ? end - *at : PART_BYTES;
        mr_error err = {0};
        mr_status s = mr__area_reserve(area, *at, part, &err);

        mr__pool_lock(pool);
        if (s != MR_OK)
            mr__pool_fail(pool, &err);
        else if (area == &pool->slab_area)
            mr__pool_slab_add(pool, *at, part);
        else
            mr__pool_slots_reserved(pool, *at + part);
        goes_on = s == MR_OK && !pool->closing;
        mr__pool_unlock(pool);
        *at += part;
    }
    return goes_on;
}

void *mr__reserve_main(void *arg)
{
    mr_pool *pool = arg;
    size_t slab = 0, slots = 0;
    size_t first = pool->slab_area.bytes < PART_BYTES ? pool->slab_area.bytes : PART_BYTES;

    if (reserve(pool, &pool->slab_area, &slab, first) &&
        reserve(pool, &pool->slots_area, &slots, pool->slots_area.bytes))
        (void)reserve(pool, &pool->slab_area, &slab, pool->slab_area.bytes);
    return NULL;
}
