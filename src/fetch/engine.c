/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that runs all transfers of a context: see transfer.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "fetch/transfer.h"

#define MS           UINT64_C(1000000)
#define LONGEST_MS   10000 /* the engine looks around at least so often */
#define ENGINE_STACK ((size_t)1 << 20)

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
    pthread_mutex_lock(&e->lock);
    t->state = MR__TRANSFER_DONE;
    (void)pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&e->lock);
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

/* Does what callers ask. False when the engine is to end. */
static bool obey(mr__engine *e)
{
    mr__transfer *list, *reversed = NULL, *t;
    bool closing;

    pthread_mutex_lock(&e->lock);
    list = e->commands;
    e->commands = NULL;
    closing = e->closing;
    pthread_mutex_unlock(&e->lock);
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
    return !closing;
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

    for (t = e->running; t; t = next) {
        mr__transfer_end why;
        uint64_t at = deadline_of(t, &why);

        next = t->next_running;
        if (t->held_ns != 0)
            continue; /* its caller's: that one sees an interruption for itself */
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
    return (int)((nearest - now) / MS) + 1;
}

static void *engine_main(void *arg)
{
    mr__engine *e = arg;
    int running, wait_ms;

    while (obey(e)) {
        (void)e->curl.multi_perform(e->multi, &running);
        collect(e);
        wait_ms = judge(e);
        (void)e->curl.multi_poll(e->multi, NULL, 0, wait_ms, NULL);
    }
    return NULL;
}

static void give(mr__engine *e, mr__transfer *t, mr__transfer_command command)
{
    t->command = command;
    t->state = MR__TRANSFER_RUNNING;
    t->next_command = e->commands;
    e->commands = t;
}

void mr__engine_run(mr__transfer *t, mr__transfer_command command)
{
    mr__engine *e = t->engine;
    bool first;

    pthread_mutex_lock(&e->lock);
    first = e->commands == NULL;
    give(e, t, command);
    pthread_mutex_unlock(&e->lock);
    if (first)
        mr__engine_wake(e);
    pthread_mutex_lock(&e->lock);
    while (t->state == MR__TRANSFER_RUNNING)
        (void)pthread_cond_wait(&t->changed, &e->lock);
    pthread_mutex_unlock(&e->lock);
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
    (void)e->curl.multi_wakeup(e->multi);
}

CURL *mr__engine_easy(mr__engine *e)
{
    CURL *easy = NULL;

    pthread_mutex_lock(&e->lock);
    if (e->n_idle > 0)
        easy = e->idle[--e->n_idle];
    pthread_mutex_unlock(&e->lock);
    if (!easy)
        return e->curl.easy_init();
    e->curl.easy_reset(easy);
    return easy;
}

void mr__engine_easy_back(mr__engine *e, CURL *easy)
{
    pthread_mutex_lock(&e->lock);
    if (easy && e->n_idle < MR__HTTP_IDLE_MAX) {
        e->idle[e->n_idle++] = easy;
        easy = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    if (easy)
        e->curl.easy_cleanup(easy);
}

static bool add_header(mr__engine *e, const char *line)
{
    struct curl_slist *longer = e->curl.slist_append(e->headers, line);

    if (longer)
        e->headers = longer;
    return longer != NULL;
}

/* The thread takes no signal of the host's; SIGPIPE of a TLS write stays with it too. */
static mr_status start(mr__engine *e, mr_error *err)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int rc;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, ENGINE_STACK);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&e->thread, &attr, engine_main, e);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0)
        return mr__error_errno(err, MR_E_ENV, rc, "fetch: thread");
    e->runs = true;
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
    status = mr__curl_open(&e->curl, err);
    if (status == MR_OK) {
        e->multi = e->curl.multi_init();
        /* pictures are asked for as they are: a body that unpacks itself is a bomb */
        if (!e->multi || !add_header(e, "Accept-Encoding: identity") ||
            !add_header(e, "Accept: image/*, */*;q=0.5"))
            status = mr__error_no_memory(err, "fetch");
    }
    if (status == MR_OK) {
        (void)e->curl.multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)options->concurrency);
        status = start(e, err);
    }
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
        pthread_mutex_lock(&e->lock);
        e->closing = true;
        pthread_mutex_unlock(&e->lock);
        mr__engine_wake(e);
        (void)pthread_join(e->thread, NULL);
    }
    while (e->n_idle > 0)
        e->curl.easy_cleanup(e->idle[--e->n_idle]);
    if (e->multi)
        (void)e->curl.multi_cleanup(e->multi);
    if (e->headers)
        e->curl.slist_free_all(e->headers);
    mr__curl_close(&e->curl);
    (void)pthread_cond_destroy(&e->stopped);
    (void)pthread_mutex_destroy(&e->lock);
    free(e);
    *engine = NULL;
}
