/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker gets which task. Work-conserving: no worker idles while a task waits; a worker that
 * is given some tasks ahead and turns out slow loses the ones that it has not begun to one that is
 * idle. A task on which a worker died is tried once more alone, in a fresh worker; the second death
 * is its quarantine.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "proc/pool.h"
#include "ring/wake.h"

static uint32_t units_out(const mr__worker *worker)
{
    return worker->tail - worker->head;
}

static bool is_idle(const mr__worker *worker)
{
    return worker->state == MR__WORKER_READY && units_out(worker) == 0 && !worker->planned;
}

bool mr__pool_idles(const mr_pool *pool)
{
    uint32_t i;

    for (i = 0; i < pool->n_workers; i++)
        if (is_idle(&pool->workers[i]))
            return true;
    return false;
}

static void finish(mr__task *task, mr_item_state state, mr_code code, mr_stage stage)
{
    task->state = state;
    task->code = code;
    task->stage = stage;
    task->ops->done(task);
}

/* Puts up to `n` tasks of one plan into the worker's mailbox as one unit. */
static void give(mr_pool *pool, mr__worker *worker, mr__task_list *from, uint32_t n)
{
    uint32_t slot = worker->tail % MR__MAILBOX_UNITS, i;
    mr__unit_desc desc;
    const mr__task *first = from->head;

    desc.plan_cell = first->plan_cell;
    desc.plan_version = first->plan_version;
    desc.max_pixels = first->max_pixels;
    desc.reserved = 0;
    for (i = 0; i < n && from->head; i++) {
        mr__task *task = from->head;
        if (task->plan_cell != desc.plan_cell || task->max_pixels != desc.max_pixels)
            break;
        mr__task_remove(from, task);
        desc.items[i] = task->desc;
        worker->units[slot].tasks[i] = task;
    }
    desc.n_items = i;
    worker->units[slot].n_items = i;
    worker->units[slot].generation = ++pool->generation & (UINT32_MAX >> 3);
    if (units_out(worker) == 0)
        worker->head_since_ns = mr__clock_ns();
    worker->tail++;
    mr__unit_publish(&worker->control->units[slot], worker->units[slot].generation, &desc);
    mr__wake_ring(&worker->control->doorbell);
}

/* The worker with the fewest units out that can take one more; NULL if there is none. */
static mr__worker *least_loaded(mr_pool *pool)
{
    mr__worker *best = NULL;
    uint32_t i;

    for (i = 0; i < pool->n_workers; i++) {
        mr__worker *worker = &pool->workers[i];
        if (worker->state != MR__WORKER_READY || worker->alone || worker->planned)
            continue;
        if (units_out(worker) >= MR__WORKER_DEPTH || (best && units_out(worker) >= units_out(best)))
            continue;
        /* fresh workers are kept for those that need one */
        if (pool->ready_alone.n > 0 && worker->served == 0 && units_out(worker) == 0)
            continue;
        best = worker;
    }
    return best;
}

/* A retried task goes to a worker that has served nothing yet; if there is none, an idle one is
 * replaced. */
static void give_alone(mr_pool *pool)
{
    mr__worker *idle = NULL;
    uint32_t i, starting = 0;

    for (i = 0; i < pool->n_workers && pool->ready_alone.n > 0; i++) {
        mr__worker *worker = &pool->workers[i];
        if (worker->state == MR__WORKER_STARTING || worker->planned)
            starting++;
        if (!is_idle(worker) || worker->alone)
            continue;
        if (worker->served > 0) {
            idle = worker;
            continue;
        }
        worker->alone = true;
        give(pool, worker, &pool->ready_alone, 1);
    }
    if (pool->ready_alone.n > starting && idle) {
        idle->planned = true;
        pool->process->kill(&idle->process);
    }
}

/* Takes the youngest unit back from the worker with the most; false if it began everything that it
 * has. */
static bool take_back(mr_pool *pool)
{
    mr__worker *most = NULL;
    uint32_t i, slot;

    for (i = 0; i < pool->n_workers; i++) {
        mr__worker *worker = &pool->workers[i];
        if (units_out(worker) >= 2 && (!most || units_out(worker) > units_out(most)))
            most = worker;
    }
    if (!most)
        return false;
    slot = (most->tail - 1) % MR__MAILBOX_UNITS;
    if (!mr__unit_revoke(&most->control->units[slot], most->units[slot].generation))
        return false;
    most->tail--;
    pool->take_backs++;
    for (i = most->units[slot].n_items; i-- > 0;) {
        mr__task *task = most->units[slot].tasks[i];
        mr__task_push_front(&pool->ready, task);
    }
    return true;
}

void mr__dispatch(mr_pool *pool)
{
    uint32_t i;

    if (pool->ready_alone.n > 0)
        give_alone(pool);
    while (pool->ready.n > 0) {
        mr__worker *worker = least_loaded(pool);
        if (!worker)
            break;
        give(pool, worker, &pool->ready, pool->unit_items);
    }
    for (i = 0; i < pool->n_workers && pool->ready.n == 0 && pool->ready_alone.n == 0; i++) {
        if (!is_idle(&pool->workers[i]) || pool->workers[i].alone)
            continue;
        if (!take_back(pool))
            break;
        give(pool, &pool->workers[i], &pool->ready, pool->unit_items);
    }
    mr__supervisor_arm(pool);
}

/* Takes over what the unit says of one item's failure, in lines; NULL if that is nothing. `*at`
 * goes on behind it. */
static const char *take_detail(mr_pool *pool, const char *shared, uint32_t bytes, uint32_t *at)
{
    uint32_t n = bytes < MR__DETAIL_MAX - *at ? bytes : MR__DETAIL_MAX - *at;

    if (n == 0)
        return NULL;
    mr__copy_out(pool->detail, shared + *at, n);
    *at += n;
    mr__text_escape_lines(pool->detail_shown, sizeof pool->detail_shown, pool->detail, n);
    return pool->detail_shown;
}

/* Believes nothing: every field of the answer is checked before it is used. */
static void take_answer(mr__task *task, const mr__item_answer *answer)
{
    uint64_t spent = mr__clock_ns() - task->ready_ns, worked;
    bool sane = answer->code < MR_CODE_COUNT && answer->stage < MR_STAGE_COUNT &&
                answer->format < MR__FORMAT_COUNT;
    mr_code code = sane ? (mr_code)answer->code : MR_CODE_CORRUPT;

    task->format = sane ? answer->format : 0;
    task->width = sane ? answer->width : 0;
    task->height = sane ? answer->height : 0;
    task->decode_ns = (uint64_t)answer->decode_us * 1000;
    task->transform_ns = (uint64_t)answer->transform_us * 1000;
    worked = task->decode_ns + task->transform_ns;
    if (worked > spent) {
        task->decode_ns = spent;
        task->transform_ns = 0;
        worked = spent;
    }
    task->wait_ns = spent - worked;
    task->attempts++;
    task->message[0] = '\0';
    if (code == MR_CODE_NONE) {
        finish(task, MR_ITEM_OK, MR_CODE_NONE, MR_STAGE_TRANSFORM);
        return;
    }
    mr__text_escape(task->message, sizeof task->message, answer->message,
                    strnlen(answer->message, sizeof answer->message));
    if (!sane)
        (void)mr__text_copy(task->message, sizeof task->message,
                            "the worker's answer made no sense");
    finish(task, code == MR_CODE_OUT_OF_MEMORY ? MR_ITEM_QUARANTINED : MR_ITEM_FAILED, code,
           sane ? (mr_stage)answer->stage : MR_STAGE_DECODE);
}

void mr__dispatch_collect(mr_pool *pool, mr__worker *worker)
{
    while (units_out(worker) > 0) {
        uint32_t slot = worker->head % MR__MAILBOX_UNITS, i, n = worker->units[slot].n_items;
        uint32_t detail_at = 0;

        if (!mr__unit_collect(&worker->control->units[slot], worker->units[slot].generation, n,
                              &pool->answer))
            return;
        worker->head++;
        worker->served += n;
        worker->alone = false;
        worker->head_since_ns = units_out(worker) > 0 ? mr__clock_ns() : 0;
        worker->head_used_ns = 0;
        mr__grants_end(pool, worker);
        for (i = 0; i < n; i++) {
            mr__task *task = worker->units[slot].tasks[i];
            /* the unit is free, so all that it holds is ours until it is published again */
            task->detail = take_detail(pool, worker->control->detail[slot],
                                       pool->answer.items[i].detail_bytes, &detail_at);
            take_answer(task, &pool->answer.items[i]);
        }
    }
}

static void retry_or_give_up(mr_pool *pool, mr__task *task, mr_code reason, const char *message)
{
    uint64_t spent = mr__clock_ns() - task->ready_ns;

    task->attempts++;
    if (!task->alone) {
        task->alone = true;
        task->ops->retry(task);
        mr__task_push(&pool->ready_alone, task);
        return;
    }
    task->wait_ns = spent;
    task->decode_ns = task->transform_ns = 0;
    task->format = task->width = task->height = 0;
    task->detail = NULL;
    (void)mr__text_copy(task->message, sizeof task->message, message);
    finish(task, MR_ITEM_QUARANTINED, reason, MR_STAGE_DECODE);
}

void mr__dispatch_reclaim(mr_pool *pool, mr__worker *worker, mr_code reason, const char *message)
{
    uint32_t u, i;

    /* youngest first, so that what goes back keeps its order at the front of the queue */
    for (u = worker->tail; u-- != worker->head;) {
        uint32_t slot = u % MR__MAILBOX_UNITS;
        bool begun =
            mr__unit_reclaim(&worker->control->units[slot], worker->units[slot].generation);

        for (i = worker->units[slot].n_items; i-- > 0;) {
            mr__task *task = worker->units[slot].tasks[i];
            if (task->unwanted) {
                mr__task_push(&pool->unwanted, task);
                continue;
            }
            /*
             * Only the oldest can have been begun; more than that is a lie in shared memory. And so
             * is an oldest that is never begun and yet ends one worker after the other.
             */
            if (u == worker->head && (begun || ++task->returned >= MR__RETURNS_MAX)) {
                retry_or_give_up(pool, task, reason, message);
                continue;
            }
            mr__task_push_front(task->alone ? &pool->ready_alone : &pool->ready, task);
        }
    }
    worker->head = worker->tail = 0;
    worker->head_since_ns = worker->head_used_ns = 0;
    worker->alone = false;
    mr__grants_end(pool, worker);
}
