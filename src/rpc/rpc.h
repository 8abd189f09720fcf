/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unary gRPC calls, over gRPC C-core: what the modules that speak gRPC share. It is compiled into
 * each of them and into nothing else (docs/decisions/0009-grpc.md).
 *
 *     mr__rpc_open(&options, &rpc, err);              one connection, made when it is first needed
 *     mr__rpc_start(rpc, &call, &pending, err);       any number in flight, from any thread
 *     mr__rpc_wait(pending, &answer, err);            ends the call, whatever came of it
 *     ... answer.data[0..size) ...
 *     mr__rpc_answer_fini(&answer);
 *     mr__rpc_close(&rpc);
 *
 * A request is a list of parts that lie anywhere in the caller's memory. They are handed to the
 * kernel from where they are: nothing is gathered or copied on the way, and the memory is the
 * caller's again when mr__rpc_wait returns. After a deadline or a cancellation the transport may
 * still hold on to it; then mr__rpc_wait takes up to keepalive_timeout_ms longer, or twice that.
 *
 * A channel connects by itself, again after a connection was lost; but only while some thread is in
 * mr__rpc_wait, since that is who moves its bytes. A call made while there is no connection fails
 * at once with MR__RPC_UNAVAILABLE: nothing is retried here, since only the caller knows what may
 * be repeated. Who repeats sets `wait`: pausing between calls that fail at once would starve the
 * new connection.
 */
#ifndef MR_RPC_RPC_H
#define MR_RPC_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stop.h"

/* Status codes of gRPC that a caller tells apart. */
enum {
    MR__RPC_OK = 0,
    MR__RPC_CANCELLED = 1,
    MR__RPC_UNKNOWN = 2,
    MR__RPC_INVALID_ARGUMENT = 3,
    MR__RPC_DEADLINE_EXCEEDED = 4,
    MR__RPC_NOT_FOUND = 5,
    MR__RPC_ALREADY_EXISTS = 6,
    MR__RPC_PERMISSION_DENIED = 7,
    MR__RPC_RESOURCE_EXHAUSTED = 8,
    MR__RPC_FAILED_PRECONDITION = 9,
    MR__RPC_ABORTED = 10,
    MR__RPC_OUT_OF_RANGE = 11,
    MR__RPC_UNIMPLEMENTED = 12,
    MR__RPC_INTERNAL = 13,
    MR__RPC_UNAVAILABLE = 14,
    MR__RPC_DATA_LOSS = 15,
    MR__RPC_UNAUTHENTICATED = 16
};

typedef struct mr__rpc_options {
    const char *address; /* "host:port", "[v6]:port": see mr__rpc_address */
    bool tls;
    const char *ca;                /* PEM file of those who may vouch; NULL: the system's */
    const char *cert, *key;        /* PEM files of the client; both or none */
    const char *server_name;       /* expected in the server's certificate; NULL: the host */
    uint32_t keepalive_ms;         /* pause between pings while calls are in flight; 0: none */
    uint32_t keepalive_timeout_ms; /* a connection on which nothing moves for so long is given up */
    uint32_t connect_ms;           /* longest that one attempt to connect takes */
    uint32_t backoff_ms, backoff_max_ms; /* between attempts; grows from the first to the second */
    size_t max_answer;                   /* bytes; a longer answer is MR__RPC_RESOURCE_EXHAUSTED */
} mr__rpc_options;

/* Fills in the defaults: plain, pings every 30 s given up after 10 s, 5 s to connect, 100 ms to 2 s
 * between attempts, answers of 64 MiB. */
void mr__rpc_options_init(mr__rpc_options *options);

/* Writes "host:port" of the first `n` bytes of `text` ("host", "host:port", "[v6]:port") to `out`.
 * MR_E_INVALID: no host, signs that no host has, a port that is none. */
mr_status mr__rpc_address(const char *text, size_t n, uint16_t default_port, char *out, size_t size,
                          mr_error *err);

typedef struct mr__rpc mr__rpc;

/* Opens a channel; nothing is sent yet. MR_E_ENV: a PEM file cannot be read. Options are copied.
 * Call it after the last fork(). */
mr_status mr__rpc_open(const mr__rpc_options *options, mr__rpc **out, mr_error *err);

/* No call may be pending any more. NULL is allowed; sets `*rpc` to NULL. */
void mr__rpc_close(mr__rpc **rpc);

/* Version of gRPC C-core: "29.0.0". */
const char *mr__rpc_library(void);

/* A stretch of a request, borrowed until mr__rpc_wait returns. */
typedef struct mr__rpc_part {
    const void *data;
    size_t size;
} mr__rpc_part;

/* Metadata: a lower-case key without "-bin", a value of printable ASCII. */
typedef struct mr__rpc_header {
    const char *key, *value;
} mr__rpc_header;

typedef struct mr__rpc_call {
    const char *method; /* "/package.Service/Method"; borrowed until mr__rpc_wait returns */
    const mr__rpc_part *parts;
    size_t n_parts;
    const mr__rpc_header *headers; /* copied */
    size_t n_headers;
    uint32_t timeout_ms;  /* until the answer is complete; 0: one minute */
    bool wait;            /* until there is a connection, if there is none now */
    const mr__stop *stop; /* raised: a call that waits for a connection is cancelled; may be NULL */
} mr__rpc_call;

typedef struct mr__rpc_pending mr__rpc_pending;

/* Sends a request and returns. On success the call must be waited for. Any thread. */
mr_status mr__rpc_start(mr__rpc *rpc, const mr__rpc_call *call, mr__rpc_pending **out,
                        mr_error *err);

/* Makes the call end soon, with MR__RPC_CANCELLED unless it has ended already. Any thread, before
 * mr__rpc_wait returns. */
void mr__rpc_cancel(mr__rpc_pending *pending);

typedef struct mr__rpc_answer {
    const uint8_t *data; /* the message; NULL if there is none */
    size_t size;
    int code;          /* MR__RPC_* */
    char message[256]; /* what the server, or gRPC, says about a failure; escaped */
    void *owner;
} mr__rpc_answer;

/*
 * Waits for the answer, ends the call and frees `pending`. MR_OK: `answer` holds the message and is
 * to be given to mr__rpc_answer_fini. Otherwise `answer` says which code it was, and the error
 * names the server and the next step: MR_E_ENV (not there, no answer in time, not allowed),
 * MR_E_UNSUPPORTED (no such method), MR_E_INTERRUPTED (cancelled), MR_E_INVALID (the server refuses
 * the request). One thread.
 */
mr_status mr__rpc_wait(mr__rpc_pending *pending, mr__rpc_answer *answer, mr_error *err);

/* start and wait in one. */
mr_status mr__rpc_unary(mr__rpc *rpc, const mr__rpc_call *call, mr__rpc_answer *answer,
                        mr_error *err);

/* Frees the message. Zeroed answers are allowed. */
void mr__rpc_answer_fini(mr__rpc_answer *answer);

/* "UNAVAILABLE"; "code 99" is "UNKNOWN". Never NULL. */
const char *mr__rpc_code_name(int code);

#endif
