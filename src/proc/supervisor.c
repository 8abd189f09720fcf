/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop thread: one epoll over everything that can happen to the workers.
 *
 *   event_fd   a worker answered, asks for memory, or is ready
 *   kick_fd    another thread wants the loop to look (closing, an alarm)
 *   timer_fd   the earliest of: an item's deadline, a batch's age
 *   pidfd      a worker ended, for whatever reason
 *
 * On each turn, under the lock: deaths are reaped first (then nobody else writes to that worker's
 * words), answers collected, requests for memory met, deadlines judged, ready tasks dispatched. A
 * worker over its deadline is killed with SIGKILL, which also ends a stopped one; what follows is
 * the same path as any other death: reap, take back, retry alone, respawn. A worker is known to
 * have begun only what its word says, and only the oldest unit can have been begun, so a lie in
 * shared memory costs at most the liar's own items.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/pool.h"
#include "ring/wake.h"

#define ID_EVENT      UINT64_C(0xffff0001)
#define ID_KICK       UINT64_C(0xffff0002)
#define ID_TIMER      UINT64_C(0xffff0003)
#define CLOSE_WAIT_NS (UINT64_C(1) * 1000000000)

void mr__supervisor_kick(mr_pool *pool)
{
    mr__wake_raise(pool->kick_fd);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a | b;
    return a < b ? a : b;
}

static uint64_t deadline_of(const mr_pool *pool, const mr__worker *worker)
{
    if (worker->timed_out)
        return 0;
    if (worker->state == MR__WORKER_STARTING)
        return worker->started_ns + (uint64_t)pool->options.worker_start_ms * 1000000;
    if (worker->head_since_ns == 0)
        return 0;
    return worker->head_since_ns + worker->units[worker->head % MR__MAILBOX_UNITS].n_items *
                                       (uint64_t)pool->options.item_timeout_ms * 1000000;
}

static void arm_at(mr_pool *pool, uint64_t at)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at / 1000000000), .tv_nsec = (long)(at % 1000000000)}};

    pool->armed_ns = at;
    (void)timerfd_settime(pool->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void mr__supervisor_arm(mr_pool *pool)
{
    uint64_t at = pool->kill_at_ns;
    const mr__alarm *alarm;
    uint32_t i;

    for (i = 0; i < pool->n_workers; i++)
        at = earlier(at, deadline_of(pool, &pool->workers[i]));
    for (alarm = pool->alarms; alarm; alarm = alarm->next)
        at = earlier(at, alarm->at_ns);
    /* one that fires too early only costs a look; so the timer is moved only when something comes
     * earlier */
    if (at != 0 && (pool->armed_ns == 0 || pool->armed_ns > at))
        arm_at(pool, at);
}

static mr_status watch(mr_pool *pool, int fd, uint64_t id, mr_error *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = id};

    if (epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return mr__error_errno(err, MR_E_ENV, errno, "pool: epoll_ctl");
    return MR_OK;
}

/* A control area as new. Only while no process maps it that is still alive. */
static void reset_control(mr_pool *pool, mr__worker *worker)
{
    mr__control *control = worker->control;
    uint32_t doorbell = mr__word_load(&control->doorbell);
    size_t i;

    mr__wide_store(&control->grant, 0);
    mr__wide_store(&control->need, 0);
    mr__word_store(&control->doorbell, doorbell + 1);
    mr__word_store(&control->shutdown, 0);
    mr__word_store(&control->ready, 0);
    mr__word_store(&control->sandbox_layers, 0);
    mr__word_store(&control->landlock_abi, 0);
    mr__word_store(&control->heartbeat, 0);
    for (i = 0; i < MR__MAILBOX_UNITS; i++)
        mr__word_store(&control->units[i].word, 0);
    /* a captured worker may have written here: everything that its successor reads is written anew
     */
    control->magic = MR__RING_MAGIC;
    control->version = MR__RING_VERSION;
    control->control_bytes = sizeof *control;
    control->slab_bytes = pool->slab_area.bytes;
    control->slots_bytes = pool->slots_area.bytes;
    control->standing_bytes = MR__WORKER_BASE_BYTES + mr__budget_standing();
    control->grant_max_bytes = pool->grant_total;
    control->cpu_level = (uint32_t)pool->cpu_level;
    control->jpeg = (uint32_t)pool->jpeg;
    control->index = worker->index;
    control->host_pid = (uint32_t)getpid();
    control->confine = pool->confine;
    control->data_bytes = pool->options.worker_data_bytes;
    memset(&control->row, 0, sizeof control->row);
    control->trouble[0] = '\0';
    for (i = 0; i < MR__PLAN_CELLS; i++) {
        memcpy(control->plans[i].text, pool->plans[i].text, sizeof pool->plans[i].text);
    }
}

static void start_worker(mr_pool *pool, mr__worker *worker)
{
    const mr__process_files files = {.control = worker->area.fd,
                                     .slab = pool->slab_area.fd,
                                     .slots = pool->slots_area.fd,
                                     .event = pool->event_fd,
                                     .data = pool->data_area.fd};
    mr_error err = {0};

    reset_control(pool, worker);
    worker->timed_out = worker->planned = false;
    worker->served = 0;
    worker->started_ns = mr__clock_ns();
    worker->need_number = 0;
    if (pool->process->start(&pool->program, &files, &worker->process, &err) != MR_OK) {
        mr__pool_fail(pool, &err);
        return;
    }
    if (watch(pool, worker->process.fd, worker->index, &err) != MR_OK) {
        /* it would never be heard of again */
        pool->process->kill(&worker->process);
        (void)pool->process->reap(&worker->process);
        mr__pool_fail(pool, &err);
        return;
    }
    worker->state = MR__WORKER_STARTING;
}

/* Signal or exit status to the reason that an item is quarantined with. */
static mr_code judge(const mr__worker *worker, const mr__process_end *end, char *text, size_t size)
{
    if (worker->timed_out && worker->state == MR__WORKER_STARTING) {
        (void)snprintf(text, size, "the worker was not ready in time, and was ended");
        return MR_CODE_TIMED_OUT;
    }
    if (worker->timed_out) {
        (void)snprintf(text, size, "the worker was ended at its deadline");
        return MR_CODE_TIMED_OUT;
    }
    if (!end->known) {
        (void)snprintf(text, size, "the worker ended");
        return MR_CODE_CRASHED;
    }
    if (!end->by_signal) {
        (void)snprintf(text, size, "the worker exited with status %d", end->value);
        return end->value == MR__EXIT_NO_MEMORY ? MR_CODE_OUT_OF_MEMORY : MR_CODE_CRASHED;
    }
    if (end->value == SIGSYS) {
        (void)snprintf(text, size, "the worker made a system call that the sandbox forbids");
        return MR_CODE_SANDBOX_VIOLATION;
    }
    (void)snprintf(text, size, "the worker died of signal %d (SIG%s)", end->value,
                   sigabbrev_np(end->value) ? sigabbrev_np(end->value) : "?");
    return MR_CODE_CRASHED;
}

/* Workers that die before they are ready, one after the other, mean that none ever will be. So does
 * one that says why it cannot, before any other could. */
static void count_failed_start(mr_pool *pool, const mr__worker *worker, const char *why)
{
    char trouble[MR__TROUBLE_MAX];
    bool says = pool->foreign && mr__program_trouble(worker, trouble, sizeof trouble);
    mr_error err = {0};

    if (++pool->failed_starts < MR__STARTS_MAX && !(says && !pool->has_dims))
        return;
    if (pool->foreign)
        (void)mr__error_set(&err, MR_E_ENV, "workers do not start: %s (%s)", says ? trouble : why,
                            pool->worker_path);
    else
        (void)mr__error_set(&err, MR_E_ENV, "workers do not start: %s (%s); see: millrace doctor",
                            why, pool->worker_path);
    mr__pool_fail(pool, &err);
}

static void worker_ended(mr_pool *pool, mr__worker *worker)
{
    bool was_ready = worker->state == MR__WORKER_READY;
    mr__process_end end;
    char why[96];
    mr_code reason;

    /* closing it is not enough: where the host has forked, its child keeps the description alive,
     * and this end would be reported again, as that of the next worker */
    (void)epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, worker->process.fd, NULL);
    end = pool->process->reap(&worker->process);
    reason = judge(worker, &end, why, sizeof why);
    worker->state = MR__WORKER_DOWN;
    mr__dispatch_collect(pool, worker);
    mr__dispatch_reclaim(pool, worker, reason, why);
    pthread_cond_broadcast(&pool->changed);
    if (pool->closing)
        return;
    if (!worker->planned) {
        pool->restarts++;
        mr__log(&pool->options.logger, MR_LOG_WARN, "pool", "worker %u: %s; starting another",
                worker->index, why);
    }
    if (!was_ready)
        count_failed_start(pool, worker, why);
    if (!pool->failed)
        start_worker(pool, worker);
}

/* Layers that it ought to have and has not: a program of somebody else's has no limits of its own,
 * and none of the others unless that was asked for. */
static uint32_t missing_layers(const mr_pool *pool, const mr__worker *worker)
{
    uint32_t wanted =
        MR_SANDBOX_NO_NEW_PRIVS | MR_SANDBOX_SECCOMP | MR_SANDBOX_LANDLOCK | MR_SANDBOX_RLIMITS;

    if (pool->foreign)
        wanted = pool->confine ? wanted & ~(uint32_t)MR_SANDBOX_RLIMITS : 0;
    return wanted & ~worker->sandbox_layers;
}

static void worker_ready(mr_pool *pool, mr__worker *worker)
{
    uint32_t missing;
    mr_error err = {0};

    /* noted now: once it has seen a picture it may say anything */
    worker->sandbox_layers = mr__word_load(&worker->control->sandbox_layers);
    worker->landlock_abi = mr__word_load(&worker->control->landlock_abi);
    missing = missing_layers(pool, worker);
    if (mr__program_ready(pool, worker, &err) != MR_OK) {
        mr__pool_fail(pool, &err);
        return;
    }
    worker->state = MR__WORKER_READY;
    pool->failed_starts = 0;
    pthread_cond_broadcast(&pool->changed);
    if (missing == 0)
        return;
    if (pool->options.require_sandbox) {
        (void)mr__error_set(&err, MR_E_ENV, "sandbox: not in force:%s%s%s%s; see: millrace doctor",
                            missing & MR_SANDBOX_NO_NEW_PRIVS ? " no_new_privs" : "",
                            missing & MR_SANDBOX_SECCOMP ? " seccomp" : "",
                            missing & MR_SANDBOX_LANDLOCK ? " landlock" : "",
                            missing & MR_SANDBOX_RLIMITS ? " rlimits" : "");
        mr__pool_fail(pool, &err);
        return;
    }
    mr__log(&pool->options.logger, MR_LOG_WARN, "pool",
            "worker %u: the sandbox is not complete; see: millrace doctor", worker->index);
}

static void judge_deadlines(mr_pool *pool, uint64_t now)
{
    uint32_t i;
    mr__alarm *alarm, *next;

    if (pool->armed_ns != 0 && pool->armed_ns <= now)
        pool->armed_ns = 0;
    for (i = 0; i < pool->n_workers; i++) {
        mr__worker *worker = &pool->workers[i];
        uint64_t at = deadline_of(pool, worker);
        if (at == 0 || at > now)
            continue;
        worker->timed_out = true;
        pool->process->kill(&worker->process);
    }
    for (alarm = pool->alarms; alarm; alarm = next) {
        next = alarm->next;
        if (alarm->at_ns == 0 || alarm->at_ns > now)
            continue;
        alarm->at_ns = 0;
        alarm->fire(alarm);
    }
}

static void look_at_workers(mr_pool *pool)
{
    uint32_t i;

    for (i = 0; i < pool->n_workers; i++) {
        mr__worker *worker = &pool->workers[i];
        if (worker->state == MR__WORKER_STARTING && mr__word_load(&worker->control->ready) == 1)
            worker_ready(pool, worker);
        if (worker->state != MR__WORKER_READY)
            continue;
        mr__dispatch_collect(pool, worker);
        mr__grants_look(pool, worker);
    }
    mr__grants_answer(pool);
}

static void take_event(mr_pool *pool, uint64_t id)
{
    uint64_t ignored;

    if (id == ID_EVENT)
        mr__wake_clear(pool->event_fd);
    else if (id == ID_KICK)
        mr__wake_clear(pool->kick_fd);
    else if (id == ID_TIMER)
        (void)!read(pool->timer_fd, &ignored, sizeof ignored);
    else if (id < pool->n_workers && pool->workers[id].process.fd >= 0)
        worker_ended(pool, &pool->workers[id]);
}

static bool any_worker_up(const mr_pool *pool)
{
    uint32_t i;

    for (i = 0; i < pool->n_workers; i++)
        if (pool->workers[i].state != MR__WORKER_DOWN)
            return true;
    return false;
}

/* Asks every worker to leave; those that have not by the deadline are killed. */
static void close_workers(mr_pool *pool)
{
    uint64_t now = mr__clock_ns();
    uint32_t i;

    for (i = 0; i < pool->n_workers && !pool->leaving; i++) {
        mr__word_store(&pool->workers[i].control->shutdown, 1);
        mr__wake_ring(&pool->workers[i].control->doorbell);
    }
    if (!pool->leaving)
        pool->kill_at_ns = now + CLOSE_WAIT_NS;
    pool->leaving = true;
    if (pool->kill_at_ns != 0 && now >= pool->kill_at_ns) {
        pool->kill_at_ns = 0;
        for (i = 0; i < pool->n_workers; i++)
            if (pool->workers[i].state != MR__WORKER_DOWN)
                pool->process->kill(&pool->workers[i].process);
    }
    mr__supervisor_arm(pool);
}

/* False: the loop could not hear of anything; there is no worker then. */
static bool first_round(mr_pool *pool)
{
    mr_error err = {0};
    mr_status s;
    uint32_t i;

    mr__pool_lock(pool);
    s = watch(pool, pool->event_fd, ID_EVENT, &err);
    if (s == MR_OK)
        s = watch(pool, pool->kick_fd, ID_KICK, &err);
    if (s == MR_OK)
        s = watch(pool, pool->timer_fd, ID_TIMER, &err);
    if (s != MR_OK)
        mr__pool_fail(pool, &err);
    for (i = 0; i < pool->n_workers && !pool->failed; i++)
        start_worker(pool, &pool->workers[i]);
    mr__supervisor_arm(pool);
    pool->spawned = true;
    pthread_cond_broadcast(&pool->changed);
    mr__pool_unlock(pool);
    return s == MR_OK;
}

void *mr__supervisor_main(void *arg)
{
    mr_pool *pool = arg;
    struct epoll_event events[16];
    int n, i;

    if (!first_round(pool))
        return NULL;
    for (;;) {
        n = epoll_wait(pool->epoll_fd, events, 16, -1);
        mr__pool_lock(pool);
        for (i = 0; i < n; i++)
            take_event(pool, events[i].data.u64);
        look_at_workers(pool);
        judge_deadlines(pool, mr__clock_ns());
        if (pool->closing)
            close_workers(pool);
        else
            mr__dispatch(pool);
        if (pool->closing && !any_worker_up(pool)) {
            mr__pool_unlock(pool);
            return NULL;
        }
        mr__pool_unlock(pool);
    }
}
