/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reserving memory takes about as long as starting a worker (15 ms for 64 MiB). So the slab is
 * reserved part by part on a thread of its own: what is reserved can be taken at once, and running
 * out is an error of the pool, never a SIGBUS in the middle of a picture.
 */
#include "proc/pool.h"

#define PART_BYTES ((size_t)4 << 20)

void *mr__reserve_main(void *arg)
{
    mr_pool *pool = arg;
    size_t at = 0;

    while (at < pool->slab_area.bytes) {
        size_t left = pool->slab_area.bytes - at;
        size_t part = left < PART_BYTES ? left : PART_BYTES;
        mr_error err = {0};
        mr_status s = mr__area_reserve(&pool->slab_area, at, part, &err);
        bool closing;

        mr__pool_lock(pool);
        if (s != MR_OK)
            mr__pool_fail(pool, &err);
        else
            mr__pool_slab_give(pool, at, part);
        closing = pool->closing;
        mr__pool_unlock(pool);
        if (s != MR_OK || closing)
            return NULL;
        at += part;
    }
    return NULL;
}
