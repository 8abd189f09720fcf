/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses may be connected to: see address.h. */
#include "fetch/address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct range4 {
    uint32_t prefix;
    unsigned bits;
    const char *what;
} range4;

static const range4 ranges4[] = {
    {0x00000000, 8, "unspecified"},        /* 0.0.0.0/8 */
    {0x0a000000, 8, "private"},            /* 10.0.0.0/8 */
    {0x64400000, 10, "carrier-grade NAT"}, /* 100.64.0.0/10, metadata of Alibaba Cloud in it */
    {0x7f000000, 8, "loopback"},           /* 127.0.0.0/8 */
    {0xa83f8110, 32, "cloud metadata"},    /* 168.63.129.16, of Azure */
    {0xa9fe0000, 16, "link-local"},        /* 169.254.0.0/16, most metadata services in it */
    {0xac100000, 12, "private"},           /* 172.16.0.0/12 */
    {0xc0000000, 24, "special-purpose"},   /* 192.0.0.0/24, metadata of Oracle Cloud in it */
    {0xc0000200, 24, "documentation"},     /* 192.0.2.0/24 */
    {0xc0586300, 24, "6to4 relay"},        /* 192.88.99.0/24 */
    {0xc0a80000, 16, "private"},           /* 192.168.0.0/16 */
    {0xc6120000, 15, "benchmarking"},      /* 198.18.0.0/15 */
    {0xc6336400, 24, "documentation"},     /* 198.51.100.0/24 */
    {0xcb007100, 24, "documentation"},     /* 203.0.113.0/24 */
    {0xe0000000, 4, "multicast"},          /* 224.0.0.0/4 */
    {0xf0000000, 4, "reserved"},           /* 240.0.0.0/4, broadcast in it */
};

static const char *refusal4(uint32_t address)
{
    size_t i;

    for (i = 0; i < sizeof ranges4 / sizeof ranges4[0]; i++) {
        uint32_t mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - ranges4[i].bits));

        if ((address & mask) == ranges4[i].prefix)
            return ranges4[i].what;
    }
    return NULL;
}

typedef struct range6 {
    unsigned char prefix[6];
    unsigned bits;
    const char *what;
} range6;

/* What of 2000::/3 is not public; all that is outside of it is refused anyway. */
static const range6 ranges6[] = {
    {{0x20, 0x01, 0x00, 0x02, 0x00, 0x00}, 48, "benchmarking"}, /* 2001:2::/48 */
    {{0x20, 0x01, 0x00, 0x10}, 28, "special-purpose"},          /* 2001:10::/28, ORCHID */
    {{0x20, 0x01, 0x00, 0x20}, 28, "special-purpose"},          /* 2001:20::/28, ORCHIDv2 */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},            /* 2001:db8::/32 */
    {{0x3f, 0xff, 0x00}, 20, "documentation"},                  /* 3fff::/20 */
    {{0xfc}, 7, "private"},                                     /* fc00::/7, ULA */
    {{0xfe, 0x80}, 10, "link-local"},                           /* fe80::/10 */
    {{0xfe, 0xc0}, 10, "private"},                              /* fec0::/10, site-local */
    {{0xff}, 8, "multicast"},                                   /* ff00::/8 */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, "private"},      /* 64:ff9b:1::/48, local NAT64 */
};

static bool begins_with(const unsigned char *a, const unsigned char *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, prefix, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

static uint32_t word(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Addresses of IPv4 that an address of IPv6 carries: up to two. */
static unsigned embedded(const unsigned char *a, uint32_t out[2])
{
    static const unsigned char zero[12],
        mapped[12] = {[10] = 0xff, [11] = 0xff}, translated[12] = {[8] = 0xff, [9] = 0xff},
        nat64[12] = {0x00, 0x64, 0xff, 0x9b}, sixtofour[2] = {0x20, 0x02},
        teredo[4] = {0x20, 0x01, 0x00, 0x00};

    if (memcmp(a, mapped, 12) == 0 || memcmp(a, translated, 12) == 0 || memcmp(a, nat64, 12) == 0 ||
        memcmp(a, zero, 12) == 0) {
        out[0] = word(a + 12);
        return 1;
    }
    if (memcmp(a, teredo, 4) == 0) {
        out[0] = word(a + 4);
        out[1] = ~word(a + 12);
        return 2;
    }
    if (memcmp(a, sixtofour, 2) == 0) {
        out[0] = word(a + 2);
        return 1;
    }
    /* ISATAP: its interface identifier may stand below any prefix */
    if ((a[8] & 0xfc) == 0 && a[9] == 0 && a[10] == 0x5e && a[11] == 0xfe) {
        out[0] = word(a + 12);
        return 1;
    }
    return 0;
}

static const char *refusal6(const unsigned char *a)
{
    static const unsigned char zero[15], nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    uint32_t inner[2];
    unsigned n, i;

    if (memcmp(a, zero, 15) == 0 && a[15] <= 1)
        return a[15] == 1 ? "loopback" : "unspecified";
    n = embedded(a, inner);
    for (i = 0; i < n; i++) {
        const char *why = refusal4(inner[i]);

        if (why)
            return why;
    }
    for (i = 0; i < sizeof ranges6 / sizeof ranges6[0]; i++)
        if (begins_with(a, ranges6[i].prefix, ranges6[i].bits))
            return ranges6[i].what;
    /* 2000::/3 is what is given out as public; beside it only names of public IPv4 addresses */
    if ((a[0] & 0xe0) == 0x20 || memcmp(a, nat64, 12) == 0 || (n == 1 && memcmp(a, zero, 8) == 0))
        return NULL;
    return "reserved";
}

const char *mr__address_refusal(const struct sockaddr *address, size_t size)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (size >= sizeof v4 && address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return refusal4(ntohl(v4.sin_addr.s_addr));
    }
    if (size >= sizeof v6 && address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        return refusal6(v6.sin6_addr.s6_addr);
    }
    return "not an Internet address";
}
