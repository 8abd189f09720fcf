/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http:// and https://. What an attempt comes to is judged here: a result, a reason to try again,
 * or the reason why there will be none. Attempts and the waits between them share one deadline.
 *
 * Nothing of a URL enters a message: it may hold a password.
 */
#include "fetch/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/text.h"
#include "fetch/registry.h"
#include "fetch/retry.h"
#include "fetch/transfer.h"

#define MS UINT64_C(1000000)

struct mr__fetch_context {
    mr__fetch_options options;
    pthread_mutex_t opening;
    _Atomic(mr__engine *) engine; /* NULL before the first URL */
    atomic_bool interrupted;
};

typedef struct http {
    mr__fetch base;
    char *url;
    mr__transfer transfer;
    uint32_t attempt;
    mr__version version; /* that was opened: what is read later must be the same */
    bool whole;          /* `small`, or the room that was lent, holds the whole body */
} http;

mr_status mr__fetch_context_open(const mr__fetch_options *options, mr__fetch_context **out,
                                 mr_error *err)
{
    mr__fetch_context *context = calloc(1, sizeof *context);

    *out = context;
    if (!context)
        return mr__error_no_memory(err, "fetch");
    context->options = *options;
    (void)pthread_mutex_init(&context->opening, NULL);
    return MR_OK;
}

void mr__fetch_context_interrupt(mr__fetch_context *context)
{
    mr__engine *engine;

    atomic_store(&context->interrupted, true);
    engine = atomic_load(&context->engine);
    if (engine)
        mr__engine_wake(engine);
}

void mr__fetch_context_close(mr__fetch_context **context)
{
    mr__engine *engine;

    if (!*context)
        return;
    engine = atomic_load(&(*context)->engine);
    mr__engine_close(&engine);
    (void)pthread_mutex_destroy(&(*context)->opening);
    free(*context);
    *context = NULL;
}

bool mr__fetch_library(char *text, size_t size)
{
    const curl_version_info_data *info;
    mr_error err = {0};
    mr__curl curl;

    if (mr__curl_open(&curl, &err) != MR_OK) {
        (void)mr__text_copy(text, size, err.message);
        return false;
    }
    info = curl.version_info(CURLVERSION_NOW);
    (void)snprintf(text, size, "%s (%s)", info->version,
                   info->ssl_version ? info->ssl_version : "no TLS");
    mr__curl_close(&curl);
    return true;
}

static void *preload_main(void *arg)
{
    (void)arg;
    mr__curl_preload();
    return NULL;
}

void mr__fetch_preload_begin(mr__fetch_preload *preload)
{
    preload->runs = mr__engine_thread(&preload->thread, preload_main, NULL) == 0;
}

void mr__fetch_preload_end(mr__fetch_preload *preload)
{
    if (preload->runs)
        (void)pthread_join(preload->thread, NULL);
    preload->runs = false;
}

static mr_status engine_of(mr__fetch_context *context, mr__engine **out, mr_error *err)
{
    mr_status status = MR_OK;

    pthread_mutex_lock(&context->opening);
    *out = atomic_load(&context->engine);
    if (!*out) {
        status = mr__engine_open(&context->options, &context->interrupted, out, err);
        atomic_store(&context->engine, *out);
    }
    pthread_mutex_unlock(&context->opening);
    return status;
}

static bool http_takes(const char *locator)
{
    return strncasecmp(locator, "http://", 7) == 0 || strncasecmp(locator, "https://", 8) == 0;
}

static void http_close(mr__fetch *fetch)
{
    http *self = (http *)fetch;
    mr__transfer *t = &self->transfer;

    if (t->state == MR__TRANSFER_HELD)
        mr__engine_run(t, MR__COMMAND_CANCEL);
    mr__engine_unequip(t);
    (void)sem_destroy(&t->back);
    free(self->url);
    free(self);
}

static mr_status http_new(mr__fetch_context *context, const char *url, http **out, mr_error *err)
{
    mr__engine *engine;
    mr_status status;
    http *self;

    *out = NULL;
    if (!context)
        return mr__error_item(err, MR_STAGE_FETCH, MR_CODE_FETCH_REFUSED,
                              "URLs are not fetched here");
    status = engine_of(context, &engine, err);
    if (status != MR_OK)
        return status;
    self = calloc(1, sizeof *self);
    if (!self)
        return mr__error_no_memory(err, "fetch");
    self->base.ops = &mr__fetch_http;
    self->transfer.engine = engine;
    (void)sem_init(&self->transfer.back, 0, 0);
    self->transfer.deadline_ns = mr__clock_ns() + engine->options.timeout_ms * MS;
    self->url = strdup(url);
    self->transfer.url = self->url;
    if (!self->url || !mr__engine_equip(&self->transfer)) {
        http_close(&self->base);
        return mr__error_no_memory(err, "fetch");
    }
    *out = self;
    return MR_OK;
}

/* Why a transfer failed. `again`: it may fare better later. */
typedef struct verdict {
    mr_code code;
    bool again;
} verdict;

static verdict judge_end(const mr__transfer *t, char *text, size_t size)
{
    unsigned idle = t->engine->options.idle_ms, total = t->engine->options.timeout_ms;

    switch (t->end) {
    case MR__END_TOTAL:
        (void)snprintf(text, size, "it took longer than %u ms", total);
        return (verdict){MR_CODE_FETCH_TIMEOUT, false};
    case MR__END_HEAD:
        (void)snprintf(text, size, "no head of an answer within %u ms", 2 * idle);
        return (verdict){MR_CODE_FETCH_TIMEOUT, false};
    case MR__END_IDLE:
        (void)snprintf(text, size, "nothing more came for %u ms", idle);
        return (verdict){MR_CODE_FETCH_TIMEOUT, false};
    case MR__END_HEADERS:
        (void)snprintf(text, size, "the headers of the answer are longer than %zu bytes",
                       MR__HTTP_HEADERS_MAX);
        return (verdict){MR_CODE_IO_ERROR, false};
    case MR__END_CODED:
        (void)snprintf(text, size, "it was sent with Content-Encoding %s, which is not unpacked",
                       t->answer.coding);
        return (verdict){MR_CODE_UNSUPPORTED_FORMAT, false};
    case MR__END_FULL:
        (void)snprintf(text, size, "more than %zu bytes, at most that many are taken", t->dst_size);
        return (verdict){MR_CODE_TOO_MANY_BYTES, false};
    case MR__END_NONE:
    case MR__END_STATUS:
    case MR__END_MEMORY:
    case MR__END_INTERRUPTED:
        break;
    }
    (void)snprintf(text, size, "memory is short");
    return (verdict){MR_CODE_IO_ERROR, false};
}

/* What libcurl says in its own words; its other messages may quote the URL. */
static verdict judge_result(const http *self, char *text, size_t size)
{
    const mr__transfer *t = &self->transfer;
    const char *words = t->engine->curl.easy_strerror(t->result);

    if (t->refused && t->result == CURLE_COULDNT_CONNECT) {
        (void)snprintf(text, size,
                       "its address is not a public one (%s); --allow-private lets it, in Python "
                       "allow_private=True",
                       t->refused);
        return (verdict){MR_CODE_FETCH_REFUSED, false};
    }
    (void)snprintf(text, size, "%s", words);
    switch ((int)t->result) {
    case CURLE_UNSUPPORTED_PROTOCOL:
        /* what is asked for first is http or https: then the answer was no HTTP */
        if (t->answer.status < 300 || t->answer.status > 399) {
            (void)snprintf(text, size, "what came is no HTTP");
            /* on a connection that was used before it may be left over from another answer */
            return (verdict){MR_CODE_IO_ERROR, self->attempt < 2};
        }
        (void)snprintf(text, size, "it redirects to what is neither http nor https");
        return (verdict){MR_CODE_FETCH_REFUSED, false};
    case CURLE_URL_MALFORMAT:
        return (verdict){MR_CODE_FETCH_REFUSED, false};
    case CURLE_TOO_MANY_REDIRECTS:
        (void)snprintf(text, size, "more than %d redirects", MR__HTTP_REDIRECTS);
        return (verdict){MR_CODE_REDIRECT_LIMIT, false};
    case CURLE_COULDNT_RESOLVE_HOST:
        /* mostly a name that is gone for good, so one more attempt is enough */
        return (verdict){MR_CODE_DNS_ERROR, self->attempt < 2};
    case CURLE_OPERATION_TIMEDOUT:
        (void)snprintf(text, size, "no connection within %u ms", t->engine->options.idle_ms);
        return (verdict){MR_CODE_FETCH_TIMEOUT, false};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
        if (t->text[0])
            (void)snprintf(text, size, "%s", t->text);
        return (verdict){MR_CODE_TLS_ERROR, false};
    case CURLE_PARTIAL_FILE:
        (void)snprintf(text, size, "the connection ended before the body did");
        return (verdict){MR_CODE_IO_ERROR, true};
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        return (verdict){MR_CODE_IO_ERROR, true};
    default:
        return (verdict){MR_CODE_IO_ERROR, false};
    }
}

static verdict judge(const http *self, char *text, size_t size)
{
    const mr__transfer *t = &self->transfer;
    long status = t->answer.status;

    if (t->end != MR__END_NONE && t->end != MR__END_STATUS)
        return judge_end(t, text, size);
    if (t->result != CURLE_OK && t->end != MR__END_STATUS)
        return judge_result(self, text, size);
    if (status >= 200 && status < 300 && status != 206)
        return (verdict){MR_CODE_NONE, false};
    (void)snprintf(text, size, "the server answered %ld", status);
    return (verdict){MR_CODE_HTTP_STATUS, mr__retry_status(status)};
}

/* Waits before the next attempt. MR_OK: now; MR_AGAIN: there is no time left for one. */
static mr_status back_off(http *self, mr_error *err)
{
    mr__transfer *t = &self->transfer;
    uint64_t now = mr__clock_ns();
    uint32_t random, delay;

    if (self->attempt >= MR__RETRY_ATTEMPTS)
        return MR_AGAIN;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (uint32_t)now; /* the clock is as good a spread */
    delay = mr__retry_delay(self->attempt, t->answer.retry_after_ms, random);
    if (now + delay * MS >= t->deadline_ns)
        return MR_AGAIN;
    if (!mr__engine_pause(t->engine, delay))
        return mr__error_set(err, MR_E_INTERRUPTED, "interrupted");
    return MR_OK;
}

/* Makes attempts until one brings an answer: the transfer is then HELD, or DONE with its body. */
static mr_status attempt(http *self, mr__transfer_command command, mr_error *err)
{
    mr__transfer *t = &self->transfer;

    for (;;) {
        char text[CURL_ERROR_SIZE + 64] = "";
        mr_status waited;
        verdict v;

        if (command == MR__COMMAND_START) {
            t->fresh = self->attempt++ > 0;
            if (!mr__transfer_prepare(t))
                return mr__error_no_memory(err, "fetch");
        }
        mr__engine_run(t, command);
        if (t->end == MR__END_INTERRUPTED)
            return mr__error_set(err, MR_E_INTERRUPTED, "interrupted");
        if (t->state == MR__TRANSFER_HELD)
            return MR_OK;
        v = judge(self, text, sizeof text);
        if (v.code == MR_CODE_NONE)
            return MR_OK;
        waited = v.again ? back_off(self, err) : MR_AGAIN;
        if (waited == MR_AGAIN && self->attempt > 1)
            return mr__error_item(err, MR_STAGE_FETCH, v.code, "%s (attempt %u)", text,
                                  self->attempt);
        if (waited == MR_AGAIN)
            return mr__error_item(err, MR_STAGE_FETCH, v.code, "%s", text);
        if (waited != MR_OK)
            return waited;
        command = MR__COMMAND_START;
    }
}

static void version_of(const mr__answer *answer, mr__version *out)
{
    *out = (mr__version){.mtime_ns = answer->mtime_ns};
    memcpy(out->etag, answer->etag, sizeof out->etag);
}

static mr_status http_stat(mr__fetch_context *context, const char *locator, mr__version *out,
                           mr_error *err)
{
    http *self;
    curl_off_t length = -1;
    mr_status status = http_new(context, locator, &self, err);

    if (status != MR_OK)
        return status;
    self->transfer.head_only = true;
    status = attempt(self, MR__COMMAND_START, err);
    if (status == MR_OK) {
        mr__transfer *t = &self->transfer;

        version_of(&t->answer, out);
        (void)t->engine->curl.easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        out->size_known = length >= 0;
        out->size = length >= 0 ? (uint64_t)length : 0;
    }
    http_close(&self->base);
    return status;
}

/* Of a body that is not whole yet: its length, or what is worth trying first. */
static void size_of_rest(const http *self, mr__version *version)
{
    const mr__transfer *t = &self->transfer;
    uint64_t max = t->engine->options.max_bytes, first = max / 8;

    version->size_known = t->answer.length >= 0;
    if (version->size_known) {
        version->size = (uint64_t)t->answer.length;
        return;
    }
    if (first < 4 * MR__FETCH_SMALL_BYTES)
        first = 4 * MR__FETCH_SMALL_BYTES;
    version->size = first < max ? first : max;
}

static mr_status http_open(mr__fetch_context *context, const char *locator, mr__fetch_room *room,
                           mr__version *version, mr__fetch **out, mr_error *err)
{
    http *self;
    mr_status status = http_new(context, locator, &self, err);

    if (status != MR_OK)
        return status;
    self->transfer.room = room;
    status = attempt(self, MR__COMMAND_START, err);
    self->transfer.room = NULL; /* what is read later has a place of its own */
    if (status != MR_OK) {
        http_close(&self->base);
        return status;
    }
    version_of(&self->transfer.answer, version);
    self->whole = self->transfer.state == MR__TRANSFER_DONE;
    if (self->whole) {
        if (room && self->transfer.dst)
            room->filled = true;
        version->size = room && room->filled ? self->transfer.got : self->transfer.small.len;
        version->size_known = true;
    } else {
        size_of_rest(self, version);
    }
    self->version = *version;
    *out = &self->base;
    return MR_OK;
}

/* What came on a later attempt must be what was opened. */
static mr_status check_same(const http *self, mr_error *err)
{
    const mr__transfer *t = &self->transfer;
    mr__version now;

    version_of(&t->answer, &now);
    if (strcmp(now.etag, self->version.etag) != 0 || now.mtime_ns != self->version.mtime_ns ||
        (self->version.size_known && t->got != self->version.size))
        return mr__error_item(err, MR_STAGE_FETCH, MR_CODE_CHANGED_WHILE_READING,
                              "it changed between two attempts to read it");
    return MR_OK;
}

/* Reads what is larger than `small` can hold, straight to its place. */
static mr_status read_large(http *self, mr_error *err)
{
    mr__transfer *t = &self->transfer;
    bool held = t->state == MR__TRANSFER_HELD;
    mr_status status;

    if (held && t->small.len <= t->dst_size) {
        if (t->small.len > 0)
            memcpy(t->dst, t->small.data, t->small.len);
        t->got = t->small.len;
        t->end = MR__END_NONE;
        status = attempt(self, MR__COMMAND_RESUME, err);
    } else if (held) {
        t->end = MR__END_FULL;
        status = mr__error_item(err, MR_STAGE_FETCH, MR_CODE_TOO_MANY_BYTES,
                                "more than %zu bytes, at most that many are taken", t->dst_size);
    } else {
        self->attempt = 0;
        status = attempt(self, MR__COMMAND_START, err);
    }
    if (status != MR_OK)
        return status;
    return check_same(self, err);
}

static mr_status http_read(mr__fetch *fetch, void *dst, size_t size, size_t *got, mr_error *err)
{
    http *self = (http *)fetch;
    mr__transfer *t = &self->transfer;
    mr_status status;

    if (self->version.size_known && size != self->version.size)
        return mr__error_set(err, MR_E_INVALID, "fetch: %zu bytes asked of %llu", size,
                             (unsigned long long)self->version.size);
    if (self->whole && t->dst)
        return mr__error_set(err, MR_E_INVALID, "fetch: it is where there was room for it");
    if (self->whole) {
        if (size > 0)
            memcpy(dst, t->small.data, size);
        *got = size;
        return MR_OK;
    }
    t->dst = dst;
    t->dst_size = size;
    status = read_large(self, err);
    *got = t->got;
    if (status != MR_OK && t->end == MR__END_FULL && !self->version.size_known &&
        size < t->engine->options.max_bytes)
        return MR_AGAIN;
    return status;
}

const mr__fetch_ops mr__fetch_http = {
    .name = "http",
    .takes = http_takes,
    .stat = http_stat,
    .open = http_open,
    .read = http_read,
    .close = http_close,
};
