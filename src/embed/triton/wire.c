/* SPDX-License-Identifier: Apache-2.0 */
/* One connection over HTTP/1.1, and one exchange on it: see wire.h. */
#include "embed/triton/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "embed/triton/answer.h"

enum { CONNECT_MS = 10000, UPLOAD_BUFFER = 2 << 20, DOWNLOAD_BUFFER = 512 << 10 };

static size_t on_body(char *data, size_t size, size_t n, void *cookie)
{
    mr__wire *self = cookie;

    if (mr__buf_add(&self->body, data, size * n))
        return size * n;
    self->too_long = true;
    return 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *cookie)
{
    static const char name[] = "Inference-Header-Content-Length:";
    const size_t len = sizeof name - 1;
    mr__wire *self = cookie;
    char digits[16] = "";
    uint64_t number;
    size_t used = 0;

    if (size * n <= len || strncasecmp(line, name, len) != 0)
        return size * n;
    for (size_t i = len; i < size * n && used + 1 < sizeof digits; i++)
        if (line[i] != ' ' && line[i] != '\r' && line[i] != '\n')
            digits[used++] = line[i];
    digits[used] = '\0';
    /* a length that is none lets the answer fail as one without JSON */
    self->json_bytes = mr__text_u64(digits, &number) && number <= INT32_MAX ? (long)number : 0;
    return size * n;
}

static size_t on_send(char *to, size_t size, size_t n, void *cookie)
{
    mr__wire *self = cookie;
    size_t room = size * n, first = self->part[0].n, done = 0;

    self->connecting = false;
    while (done < room && self->sent < first + self->part[1].n) {
        size_t which = self->sent < first ? 0 : 1;
        size_t from = self->sent - (which ? first : 0), left = self->part[which].n - from;
        size_t take = left < room - done ? left : room - done;

        memcpy(to + done, self->part[which].data + from, take);
        self->sent += take;
        done += take;
    }
    return done;
}

/* A kept connection had died in the meantime: libcurl sends again on a fresh one. */
static int on_rewind(void *cookie, curl_off_t offset, int origin)
{
    mr__wire *self = cookie;

    if (origin != SEEK_SET || offset != 0)
        return CURL_SEEKFUNC_CANTSEEK;
    self->sent = 0;
    return CURL_SEEKFUNC_OK;
}

/* A new connection: nothing has been sent over it yet. */
static int on_socket(void *cookie, curl_socket_t socket, curlsocktype purpose)
{
    mr__wire *self = cookie;

    (void)socket;
    (void)purpose;
    self->connecting = true;
    return CURL_SOCKOPT_OK;
}

/* Called about once a second, and whenever something moves: who is told to stop waits for no
 * connection. What has been sent is waited for. */
static int on_progress(void *cookie, curl_off_t to_get, curl_off_t got, curl_off_t to_send,
                       curl_off_t sent)
{
    const mr__wire *self = cookie;

    (void)to_get;
    (void)got;
    (void)to_send;
    (void)sent;
    return mr__stop_raised(self->base.stop) && self->connecting;
}

/* What holds for every request of the session. */
static bool set_up(mr__wire *self)
{
    const mr__triton_options *o = self->base.options;
    mr__curl *c = &self->curl;
    CURL *e = self->easy;
    bool ok = true;

#define SET(option, value) ok = ok && c->easy_setopt(e, CURLOPT_##option, value) == CURLE_OK
    SET(NOSIGNAL, 1L);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    SET(PROXY, "");
    SET(FOLLOWLOCATION, 0L);
    SET(TCP_NODELAY, 1L);
    SET(TCP_KEEPALIVE, 1L);
    SET(BUFFERSIZE, (long)DOWNLOAD_BUFFER);
    SET(UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
    SET(ERRORBUFFER, self->reason);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, self);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, self);
    SET(READFUNCTION, on_send);
    SET(READDATA, self);
    SET(SEEKFUNCTION, on_rewind);
    SET(SEEKDATA, self);
    SET(SOCKOPTFUNCTION, on_socket);
    SET(SOCKOPTDATA, self);
    SET(NOPROGRESS, 0L);
    SET(XFERINFOFUNCTION, on_progress);
    SET(XFERINFODATA, self);
    if (o->ca[0])
        SET(CAINFO, o->ca);
    if (o->cert[0]) {
        SET(SSLCERT, o->cert);
        SET(SSLKEY, o->key);
    }
#undef SET
    return ok;
}

static mr__triton_fault fault_of_curl(const mr__wire *self, CURLcode code)
{
    double begun = 0; /* a connection that was kept takes no time to connect */

    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_ABORTED_BY_CALLBACK:
        return MR__TRITON_DOWN;
    case CURLE_OPERATION_TIMEDOUT:
        (void)self->curl.easy_getinfo(self->easy, CURLINFO_PRETRANSFER_TIME, &begun);
        return begun > 0 ? MR__TRITON_LATE : MR__TRITON_DOWN;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
        return MR__TRITON_LOST;
    default:
        return MR__TRITON_FINAL;
    }
}

static mr__triton_fault fail_curl(const mr__wire *self, const mr__wire_request *r, CURLcode code,
                                  mr_error *err)
{
    mr__triton_fault fault = fault_of_curl(self, code);
    char address[MR__TRITON_NAME_SIZE + 16];
    long os = 0;

    (void)mr__triton_address(self->base.options, address, sizeof address);
    (void)self->curl.easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &os);
    if (self->too_long)
        (void)mr__error_set(err, MR_E_ENV, "%s: the answer has over %zu bytes (%s)", r->what,
                            self->body.max, address);
    else if (fault == MR__TRITON_DOWN && os == ECONNREFUSED)
        (void)mr__error_set(err, MR_E_ENV, "%s: connection refused (%s)", r->what, address);
    else if (fault == MR__TRITON_LATE)
        (void)mr__error_set(err, MR_E_ENV, "%s: no answer within the time (%s)", r->what, address);
    else
        (void)mr__error_set(err, MR_E_ENV, "%s: %s (%s)", r->what,
                            self->reason[0] ? self->reason : self->curl.easy_strerror(code),
                            address);
    return fault;
}

/* An answer that is an error of the server. */
static mr__triton_fault fail_status(const mr__wire *self, const mr__wire_request *r, long status,
                                    mr_error *err)
{
    mr__triton_fault fault;
    char text[260];

    mr__triton_read_error(mr__wire_text(self), self->body.len, text, sizeof text);
    (void)mr__error_set(err, MR_E_ENV, "%s: the server says %ld: %s", r->what, status, text);
    switch (status) {
    case 400:
        fault = MR__TRITON_REFUSED;
        break;
    case 404:
        fault = MR__TRITON_UNKNOWN;
        break;
    case 408:
    case 429:
    case 502:
    case 503:
    case 504:
        fault = MR__TRITON_BUSY;
        break;
    case 500:
        fault = MR__TRITON_FAILED;
        break;
    default:
        fault = MR__TRITON_FINAL;
        break;
    }
    return mr__triton_fault_of(text, fault);
}

/* Headers of one request; NULL: no memory. */
static struct curl_slist *headers_of(const mr__wire *self, const mr__wire_request *r)
{
    const mr__triton_options *o = self->base.options;
    struct curl_slist *list = NULL, *longer;
    char length[64];
    const char *own[3] = {"Expect:"};
    size_t n_own = 1;

    if (r->json && r->data) {
        (void)snprintf(length, sizeof length, "Inference-Header-Content-Length: %zu",
                       strlen(r->json));
        own[n_own++] = "Content-Type: application/octet-stream";
        own[n_own++] = length;
    } else if (r->json) {
        own[n_own++] = "Content-Type: application/json";
    }
    for (size_t i = 0; i < n_own + o->n_headers; i++) {
        longer = self->curl.slist_append(list, i < n_own ? own[i] : o->headers[i - n_own]);
        if (!longer) {
            self->curl.slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/* Milliseconds that are left, at least one. */
static long left_ms(uint64_t deadline_ns)
{
    uint64_t now = mr__clock_ns();
    uint64_t ms = deadline_ns > now ? (deadline_ns - now) / 1000000 : 0;

    return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (long)ms;
}

/* What holds for this one. */
static bool prepare(mr__wire *self, const mr__wire_request *r, struct curl_slist *headers)
{
    long ms = left_ms(r->deadline_ns);
    mr__curl *c = &self->curl;
    CURL *e = self->easy;
    bool ok = true;

    self->reason[0] = '\0';
    self->too_long = false;
    self->connecting = false;
    self->json_bytes = MR__WIRE_NO_LENGTH;
    self->sent = 0;
    self->part[0].data = r->json;
    self->part[0].n = r->json ? strlen(r->json) : 0;
    self->part[1].data = r->data;
    self->part[1].n = r->data ? r->bytes : 0;
    mr__buf_reset(&self->body);
    self->body.max = r->answer_max;
#define SET(option, value) ok = ok && c->easy_setopt(e, CURLOPT_##option, value) == CURLE_OK
    SET(URL, r->url);
    SET(HTTPHEADER, headers);
    SET(TIMEOUT_MS, ms);
    SET(CONNECTTIMEOUT_MS, ms < CONNECT_MS ? ms : (long)CONNECT_MS);
    if (r->json) {
        SET(POST, 1L);
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)(self->part[0].n + self->part[1].n));
    } else {
        SET(HTTPGET, 1L);
    }
#undef SET
    return ok;
}

mr__triton_fault mr__wire_ask(mr__wire *self, const mr__wire_request *r, mr_error *err)
{
    struct curl_slist *headers = headers_of(self, r);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;

    if (headers && prepare(self, r, headers))
        code = self->curl.easy_perform(self->easy);
    (void)self->curl.easy_setopt(self->easy, CURLOPT_HTTPHEADER, NULL);
    self->curl.slist_free_all(headers);
    if (code != CURLE_OK)
        return fail_curl(self, r, code, err);
    (void)self->curl.easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    return status == 200 ? MR__TRITON_NONE : fail_status(self, r, status, err);
}

void mr__wire_close(mr__wire *self)
{
    if (self->easy)
        self->curl.easy_cleanup(self->easy);
    mr__curl_close(&self->curl);
    mr__buf_fini(&self->body);
    free(self);
}

mr_status mr__wire_open(const mr__triton_transport *transport, const mr__triton_options *options,
                        mr__wire **out, mr_error *err)
{
    mr__wire *self = calloc(1, sizeof *self);
    mr_status status;

    *out = NULL;
    if (!self)
        return mr__error_no_memory(err, "connection");
    self->base.transport = transport;
    self->base.options = options;
    mr__buf_init(&self->body, MR__WIRE_SHORT_MAX);
    status = mr__curl_open(&self->curl, err);
    if (status == MR_OK) {
        self->easy = self->curl.easy_init();
        if (!self->easy || !set_up(self))
            status = mr__error_set(err, MR_E_ENV, "libcurl cannot be set up: is it without TLS?");
    }
    if (status != MR_OK) {
        mr__wire_close(self);
        return status;
    }
    *out = self;
    return MR_OK;
}

const char *mr__wire_text(const mr__wire *self)
{
    return self->body.data ? self->body.data : "";
}
