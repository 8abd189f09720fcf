/* SPDX-License-Identifier: Apache-2.0 */
/* When a request is made again: dates, Retry-After, the schedule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "fetch/retry.h"

#define NOW INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */

static void test_dates(void **state)
{
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 19x4 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    int64_t seconds, t;
    size_t i;

    (void)state;
    assert_true(mr__http_date("Sun, 06 Nov 1994 08:49:37 GMT", 29, &seconds));
    assert_int_equal(seconds, NOW);
    /* every day of 140 years, against the C library */
    for (t = 0; t < INT64_C(4417977600); t += 86400 + 3661) {
        time_t when = (time_t)t;
        char text[32];
        struct tm tm;

        assert_non_null(gmtime_r(&when, &tm));
        assert_int_equal(strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm), 29);
        assert_true(mr__http_date(text, 29, &seconds));
        assert_int_equal(seconds, t);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mr__http_date(bad[i], strlen(bad[i]), &seconds))
            fail_msg("%s: taken", bad[i]);
}

static void assert_after(const char *text, uint32_t ms)
{
    uint32_t got = 7;

    assert_true(mr__retry_after(text, strlen(text), NOW, &got));
    assert_int_equal(got, ms);
}

static void test_retry_after(void **state)
{
    static const char *const bad[] = {"", "-1", "1.5", "1s", "soon", " 1"};
    size_t i;

    (void)state;
    assert_after("0", 0);
    assert_after("3", 3000);
    assert_after("86400", 86400000);
    assert_after("86401", 86400000);
    assert_after("99999999999999999999999999", 86400000);
    assert_after("Sun, 06 Nov 1994 08:49:42 GMT", 5000);
    assert_after("Sun, 06 Nov 1994 08:49:30 GMT", 0);
    assert_after("Fri, 31 Dec 9999 23:59:59 GMT", 86400000);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t got = 7;

        assert_false(mr__retry_after(bad[i], strlen(bad[i]), NOW, &got));
        assert_int_equal(got, 7);
    }
}

static void test_schedule(void **state)
{
    static const uint32_t full[] = {250, 500, 1000, 2000, 4000, 8000, 10000, 10000};
    uint32_t i, random;

    (void)state;
    for (i = 0; i < sizeof full / sizeof full[0]; i++) {
        uint32_t least = UINT32_MAX, most = 0;

        for (random = 0; random < 20000; random++) {
            uint32_t delay = mr__retry_delay(i + 1, 0, random);

            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
        }
        assert_int_equal(least, full[i] / 2);
        assert_int_equal(most, full[i]);
    }
    assert_int_equal(mr__retry_delay(1, 30000, 5), 30000);
    assert_int_equal(mr__retry_delay(1, 10, 0), 125);
    assert_int_equal(mr__retry_delay(UINT32_MAX, 0, 0), 5000);
}

static void test_statuses(void **state)
{
    long status, n = 0;

    (void)state;
    for (status = 0; status < 1000; status++)
        n += mr__retry_status(status);
    assert_int_equal(n, 6);
    assert_true(mr__retry_status(429));
    assert_true(mr__retry_status(503));
    assert_false(mr__retry_status(404));
    assert_false(mr__retry_status(501));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_statuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
