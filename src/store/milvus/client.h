/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to a Milvus server: who we are, calls with their retries, answers in bounds. */
#ifndef MR_STORE_MILVUS_CLIENT_H
#define MR_STORE_MILVUS_CLIENT_H

#include <stdatomic.h>

#include "store/milvus/milvus.pb-c.h"

#include "base/log.h"
#include "rpc/rpc.h"
#include "store/milvus/params.h"
#include "store/milvus/status.h"

typedef struct mr__mv_client {
    mr__mv_address address;
    char authorization[12000];
    char version[64]; /* "v2.3.5", "milvus_lite-3.2.2" */
    bool lite;        /* milvus-lite: one writer at a time */
    uint32_t timeout_ms, retry_ms;
    mr__rpc *rpc;
    mr_logger logger;
    const mr__stop *stop;      /* of the run that began; NULL: none */
    atomic_ullong troubled_ns; /* when the server was last seen to be away */
    atomic_ullong told_ns;     /* when the user was last told to wait */
} mr__mv_client;

/* Opens the connection and asks who is there; nothing is tried twice. */
mr_status mr__mv_client_open(mr__mv_client *client, const char *spec, const mr__mv_params *params,
                             const mr_logger *logger, mr_error *err);
void mr__mv_client_close(mr__mv_client *client);

/* A server that is away. */
typedef enum mr__mv_patience {
    MR__MV_NOW,  /* is an error at once; short trouble is waited out */
    MR__MV_WAIT, /* is waited for, up to `retry_ms` */
} mr__mv_patience;

typedef struct mr__mv_request {
    const char *method;              /* "Search" */
    const ProtobufCMessage *message; /* NULL: `parts` are the message */
    const mr__rpc_part *parts;
    size_t n_parts;
    mr__mv_patience patience; /* repeated only if that is harmless: see `once` */
    bool once;                /* not to be repeated when it may have happened */
    uint32_t timeout_ms;      /* 0: the client's */
} mr__mv_request;

/* Where the messages of answers live; freed as one. */
typedef struct mr__mv_arena {
    struct mr__mv_block *blocks;
    size_t left; /* of the budget */
} mr__mv_arena;

void mr__mv_arena_init(mr__mv_arena *arena, size_t budget);
void mr__mv_arena_fini(mr__mv_arena *arena);

/* Unpacks a message of a server; its memory is bounded by a multiple of its size. NULL: it is none,
 * or wants too much. */
void *mr__mv_unpack(mr__mv_arena *arena, const ProtobufCMessageDescriptor *type,
                    const uint8_t *data, size_t size);

typedef struct mr__mv_reply {
    void *message; /* of the type asked for */
    mr__mv_arena arena;
    mr__mv_verdict verdict; /* of the last attempt */
    bool absent;            /* the collection is not there */
    bool no_index;          /* the collection has no index */
    bool not_loaded;        /* the collection is not loaded */
    bool repeated;          /* an attempt whose outcome is not known went before */
    uint64_t limit;         /* MR__MV_TOO_LARGE: what the server takes, 0: not said */
} mr__mv_reply;

/*
 * Calls until it is done, refused, or patience ends. On success the caller frees `out` with
 * mr__mv_reply_fini; on a failure nothing is left of it but the verdict. Any thread.
 */
mr_status mr__mv_call(mr__mv_client *client, const mr__mv_request *request,
                      const ProtobufCMessageDescriptor *type, mr__mv_reply *out, mr_error *err);
void mr__mv_reply_fini(mr__mv_reply *reply);

/* The same for calls that answer a Status, or whose answer does not matter. */
mr_status mr__mv_tell(mr__mv_client *client, const mr__mv_request *request, mr_error *err);

/* The `db_name` of requests: NULL for the default one. */
char *mr__mv_database(mr__mv_client *client);

/* Waits, for polling. */
void mr__mv_pause(uint32_t ms);

#endif
