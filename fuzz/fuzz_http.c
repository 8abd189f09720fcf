/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of HTTP is parsed here and not by libcurl: dates and Retry-After. And the judgement of
 * addresses: an address of IPv4 must be judged alike in each form of IPv6 that carries it.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/address.h"
#include "fetch/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static const char *judge6(const unsigned char bytes[16])
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    memcpy(&v6.sin6_addr, bytes, 16);
    return mr__address_refusal((const struct sockaddr *)&v6, sizeof v6);
}

static void check_address(const uint8_t *bytes)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    unsigned char mapped[16] = {[10] = 0xff, [11] = 0xff}, nat64[16] = {0, 0x64, 0xff, 0x9b},
                  sixtofour[16] = {0x20, 0x02};
    const char *what;

    memcpy(&v4.sin_addr, bytes, 4);
    memcpy(mapped + 12, bytes, 4);
    memcpy(nat64 + 12, bytes, 4);
    memcpy(sixtofour + 2, bytes, 4);
    what = mr__address_refusal((const struct sockaddr *)&v4, sizeof v4);
    check(judge6(mapped) == what);
    check(judge6(nat64) == what);
    check(judge6(sixtofour) == what);
    /* outside of what is given out, nothing but such a form is public */
    if (judge6(bytes) == NULL && (bytes[0] & 0xe0) != 0x20) {
        memcpy(&v4.sin_addr, bytes + 12, 4);
        check(mr__address_refusal((const struct sockaddr *)&v4, sizeof v4) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    uint32_t ms = UINT32_MAX;
    int64_t seconds;

    if (mr__http_date(text, size, &seconds))
        check(size == 29 && seconds >= 0);
    if (mr__retry_after(text, size, 1000000000, &ms))
        check(ms <= 86400000);
    else
        check(ms == UINT32_MAX);
    if (size >= 16)
        check_address(data);
    return 0;
}
