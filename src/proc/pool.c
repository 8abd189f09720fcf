/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the pool, and its public figures. */
#include "proc/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "proc/thread.h"

void mr_pool_options_init(mr_pool_options *options)
{
    *options = (mr_pool_options){.memory_bytes = UINT64_C(512) << 20, .item_timeout_ms = 10000};
}

void mr__pool_lock(mr_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
}

void mr__pool_unlock(mr_pool *pool)
{
    (void)pthread_mutex_unlock(&pool->lock);
}

void mr__pool_fail(mr_pool *pool, const mr_error *error)
{
    mr__alarm *alarm;

    if (pool->failed)
        return;
    pool->failed = true;
    pool->error = *error;
    mr__log(&pool->options.logger, MR_LOG_ERROR, "pool", "%s", error->message);
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_cond_broadcast(&pool->slab_changed);
    for (alarm = pool->alarms; alarm; alarm = alarm->next)
        alarm->fire(alarm);
}

void mr__pool_end(mr_pool *pool)
{
    pool->closing = true;
    (void)pthread_cond_broadcast(&pool->slab_changed);
    (void)pthread_cond_broadcast(&pool->wanted);
    mr__supervisor_kick(pool);
}

static mr_status check_options(mr_pool_options *options, mr_error *err)
{
    if (options->workers == 0)
        options->workers = mr__budget_workers(options);
    if (options->workers > MR__WORKERS_MAX)
        return mr__error_set(err, MR_E_INVALID, "workers: %u, at most %d", options->workers,
                             MR__WORKERS_MAX);
    if (options->item_timeout_ms == 0 || options->item_timeout_ms > 3600000)
        return mr__error_set(err, MR_E_INVALID, "item timeout: %u ms, 1 to 3600000",
                             options->item_timeout_ms);
    if (options->spare_bytes > options->slots_bytes)
        return mr__error_set(
            err, MR_E_INVALID, "spare bytes: %llu are no part of %llu bytes of slots",
            (unsigned long long)options->spare_bytes, (unsigned long long)options->slots_bytes);
    return MR_OK;
}

/* The memory of the batches. Where a name is wanted and cannot be had it has none: whoever wanted
 * it is told why, and may do without. */
static mr_status open_slots(mr_pool *pool, uint64_t bytes, mr_error *err)
{
    mr_error why = {0};

    if (pool->options.named_slots) {
        if (mr__named_open(&pool->slots_name, &pool->slots_area, bytes, &why) == MR_OK)
            return MR_OK;
        (void)mr__text_copy(pool->slots_unnamed, sizeof pool->slots_unnamed, why.message);
    }
    return mr__area_open(&pool->slots_area, "millrace-slots", bytes, err);
}

static mr_status open_areas(mr_pool *pool, const mr__budget *budget, mr_error *err)
{
    mr_status s;
    uint32_t i;

    s = mr__area_open(&pool->slab_area, "millrace-slab", budget->slab_bytes, err);
    if (s == MR_OK)
        s = mr__area_seal_writes(&pool->slab_area, err);
    if (s == MR_OK)
        s = open_slots(pool, budget->slots_bytes, err);
    if (s == MR_OK)
        s = mr__extents_init(&pool->slab, budget->slab_bytes, MR__SLAB_UNIT, 1 << 16, err);
    if (s == MR_OK)
        s = mr__extents_init(&pool->slots, budget->slots_bytes, MR__SLOTS_UNIT, 1024, err);
    if (s == MR_OK && pool->options.spare_bytes > 0)
        s = mr__keeper_open(pool, &pool->keeper, err);
    for (i = 0; i < pool->n_workers && s == MR_OK; i++) {
        mr__worker *worker = &pool->workers[i];
        worker->index = i;
        s = mr__area_open(&worker->area, "millrace-control", sizeof(mr__control), err);
        if (s == MR_OK)
            s = mr__area_reserve(&worker->area, 0, sizeof(mr__control), err);
        worker->control = (mr__control *)(void *)worker->area.base;
    }
    return s;
}

static mr_status open_events(mr_pool *pool, mr_error *err)
{
    pool->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (pool->epoll_fd < 0 || pool->event_fd < 0 || pool->kick_fd < 0 || pool->timer_fd < 0)
        return mr__error_errno(err, MR_E_ENV, errno, "pool: event descriptors");
    return MR_OK;
}

/* Everything but the threads. A pool that this left half open can be closed. */
static mr_status build(mr_pool *pool, mr_error *err)
{
    mr__budget budget;
    mr_status s = check_options(&pool->options, err);
    uint32_t i;

    if (s == MR_OK)
        s = mr__cpu_level_detect(secure_getenv("MILLRACE_CPU"), &pool->cpu_level, err);
    if (s == MR_OK)
        s = mr__jpeg_choice_parse(secure_getenv("MILLRACE_JPEG"), &pool->jpeg, err);
    if (s == MR_OK)
        s = mr__program_open(pool, err);
    if (s == MR_OK)
        s = mr__budget_plan(&pool->options, &budget, err);
    if (s != MR_OK)
        return s;
    /* rows of a shape that nobody knows yet: the room is there, the memory comes with the stream */
    if (!pool->foreign || pool->options.slots_bytes > 0)
        pool->slots_wanted = budget.slots_bytes - pool->options.spare_bytes;
    pool->grant_total = pool->grant_free = budget.grant_bytes;
    pool->workers = calloc(pool->options.workers, sizeof pool->workers[0]);
    if (!pool->workers)
        return mr__error_no_memory(err, "pool");
    pool->n_workers = pool->options.workers;
    for (i = 0; i < pool->n_workers; i++)
        pool->workers[i].process.fd = pool->workers[i].area.fd = -1;
    s = open_events(pool, err);
    if (s == MR_OK)
        s = open_areas(pool, &budget, err);
    return s;
}

/* Workers first: they start while the reserver sees to the memory that they will use. */
static mr_status start(mr_pool *pool, mr_error *err)
{
    mr_status s = mr__thread_start(&pool->loop, mr__supervisor_main, pool, err);

    if (s != MR_OK)
        return s;
    pool->loop_runs = true;
    s = mr__thread_start(&pool->reserver, mr__reserve_main, pool, err);
    pool->reserver_runs = s == MR_OK;
    mr__pool_lock(pool);
    mr__extents_add(&pool->slots, 0, pool->slots_area.bytes);
    while (!pool->spawned)
        (void)pthread_cond_wait(&pool->changed, &pool->lock);
    if (s == MR_OK && pool->failed) {
        s = pool->error.status;
        if (err)
            *err = pool->error;
    }
    mr__pool_unlock(pool);
    return s;
}

mr_status mr__pool_open_with(const mr_pool_options *options, const mr__process_ops *process,
                             uint32_t unit_items, mr_pool **out, mr_error *err)
{
    mr_pool *pool = calloc(1, sizeof *pool);
    mr_status s;

    *out = NULL;
    if (!pool)
        return mr__error_no_memory(err, "pool");
    pool->options = *options;
    pool->process = process;
    pool->unit_items = unit_items;
    pool->epoll_fd = pool->event_fd = pool->kick_fd = pool->timer_fd = -1;
    pool->slab_area.fd = pool->slots_area.fd = pool->data_area.fd = -1;
    pool->slots_name.lock_fd = -1;
    (void)pthread_mutex_init(&pool->lock, NULL);
    mr__cond_init(&pool->changed);
    mr__cond_init(&pool->slab_changed);
    mr__cond_init(&pool->wanted);
    s = build(pool, err);
    if (s == MR_OK)
        s = start(pool, err);
    if (s != MR_OK)
        mr_pool_close(&pool);
    *out = pool;
    return s;
}

mr_status mr_pool_open(const mr_pool_options *options, mr_pool **out, mr_error *err)
{
    return mr__pool_open_with(options, &mr__process_exec, 0, out, err);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

void mr_pool_close(mr_pool **handle)
{
    mr_pool *pool = *handle;
    uint32_t i;

    if (!pool)
        return;
    if (pool->loop_runs) {
        mr__pool_lock(pool);
        mr__pool_end(pool);
        mr__pool_unlock(pool);
        (void)pthread_join(pool->loop, NULL);
    }
    if (pool->reserver_runs)
        (void)pthread_join(pool->reserver, NULL);
    for (i = 0; i < pool->n_workers; i++)
        mr__area_close(&pool->workers[i].area);
    free(pool->workers);
    mr__program_close(pool);
    mr__area_close(&pool->slab_area);
    mr__named_close(&pool->slots_name);
    mr__keeper_part(&pool->keeper, &pool->slots_area);
    mr__extents_fini(&pool->slab);
    mr__extents_fini(&pool->slots);
    close_fd(pool->epoll_fd);
    close_fd(pool->event_fd);
    close_fd(pool->kick_fd);
    close_fd(pool->timer_fd);
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_cond_destroy(&pool->slab_changed);
    (void)pthread_cond_destroy(&pool->wanted);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
    *handle = NULL;
}

void mr__pool_slots_region(const mr_pool *pool, mr__slots_region *out)
{
    *out = (mr__slots_region){.key = pool->slots_name.key[0] ? pool->slots_name.key : NULL,
                              .why = pool->slots_unnamed,
                              .base = pool->slots_area.base,
                              .bytes = pool->slots_area.bytes};
}

size_t mr_pool_pids(mr_pool *pool, int *pids, size_t max)
{
    size_t n = 0;
    uint32_t i;

    mr__pool_lock(pool);
    for (i = 0; i < pool->n_workers; i++) {
        if (pool->workers[i].state == MR__WORKER_DOWN)
            continue;
        if (n < max)
            pids[n] = pool->workers[i].process.pid;
        n++;
    }
    mr__pool_unlock(pool);
    return n;
}

void mr_pool_stats_get(mr_pool *pool, mr_pool_stats *out)
{
    int pids[MR__WORKERS_MAX];
    size_t n = mr_pool_pids(pool, pids, MR__WORKERS_MAX);
    uint64_t memory = mr__memory_pss(pids, n);
    uint32_t i;

    *out = (mr_pool_stats){.memory_bytes = memory};
    mr__pool_lock(pool);
    if (memory > pool->peak_memory_bytes)
        pool->peak_memory_bytes = memory;
    out->peak_memory_bytes = pool->peak_memory_bytes;
    out->workers = pool->n_workers;
    out->worker_restarts = pool->restarts;
    out->grants = pool->grants;
    out->take_backs = pool->take_backs;
    for (i = 0; i < pool->n_workers; i++) {
        const mr__worker *worker = &pool->workers[i];
        if (worker->state != MR__WORKER_READY)
            continue;
        out->sandbox_layers =
            worker->sandbox_layers & (out->workers_ready == 0 ? UINT32_MAX : out->sandbox_layers);
        out->landlock_abi = worker->landlock_abi;
        out->workers_ready++;
    }
    mr__pool_unlock(pool);
}
