/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls between host and workers, as the real sources make them: futex, eventfd, epoll,
 * timerfd, clock and process. Compiled sources see the names of libc as macros (meson.build).
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <time.h>

#include "explore.h"

long explore_syscall(long number, ...);
ssize_t explore_write(int fd, const void *bytes, size_t n);
ssize_t explore_read(int fd, void *bytes, size_t n);
int explore_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event);
int explore_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout);
int explore_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                            struct itimerspec *old);
int explore_clock_gettime(clockid_t clock, struct timespec *out);

static struct state *state(void)
{
    return &explore_world.state;
}

void explore_kernel_reset(void)
{
    state()->now = UINT64_C(1000000000);
    state()->lock = NOBODY;
}

static bool readable(int fd)
{
    const struct state *s = state();

    if (fd == FD_TIMER)
        return s->timer_at != 0 && s->now >= s->timer_at;
    if (fd >= FD_PROCESS)
        return s->processes[fd - FD_PROCESS].ended && !s->processes[fd - FD_PROCESS].reaped;
    return s->raised[fd - FD_EVENT] > 0;
}

static bool any_readable(void)
{
    int i;

    for (i = 0; i < N_FDS; i++)
        if (state()->watched[i] != 0 && readable(FD_EVENT + i))
            return true;
    return false;
}

bool explore_op_enabled(int self)
{
    const struct state *s = state();
    const actor *it = &s->actors[self];

    switch (it->next.kind) {
    case OP_FUTEX_SLEEP:
        return it->woken;
    case OP_EPOLL:
        return any_readable();
    case OP_LOCK:
        return s->lock == NOBODY;
    case OP_AWAIT:
        if (it->next.size == EXPLORE_NONE_SENT)
            return !explore_any_sent();
        if (it->next.size == EXPLORE_ALL_READY)
            return explore_all_ready();
        return explore_world.pool.spawned && s->n_ended >= it->next.size;
    default:
        return true;
    }
}

/* After its answer is announced, or after it slept, a worker keeps nothing but its serve. */
static void forget_between_units(void)
{
    int self = explore_self();

    if (self >= WORKER && !state()->processes[self - WORKER].in_job)
        explore_forget();
}

static void futex_wait(const uint32_t *word, uint32_t seen)
{
    int self = explore_self();
    bool asleep;

    explore_point((op){.kind = OP_FUTEX_WAIT, .at = word});
    asleep = *word == seen;
    explore_saw(&asleep, sizeof asleep);
    if (asleep) {
        state()->actors[self].woken = false;
        explore_point((op){.kind = OP_FUTEX_SLEEP, .at = word});
        state()->actors[self].woken = false;
    }
    forget_between_units();
}

static void futex_wake(const uint32_t *word)
{
    int i;

    explore_point((op){.kind = OP_FUTEX_WAKE, .at = word});
    for (i = 0; i < N_ACTORS; i++) {
        actor *it = &state()->actors[i];
        if (it->alive && it->next.kind == OP_FUTEX_SLEEP && it->next.at == word)
            it->woken = true;
    }
}

long explore_syscall(long number, ...)
{
    va_list args;
    const uint32_t *word;
    int what;
    uint32_t value;

    if (number != SYS_futex) {
        explore_violation("system call %ld", number);
        return -1;
    }
    va_start(args, number);
    word = va_arg(args, const uint32_t *);
    what = va_arg(args, int);
    value = va_arg(args, uint32_t);
    va_end(args);
    if (what == FUTEX_WAIT)
        futex_wait(word, value);
    else if (what == FUTEX_WAKE)
        futex_wake(word);
    else
        explore_violation("futex: operation %d", what);
    return 0;
}

ssize_t explore_write(int fd, const void *bytes, size_t n)
{
    (void)bytes;
    explore_point((op){.kind = OP_RAISE, .fd = fd});
    state()->raised[fd - FD_EVENT] = 1;
    forget_between_units();
    return (ssize_t)n;
}

ssize_t explore_read(int fd, void *bytes, size_t n)
{
    explore_point((op){.kind = OP_CLEAR, .fd = fd});
    memset(bytes, 0, n);
    if (!readable(fd)) {
        errno = EAGAIN;
        return -1;
    }
    if (fd == FD_TIMER)
        state()->timer_at = 0;
    else
        state()->raised[fd - FD_EVENT] = 0;
    return (ssize_t)n;
}

int explore_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event)
{
    (void)epoll_fd;
    if (what != (state()->watched[fd - FD_EVENT] != 0 ? EPOLL_CTL_DEL : EPOLL_CTL_ADD))
        explore_violation("epoll: operation %d on descriptor %d", what, fd);
    state()->watched[fd - FD_EVENT] = what == EPOLL_CTL_ADD ? event->data.u64 + 1 : 0;
    return 0;
}

int explore_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout)
{
    int i, n = 0;

    (void)epoll_fd;
    (void)timeout;
    /* the loop keeps nothing from turn to turn but when it kills at closing, which shows in
     * `shutdown` */
    explore_forget();
    explore_point((op){.kind = OP_EPOLL});
    for (i = 0; i < N_FDS && n < max; i++) {
        if (state()->watched[i] == 0 || !readable(FD_EVENT + i))
            continue;
        memset(&events[n], 0, sizeof events[n]);
        events[n].events = EPOLLIN;
        events[n++].data.u64 = state()->watched[i] - 1;
        explore_saw(&i, sizeof i);
    }
    return n;
}

int explore_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                            struct itimerspec *old)
{
    (void)fd;
    (void)flags;
    (void)old;
    state()->timer_at =
        (uint64_t)when->it_value.tv_sec * 1000000000 + (uint64_t)when->it_value.tv_nsec;
    return 0;
}

/* Stands still until time passes. */
int explore_clock_gettime(clockid_t clock, struct timespec *out)
{
    uint64_t now = state()->now;

    (void)clock;
    out->tv_sec = (time_t)(now / 1000000000);
    out->tv_nsec = (long)(now % 1000000000);
    explore_saw(&now, sizeof now);
    return 0;
}

static void worker_end(int worker)
{
    process *it = &state()->processes[worker];
    actor *self = &state()->actors[WORKER + worker];

    it->running = it->dying = it->in_job = false;
    it->ended = true;
    it->row = NOBODY;
    it->using = 0;
    self->alive = self->woken = false;
    self->observed = 0;
    self->next = (op){.kind = OP_NONE};
}

void explore_die(int worker)
{
    state()->deaths++;
    worker_end(worker);
}

static void worker_main(void)
{
    int me = explore_self() - WORKER;
    world *w = &explore_world;
    const mr__areas areas = {
        .control = &w->control[me], .slab = w->slab, .slots = w->slots, .event_fd = FD_EVENT};
    mr__serve *serve = NULL;

    if (mr__serve_open(&areas, &serve, NULL) != MR_OK)
        explore_violation("the worker does not start");
    mr__word_store(&areas.control->sandbox_layers, UINT32_MAX);
    mr__serve_run(serve);
    mr__serve_close(&serve);
    worker_end(me);
    explore_point((op){.kind = OP_END});
}

static mr_status start(const mr__process_program *program, const mr__process_files *files,
                       mr__process *out, mr_error *err)
{
    int worker = files->control;
    process *it = &state()->processes[worker];

    (void)program;
    (void)err;
    if (it->running || (it->ended && !it->reaped))
        explore_violation("a worker is started while the last one is there");
    *it = (process){.running = true, .row = NOBODY};
    memset(explore_world.serve[worker], 0, sizeof explore_world.serve[worker]);
    explore_start(WORKER + worker, worker_main);
    *out = (mr__process){.pid = 1, .fd = FD_PROCESS + worker};
    return MR_OK;
}

static void end_by_force(mr__process *it)
{
    if (it->fd >= 0 && state()->processes[it->fd - FD_PROCESS].running)
        state()->processes[it->fd - FD_PROCESS].dying = true;
}

static mr__process_end reap(mr__process *it)
{
    process *ended = &state()->processes[it->fd - FD_PROCESS];

    if (!ended->ended)
        explore_violation("a worker is reaped that runs");
    ended->reaped = true;
    state()->watched[it->fd - FD_EVENT] = 0;
    *it = (mr__process){.fd = -1};
    return (mr__process_end){.known = true, .by_signal = true, .value = 9};
}

const mr__process_ops explore_process = {.start = start, .kill = end_by_force, .reap = reap};

/* The one thing that a worker allocates is its serve. */
void *explore_calloc(size_t n, size_t size)
{
    int self = explore_self();

    if (self < WORKER || n * size > sizeof explore_world.serve[0]) {
        explore_violation("an allocation of %zu bytes", n * size);
        return NULL;
    }
    return explore_world.serve[self - WORKER];
}

void explore_free(void *p)
{
    (void)p;
}

/* What program.c would be, of a pool that runs millrace-worker. */
mr_status mr__program_ready(mr_pool *pool, const mr__worker *worker, mr_error *err)
{
    (void)pool;
    (void)worker;
    (void)err;
    return MR_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): as declared */
bool mr__program_trouble(const mr__worker *worker, char *out, size_t size)
{
    (void)worker;
    (void)out;
    (void)size;
    return false;
}
