/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that runs all transfers of a context: see transfer.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fetch/transfer.h"

#define MS           UINT64_C(1000000)
#define LONGEST_MS   10000 /* the engine looks around at least so often */
#define ENGINE_STACK ((size_t)1 << 20)
#define EVENTS       64

static void finish(mr__transfer *t, CURLcode result)
{
    mr__engine *e = t->engine;
    mr__transfer **at = &e->running;

    while (*at && *at != t)
        at = &(*at)->next_running;
    if (*at)
        *at = t->next_running;
    (void)e->curl.multi_remove_handle(e->multi, t->easy);
    t->result = result;
    t->state = MR__TRANSFER_DONE;
    (void)sem_post(&t->back);
}

static void end(mr__transfer *t, mr__transfer_end why)
{
    if (t->end == MR__END_NONE)
        t->end = why;
    finish(t, CURLE_ABORTED_BY_CALLBACK);
}

static void begin(mr__transfer *t)
{
    mr__engine *e = t->engine;

    t->started_ns = t->last_ns = mr__clock_ns();
    t->next_running = e->running;
    e->running = t;
    if (e->curl.multi_add_handle(e->multi, t->easy) != CURLM_OK)
        end(t, MR__END_MEMORY);
}

static void resume(mr__transfer *t)
{
    uint64_t now = mr__clock_ns();

    t->deadline_ns += now - t->held_ns;
    t->last_ns = now;
    t->held_ns = 0;
    if (t->engine->curl.easy_pause(t->easy, CURLPAUSE_CONT) != CURLE_OK)
        end(t, MR__END_MEMORY);
}

/* Does what callers ask, in the order in which they did. */
static void obey(mr__engine *e)
{
    mr__transfer *list = atomic_exchange(&e->commands, NULL), *reversed = NULL, *t;

    while ((t = list) != NULL) {
        list = t->next_command;
        t->next_command = reversed;
        reversed = t;
    }
    while ((t = reversed) != NULL) {
        reversed = t->next_command;
        if (t->command == MR__COMMAND_START)
            begin(t);
        else if (t->command == MR__COMMAND_RESUME)
            resume(t);
        else
            end(t, MR__END_INTERRUPTED);
    }
}

static void collect(mr__engine *e)
{
    CURLMsg *message;
    int left;

    while ((message = e->curl.multi_info_read(e->multi, &left)) != NULL) {
        CURLcode result = message->data.result;
        char *mine = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)e->curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &mine);
        finish((mr__transfer *)(void *)mine, result);
    }
}

/* When the transfer is over at the latest as things stand, and what it is then called. */
static uint64_t deadline_of(const mr__transfer *t, mr__transfer_end *why)
{
    uint64_t idle = t->engine->options.idle_ms * MS, at;

    /* the head of an answer comes as a whole within this, or a server could send it byte by byte;
     * connecting has its own limit before */
    *why = t->answer.complete ? MR__END_IDLE : MR__END_HEAD;
    at = t->answer.complete ? t->last_ns + idle : t->started_ns + 2 * idle;
    if (t->deadline_ns <= at)
        *why = MR__END_TOTAL;
    return t->deadline_ns <= at ? t->deadline_ns : at;
}

/* Ends what is late or interrupted; returns milliseconds until the next deadline. */
static int judge(mr__engine *e)
{
    uint64_t now = mr__clock_ns(), nearest = now + LONGEST_MS * MS;
    bool interrupted = atomic_load(e->interrupted);
    mr__transfer *t, *next;

    if (e->timer_ns != 0 && e->timer_ns < nearest)
        nearest = e->timer_ns > now ? e->timer_ns : now;
    for (t = e->running; t; t = next) {
        mr__transfer_end why;
        uint64_t at;

        next = t->next_running;
        if (t->held_ns != 0)
            continue; /* its caller's: that one sees an interruption for itself */
        at = deadline_of(t, &why);
        if (interrupted)
            end(t, MR__END_INTERRUPTED);
        else if (at <= now)
            end(t, why);
        else if (at < nearest)
            nearest = at;
    }
    if (interrupted) {
        pthread_mutex_lock(&e->lock);
        (void)pthread_cond_broadcast(&e->stopped);
        pthread_mutex_unlock(&e->lock);
    }
    return (int)((nearest - now + MS - 1) / MS);
}

/* libcurl: call me in that many milliseconds. Not from within: that is forbidden. */
static int on_timer(CURLM *multi, long ms, void *cookie)
{
    mr__engine *e = cookie;

    (void)multi;
    e->timer_ns = ms < 0 ? 0 : mr__clock_ns() + (uint64_t)ms * MS;
    return 0;
}

/* libcurl: watch this socket for that. What it assigned to the socket says that it is watched. */
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *cookie, void *watched)
{
    mr__engine *e = cookie;
    struct epoll_event event = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(e->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    if (epoll_ctl(e->epoll, watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        return -1; /* libcurl ends its transfers */
    if (!watched)
        (void)e->curl.multi_assign(e->multi, fd, e);
    return 0;
}

/* Blocks until something happens, and lets libcurl work on that. */
static void turn(mr__engine *e, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n, i, running;

    atomic_store(&e->asleep, true);
    if (atomic_load(&e->commands) || atomic_load(&e->closing) || atomic_load(e->interrupted))
        wait_ms = 0; /* who gave it may have seen us awake */
    n = epoll_wait(e->epoll, events, EVENTS, wait_ms);
    atomic_store(&e->asleep, false);
    for (i = 0; i < n; i++) {
        uint32_t got = events[i].events;
        int what = (got & EPOLLIN ? CURL_CSELECT_IN : 0) | (got & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (got & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

        if (events[i].data.fd != e->doorbell)
            (void)e->curl.multi_socket_action(e->multi, events[i].data.fd, what, &running);
    }
}

static void *engine_main(void *arg)
{
    mr__engine *e = arg;
    int running;

    while (!atomic_load(&e->closing)) {
        obey(e);
        if (e->timer_ns != 0 && e->timer_ns <= mr__clock_ns()) {
            e->timer_ns = 0; /* it says when it wants the next */
            (void)e->curl.multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        collect(e);
        turn(e, judge(e));
        collect(e);
    }
    return NULL;
}

void mr__engine_run(mr__transfer *t, mr__transfer_command command)
{
    mr__engine *e = t->engine;
    mr__transfer *before = atomic_load(&e->commands);

    t->command = command;
    t->state = MR__TRANSFER_RUNNING;
    do
        t->next_command = before;
    while (!atomic_compare_exchange_weak(&e->commands, &before, t));
    if (atomic_exchange(&e->asleep, false))
        mr__engine_wake(e);
    while (sem_wait(&t->back) != 0)
        continue; /* a signal of the host's */
}

bool mr__engine_pause(mr__engine *e, uint32_t ms)
{
    struct timespec until;
    int rc = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&e->lock);
    while (rc != ETIMEDOUT && !atomic_load(e->interrupted))
        rc = pthread_cond_timedwait(&e->stopped, &e->lock, &until);
    pthread_mutex_unlock(&e->lock);
    return !atomic_load(e->interrupted);
}

void mr__engine_wake(mr__engine *e)
{
    (void)!write(e->doorbell, &(uint64_t){1}, sizeof(uint64_t));
}

bool mr__engine_equip(mr__transfer *t)
{
    mr__engine *e = t->engine;
    mr__kept kept = {0};

    pthread_mutex_lock(&e->lock);
    if (e->n_kept > 0)
        kept = e->kept[--e->n_kept];
    pthread_mutex_unlock(&e->lock);
    if (!kept.easy) {
        kept.easy = e->curl.easy_init();
        mr__buf_init(&kept.small, MR__FETCH_SMALL_BYTES);
    }
    t->easy = kept.easy;
    t->small = kept.small;
    return t->easy != NULL;
}

void mr__engine_unequip(mr__transfer *t)
{
    mr__engine *e = t->engine;
    mr__kept kept = {t->easy, t->small};

    if (!kept.easy)
        return;
    pthread_mutex_lock(&e->lock);
    if (e->n_kept < MR__HTTP_IDLE_MAX) {
        e->kept[e->n_kept++] = kept;
        kept.easy = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    if (kept.easy) {
        e->curl.easy_cleanup(kept.easy);
        mr__buf_fini(&kept.small);
    }
}

static bool add_header(mr__engine *e, const char *line)
{
    struct curl_slist *longer = e->curl.slist_append(e->headers, line);

    if (longer)
        e->headers = longer;
    return longer != NULL;
}

int mr__engine_thread(pthread_t *thread, void *(*main)(void *), void *arg)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int rc;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, ENGINE_STACK);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(thread, &attr, main, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return rc;
}

static mr_status start(mr__engine *e, mr_error *err)
{
    int rc = mr__engine_thread(&e->thread, engine_main, e);

    if (rc != 0)
        return mr__error_errno(err, MR_E_ENV, rc, "fetch: thread");
    e->runs = true;
    return MR_OK;
}

/* What the thread waits with. */
static mr_status open_loop(mr__engine *e, mr_error *err)
{
    struct epoll_event bell = {.events = EPOLLIN | EPOLLET}; /* by edges: it need not be read */

    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    e->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bell.data.fd = e->doorbell;
    if (e->epoll < 0 || e->doorbell < 0 ||
        epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->doorbell, &bell) != 0)
        return mr__error_errno(err, MR_E_ENV, errno, "fetch: epoll");
    return MR_OK;
}

static mr_status open_multi(mr__engine *e, mr_error *err)
{
    const mr__curl *c = &e->curl;

    e->multi = c->multi_init();
    /* pictures are asked for as they are: a body that unpacks itself is a bomb */
    if (!e->multi || !add_header(e, "Accept-Encoding: identity") ||
        !add_header(e, "Accept: image/*, */*;q=0.5"))
        return mr__error_no_memory(err, "fetch");
    (void)c->multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)e->options.concurrency);
    (void)c->multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    (void)c->multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
    (void)c->multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)c->multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
    return MR_OK;
}

mr_status mr__engine_open(const mr__fetch_options *options, const atomic_bool *interrupted,
                          mr__engine **out, mr_error *err)
{
    mr__engine *e = calloc(1, sizeof *e);
    pthread_condattr_t monotonic;
    mr_status status;

    *out = NULL;
    if (!e)
        return mr__error_no_memory(err, "fetch");
    e->options = *options;
    e->interrupted = interrupted;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&e->stopped, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&e->lock, NULL);
    e->epoll = e->doorbell = -1;
    status = mr__curl_open(&e->curl, err);
    if (status == MR_OK)
        status = open_loop(e, err);
    if (status == MR_OK)
        status = open_multi(e, err);
    if (status == MR_OK)
        status = start(e, err);
    if (status != MR_OK)
        mr__engine_close(&e);
    *out = e;
    return status;
}

void mr__engine_close(mr__engine **engine)
{
    mr__engine *e = *engine;

    if (!e)
        return;
    if (e->runs) {
        atomic_store(&e->closing, true);
        mr__engine_wake(e);
        (void)pthread_join(e->thread, NULL);
    }
    while (e->n_kept > 0) {
        mr__kept *kept = &e->kept[--e->n_kept];

        e->curl.easy_cleanup(kept->easy);
        mr__buf_fini(&kept->small);
    }
    if (e->multi)
        (void)e->curl.multi_cleanup(e->multi);
    if (e->headers)
        e->curl.slist_free_all(e->headers);
    mr__curl_close(&e->curl);
    if (e->epoll >= 0)
        (void)close(e->epoll);
    if (e->doorbell >= 0)
        (void)close(e->doorbell);
    (void)pthread_cond_destroy(&e->stopped);
    (void)pthread_mutex_destroy(&e->lock);
    free(e);
    *engine = NULL;
}
