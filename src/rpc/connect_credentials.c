/* SPDX-License-Identifier: Apache-2.0 */
/* Making a channel, gRPC 1.44 and newer: plain is a kind of credentials. */
#include "rpc/channel.h"

grpc_channel *mr__rpc_connect(const char *target, grpc_channel_credentials *credentials,
                              const grpc_channel_args *args)
{
    grpc_channel_credentials *plain = credentials ? NULL : grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create(target, plain ? plain : credentials, args);

    if (plain)
        grpc_channel_credentials_release(plain);
    return channel;
}
