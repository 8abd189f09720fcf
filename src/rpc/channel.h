/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of src/rpc: a channel, and what differs between versions of gRPC C-core. */
#ifndef MR_RPC_CHANNEL_H
#define MR_RPC_CHANNEL_H

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "rpc/rpc.h"

struct mr__rpc {
    char *address;
    mr__rpc_options options;               /* its strings are not kept */
    grpc_channel_credentials *credentials; /* NULL: plain */
    char *server_name;                     /* NULL: the host's */
    grpc_channel *channel;
};

/* Fills `err` from a code and what was said with it; `err` may be NULL. */
mr_status mr__rpc_failure(const mr__rpc *rpc, const mr__rpc_call *call,
                          const mr__rpc_answer *answer, mr_error *err);

/* connect_*.c: one of them is built. `credentials` NULL: plain. */
grpc_channel *mr__rpc_connect(const char *target, grpc_channel_credentials *credentials,
                              const grpc_channel_args *args);

/* quiet_*.c: gRPC's own log goes nowhere, unless GRPC_VERBOSITY asks for it: a library prints
 * nothing. */
void mr__rpc_quiet(void);

#endif
