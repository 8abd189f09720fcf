/* SPDX-License-Identifier: Apache-2.0 */
/* A channel to one server: its options, its credentials, its arguments. */
#include "rpc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

#define MAX_PEM  (1u << 20)
#define MAX_HOST 255u

/* Not "never": then a dead connection would not be given up either (see call.c). */
#define NO_PINGS_MS (INT_MAX - 1)

/* Bytes that are handed to the kernel in one go; the default of 64 KiB costs a system call each. */
#define WRITE_BYTES (1 << 20)

void mr__rpc_options_init(mr__rpc_options *options)
{
    *options = (mr__rpc_options){
        .keepalive_ms = 30000,
        .keepalive_timeout_ms = 10000,
        .connect_ms = 5000,
        .backoff_ms = 100,
        .backoff_max_ms = 2000,
        .max_answer = (size_t)64 << 20,
    };
}

/* Letters, digits and signs of names and addresses; within brackets also colons. */
static bool is_host(const char *host, size_t n, bool bracketed)
{
    size_t i;

    if (n == 0 || n > MAX_HOST)
        return false;
    for (i = 0; i < n; i++) {
        char c = host[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!letter && c != '.' && c != '-' && c != '_' && !(bracketed && (c == ':' || c == '%')))
            return false;
    }
    return true;
}

mr_status mr__rpc_address(const char *text, size_t n, uint16_t default_port, char *out, size_t size,
                          mr_error *err)
{
    bool bracketed = n > 0 && text[0] == '[';
    const char *host = text + bracketed, *end = memchr(host, bracketed ? ']' : ':', n - bracketed);
    size_t len = end ? (size_t)(end - host) : n - bracketed, used = len + (size_t)bracketed * 2;
    char port[8] = "", shown[80];
    uint64_t number = default_port;
    mr__buf buf;
    bool ok = is_host(host, len, bracketed) && (!bracketed || end) && used <= n;

    mr__buf_init(&buf, size > 0 ? size - 1 : 0);
    if (ok && used < n) {
        size_t digits = n - used - 1;

        ok = text[used] == ':' && digits > 0 && digits < sizeof port;
        if (ok) {
            memcpy(port, text + used + 1, digits);
            port[digits] = '\0';
            ok = mr__text_u64(port, &number);
        }
    }
    if (!ok || number < 1 || number > UINT16_MAX) {
        mr__text_escape(shown, sizeof shown, text, n);
        return mr__error_set(err, MR_E_INVALID, "\"%s\" is no HOST:PORT", shown);
    }
    ok = mr__buf_addf(&buf, "%.*s:%u", (int)used, text, (unsigned)number);
    if (ok)
        (void)mr__text_copy(out, size, buf.data);
    mr__buf_fini(&buf);
    return ok ? MR_OK : mr__error_set(err, MR_E_INVALID, "the address of the server is too long");
}

static mr_status read_pem(const char *path, mr__buf *out, mr_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char block[4096];
    mr_status status = MR_OK;
    ssize_t n;

    mr__buf_init(out, MAX_PEM);
    if (fd < 0)
        return mr__error_errno(err, MR_E_ENV, errno, "read %s", path);
    while ((n = read(fd, block, sizeof block)) > 0)
        if (!mr__buf_add(out, block, (size_t)n)) {
            n = 0;
            status = mr__error_set(err, MR_E_ENV, "read %s: too long for a PEM file", path);
            break;
        }
    if (n < 0)
        status = mr__error_errno(err, MR_E_ENV, errno, "read %s", path);
    else if (status == MR_OK && (!out->data || !strstr(out->data, "-----BEGIN ")))
        status = mr__error_set(err, MR_E_ENV, "read %s: not a PEM file", path);
    (void)close(fd);
    return status;
}

static mr_status make_credentials(mr__rpc *rpc, const mr__rpc_options *options, mr_error *err)
{
    grpc_ssl_pem_key_cert_pair pair;
    mr__buf ca = {0}, cert = {0}, key = {0};
    mr_status status = MR_OK;

    if (!options->cert != !options->key)
        return mr__error_set(err, MR_E_INVALID,
                             "tls: a client's certificate and its key come together");
    if (options->ca)
        status = read_pem(options->ca, &ca, err);
    if (status == MR_OK && options->cert)
        status = read_pem(options->cert, &cert, err);
    if (status == MR_OK && options->key)
        status = read_pem(options->key, &key, err);
    if (status == MR_OK) {
        pair = (grpc_ssl_pem_key_cert_pair){.private_key = key.data, .cert_chain = cert.data};
        rpc->credentials =
            grpc_ssl_credentials_create_ex(ca.data, options->cert ? &pair : NULL, NULL, NULL);
        if (!rpc->credentials)
            status = mr__error_set(err, MR_E_ENV, "tls: the certificates are refused");
    }
    if (key.data)
        explicit_bzero(key.data, key.len);
    mr__buf_fini(&ca);
    mr__buf_fini(&cert);
    mr__buf_fini(&key);
    return status;
}

static int as_int(size_t value)
{
    return value > INT_MAX ? INT_MAX : (int)value;
}

static grpc_arg integer(const char *key, size_t value)
{
    return (grpc_arg){
        .type = GRPC_ARG_INTEGER, .key = (char *)key, .value = {.integer = as_int(value)}};
}

/* "dns:///host:port": nothing in an address can name another scheme of gRPC's. */
static grpc_channel *make_channel(const mr__rpc *rpc)
{
    const mr__rpc_options *o = &rpc->options;
    grpc_arg args[] = {
        integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, o->max_answer),
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_ARG_MAX_SEND_MESSAGE_LENGTH,
         .value = {.integer = -1}},
        integer(GRPC_ARG_KEEPALIVE_TIME_MS, o->keepalive_ms ? o->keepalive_ms : NO_PINGS_MS),
        integer(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, o->keepalive_timeout_ms),
        integer(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, o->connect_ms),
        integer(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, o->backoff_ms),
        integer(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, o->backoff_max_ms),
        /* a connection of its own, also where another channel goes to the same server */
        integer(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        /* who may repeat a request is known above only, and repeating would copy it */
        integer(GRPC_ARG_ENABLE_RETRIES, 0),
        integer(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        /* a server beside the pipeline is not reached through a proxy for the web */
        integer(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        integer(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, WRITE_BYTES),
        {.type = GRPC_ARG_STRING,
         .key = GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
         .value = {.string = rpc->server_name}},
    };
    size_t n = sizeof args / sizeof args[0];
    const grpc_channel_args all = {.num_args = rpc->server_name ? n : n - 1, .args = args};
    char target[MAX_HOST + 32] = "dns:///";

    (void)mr__text_append(target, sizeof target, rpc->address);
    return mr__rpc_connect(target, rpc->credentials, &all);
}

mr_status mr__rpc_open(const mr__rpc_options *options, mr__rpc **out, mr_error *err)
{
    char address[MAX_HOST + 16];
    mr_status status;
    mr__rpc *rpc;

    *out = NULL;
    status = mr__rpc_address(options->address, strlen(options->address), 0, address, sizeof address,
                             err);
    if (status != MR_OK)
        return status;
    rpc = calloc(1, sizeof *rpc);
    if (!rpc)
        return mr__error_no_memory(err, "connection");
    mr__rpc_quiet();
    grpc_init();
    rpc->options = *options;
    rpc->address = strdup(address);
    rpc->server_name = options->server_name ? strdup(options->server_name) : NULL;
    if (!rpc->address || (options->server_name && !rpc->server_name))
        status = mr__error_no_memory(err, "connection");
    if (status == MR_OK && options->tls)
        status = make_credentials(rpc, options, err);
    if (status == MR_OK) {
        rpc->channel = make_channel(rpc);
        if (!rpc->channel)
            status = mr__error_no_memory(err, "connection");
    }
    if (status != MR_OK)
        mr__rpc_close(&rpc);
    *out = rpc;
    return status;
}

void mr__rpc_close(mr__rpc **rpc)
{
    mr__rpc *r = *rpc;

    if (!r)
        return;
    if (r->channel)
        grpc_channel_destroy(r->channel);
    if (r->credentials)
        grpc_channel_credentials_release(r->credentials);
    grpc_shutdown();
    free(r->address);
    free(r->server_name);
    free(r);
    *rpc = NULL;
}

const char *mr__rpc_library(void)
{
    return grpc_version_string();
}
