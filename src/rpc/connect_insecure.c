/* SPDX-License-Identifier: Apache-2.0 */
/* Making a channel before gRPC 1.44, as in Ubuntu 22.04. */
#include "rpc/channel.h"

grpc_channel *mr__rpc_connect(const char *target, grpc_channel_credentials *credentials,
                              const grpc_channel_args *args)
{
    if (credentials)
        return grpc_secure_channel_create(credentials, target, args, NULL);
    return grpc_insecure_channel_create(target, args, NULL);
}
