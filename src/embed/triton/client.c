/* SPDX-License-Identifier: Apache-2.0 */
/* A server as a run sees it: see client.h. */
#include "embed/triton/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/text.h"
#include "module/module.h"

#define MS            UINT64_C(1000000)
#define BUSY_BASE_MS  20U
#define DELAY_CAP_MS  5000U
#define REGION_TRIES  3
#define UNREGISTER_MS 3000U

static uint64_t random_u64(void)
{
    uint64_t value = 0;

    if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        value = mr__clock_ns() * UINT64_C(0x9e3779b97f4a7c15);
    return value;
}

/* -- connections ------------------------------------------------------------------------------ */

mr_status mr__triton_client_open(mr__triton_client *c, const mr__triton_options *options,
                                 const mr__embed_context *context, mr_error *err)
{
    const mr__module *module;
    mr_status status;

    memset(c, 0, sizeof *c);
    c->options = options;
    c->max_open = 1;
    c->stop = context->stop;
    if (context->logger)
        c->logger = *context->logger;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_mutex_init(&c->region_lock, NULL);
    (void)pthread_cond_init(&c->given, NULL);
    c->transport = &mr__triton_http;
    if (!options->grpc)
        return MR_OK;
    status = mr__module_load("triton-grpc", "transport", &module, err);
    if (status == MR_OK)
        c->transport = module->ops;
    return status;
}

void mr__triton_client_widen(mr__triton_client *c, uint32_t in_flight)
{
    c->max_open = in_flight < MR__TRITON_SESSIONS ? in_flight : MR__TRITON_SESSIONS;
}

/* A connection that nobody uses, a new one, or the next that is given back. */
static mr_status get(mr__triton_client *c, mr__triton_session **out, mr_error *err)
{
    mr_status status = MR_OK;
    bool is_new = false;

    *out = NULL;
    pthread_mutex_lock(&c->lock);
    while (c->n_idle == 0 && c->n_open >= c->max_open)
        pthread_cond_wait(&c->given, &c->lock);
    if (c->n_idle > 0)
        *out = c->idle[--c->n_idle];
    else
        is_new = true;
    c->n_open += is_new;
    pthread_mutex_unlock(&c->lock);
    if (is_new)
        status = c->transport->open(c->options, out, err);
    if (is_new && status == MR_OK)
        (*out)->stop = c->stop;
    if (status != MR_OK) {
        pthread_mutex_lock(&c->lock);
        c->n_open--;
        pthread_cond_signal(&c->given);
        pthread_mutex_unlock(&c->lock);
    }
    return status;
}

static void put(mr__triton_client *c, mr__triton_session *session)
{
    pthread_mutex_lock(&c->lock);
    c->idle[c->n_idle++] = session;
    pthread_cond_signal(&c->given);
    pthread_mutex_unlock(&c->lock);
}

/* -- asking again ----------------------------------------------------------------------------- */

/* What was tried so far for one request. */
typedef struct patience {
    uint64_t give_up_ns; /* waits end here */
    uint32_t attempts, failed;
    bool meets; /* who is not there at the beginning is not waited for */
} patience;

/* `base`, doubled each time up to the cap; between one half and all of it is taken. */
static uint32_t delay_ms(uint32_t base, uint32_t attempt)
{
    uint64_t full = (uint64_t)base << (attempt < 16 ? attempt : 16);

    if (full > DELAY_CAP_MS && base <= DELAY_CAP_MS)
        full = DELAY_CAP_MS;
    if (base > DELAY_CAP_MS)
        full = base;
    return (uint32_t)(full / 2 + random_u64() % (full / 2 + 1));
}

/* What a header says after its name must not come back in a message, even if the server says it. */
static void hide_secrets(const mr__triton_options *o, mr_error *err)
{
    for (size_t i = 0; err && i < o->n_headers; i++) {
        const char *value = strchr(o->headers[i], ':') + 1;
        char *at;

        /* "Bearer TOKEN": the word in front is no secret, what follows it is */
        value += strspn(value, " \t");
        for (;; value += strspn(value, " ")) {
            char word[256];
            size_t n = strcspn(value, " ");

            if (n == 0)
                break;
            (void)snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word - 1 ? n : 255), value);
            for (at = err->message; n >= 8 && (at = strstr(at, word)) != NULL; at += strlen(word))
                memset(at, '*', strlen(word));
            value += n;
        }
    }
}

static bool is_waited_for(mr__triton_fault fault, const patience *p)
{
    return fault == MR__TRITON_BUSY ||
           ((fault == MR__TRITON_DOWN || fault == MR__TRITON_UNKNOWN) && !p->meets);
}

/* Is there another attempt? Then its time has come when this returns. */
static bool again(const mr__triton_client *c, mr__triton_fault fault, patience *p, mr_error *err)
{
    const mr__triton_options *o = c->options;
    uint32_t ms;

    hide_secrets(o, err);
    if (fault == MR__TRITON_FINAL || fault == MR__TRITON_REFUSED || mr__stop_raised(c->stop))
        return false;
    p->attempts++;
    if (is_waited_for(fault, p)) {
        ms = delay_ms(fault == MR__TRITON_BUSY ? BUSY_BASE_MS : o->delay_ms, p->attempts - 1);
        if (mr__clock_ns() + ms * MS > p->give_up_ns) {
            (void)mr__error_wrap(err, "given up after %.0f s and %u attempts",
                                 (double)o->wait_ms / 1e3, (unsigned)p->attempts);
            return false;
        }
    } else {
        ms = delay_ms(o->delay_ms, p->failed);
        if (p->failed++ >= o->retries || fault == MR__TRITON_DOWN || fault == MR__TRITON_UNKNOWN)
            return false;
    }
    if (p->attempts == 1 || fault != MR__TRITON_BUSY)
        mr__log(&c->logger, p->attempts == 1 ? MR_LOG_WARN : MR_LOG_DEBUG, "embed",
                "triton: %s; trying again", err->message);
    return mr__stop_pause(c->stop, ms);
}

/* Says the next step to a message of a server that is not there. */
static mr_status fail(const mr__triton_client *c, mr__triton_fault fault, mr_error *err)
{
    char address[MR__TRITON_NAME_SIZE + 16], before[sizeof err->message];

    if (fault != MR__TRITON_FINAL && fault != MR__TRITON_REFUSED && mr__stop_raised(c->stop)) {
        (void)mr__text_copy(before, sizeof before, err ? err->message : "");
        return mr__error_set(err, MR_E_INTERRUPTED, "interrupted while waiting: %s", before);
    }
    if (err && (fault == MR__TRITON_DOWN || fault == MR__TRITON_LOST)) {
        (void)mr__text_copy(before, sizeof before, err->message);
        return mr__error_set(err, MR_E_ENV, "%s; is the server running? see: millrace health",
                             before);
    }
    if (err && fault == MR__TRITON_UNKNOWN) {
        (void)mr__text_copy(before, sizeof before, err->message);
        return mr__error_set(err, MR_E_ENV, "%s (%s)", before,
                             mr__triton_address(c->options, address, sizeof address));
    }
    return err ? err->status : MR_E_ENV;
}

static patience patience_of(const mr__triton_client *c)
{
    return (patience){.give_up_ns = mr__clock_ns() + c->options->wait_ms * MS};
}

static uint64_t deadline(const mr__triton_client *c)
{
    return mr__clock_ns() + c->options->timeout_ms * MS;
}

/* -- what is asked ---------------------------------------------------------------------------- */

mr_status mr__triton_client_meet(mr__triton_client *c, mr__triton_model *out, mr_error *err)
{
    mr__triton_session *session;
    patience p = patience_of(c);
    mr__triton_fault fault;
    mr_error own = {0};
    mr_status status = get(c, &session, &own);

    p.meets = true;
    if (status == MR_OK) {
        do {
            fault = c->transport->server(session, deadline(c), &c->server, &own);
            if (fault == MR__TRITON_NONE)
                fault = c->transport->model(session, deadline(c), out, &own);
        } while (fault != MR__TRITON_NONE && again(c, fault, &p, &own));
        if (fault != MR__TRITON_NONE)
            status = fail(c, fault, &own);
        put(c, session);
    }
    if (status != MR_OK && err)
        *err = own;
    return status;
}

/*
 * Registers the memory under a new name. With the region's lock held.
 *
 * If an answer was lost the memory may be registered all the same; libcurl, too, sends again when a
 * connection that was kept had died, and then the name is "taken" by ourselves. Some servers (2.51)
 * take the same memory only once. So what may be there is taken back first: its 64 random bits are
 * nobody else's.
 */
static mr__triton_fault add_region(mr__triton_client *c, mr__triton_session *session, mr_error *err)
{
    mr__triton_fault fault = MR__TRITON_TAKEN;
    int i;

    for (i = 0; i < REGION_TRIES && fault == MR__TRITON_TAKEN; i++) {
        mr__triton_region region = {.name = c->region, .key = c->key, .bytes = c->bytes};

        if (c->doubtful[0])
            (void)c->transport->drop_region(session, deadline(c), c->doubtful, NULL);
        c->doubtful[0] = '\0';
        (void)snprintf(c->region, sizeof c->region, "millrace-%016" PRIx64, random_u64());
        fault = c->transport->add_region(session, deadline(c), &region, err);
        if (fault == MR__TRITON_LOST || fault == MR__TRITON_LATE || fault == MR__TRITON_TAKEN)
            (void)mr__text_copy(c->doubtful, sizeof c->doubtful, c->region);
        if (fault != MR__TRITON_NONE)
            c->region[0] = '\0';
    }
    c->generation++;
    return fault;
}

/* Does the fault say that the server refuses, and not that it is away? */
static bool is_refusal(mr__triton_fault fault)
{
    return fault == MR__TRITON_FINAL || fault == MR__TRITON_REFUSED || fault == MR__TRITON_FAILED ||
           fault == MR__TRITON_UNKNOWN || fault == MR__TRITON_TAKEN;
}

/* The server does not take the memory: from now on tensors travel, unless they must not. With the
 * region's lock held. */
static mr__triton_fault refused(mr__triton_client *c, mr_error *err)
{
    const char *hint = strstr(err->message, "disabled")
                           ? "start it with --allow-client-shm=true"
                           : "does it run as this user, and does it see this /dev/shm?";
    char before[sizeof err->message];

    hide_secrets(c->options, err);
    if (c->options->shm == MR__TRITON_SHM_REQUIRE) {
        (void)mr__text_copy(before, sizeof before, err->message);
        (void)mr__error_set(err, MR_E_ENV, "%s; %s", before, hint);
        return MR__TRITON_FINAL;
    }
    c->key[0] = '\0';
    mr__log(&c->logger, MR_LOG_WARN, "embed",
            "triton: no shared memory, tensors go over the connection: %s; %s", err->message, hint);
    return MR__TRITON_NONE;
}

/* Registers the memory, if there is any, where it is not. */
static mr__triton_fault ensure_region(mr__triton_client *c, mr__triton_session *session,
                                      mr_error *err)
{
    mr__triton_fault fault = MR__TRITON_NONE;

    pthread_mutex_lock(&c->region_lock);
    if (c->key[0] && !c->region[0]) {
        fault = add_region(c, session, err);
        if (is_refusal(fault))
            fault = refused(c, err);
        else if (fault == MR__TRITON_NONE && c->generation > 1)
            mr__log(&c->logger, MR_LOG_INFO, "embed",
                    "triton: the server has started anew; shared memory is registered again");
    }
    pthread_mutex_unlock(&c->region_lock);
    return fault;
}

/* The server does not know the region of `generation` any more: it was started anew. */
static void forget_region(mr__triton_client *c, uint32_t generation)
{
    pthread_mutex_lock(&c->region_lock);
    if (c->generation == generation)
        c->region[0] = '\0';
    pthread_mutex_unlock(&c->region_lock);
}

mr_status mr__triton_client_share(mr__triton_client *c, const char *key, const void *base,
                                  size_t bytes, mr_error *err)
{
    mr__triton_session *session;
    patience p = patience_of(c);
    mr__triton_fault fault;
    mr_error own = {0};
    mr_status status = get(c, &session, &own);

    if (status == MR_OK) {
        pthread_mutex_lock(&c->region_lock);
        (void)mr__text_copy(c->key, sizeof c->key, key);
        c->base = base;
        c->bytes = bytes;
        pthread_mutex_unlock(&c->region_lock);
        do
            fault = ensure_region(c, session, &own);
        while (fault != MR__TRITON_NONE && again(c, fault, &p, &own));
        if (fault != MR__TRITON_NONE)
            status = fail(c, fault, &own);
        put(c, session);
    }
    if (status != MR_OK && err)
        *err = own;
    return status;
}

bool mr__triton_client_shares(mr__triton_client *c)
{
    bool shares;

    pthread_mutex_lock(&c->region_lock);
    shares = c->key[0] != '\0';
    pthread_mutex_unlock(&c->region_lock);
    return shares;
}

/* Where the server finds the data: in the region if it lies there. `name` takes its name. */
static uint32_t place(mr__triton_client *c, mr__triton_infer *infer, char *name, size_t size)
{
    uintptr_t data = (uintptr_t)infer->data, base;
    uint32_t generation;

    pthread_mutex_lock(&c->region_lock);
    base = (uintptr_t)c->base;
    (void)mr__text_copy(name, size, c->region);
    infer->region = NULL;
    if (c->region[0] && data >= base && data - base <= c->bytes &&
        infer->bytes <= c->bytes - (data - base)) {
        infer->region = name;
        infer->offset = data - base;
    }
    generation = c->generation;
    pthread_mutex_unlock(&c->region_lock);
    return generation;
}

/* One attempt. */
static mr__triton_fault try_once(mr__triton_client *c, mr__triton_session *session,
                                 mr__triton_infer *infer, mr__triton_answer *answer, mr_error *err)
{
    char region[sizeof c->region];
    mr__triton_fault fault = ensure_region(c, session, err);
    uint32_t generation;

    if (fault != MR__TRITON_NONE)
        return fault;
    generation = place(c, infer, region, sizeof region);
    if (!infer->region)
        atomic_fetch_add(&c->copied, infer->bytes);
    infer->deadline_ns = deadline(c);
    fault = c->transport->infer(session, infer, answer, err);
    if (fault == MR__TRITON_NO_REGION)
        forget_region(c, generation);
    if (infer->region && (fault == MR__TRITON_LATE || fault == MR__TRITON_LOST))
        atomic_fetch_add(&c->abandoned, 1);
    infer->region = NULL;
    return fault;
}

/* Does 400 mean the rows? Up to 2.41 HTTP said it of every error. */
static bool blames_rows(const mr__triton_client *c)
{
    const mr__triton_server *s = &c->server;

    return c->options->grpc || s->major != 2 || s->minor >= 42;
}

mr_status mr__triton_client_infer(mr__triton_client *c, mr__triton_infer *infer,
                                  mr_status (*take)(void *cookie, const mr__triton_answer *answer,
                                                    mr_error *err),
                                  void *cookie, mr_error *err)
{
    mr__triton_session *session;
    mr__triton_answer answer;
    patience p = patience_of(c);
    mr__triton_fault fault;
    mr_error own = {0};
    mr_status status = get(c, &session, &own);

    if (status == MR_OK) {
        do
            fault = try_once(c, session, infer, &answer, &own);
        while (fault != MR__TRITON_NONE && again(c, fault, &p, &own));
        status = fault == MR__TRITON_NONE ? take(cookie, &answer, &own) : fail(c, fault, &own);
        if (fault == MR__TRITON_REFUSED && blames_rows(c))
            status = own.status = MR_E_ITEM;
        put(c, session);
    }
    if (status != MR_OK && err)
        *err = own;
    return status;
}

/* Takes the memory back. Before 2.50 a server unmaps at once what a request that we gave up may
 * still be reading, and dies of it; from 2.50 to 2.52 it says "in use" and wants to be asked
 * again. */
static void unregister(mr__triton_client *c)
{
    uint64_t until = mr__clock_ns() + UNREGISTER_MS * MS;
    bool careful = c->server.major == 2 && c->server.minor < 50 && atomic_load(&c->abandoned) > 0;
    mr__triton_session *session;
    mr__triton_fault fault;
    mr_error err = {0};

    if (!c->region[0] || get(c, &session, &err) != MR_OK)
        return;
    do {
        if (careful)
            break;
        fault = c->transport->drop_region(session, until, c->region, &err);
        if (fault != MR__TRITON_FAILED)
            break;
        (void)mr__stop_pause(NULL, delay_ms(BUSY_BASE_MS, 0));
    } while (mr__clock_ns() < until);
    put(c, session);
    if (careful)
        mr__log(&c->logger, MR_LOG_WARN, "embed",
                "triton: region %s stays registered until the server ends: version %s might still "
                "be reading it",
                c->region, c->server.version);
}

void mr__triton_client_close(mr__triton_client *c)
{
    if (!c->transport)
        return;
    unregister(c);
    while (c->n_idle > 0)
        c->transport->close(c->idle[--c->n_idle]);
    (void)pthread_cond_destroy(&c->given);
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_mutex_destroy(&c->region_lock);
    c->transport = NULL;
}
