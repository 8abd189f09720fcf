/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for decodes that need more than a worker's standing allowance. What can never be met is
 * refused at once; the rest is met oldest first, so that a large picture is not starved by small
 * ones. A worker that waits here holds no grant, so those that hold one always finish.
 */
#include "base/clock.h"
#include "proc/pool.h"
#include "ring/need.h"
#include "ring/wake.h"

static void answer(mr__worker *worker, mr__grant_answer what)
{
    mr__need_grant(worker->control, worker->need_number, what);
    mr__wake_ring(&worker->control->doorbell);
    worker->need_bytes = 0;
    if (worker->head == worker->tail)
        return;
    /* its clock goes on where it was stopped: asking again and again buys no time */
    worker->head_since_ns = mr__clock_ns() - worker->head_used_ns;
    worker->head_used_ns = 0;
}

/*
 * Waiting does not count against the item's deadline, asking does: the clock goes on from where it
 * stood, or a captured worker could put its deadline off for ever by asking again and again. Who
 * asks anew before it was answered keeps its place, for the same reason.
 */
void mr__grants_look(mr_pool *pool, mr__worker *worker)
{
    bool waits = worker->need_bytes > 0;
    uint64_t bytes;

    if (worker->state != MR__WORKER_READY ||
        !mr__need_look(worker->control, &worker->need_number, &bytes))
        return;
    /* the next item of a unit asks while the last one's grant still stands */
    mr__grants_end(pool, worker);
    worker->need_bytes = bytes > 0 ? bytes : 1;
    /* memory is for a unit: granted without one, nothing would ever end it */
    if (worker->head == worker->tail) {
        answer(worker, MR__GRANT_REFUSED);
        return;
    }
    if (!waits) {
        worker->need_since_ns = mr__clock_ns();
        worker->head_used_ns = worker->need_since_ns - worker->head_since_ns;
        worker->head_since_ns = 0;
    }
    if (worker->need_bytes > pool->grant_total)
        answer(worker, MR__GRANT_REFUSED);
}

static mr__worker *oldest_request(mr_pool *pool)
{
    mr__worker *oldest = NULL;
    uint32_t i;

    for (i = 0; i < pool->n_workers; i++) {
        mr__worker *worker = &pool->workers[i];
        if (worker->need_bytes > 0 && (!oldest || worker->need_since_ns < oldest->need_since_ns))
            oldest = worker;
    }
    return oldest;
}

void mr__grants_answer(mr_pool *pool)
{
    mr__worker *worker;

    while ((worker = oldest_request(pool)) != NULL) {
        if (pool->closing) {
            answer(worker, MR__GRANT_REQUEUE);
            continue;
        }
        if (worker->need_bytes > pool->grant_free)
            return;
        worker->granted = worker->need_bytes;
        pool->grant_free -= worker->granted;
        pool->grants++;
        answer(worker, MR__GRANT_GRANTED);
    }
}

/* Memory that became free: what the host waits for comes first. */
static void free_bytes(mr_pool *pool, uint64_t bytes)
{
    uint64_t paid = bytes < pool->grant_owed ? bytes : pool->grant_owed;

    pool->grant_free += bytes - paid;
    pool->grant_owed -= paid;
    if (paid > 0 && pool->grant_owed == 0)
        (void)pthread_cond_broadcast(&pool->slab_changed);
}

void mr__grants_end(mr_pool *pool, mr__worker *worker)
{
    free_bytes(pool, worker->granted);
    worker->granted = 0;
    worker->need_bytes = 0;
}

bool mr__grants_take(mr_pool *pool, uint64_t bytes)
{
    uint64_t free_now = bytes < pool->grant_free ? bytes : pool->grant_free;
    uint32_t i;

    if (bytes > pool->grant_total)
        return false;
    pool->grant_total -= bytes;
    pool->grant_free -= free_now;
    pool->grant_owed += bytes - free_now;
    for (i = 0; i < pool->n_workers; i++)
        if (pool->workers[i].need_bytes > pool->grant_total)
            answer(&pool->workers[i], MR__GRANT_REFUSED);
    return true;
}

void mr__grants_give(mr_pool *pool, uint64_t bytes)
{
    pool->grant_total += bytes;
    free_bytes(pool, bytes);
    if (bytes > 0)
        mr__grants_answer(pool);
}
