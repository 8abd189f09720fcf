/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that outlive their batch: see keeper.h. */
#include "proc/keeper.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "proc/pool.h"

typedef struct kept {
    mr_kept pub; /* first: the caller's pointer is ours */
    mr__keeper *keeper;
    struct kept *next; /* of a higher address */
    uint64_t offset;
} kept;

/* Its lock is taken before the pool's. */
struct mr__keeper {
    pthread_mutex_t lock;
    mr_pool *pool;  /* NULL: closed */
    kept *first;    /* by address */
    uint64_t bytes; /* kept now */
};

mr_status mr__keeper_open(mr_pool *pool, mr__keeper **out, mr_error *err)
{
    mr__keeper *keeper = calloc(1, sizeof *keeper);

    *out = keeper;
    if (!keeper)
        return mr__error_no_memory(err, "pool");
    (void)pthread_mutex_init(&keeper->lock, NULL);
    keeper->pool = pool;
    return MR_OK;
}

/* With its lock held, which this gives up: nobody knows it any more once both sides have left. */
static void leave(mr__keeper *keeper)
{
    bool last = !keeper->pool && !keeper->first;

    (void)pthread_mutex_unlock(&keeper->lock);
    if (!last)
        return;
    (void)pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}

/* A free slot that may be touched; one that has no memory yet is asked for, for the next time. */
static bool take_slot(mr_pool *pool, uint64_t bytes, uint64_t *offset)
{
    bool taken;

    mr__pool_lock(pool);
    taken = mr__extents_take(&pool->slots, bytes, offset);
    if (taken && *offset + bytes > pool->slots_reserved) {
        mr__pool_slots_want(pool, *offset + bytes);
        mr__extents_give(&pool->slots, *offset, bytes);
        taken = false;
    }
    mr__pool_unlock(pool);
    return taken;
}

/* Two: who works with one array at a time holds it until it has the next. */
void mr__keeper_want(const mr__keeper *keeper, uint64_t bytes)
{
    mr_pool *pool = keeper->pool;
    uint64_t offset[2];
    size_t n = 0;

    while (n < 2 && bytes <= pool->options.spare_bytes / (n + 1) &&
           mr__extents_take(&pool->slots, bytes, &offset[n]))
        mr__pool_slots_want(pool, offset[n++] + bytes);
    while (n-- > 0)
        mr__extents_give(&pool->slots, offset[n], bytes);
}

static void insert(mr__keeper *keeper, kept *it)
{
    kept **at = &keeper->first;

    while (*at && (*at)->offset < it->offset)
        at = &(*at)->next;
    it->next = *at;
    *at = it;
    keeper->bytes += it->pub.bytes;
}

static void drop(mr__keeper *keeper, const kept *it)
{
    kept **at = &keeper->first;

    while (*at != it)
        at = &(*at)->next;
    *at = it->next;
    keeper->bytes -= it->pub.bytes;
}

mr_status mr__keeper_take(mr__keeper *keeper, uint64_t bytes, uint64_t *offset, mr_kept **out,
                          mr_error *err)
{
    kept *it = calloc(1, sizeof *it);
    mr_status s = MR_OK;
    uint64_t fresh = 0;

    *out = NULL;
    if (!it)
        return mr__error_no_memory(err, "batch");
    (void)pthread_mutex_lock(&keeper->lock);
    if (bytes > keeper->pool->options.spare_bytes - keeper->bytes ||
        !take_slot(keeper->pool, bytes, &fresh))
        s = MR_AGAIN;
    if (s == MR_OK) {
        it->keeper = keeper;
        it->offset = *offset;
        it->pub = (mr_kept){.data = keeper->pool->slots_area.base + *offset, .bytes = bytes};
        insert(keeper, it);
        *offset = fresh;
        *out = &it->pub;
    }
    (void)pthread_mutex_unlock(&keeper->lock);
    if (s != MR_OK)
        free(it);
    return s;
}

void mr_kept_release(mr_kept **handle)
{
    kept *it = (kept *)(void *)*handle;
    mr__keeper *keeper;

    if (!it)
        return;
    *handle = NULL;
    keeper = it->keeper;
    (void)pthread_mutex_lock(&keeper->lock);
    drop(keeper, it);
    if (keeper->pool) {
        mr__pool_lock(keeper->pool);
        mr__extents_give(&keeper->pool->slots, it->offset, it->pub.bytes);
        mr__pool_unlock(keeper->pool);
    } else {
        (void)munmap(it->pub.data, it->pub.bytes);
    }
    leave(keeper);
    free(it);
}

void mr__keeper_part(mr__keeper **handle, mr__area *area)
{
    mr__keeper *keeper = *handle;
    const kept *it;
    size_t at = 0;

    *handle = NULL;
    if (!keeper) {
        mr__area_close(area);
        return;
    }
    (void)pthread_mutex_lock(&keeper->lock);
    for (it = keeper->first; it; it = it->next) {
        mr__area_unmap(area, at, it->offset);
        at = it->offset + it->pub.bytes;
    }
    mr__area_unmap(area, at, area->bytes);
    area->base = NULL;
    mr__area_close(area);
    keeper->pool = NULL;
    leave(keeper);
}
