/* SPDX-License-Identifier: Apache-2.0 */
/* Which stage is named, on figures made up for the purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pipeline/bottleneck.h"

static void test_each_stage(void **state)
{
    mr__occupancy o = {.seconds = 10, .fetchers = 2, .workers = 8};

    (void)state;
    assert_string_equal(mr__bottleneck(&o), "");
    o.source = 0.5;
    assert_string_equal(mr__bottleneck(&o), "source");
    o.fetch = 4; /* of two threads: 20 % */
    assert_string_equal(mr__bottleneck(&o), "fetch");
    o.decode = 72; /* of eight workers: 90 % */
    assert_string_equal(mr__bottleneck(&o), "decode");
    o.embed = 9.5;
    assert_string_equal(mr__bottleneck(&o), "embed");
    o.store = 9.6;
    assert_string_equal(mr__bottleneck(&o), "store");
}

/* Working seconds are shared by those who work: 40 s of 8 workers are less than 6 s of one. */
static void test_shares(void **state)
{
    mr__occupancy o = {
        .seconds = 10, .fetchers = 1, .workers = 8, .decode = 40, .embed = 6, .store = 1};

    (void)state;
    assert_string_equal(mr__bottleneck(&o), "embed");
    o.workers = 4;
    assert_string_equal(mr__bottleneck(&o), "decode");
}

static void test_equal_names_the_later(void **state)
{
    mr__occupancy o = {.seconds = 2, .source = 1, .store = 1};

    (void)state;
    assert_string_equal(mr__bottleneck(&o), "store");
}

/* A pipe that says nothing: the source has all the time. */
static void test_idle_source(void **state)
{
    mr__occupancy then = {.seconds = 5, .source = 1, .decode = 9, .workers = 2, .fetchers = 2};
    mr__occupancy now = then, lately;

    (void)state;
    now.seconds = 8;
    now.source = 3.9;
    now.decode = 9.2;
    assert_string_equal(mr__bottleneck(&now), "decode"); /* since the start */
    lately = mr__occupancy_since(&now, &then);
    assert_true(lately.seconds > 2.99 && lately.seconds < 3.01);
    assert_int_equal(lately.workers, 2);
    assert_string_equal(mr__bottleneck(&lately), "source"); /* within the last seconds */
}

static void test_no_time(void **state)
{
    mr__occupancy o = {.seconds = 0, .decode = 1, .workers = 1};

    (void)state;
    assert_string_equal(mr__bottleneck(&o), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_stage),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_equal_names_the_later),
        cmocka_unit_test(test_idle_source),
        cmocka_unit_test(test_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
