/* SPDX-License-Identifier: Apache-2.0 */
/* One request, and what is done with its answer as it arrives. The callbacks run on the engine
 * thread, inside curl_multi_socket_action. */
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "fetch/address.h"
#include "fetch/retry.h"
#include "fetch/transfer.h"

#define BUFFER_BYTES   (64 << 10)        /* a web-sized picture in a few reads */
#define OPT_QUICK_EXIT ((CURLoption)322) /* of 7.87, which the headers need not be */

static size_t stop(mr__transfer *t, mr__transfer_end why)
{
    t->end = why;
    return 0; /* fewer bytes than were offered: libcurl gives up */
}

static bool is_success(long status)
{
    /* nothing asked for a part: a partial answer is no answer */
    return status >= 200 && status < 300 && status != 206;
}

/* The value of the header `name` if this line is one, without space around it. */
static const char *value_of(const char *line, size_t n, const char *name, size_t *len)
{
    size_t k = strlen(name);
    const char *p = line + k + 1, *end = line + n;

    if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0)
        return NULL;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *len = (size_t)(end - p);
    return p;
}

/* Visible ASCII that fits, else nothing: half of a validator would compare equal to too much. */
static void keep(char *dst, size_t size, const char *value, size_t n)
{
    size_t i;

    dst[0] = '\0';
    if (n >= size)
        return;
    for (i = 0; i < n; i++)
        if (value[i] <= 0x20 || value[i] >= 0x7f)
            return;
    memcpy(dst, value, n);
    dst[n] = '\0';
}

/* "HTTP/1.1 200 OK" begins an answer: after a redirect or an interim one there is a next. */
static bool begins_answer(mr__transfer *t, const char *line, size_t n)
{
    const char *space = memchr(line, ' ', n);
    const char *p = space ? space + 1 : line + n;
    size_t bytes = t->answer.header_bytes;
    long status = 0;
    int digits = 0;

    if (n < 5 || memcmp(line, "HTTP/", 5) != 0)
        return false;
    for (; p < line + n && *p >= '0' && *p <= '9' && digits < 3; p++, digits++)
        status = status * 10 + (*p - '0');
    t->answer = (mr__answer){.status = status, .length = -1, .header_bytes = bytes};
    return true;
}

static void take_header(mr__answer *answer, const char *line, size_t n)
{
    const char *value;
    int64_t seconds;
    size_t len;

    if ((value = value_of(line, n, "ETag", &len)) != NULL) {
        keep(answer->etag, sizeof answer->etag, value, len);
    } else if ((value = value_of(line, n, "Last-Modified", &len)) != NULL) {
        /* 0 stands for "not known" */
        if (mr__http_date(value, len, &seconds) && seconds > 0 && seconds < INT32_MAX)
            answer->mtime_ns = seconds * 1000000000;
    } else if ((value = value_of(line, n, "Retry-After", &len)) != NULL) {
        (void)mr__retry_after(value, len, (int64_t)time(NULL), &answer->retry_after_ms);
    } else if ((value = value_of(line, n, "Content-Encoding", &len)) != NULL) {
        if (len > 0 && !(len == 8 && strncasecmp(value, "identity", 8) == 0)) {
            keep(answer->coding, sizeof answer->coding, value, len);
            if (!answer->coding[0])
                memcpy(answer->coding, "unknown", sizeof "unknown");
        }
    }
}

static size_t on_header(char *line, size_t one, size_t n, void *cookie)
{
    mr__transfer *t = cookie;

    (void)one;
    t->last_ns = mr__clock_ns();
    t->answer.header_bytes += n;
    if (t->answer.header_bytes > MR__HTTP_HEADERS_MAX)
        return stop(t, MR__END_HEADERS);
    if (t->answer.complete && is_success(t->answer.status))
        return n; /* trailers of a chunked body */
    if (begins_answer(t, line, n))
        return n;
    if (n <= 2 && t->answer.status >= 200)
        t->answer.complete = true;
    else
        take_header(&t->answer, line, n);
    /* these have no body; should one come all the same, it must not meet the next answer */
    if (t->answer.complete && (t->answer.status == 204 || t->answer.status == 304))
        (void)t->engine->curl.easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    if (t->answer.complete && is_success(t->answer.status) && t->answer.coding[0])
        return stop(t, MR__END_CODED);
    return n;
}

/* The caller has to make room: until then the connection stands still. */
static size_t hold(mr__transfer *t)
{
    t->held_ns = mr__clock_ns();
    t->state = MR__TRANSFER_HELD;
    (void)sem_post(&t->back);
    return CURL_WRITEFUNC_PAUSE;
}

/* Writes the body where its caller wants it, if there is room: a later attempt finds that of the
 * first, or, being of another length, does without. */
static bool place(mr__transfer *t, size_t length)
{
    mr__fetch_room *room = t->room;

    if (!room)
        return false;
    if (!room->asked) {
        room->asked = true;
        room->at = room->take(room, length);
        room->size = room->at ? length : 0;
    }
    if (!room->at || room->size != length)
        return false;
    t->dst = room->at;
    t->dst_size = length;
    return true;
}

static void begin_body(mr__transfer *t)
{
    curl_off_t length = -1;

    t->answer.begun = true;
    if (t->engine->curl.easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) ==
        CURLE_OK)
        t->answer.length = length;
    /* in one piece, not by doubling; a failure shows when bytes are added */
    if (!t->dst && length > 0 && length <= (curl_off_t)MR__FETCH_SMALL_BYTES &&
        !place(t, (size_t)length))
        (void)mr__buf_reserve(&t->small, (size_t)length);
}

static size_t on_body(char *bytes, size_t one, size_t n, void *cookie)
{
    mr__transfer *t = cookie;

    (void)one;
    t->last_ns = mr__clock_ns();
    if (!is_success(t->answer.status)) {
        t->answer.ignored_bytes += n;
        return t->answer.ignored_bytes > MR__HTTP_IGNORED_MAX ? stop(t, MR__END_STATUS) : n;
    }
    if (!t->answer.begun)
        begin_body(t);
    if (t->dst) {
        if (n > t->dst_size - t->got)
            return stop(t, MR__END_FULL);
        memcpy(t->dst + t->got, bytes, n);
        t->got += n;
        return n;
    }
    if (t->answer.length > (int64_t)MR__FETCH_SMALL_BYTES ||
        n > MR__FETCH_SMALL_BYTES - t->small.len)
        return hold(t);
    return mr__buf_add(&t->small, bytes, n) ? n : stop(t, MR__END_MEMORY);
}

static curl_socket_t on_socket(void *cookie, curlsocktype purpose, struct curl_sockaddr *address)
{
    mr__transfer *t = cookie;

    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (!t->engine->options.allow_private) {
        const char *why = mr__address_refusal(&address->addr, address->addrlen);

        if (why) {
            t->refused = why;
            return CURL_SOCKET_BAD;
        }
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void forget_answer(mr__transfer *t)
{
    t->answer = (mr__answer){.length = -1};
    t->end = MR__END_NONE;
    t->refused = NULL;
    t->held_ns = 0;
    t->got = 0;
    if (t->room)
        t->dst = NULL;
    t->text[0] = '\0';
    mr__buf_reset(&t->small);
}

/* Every option that bounds what a URL can do. libcurl's other defaults are kept: no cookies, no
 * .netrc, no decoding, credentials are not sent on to another host. */
static bool set_bounds(mr__transfer *t)
{
    const long web = CURLPROTO_HTTP | CURLPROTO_HTTPS;
    const mr__curl *c = &t->engine->curl;
    CURL *easy = t->easy;
    bool ok = true;

    ok &= c->easy_setopt(easy, CURLOPT_PROTOCOLS, web) == CURLE_OK;
    ok &= c->easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, web) == CURLE_OK;
    ok &= c->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK;
    ok &= c->easy_setopt(easy, CURLOPT_MAXREDIRS, (long)MR__HTTP_REDIRECTS) == CURLE_OK;
    ok &= c->easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK; /* none, not from the environment */
    ok &= c->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK;
    ok &= c->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK;
    ok &= c->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)t->engine->options.idle_ms) ==
          CURLE_OK;
    /* with HTTP/2 a held body would pile up in memory, up to its window */
    ok &= c->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok &= c->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    /* refused while a buffer is left over from an attempt that never got a connection */
    (void)c->easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    /* a name server that does not answer must not hold up everybody; older libraries refuse it */
    (void)c->easy_setopt(easy, OPT_QUICK_EXIT, 1L);
    return ok;
}

bool mr__transfer_prepare(mr__transfer *t)
{
    const mr__curl *c = &t->engine->curl;
    bool ok;

    forget_answer(t);
    c->easy_reset(t->easy);
    ok = set_bounds(t);
    ok &= c->easy_setopt(t->easy, CURLOPT_URL, t->url) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_NOBODY, t->head_only ? 1L : 0L) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, t->fresh ? 1L : 0L) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->engine->headers) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_USERAGENT, "millrace/" MR_VERSION) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_HEADERDATA, t) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_WRITEDATA, t) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->text) == CURLE_OK;
    ok &= c->easy_setopt(t->easy, CURLOPT_PRIVATE, t) == CURLE_OK;
    return ok;
}
