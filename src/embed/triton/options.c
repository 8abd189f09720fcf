/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and printing what follows "triton:": see options.h. */
#include "embed/triton/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { BATCH_MAX = 65535, RETRIES_MAX = 1000, IN_FLIGHT_MAX = 16, DAY_MS = 86400000 };

typedef enum value_kind { NAME, PATH, TIME, COUNT, CHOICE } value_kind;

typedef struct key {
    const char *name;
    value_kind kind;
    size_t offset; /* in mr__triton_options */
    uint32_t min, max;
    const char *wants;
} key;

#define AT(member) offsetof(mr__triton_options, member)

static const key keys[] = {
    {"input", NAME, AT(input), 0, 0, "the name of an input"},
    {"output", NAME, AT(output), 0, 0, "the name of an output"},
    {"shm", CHOICE, AT(shm), 0, 0, "auto, off or require"},
    {"timeout", TIME, AT(timeout_ms), 1, DAY_MS, "a time, 1ms to 24h"},
    {"retries", COUNT, AT(retries), 0, RETRIES_MAX, "a number, 0..1000"},
    {"delay", TIME, AT(delay_ms), 0, DAY_MS, "a time, up to 24h"},
    {"wait", TIME, AT(wait_ms), 0, DAY_MS, "a time, up to 24h"},
    {"in_flight", COUNT, AT(in_flight), 1, IN_FLIGHT_MAX, "requests at once, 1..16"},
    {"batch", COUNT, AT(batch), 1, BATCH_MAX, "rows a request, 1..65535"},
    {"headers", PATH, AT(headers_file), 0, 0, "a file of lines \"Name: value\""},
    {"ca", PATH, AT(ca), 0, 0, "a file"},
    {"cert", PATH, AT(cert), 0, 0, "a file"},
    {"key", PATH, AT(key), 0, 0, "a file"},
};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

static const char *const shm_words[] = {"auto", "off", "require"};

static int hex_of(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Copies `n` bytes, %XX decoded; false if it is empty, too long, or has a '%' that stands for
 * nothing or for a control character. */
static bool decode(const char *text, size_t n, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < n ? hex_of(text[i + 1]) : -1;
            int low = high >= 0 ? hex_of(text[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (used + 1 >= size || (unsigned char)c < 0x20 || c == 0x7f)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return used > 0;
}

static const key *find_key(const char *name, const char **near)
{
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < N_KEYS; i++) {
        size_t distance = mr__text_distance(name, keys[i].name);
        if (distance == 0)
            return &keys[i];
        if (distance < least) {
            least = distance;
            *near = keys[i].name;
        }
    }
    return NULL;
}

/* A value into its place. */
static bool take(const key *k, const char *value, mr__triton_options *out)
{
    char *place = (char *)out + k->offset;
    uint64_t number = 0;

    switch (k->kind) {
    case NAME:
        return mr__text_copy(place, MR__TRITON_NAME_SIZE, value);
    case PATH:
        return mr__text_copy(place, MR__TRITON_PATH_SIZE, value);
    case CHOICE:
        for (size_t i = 0; i < sizeof shm_words / sizeof shm_words[0]; i++) {
            if (strcmp(value, shm_words[i]) != 0)
                continue;
            out->shm = (mr__triton_shm)i;
            return true;
        }
        return false;
    case TIME:
    case COUNT:
        break;
    }
    if (!(k->kind == TIME ? mr__text_duration_ms(value, &number) : mr__text_u64(value, &number)) ||
        number < k->min || number > k->max)
        return false;
    *(uint32_t *)(void *)place = (uint32_t)number;
    return true;
}

/* "key=value" of `n` bytes. */
static mr_status take_pair(const char *pair, size_t n, mr__triton_options *out, mr_error *err)
{
    char name[16] = "", value[MR__TRITON_PATH_SIZE];
    const char *equals = memchr(pair, '=', n), *near = "";
    size_t len = equals ? (size_t)(equals - pair) : n;
    const key *k;

    if (len < sizeof name)
        memcpy(name, pair, len);
    k = find_key(name, &near);
    if (!k)
        return mr__error_set(err, MR_E_INVALID,
                             "embedder triton: no option \"%.*s\"; did you mean \"%s\"?",
                             (int)(len < 32 ? len : 32), pair, near);
    if (!equals || !decode(equals + 1, n - len - 1, value, sizeof value) || !take(k, value, out))
        return mr__error_set(err, MR_E_INVALID, "embedder triton: %.*s: wanted %s",
                             (int)(n < 96 ? n : 96), pair, k->wants);
    return MR_OK;
}

static mr_status wrong(mr_error *err, const char *what)
{
    return mr__error_set(err, MR_E_INVALID,
                         "embedder triton: %s; wanted triton:http://HOST:PORT/MODEL[/VERSION], or "
                         "https, grpc, grpcs",
                         what);
}

static mr_status take_scheme(const char **at, mr__triton_options *out, mr_error *err)
{
    static const struct {
        const char *text;
        bool grpc, tls;
        uint16_t port;
    } schemes[] = {{"http://", false, false, 8000},
                   {"https://", false, true, 443},
                   {"grpc://", true, false, 8001},
                   {"grpcs://", true, true, 8001}};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t n = strlen(schemes[i].text);

        if (strncmp(*at, schemes[i].text, n) != 0)
            continue;
        out->grpc = schemes[i].grpc;
        out->tls = schemes[i].tls;
        out->port = schemes[i].port;
        *at += n;
        return MR_OK;
    }
    return wrong(err, "no such scheme");
}

/* A host as it may stand in a URL: nothing that could end it or hide a second one. */
static bool is_host(const char *host, bool v6)
{
    size_t n = strlen(host);

    if (v6)
        return n >= 2 && strspn(host, "0123456789abcdefABCDEF:.") == n;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
            return false;
    return n > 0;
}

/* HOST[:PORT] of `n` bytes. */
static mr_status take_authority(const char *text, size_t n, mr__triton_options *out, mr_error *err)
{
    bool v6 = n > 0 && text[0] == '[';
    const char *end = v6 ? memchr(text, ']', n) : memchr(text, ':', n);
    size_t from = v6 ? 1 : 0, len, rest;
    char port[8] = "";
    uint64_t number;

    if (memchr(text, '@', n))
        return wrong(err, "no user or password may stand in the URL (see headers=FILE)");
    if (v6 && !end)
        return wrong(err, "a \"[\" without its \"]\"");
    len = (end ? (size_t)(end - text) : n) - from;
    if (len >= sizeof out->host)
        return wrong(err, "the host is too long");
    memcpy(out->host, text + from, len);
    out->host[len] = '\0';
    if (!is_host(out->host, v6))
        return wrong(err, "no host");
    rest = from + len + (v6 ? 1 : 0);
    if (rest == n)
        return MR_OK;
    if (text[rest] != ':' || n - rest - 1 >= sizeof port)
        return wrong(err, "no port");
    memcpy(port, text + rest + 1, n - rest - 1);
    if (!mr__text_u64(port, &number) || number < 1 || number > UINT16_MAX)
        return wrong(err, "the port is none of 1..65535");
    out->port = (uint16_t)number;
    return MR_OK;
}

/* MODEL[/VERSION], up to the options. */
static mr_status take_path(const char *text, size_t n, mr__triton_options *out, mr_error *err)
{
    const char *slash = memchr(text, '/', n);
    size_t len = slash ? (size_t)(slash - text) : n;

    if (!decode(text, len, out->model, sizeof out->model) || strchr(out->model, '/'))
        return wrong(err, "no model");
    if (!slash)
        return MR_OK;
    len = n - len - 1;
    if (len == 0 || len >= sizeof out->version || strspn(slash + 1, "0123456789") < len)
        return wrong(err, "a version is a number");
    memcpy(out->version, slash + 1, len);
    out->version[len] = '\0';
    return MR_OK;
}

static mr_status check(const mr__triton_options *o, mr_error *err)
{
    if (!o->tls && (o->ca[0] || o->cert[0] || o->key[0]))
        return mr__error_set(err, MR_E_INVALID,
                             "embedder triton: ca, cert and key are for https:// and grpcs://");
    if ((o->cert[0] != '\0') != (o->key[0] != '\0'))
        return mr__error_set(err, MR_E_INVALID, "embedder triton: cert and key go together");
    return MR_OK;
}

mr_status mr__triton_options_parse(const char *rest, mr__triton_options *out, mr_error *err)
{
    const char *at = rest;
    mr_status status;
    size_t n;

    memset(out, 0, sizeof *out);
    out->timeout_ms = 60000;
    out->retries = 3;
    out->delay_ms = 100;
    out->wait_ms = 120000;
    status = take_scheme(&at, out, err);
    if (status != MR_OK)
        return status;
    n = strcspn(at, "/?");
    status = take_authority(at, n, out, err);
    at += n;
    if (status == MR_OK && *at != '/')
        status = wrong(err, "no model");
    if (status != MR_OK)
        return status;
    at++;
    n = strcspn(at, "?");
    status = take_path(at, n, out, err);
    at += n + (at[n] == '?');
    while (status == MR_OK && *at) {
        n = strcspn(at, "&");
        status = take_pair(at, n, out, err);
        at += n + (at[n] == '&');
    }
    return status == MR_OK ? check(out, err) : status;
}

bool mr__triton_encode(char *text, size_t size, const char *value, const char *plain)
{
    size_t used = strlen(text);

    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        bool as_is = isalnum(c) || strchr("-._~", c) || strchr(plain, c);
        int n = snprintf(text + used, size - used, as_is ? "%c" : "%%%02X", c);
        if (n <= 0 || (size_t)n >= size - used)
            return false;
        used += (size_t)n;
    }
    return true;
}

const char *mr__triton_address(const mr__triton_options *o, char *text, size_t size)
{
    bool v6 = strchr(o->host, ':') != NULL;

    (void)snprintf(text, size, "%s%s%s:%u", v6 ? "[" : "", o->host, v6 ? "]" : "",
                   (unsigned)o->port);
    return text;
}

mr_status mr__triton_options_print(const mr__triton_options *o, char *text, size_t size,
                                   mr_error *err)
{
    const struct {
        const char *name, *value;
    } pairs[] = {{"input", o->input}, {"output", o->output}, {"ca", o->ca},
                 {"cert", o->cert},   {"key", o->key},       {"headers", o->headers_file}};
    char address[MR__TRITON_NAME_SIZE + 16];
    bool ok, first = true;
    int n = snprintf(text, size, "triton:%s%s://%s/", o->grpc ? "grpc" : "http", o->tls ? "s" : "",
                     mr__triton_address(o, address, sizeof address));

    ok = n > 0 && (size_t)n < size && mr__triton_encode(text, size, o->model, "");
    if (ok && o->version[0])
        ok = mr__text_append(text, size, "/") && mr__text_append(text, size, o->version);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0] && ok; i++) {
        if (!pairs[i].value[0])
            continue;
        ok = mr__text_append(text, size, first ? "?" : "&") &&
             mr__text_append(text, size, pairs[i].name) && mr__text_append(text, size, "=") &&
             mr__triton_encode(text, size, pairs[i].value, "/:");
        first = false;
    }
    return ok ? MR_OK : mr__error_set(err, MR_E_INVALID, "embedder triton: the names are too long");
}

/* "Name: value" without what could begin another line. */
static bool is_header(const char *line)
{
    size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    if (n == 0 || line[n] != ':')
        return false;
    for (line += n + 1; *line; line++)
        if ((unsigned char)*line < 0x20 && *line != '\t')
            return false;
    return true;
}

/* One line of the file, already without its end. */
static mr_status take_header(mr__triton_options *o, const char *line, size_t number, mr_error *err)
{
    if (line[0] == '\0' || line[0] == '#')
        return MR_OK;
    if (!is_header(line))
        return mr__error_set(err, MR_E_INVALID,
                             "embedder triton: %s:%zu: wanted \"Name: value\", or # and a remark",
                             o->headers_file, number);
    if (o->n_headers == MR__TRITON_HEADERS_MAX)
        return mr__error_set(err, MR_E_INVALID, "embedder triton: %s: more than %d headers",
                             o->headers_file, MR__TRITON_HEADERS_MAX);
    o->headers[o->n_headers] = strdup(line);
    if (!o->headers[o->n_headers])
        return mr__error_no_memory(err, "headers");
    o->n_headers++;
    return MR_OK;
}

mr_status mr__triton_options_headers(mr__triton_options *o, mr_error *err)
{
    char line[MR__TRITON_HEADER_SIZE];
    mr_status status = MR_OK;
    size_t number = 0;
    FILE *file;

    if (!o->headers_file[0])
        return MR_OK;
    file = fopen(o->headers_file, "re");
    if (!file)
        return mr__error_errno(err, MR_E_ENV, errno, "embedder triton: headers %s",
                               o->headers_file);
    while (status == MR_OK && fgets(line, sizeof line, file)) {
        size_t n = strcspn(line, "\r\n");

        number++;
        if (line[n] == '\0' && !feof(file))
            status = mr__error_set(err, MR_E_INVALID, "embedder triton: %s:%zu: over %zu bytes",
                                   o->headers_file, number, sizeof line - 2);
        line[n] = '\0';
        if (status == MR_OK)
            status = take_header(o, line, number, err);
    }
    if (status == MR_OK && ferror(file))
        status =
            mr__error_errno(err, MR_E_ENV, errno, "embedder triton: headers %s", o->headers_file);
    (void)fclose(file);
    return status;
}

void mr__triton_options_fini(mr__triton_options *o)
{
    while (o->n_headers > 0) {
        o->n_headers--;
        free(o->headers[o->n_headers]);
        o->headers[o->n_headers] = NULL;
    }
}
