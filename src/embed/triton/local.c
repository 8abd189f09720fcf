/* SPDX-License-Identifier: Apache-2.0 */
/* Is a server on this machine? Only then can it open our memory. */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "embed/triton/client.h"

/* An address is ours if a socket can be bound to it. */
static bool is_ours(const struct addrinfo *info)
{
    struct sockaddr_storage address = {0};
    bool ours;
    int fd;

    if (info->ai_addrlen > sizeof address)
        return false;
    memcpy(&address, info->ai_addr, info->ai_addrlen);
    if (info->ai_family == AF_INET)
        ((struct sockaddr_in *)(void *)&address)->sin_port = 0;
    else if (info->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&address)->sin6_port = 0;
    else
        return false;
    fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    ours = bind(fd, (const struct sockaddr *)&address, info->ai_addrlen) == 0;
    (void)close(fd);
    return ours;
}

bool mr__triton_is_local(const mr__triton_options *options)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL, *one;
    bool local = false;

    if (getaddrinfo(options->host, NULL, &hints, &list) != 0)
        return false;
    for (one = list; one && !local; one = one->ai_next)
        local = is_ours(one);
    freeaddrinfo(list);
    return local;
}
