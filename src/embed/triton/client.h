/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server as a run sees it: some connections, requests that are made again where that is safe, and
 * the memory that is shared with it.
 *
 * An inference changes nothing in the server, so it can always be made again. What differs is for
 * how long. A server that is down, is loading its models or has a full queue is waited for: that is
 * backpressure, not an error, up to `wait`. A request that was lost, was late or failed inside of
 * the server is made again `retries` times: it may be the request itself that does it.
 *
 * The server reads the shared memory and never writes it: outputs come with the answer. So a
 * request that was given up, and that the server may still be at, can change no vector, and its
 * batch slot may be used again.
 */
#ifndef MR_EMBED_TRITON_CLIENT_H
#define MR_EMBED_TRITON_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "embed/embed.h"
#include "embed/triton/transport.h"

enum { MR__TRITON_SESSIONS = 16 };

typedef struct mr__triton_client {
    const mr__triton_options *options;
    const mr__triton_transport *transport;
    mr_logger logger;
    const mr__stop *stop; /* raised: nobody is waited for any more; NULL: never */
    mr__triton_server server;

    pthread_mutex_t lock; /* of the sessions */
    pthread_cond_t given;
    mr__triton_session *idle[MR__TRITON_SESSIONS];
    size_t n_idle, n_open, max_open;

    pthread_mutex_t region_lock;
    char region[64];   /* "": none is registered */
    char doubtful[64]; /* one of which it is not known whether it is; "": none */
    char key[64];      /* "": no memory to share */
    const uint8_t *base;
    size_t bytes;
    uint32_t generation; /* of the registration */
    atomic_uint abandoned;
    atomic_ullong copied; /* bytes of tensors that went over the connection */
} mr__triton_client;

/* `options` and what of `context` is kept outlive the client. Never fails to be closable. */
mr_status mr__triton_client_open(mr__triton_client *client, const mr__triton_options *options,
                                 const mr__embed_context *context, mr_error *err);
void mr__triton_client_close(mr__triton_client *client);

/* As many requests at once from here on; one until it is called. */
void mr__triton_client_widen(mr__triton_client *client, uint32_t in_flight);

/* Asks the server who it is, and what it knows of the model. MR_E_ENV: it is not there, or has no
 * such model. */
mr_status mr__triton_client_meet(mr__triton_client *client, mr__triton_model *out, mr_error *err);

/*
 * One inference, with everything that may be tried. MR_E_ITEM: the server is well and does not take
 * these rows. `take` reads the answer, which lives for that call. Region and deadline of `infer`
 * are filled in here. Any thread.
 */
mr_status mr__triton_client_infer(mr__triton_client *client, mr__triton_infer *infer,
                                  mr_status (*take)(void *cookie, const mr__triton_answer *answer,
                                                    mr_error *err),
                                  void *cookie, mr_error *err);

/*
 * Registers memory that the server can open as `key`. If it will not: a warning and MR_OK, or
 * MR_E_ENV where shared memory is required. Before any inference that may use it.
 */
mr_status mr__triton_client_share(mr__triton_client *client, const char *key, const void *base,
                                  size_t bytes, mr_error *err);

/* Was memory given to mr__triton_client_share, and not refused? */
bool mr__triton_client_shares(mr__triton_client *client);

/* Is the server's address one of this machine's? */
bool mr__triton_is_local(const mr__triton_options *options);

#endif
