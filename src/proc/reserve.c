/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reserving memory takes longer than starting a worker (15 ms for 64 MiB). So both areas are
 * reserved part by part on a thread of their own, in the order in which a first batch needs them: a
 * part of the slab, the slots, the rest of the slab. What is reserved can be used at once, and
 * running out is an error of the pool, never a SIGBUS in the middle of a picture. Where the rows'
 * shape comes from the workers' own program, the slots follow when a stream takes its share of
 * them.
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

/* What is wanted of the slots; waits until it is more than `at`. 0: the pool closes. */
static size_t slots_end(mr_pool *pool, size_t at)
{
    size_t end;

    mr__pool_lock(pool);
    while (pool->slots_wanted <= at && !pool->closing)
        (void)pthread_cond_wait(&pool->wanted, &pool->lock);
    end = pool->closing ? 0 : pool->slots_wanted;
    mr__pool_unlock(pool);
    return end;
}

void *mr__reserve_main(void *arg)
{
    mr_pool *pool = arg;
    size_t slab = 0, slots = 0, end;
    bool goes_on;
    size_t first = pool->slab_area.bytes < PART_BYTES ? pool->slab_area.bytes : PART_BYTES;

    mr__pool_lock(pool);
    end = pool->slots_wanted;
    mr__pool_unlock(pool);
    goes_on = reserve(pool, &pool->slab_area, &slab, first) &&
              reserve(pool, &pool->slots_area, &slots, end) &&
              reserve(pool, &pool->slab_area, &slab, pool->slab_area.bytes);
    while (goes_on && slots < pool->slots_area.bytes && (end = slots_end(pool, slots)) > 0)
        goes_on = reserve(pool, &pool->slots_area, &slots, end);
    return NULL;
}
