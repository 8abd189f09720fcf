/* SPDX-License-Identifier: Apache-2.0 */
/* Text that came from outside: bounded, escaped, parsed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void test_escape(void **state)
{
    char out[64];

    (void)state;
    mr__text_escape(out, sizeof out, "a\x1b[1m\n\xff\xc3\xa9", 9);
    assert_string_equal(out, "a\\x1b[1m\\x0a\\xff\xc3\xa9");
    mr__text_escape(out, 5, "abcdefgh", 8);
    assert_string_equal(out, "abcd");
}

static void test_utf8(void **state)
{
    (void)state;
    assert_true(mr__text_is_utf8("\xf0\x9f\x98\x80", 4));
    assert_false(mr__text_is_utf8("\xed\xa0\x80", 3));
    assert_false(mr__text_is_utf8("\xc0\xaf", 2));
    assert_false(mr__text_is_utf8("\xf4\x90\x80\x80", 4));
}

static void test_sizes_and_times(void **state)
{
    uint64_t v;

    (void)state;
    assert_true(mr__text_size("512M", &v) && v == UINT64_C(512) << 20);
    assert_true(mr__text_size("3GiB", &v) && v == UINT64_C(3) << 30);
    assert_false(mr__text_size("99999999999T", &v));
    assert_false(mr__text_size("-1", &v));
    assert_false(mr__text_size("5X", &v));
    assert_true(mr__text_duration_ms("250ms", &v) && v == 250);
    assert_true(mr__text_duration_ms("2m", &v) && v == 120000);
    assert_true(mr__text_duration_ms("10", &v) && v == 10000);
    assert_false(mr__text_duration_ms("s", &v));
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(mr__text_distance("ingest", "ingset"), 2);
    assert_int_equal(mr__text_distance("", "abc"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_sizes_and_times),
        cmocka_unit_test(test_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
