/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The border between what is asked of a server and how it travels: HTTP (http.c, in the library)
 * and gRPC (grpc.c, a module). A session is one connection, used by one thread at a time. What goes
 * wrong is sorted here into a few kinds, on which client.c decides whether to ask again.
 */
#ifndef MR_EMBED_TRITON_TRANSPORT_H
#define MR_EMBED_TRITON_TRANSPORT_H

#include "base/stop.h"
#include "embed/triton/model.h"

typedef enum mr__triton_fault {
    MR__TRITON_NONE = 0,
    MR__TRITON_DOWN,      /* there is no connection: nothing was received by anybody */
    MR__TRITON_LOST,      /* the connection ended before the answer did */
    MR__TRITON_BUSY,      /* it has no room, or is not ready: later */
    MR__TRITON_LATE,      /* no answer within the time */
    MR__TRITON_FAILED,    /* an error inside of the server, which may pass */
    MR__TRITON_NO_REGION, /* it does not know the shared memory (any more) */
    MR__TRITON_TAKEN,     /* a region of that name is there already */
    MR__TRITON_UNKNOWN,   /* it has no such model */
    MR__TRITON_REFUSED,   /* it, or the model, does not take these rows */
    MR__TRITON_FINAL      /* asking again would change nothing */
} mr__triton_fault;

typedef struct mr__triton_server {
    char version[64];
    unsigned major, minor; /* 0, 0: not understood */
} mr__triton_server;

/* One inference. */
typedef struct mr__triton_infer {
    const char *model, *version;    /* version "": the server's choice */
    const mr__triton_tensor *input; /* with the rows of this request in dim[0] */
    const char *output;
    const void *data; /* of the input */
    size_t bytes;
    const char *region; /* where the server finds `data`; NULL: it is sent */
    size_t offset;
    size_t answer_max; /* bytes of an answer that are taken */
    uint64_t deadline_ns;
} mr__triton_infer;

/* Its answer. `data` lives until the session is used again or closed. */
typedef struct mr__triton_answer {
    mr__triton_tensor tensor;
    const void *data;
    size_t bytes;
    char version[24]; /* of the model that answered; "": not told */
} mr__triton_answer;

typedef struct mr__triton_region {
    const char *name; /* the server's name for it */
    const char *key;  /* the system's: "/millrace-..." */
    size_t bytes;
} mr__triton_region;

typedef struct mr__triton_session mr__triton_session;

/* Crosses the border of modules: a change raises MR__MODULE_ABI. Every fault fills in `err`. */
typedef struct mr__triton_transport {
    const char *name; /* "http", "grpc" */
    /* Connects when first asked. `options` outlive the session. */
    mr_status (*open)(const mr__triton_options *options, mr__triton_session **out, mr_error *err);
    void (*close)(mr__triton_session *session);
    mr__triton_fault (*server)(mr__triton_session *session, uint64_t deadline_ns,
                               mr__triton_server *out, mr_error *err);
    /* Metadata and, where the server tells it, configuration. */
    mr__triton_fault (*model)(mr__triton_session *session, uint64_t deadline_ns,
                              mr__triton_model *out, mr_error *err);
    mr__triton_fault (*infer)(mr__triton_session *session, const mr__triton_infer *infer,
                              mr__triton_answer *out, mr_error *err);
    mr__triton_fault (*add_region)(mr__triton_session *session, uint64_t deadline_ns,
                                   const mr__triton_region *region, mr_error *err);
    mr__triton_fault (*drop_region)(mr__triton_session *session, uint64_t deadline_ns,
                                    const char *name, mr_error *err);
} mr__triton_transport;

/* Every session starts with this. */
struct mr__triton_session {
    const mr__triton_transport *transport;
    const mr__triton_options *options;
    const mr__stop *stop; /* the client's; raised: who waits for a connection gives up */
};

extern const mr__triton_transport mr__triton_http;

/* "2.51.0" */
void mr__triton_server_set(mr__triton_server *out, const char *version);

/* What the text of an error that the server sent says, whatever its code; `otherwise` if nothing
 * that is known. */
mr__triton_fault mr__triton_fault_of(const char *text, mr__triton_fault otherwise);

#endif
