/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses may be connected to: each range at its ends, and what lies just outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "fetch/address.h"

static const char *judge(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return mr__address_refusal((const struct sockaddr *)&v4, sizeof v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return mr__address_refusal((const struct sockaddr *)&v6, sizeof v6);
}

static const struct {
    const char *address, *what; /* NULL: public */
} cases[] = {
    {"0.0.0.0", "unspecified"},
    {"0.255.255.255", "unspecified"},
    {"1.0.0.0", NULL},
    {"8.8.8.8", NULL},
    {"9.255.255.255", NULL},
    {"10.0.0.0", "private"},
    {"10.255.255.255", "private"},
    {"11.0.0.0", NULL},
    {"100.63.255.255", NULL},
    {"100.64.0.0", "carrier-grade NAT"},
    {"100.100.100.200", "carrier-grade NAT"},
    {"100.127.255.255", "carrier-grade NAT"},
    {"100.128.0.0", NULL},
    {"126.255.255.255", NULL},
    {"127.0.0.1", "loopback"},
    {"127.255.255.255", "loopback"},
    {"128.0.0.0", NULL},
    {"168.63.129.15", NULL},
    {"168.63.129.16", "cloud metadata"},
    {"168.63.129.17", NULL},
    {"169.253.255.255", NULL},
    {"169.254.0.0", "link-local"},
    {"169.254.169.254", "link-local"},
    {"169.255.0.0", NULL},
    {"172.15.255.255", NULL},
    {"172.16.0.0", "private"},
    {"172.31.255.255", "private"},
    {"172.32.0.0", NULL},
    {"192.0.0.192", "special-purpose"},
    {"192.0.1.0", NULL},
    {"192.0.2.1", "documentation"},
    {"192.88.99.1", "6to4 relay"},
    {"192.167.255.255", NULL},
    {"192.168.0.0", "private"},
    {"192.168.255.255", "private"},
    {"192.169.0.0", NULL},
    {"198.17.255.255", NULL},
    {"198.18.0.0", "benchmarking"},
    {"198.19.255.255", "benchmarking"},
    {"198.20.0.0", NULL},
    {"198.51.100.9", "documentation"},
    {"203.0.113.9", "documentation"},
    {"223.255.255.255", NULL},
    {"224.0.0.1", "multicast"},
    {"239.255.255.255", "multicast"},
    {"240.0.0.1", "reserved"},
    {"255.255.255.255", "reserved"},
    {"::", "unspecified"},
    {"::1", "loopback"},
    {"2606:4700:4700::1111", NULL},
    {"2a00:1450:4001:830::200e", NULL},
    {"::2", "unspecified"}, /* compatible form of 0.0.0.2 */
    {"::ffff:127.0.0.1", "loopback"},
    {"::ffff:10.1.2.3", "private"},
    {"::ffff:169.254.169.254", "link-local"},
    {"::ffff:8.8.8.8", NULL},
    {"::127.0.0.1", "loopback"},
    {"::192.168.1.1", "private"},
    {"::8.8.8.8", NULL},
    {"::ffff:0:127.0.0.1", "loopback"}, /* translated */
    {"::ffff:0:8.8.8.8", NULL},
    {"::fffe:8.8.8.8", "reserved"}, /* none of these forms */
    {"64:ff9b::127.0.0.1", "loopback"},
    {"64:ff9b::10.0.0.1", "private"},
    {"64:ff9b::8.8.8.8", NULL},
    {"64:ff9b:1::8.8.8.8", "private"},
    {"64:ff9b:2::8.8.8.8", "reserved"},
    {"2002:7f00:1::", "loopback"}, /* 6to4 */
    {"2002:a9fe:a9fe::1", "link-local"},
    {"2002:808:808::1", NULL},
    {"2001:0:7f00:1::f7f7:f7f7", "loopback"}, /* Teredo: server, then the client inverted */
    {"2001:0:808:808::80ff:fffe", "loopback"},
    {"2001:0:808:808::f5ff:fffe", "private"},
    {"2001:0:808:808::f7f7:f7f7", NULL},
    {"2a00:1450::5efe:127.0.0.1", "loopback"}, /* ISATAP */
    {"2a00:1450::200:5efe:192.168.0.1", "private"},
    {"2a00:1450::200:5efe:8.8.8.8", NULL},
    {"2a00:1450::400:5efe:192.168.0.1", NULL}, /* not its form */
    {"2001:2::1", "benchmarking"},
    {"2001:10::1", "special-purpose"},
    {"2001:1f:ffff::1", "special-purpose"},
    {"2001:20::1", "special-purpose"},
    {"2001:db8::1", "documentation"},
    {"2001:db9::1", NULL},
    {"3fff::1", "documentation"},
    {"3fff:fff::1", "documentation"},
    {"3fff:1000::1", NULL},
    {"4000::1", "reserved"},
    {"100::1", "reserved"}, /* discard only */
    {"5f00::1", "reserved"},
    {"fbff::1", "reserved"},
    {"fc00::1", "private"},
    {"fd00:ec2::254", "private"}, /* metadata of AWS */
    {"fdff:ffff::1", "private"},
    {"fe00::1", "reserved"},
    {"fe80::1", "link-local"},
    {"febf::1", "link-local"},
    {"fec0::1", "private"},
    {"ff02::1", "multicast"},
};

static void test_table(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *what = judge(cases[i].address);

        if ((what == NULL) != (cases[i].what == NULL) || (what && strcmp(what, cases[i].what) != 0))
            fail_msg("%s: %s, not %s", cases[i].address, what ? what : "public",
                     cases[i].what ? cases[i].what : "public");
    }
}

static void test_other_families(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/s"};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808)};

    (void)state;
    assert_non_null(mr__address_refusal((const struct sockaddr *)&local, sizeof local));
    assert_null(mr__address_refusal((const struct sockaddr *)&v4, sizeof v4));
    assert_non_null(mr__address_refusal((const struct sockaddr *)&v4, sizeof v4 - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_other_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
