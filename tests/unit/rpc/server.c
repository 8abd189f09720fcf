/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

typedef struct call call;

typedef struct step {
    enum { ASKED, READ, CLOSED, SENT } what;
    call *of;
} step;

struct call {
    grpc_call *handle;
    grpc_call_details details;
    grpc_metadata_array headers;
    grpc_byte_buffer *message;
    int cancelled;
    step asked, read, closed, sent;
    int pending; /* steps begun and not yet seen */
    bool answered;
    call *next;
};

struct server {
    grpc_server *handle;
    grpc_completion_queue *queue;
    pthread_t thread;
    uint16_t port;
    call *waiting; /* of /t/Gather */
    int n_waiting;
    atomic_uint cancelled;
};

static void ask(server *s)
{
    call *c = calloc(1, sizeof *c);

    c->asked = (step){ASKED, c};
    c->read = (step){READ, c};
    c->closed = (step){CLOSED, c};
    c->sent = (step){SENT, c};
    grpc_call_details_init(&c->details);
    grpc_metadata_array_init(&c->headers);
    c->pending = 1;
    if (grpc_server_request_call(s->handle, &c->handle, &c->details, &c->headers, s->queue,
                                 s->queue, &c->asked) != GRPC_CALL_OK)
        abort();
}

static void forget(call *c)
{
    if (c->pending > 0)
        return;
    grpc_call_details_destroy(&c->details);
    grpc_metadata_array_destroy(&c->headers);
    if (c->message)
        grpc_byte_buffer_destroy(c->message);
    if (c->handle)
        grpc_call_unref(c->handle);
    free(c);
}

static void begin(call *c, grpc_op *ops, size_t n, step *tag)
{
    c->pending++;
    if (grpc_call_start_batch(c->handle, ops, n, tag, NULL) != GRPC_CALL_OK)
        abort();
}

static void answer(call *c, grpc_byte_buffer *message, grpc_status_code code)
{
    grpc_slice text = grpc_slice_from_static_string("no: \xc3\xa9\n!");
    grpc_op ops[3] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
                      {.op = GRPC_OP_SEND_STATUS_FROM_SERVER},
                      {.op = GRPC_OP_SEND_MESSAGE}};

    ops[1].data.send_status_from_server.status = code;
    ops[1].data.send_status_from_server.status_details = &text;
    ops[2].data.send_message.send_message = message;
    c->answered = true;
    begin(c, ops, message ? 3 : 2, &c->sent);
}

static void answer_text(call *c, grpc_slice text)
{
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&text, 1);

    answer(c, message, GRPC_STATUS_OK);
    grpc_byte_buffer_destroy(message);
}

static void gather(server *s, call *c)
{
    c->next = s->waiting;
    s->waiting = c;
    if (++s->n_waiting < server_gather)
        return;
    while (s->waiting) {
        call *one = s->waiting;
        s->waiting = one->next;
        answer(one, one->message, GRPC_STATUS_OK);
    }
    s->n_waiting = 0;
}

static void serve(server *s, call *c)
{
    char method[64];
    size_t n = GRPC_SLICE_LENGTH(c->details.method), i;

    (void)snprintf(method, sizeof method, "%.*s", (int)n,
                   (const char *)GRPC_SLICE_START_PTR(c->details.method));
    if (strcmp(method, "/t/Echo") == 0)
        answer(c, c->message, GRPC_STATUS_OK);
    else if (strncmp(method, "/t/Fail", 7) == 0)
        answer(c, NULL, (grpc_status_code)strtol(method + 7, NULL, 10));
    else if (strcmp(method, "/t/Gather") == 0)
        gather(s, c);
    else if (strcmp(method, "/t/Meta") == 0) {
        for (i = 0; i < c->headers.count; i++)
            if (grpc_slice_str_cmp(c->headers.metadata[i].key, "authorization") == 0)
                break;
        if (i < c->headers.count)
            answer_text(c, c->headers.metadata[i].value);
        else
            answer(c, NULL, GRPC_STATUS_UNAUTHENTICATED);
    } else if (strcmp(method, "/t/Hang") != 0)
        answer(c, NULL, GRPC_STATUS_UNIMPLEMENTED);
}

static void take(server *s, step *tag, int ok)
{
    call *c = tag->of;
    grpc_op read = {.op = GRPC_OP_RECV_MESSAGE}, closed = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};

    c->pending--;
    if (tag->what == ASKED && ok) {
        ask(s);
        closed.data.recv_close_on_server.cancelled = &c->cancelled;
        begin(c, &closed, 1, &c->closed);
        read.data.recv_message.recv_message = &c->message;
        begin(c, &read, 1, &c->read);
    } else if (tag->what == READ && ok && c->message)
        serve(s, c);
    else if (tag->what == CLOSED && c->cancelled && !c->answered)
        atomic_fetch_add(&s->cancelled, 1);
    forget(c);
}

static void *run(void *arg)
{
    server *s = arg;
    grpc_event event;

    while ((event = grpc_completion_queue_next(s->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL))
               .type != GRPC_QUEUE_SHUTDOWN)
        if (event.tag != s)
            take(s, event.tag, event.success);
        else
            grpc_completion_queue_shutdown(s->queue); /* the server has shut down */
    return NULL;
}

static int listen_at(server *s, const char *address, const char *cert, const char *key)
{
    grpc_ssl_pem_key_cert_pair pair = {.private_key = key, .cert_chain = cert};
    grpc_server_credentials *credentials = NULL;
    int port;

    if (cert)
        credentials = grpc_ssl_server_credentials_create_ex(
            NULL, &pair, 1, GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, NULL);
#ifdef RPC_IS_OLD
    if (credentials)
        port = grpc_server_add_secure_http2_port(s->handle, address, credentials);
    else
        port = grpc_server_add_insecure_http2_port(s->handle, address);
#else
    if (!credentials)
        credentials = grpc_insecure_server_credentials_create();
    port = grpc_server_add_http2_port(s->handle, address, credentials);
#endif
    if (credentials)
        grpc_server_credentials_release(credentials);
    return port;
}

server *server_open(uint16_t port, const char *cert, const char *key)
{
    server *s = calloc(1, sizeof *s);
    grpc_arg args[] = {
        {.type = GRPC_ARG_INTEGER,
         .key = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
         .value = {.integer = -1}},
        {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_ALLOW_REUSEPORT, .value = {.integer = 0}}};
    const grpc_channel_args all = {.num_args = 2, .args = args};
    char address[32];

    grpc_init();
    s->queue = grpc_completion_queue_create_for_next(NULL);
    s->handle = grpc_server_create(&all, NULL);
    grpc_server_register_completion_queue(s->handle, s->queue, NULL);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    s->port = (uint16_t)listen_at(s, address, cert, key);
    if (s->port == 0)
        abort();
    grpc_server_start(s->handle);
    ask(s);
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        abort();
    return s;
}

uint16_t server_port(const server *s)
{
    return s->port;
}

uint32_t server_cancelled(const server *s)
{
    return atomic_load(&((server *)(uintptr_t)s)->cancelled);
}

void server_close(server *s)
{
    grpc_server_shutdown_and_notify(s->handle, s->queue, s);
    grpc_server_cancel_all_calls(s->handle);
    pthread_join(s->thread, NULL);
    grpc_server_destroy(s->handle);
    grpc_completion_queue_destroy(s->queue);
    grpc_shutdown();
    free(s);
}

int server_certificate(const char *cert, const char *key)
{
    const char *argv[] = {
        "openssl", "req", "-x509", "-newkey",     "rsa:2048", "-nodes",
        "-days",   "2",   "-subj", "/CN=db.test", "-addext",  "subjectAltName=DNS:db.test",
        "-keyout", key,   "-out",  cert,          NULL};
    int status = -1;
    pid_t pid;

    if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
        return -1;
    return waitpid(pid, &status, 0) == pid ? status : -1;
}
