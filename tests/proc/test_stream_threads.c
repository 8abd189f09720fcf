/* SPDX-License-Identifier: Apache-2.0 */
/* The whole stream with its workers as threads: what a race detector is to see. Units of one and of
 * several items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pictures.h"
#include "proc/pool.h"
#include "thread_process.h"

static pictures set;

static void run(uint32_t unit_items, bool unordered, size_t total)
{
    feed f = {.set = &set, .total = total, .bad_every = 11};
    mr_source *source = feed_open(&f);
    mr_stream_options options;
    mr_pool *pool = NULL;
    mr_stream *stream = NULL;
    mr_plan *plan = NULL;
    mr_error err = {0};
    taken t;
    size_t i;

    mr_stream_options_init(&options);
    options.batch = 16;
    options.unordered = unordered;
    options.pool.workers = 3;
    options.pool.worker_path = testing_worker();
    assert_int_equal(
        mr__pool_open_with(&options.pool, &mr__process_thread, unit_items, &pool, &err), MR_OK);
    assert_int_equal(mr_plan_open("millrace/builtin", &plan, &err), MR_OK);
    assert_int_equal(mr_stream_open(source, plan, pool, &options, &stream, &err), MR_OK);
    assert_ptr_equal(mr_stream_pool(stream), pool);
    taken_init(&t, total);
    assert_int_equal(taken_drain(&t, stream, &err), MR_EOF);
    for (i = 0; i < total; i++) {
        assert_int_equal(t.times[i], 1);
        assert_int_equal(t.hash[i] != 0, i % 11 != 10);
    }
    if (!unordered)
        assert_int_equal(t.out_of_order, 0);
    taken_fini(&t);
    mr_stream_close(&stream);
    mr_pool_close(&pool);
    mr_plan_close(&plan);
    mr_source_close(&source);
}

static void test_ordered(void **state)
{
    (void)state;
    run(1, false, 400);
}

static void test_unordered(void **state)
{
    (void)state;
    run(1, true, 400);
}

static void test_units_of_several_items(void **state)
{
    (void)state;
    run(5, false, 400);
    run(MR__UNIT_ITEMS, true, 400);
}

static int make_set(void **state)
{
    (void)state;
    set = pictures_make(30);
    return 0;
}

static int free_set(void **state)
{
    (void)state;
    pictures_free(&set);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordered),
        cmocka_unit_test(test_unordered),
        cmocka_unit_test(test_units_of_several_items),
    };

    return cmocka_run_group_tests(tests, make_set, free_set);
}
