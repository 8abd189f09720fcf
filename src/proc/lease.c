/* SPDX-License-Identifier: Apache-2.0 */
/* What streams borrow from a pool: plan cells, room in the slab, workers' time, alarms. */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "proc/pool.h"

mr_status mr__pool_plan_get(mr_pool *pool, const char *text, uint32_t *cell, uint32_t *version,
                            mr_error *err)
{
    uint32_t i, found = MR__PLAN_CELLS, w;

    for (i = 0; i < MR__PLAN_CELLS; i++) {
        if (strcmp(pool->plans[i].text, text) == 0) {
            found = i;
            break;
        }
        if (pool->plans[i].users == 0 && found == MR__PLAN_CELLS)
            found = i;
    }
    if (found == MR__PLAN_CELLS)
        return mr__error_set(err, MR_E_BUSY, "pool: %d plans are in use at once already",
                             MR__PLAN_CELLS);
    if (strcmp(pool->plans[found].text, text) != 0) {
        /* no unit names this cell now: nobody reads it while it changes */
        if (!mr__text_copy(pool->plans[found].text, sizeof pool->plans[found].text, text))
            return mr__error_set(err, MR_E_INVALID, "plan: text over %d bytes", MR__PLAN_TEXT_MAX);
        pool->plans[found].version++;
        for (w = 0; w < pool->n_workers; w++) {
            mr__plan_cell *shared = &pool->workers[w].control->plans[found];
            mr__copy_in(shared->text, pool->plans[found].text, sizeof shared->text);
        }
    }
    pool->plans[found].users++;
    *cell = found;
    *version = pool->plans[found].version;
    return MR_OK;
}

void mr__pool_plan_put(mr_pool *pool, uint32_t cell)
{
    pool->plans[cell].users--;
}

void mr__pool_submit(mr_pool *pool, mr__task *task)
{
    task->ready_ns = mr__clock_ns();
    task->attempts = task->returned = 0;
    task->alone = task->unwanted = false;
    mr__task_push(&pool->ready, task);
    mr__dispatch(pool);
}

static void cancel_from(mr__task_list *list, const void *owner, mr__task_list *cancelled)
{
    mr__task *task, *next;

    for (task = list->head; task; task = next) {
        next = task->next;
        if (task->owner != owner)
            continue;
        mr__task_remove(list, task);
        mr__task_push(cancelled, task);
    }
}

size_t mr__pool_cancel(mr_pool *pool, const void *owner, mr__task_list *cancelled)
{
    size_t sent = 0;
    uint32_t w, u, i;

    cancel_from(&pool->ready, owner, cancelled);
    cancel_from(&pool->ready_alone, owner, cancelled);
    cancel_from(&pool->unwanted, owner, cancelled);
    for (w = 0; w < pool->n_workers; w++) {
        mr__worker *worker = &pool->workers[w];
        for (u = worker->head; u != worker->tail; u++)
            for (i = 0; i < worker->units[u % MR__MAILBOX_UNITS].n_items; i++) {
                mr__task *task = worker->units[u % MR__MAILBOX_UNITS].tasks[i];
                if (task->owner != owner)
                    continue;
                task->unwanted = true;
                sent++;
            }
    }
    return sent;
}

bool mr__pool_slab_take(mr_pool *pool, uint64_t bytes, const bool *stop, uint64_t *offset)
{
    uint64_t turn = pool->slab_next++;
    bool taken = false;

    while (!*stop && !pool->failed) {
        if (turn == pool->slab_turn && mr__extents_take(&pool->slab, bytes, offset)) {
            taken = true;
            break;
        }
        (void)pthread_cond_wait(&pool->slab_changed, &pool->lock);
    }
    /* turns are given up in order too, or a stopped caller would jump over one that still waits */
    while (turn != pool->slab_turn)
        (void)pthread_cond_wait(&pool->slab_changed, &pool->lock);
    pool->slab_turn++;
    (void)pthread_cond_broadcast(&pool->slab_changed);
    return taken;
}

bool mr__pool_slab_try(mr_pool *pool, uint64_t bytes, uint64_t *offset)
{
    return pool->slab_turn == pool->slab_next && !pool->failed &&
           mr__extents_take(&pool->slab, bytes, offset);
}

void mr__pool_slab_add(mr_pool *pool, uint64_t offset, uint64_t bytes)
{
    mr__extents_add(&pool->slab, offset, bytes);
    (void)pthread_cond_broadcast(&pool->slab_changed);
}

void mr__pool_slab_give(mr_pool *pool, uint64_t offset, uint64_t bytes)
{
    mr__extents_give(&pool->slab, offset, bytes);
    (void)pthread_cond_broadcast(&pool->slab_changed);
}

void mr__pool_slab_trim(mr_pool *pool, uint64_t offset, uint64_t had, uint64_t kept)
{
    mr__extents_trim(&pool->slab, offset, had, kept);
    (void)pthread_cond_broadcast(&pool->slab_changed);
}

void mr__pool_slots_want(mr_pool *pool, uint64_t end)
{
    if (end <= pool->slots_wanted)
        return;
    pool->slots_wanted = end;
    (void)pthread_cond_broadcast(&pool->wanted);
}

void mr__pool_slots_reserved(mr_pool *pool, uint64_t end)
{
    pool->slots_reserved = end;
    (void)pthread_cond_broadcast(&pool->slab_changed);
}

void mr__pool_alarm_add(mr_pool *pool, mr__alarm *alarm)
{
    alarm->next = pool->alarms;
    pool->alarms = alarm;
}

void mr__pool_alarm_remove(mr_pool *pool, mr__alarm *alarm)
{
    mr__alarm **at = &pool->alarms;

    while (*at && *at != alarm)
        at = &(*at)->next;
    if (*at)
        *at = alarm->next;
}

void mr__pool_alarm_set(mr_pool *pool, mr__alarm *alarm, uint64_t at_ns)
{
    alarm->at_ns = at_ns;
    mr__supervisor_arm(pool);
}
