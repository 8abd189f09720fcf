/* SPDX-License-Identifier: Apache-2.0 */
/* The stream over real worker processes: the same bytes whatever the workers do, and nothing left
 * behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "pictures.h"

static pictures set;

static mr_plan *plan_of(const char *name)
{
    mr_plan *plan = NULL;
    mr_error err = {0};

    if (mr_plan_open(name, &plan, &err) != MR_OK)
        fail_msg("%s", err.message);
    return plan;
}

static mr_stream_options options_of(uint32_t workers, uint32_t batch)
{
    mr_stream_options options;

    mr_stream_options_init(&options);
    options.batch = batch;
    options.pool.workers = workers;
    options.pool.worker_path = testing_worker();
    options.pool.memory_bytes = UINT64_C(1) << 30;
    return options;
}

static void drain(mr_stream *stream, taken *t)
{
    mr_error err = {0};

    if (taken_drain(t, stream, &err) != MR_EOF)
        fail_msg("%s", err.message);
}

static mr_stream *open_stream(mr_source *source, const mr_plan *plan, mr_pool *pool,
                              const mr_stream_options *options)
{
    mr_stream *stream = NULL;
    mr_error err = {0};

    if (mr_stream_open(source, plan, pool, options, &stream, &err) != MR_OK)
        fail_msg("%s", err.message);
    return stream;
}

static void run(const mr_stream_options *options, size_t total, size_t bad_every, taken *t,
                mr_pool_stats *stats)
{
    feed f = {.set = &set, .total = total, .bad_every = bad_every};
    mr_source *source = feed_open(&f);
    mr_plan *plan = plan_of("millrace/builtin");
    mr_stream *stream = open_stream(source, plan, NULL, options);

    taken_init(t, total);
    drain(stream, t);
    if (stats)
        mr_pool_stats_get(mr_stream_pool(stream), stats);
    mr_stream_close(&stream);
    mr_plan_close(&plan);
    mr_source_close(&source);
}

static void assert_complete(const taken *t, size_t bad_every)
{
    size_t i;

    for (i = 0; i < t->total; i++) {
        bool bad = bad_every > 0 && i % bad_every == bad_every - 1;
        assert_int_equal(t->times[i], 1);
        assert_int_equal(t->hash[i] != 0, !bad);
        assert_int_equal(t->code[i], bad ? MR_CODE_NOT_IMAGE : MR_CODE_NONE);
    }
}

static void test_same_bytes_for_any_shape_of_the_run(void **state)
{
    static const uint32_t workers[] = {1, 2, 8}, batches[] = {1, 7, 32, 257};
    taken first, t;
    size_t w, b;

    (void)state;
    for (w = 0; w < 3; w++) {
        for (b = 0; b < 4; b++) {
            mr_stream_options options = options_of(workers[w], batches[b]);
            run(&options, 300, 10, &t, NULL);
            assert_complete(&t, 10);
            assert_int_equal(t.out_of_order, 0);
            if (w + b == 0) {
                first = t;
                continue;
            }
            assert_memory_equal(first.hash, t.hash, t.total * sizeof t.hash[0]);
            taken_fini(&t);
        }
    }
    taken_fini(&first);
}

static void test_unordered_delivers_each_once(void **state)
{
    mr_stream_options options = options_of(2, 16);
    taken t;

    (void)state;
    options.unordered = true;
    run(&options, 200, 9, &t, NULL);
    assert_complete(&t, 9);
    taken_fini(&t);
}

static void test_two_streams_share_a_warm_pool(void **state)
{
    mr_stream_options options = options_of(2, 8);
    feed fa = {.set = &set, .total = 60}, fb = {.set = &set, .total = 50, .bad_every = 5};
    mr_source *sa = feed_open(&fa), *sb = feed_open(&fb);
    mr_plan *pa = plan_of("millrace/builtin"), *pb = plan_of("raw:64x64");
    mr_pool *pool = NULL;
    mr_error err = {0};
    mr_stream *a, *b;
    taken ta, tb;
    int round;

    (void)state;
    assert_int_equal(mr_pool_open(&options.pool, &pool, &err), MR_OK);
    for (round = 0; round < 3; round++) {
        fa.next = fb.next = 0;
        a = open_stream(sa, pa, pool, &options);
        b = open_stream(sb, pb, pool, &options);
        assert_ptr_equal(mr_stream_pool(a), pool);
        assert_ptr_equal(mr_stream_pool(b), pool);
        taken_init(&ta, 60);
        taken_init(&tb, 50);
        drain(a, &ta);
        drain(b, &tb);
        assert_complete(&ta, 0);
        assert_complete(&tb, 5);
        mr_stream_close(&a);
        mr_stream_close(&b);
        taken_fini(&ta);
        taken_fini(&tb);
        /* closing a stream interrupts its source, so that each round has its own */
        mr_source_close(&sa);
        mr_source_close(&sb);
        sa = feed_open(&fa);
        sb = feed_open(&fb);
    }
    mr_pool_close(&pool);
    mr_source_close(&sa);
    mr_source_close(&sb);
    mr_plan_close(&pa);
    mr_plan_close(&pb);
}

static void test_holding_every_slot_is_an_error(void **state)
{
    mr_stream_options options = options_of(1, 4);
    feed f = {.set = &set, .total = 100};
    mr_source *source = feed_open(&f);
    mr_plan *plan = plan_of("millrace/builtin");
    mr_batch *held[3] = {0}, *more = NULL;
    mr_error err = {0};
    mr_stream *stream;
    int i;

    (void)state;
    options.slots = 3;
    stream = open_stream(source, plan, NULL, &options);
    for (i = 0; i < 3; i++)
        assert_int_equal(mr_stream_next(stream, -1, &held[i], &err), MR_OK);
    assert_int_equal(mr_stream_next(stream, -1, &more, &err), MR_E_BUSY);
    assert_non_null(strstr(err.message, "release"));
    mr_batch_release(&held[1]);
    assert_int_equal(mr_stream_next(stream, -1, &more, &err), MR_OK);
    mr_batch_release(&more);
    mr_batch_release(&held[0]);
    mr_batch_release(&held[2]);
    mr_stream_close(&stream);
    mr_plan_close(&plan);
    mr_source_close(&source);
}

static void test_what_cannot_fit_is_refused_with_figures(void **state)
{
    mr_stream_options options = options_of(2, 4096);
    feed f = {.set = &set, .total = 1};
    mr_source *source = feed_open(&f);
    mr_plan *plan = plan_of("letterbox");
    mr_stream *stream = NULL;
    mr_error err = {0};

    (void)state;
    options.pool.memory_bytes = UINT64_C(64) << 20;
    assert_int_equal(mr_stream_open(source, plan, NULL, &options, &stream, &err), MR_E_NO_MEMORY);
    assert_null(stream);
    assert_non_null(strstr(err.message, "64 MiB are allowed"));
    mr_plan_close(&plan);
    mr_source_close(&source);
}

static void test_closing_in_the_middle_leaves_nothing(void **state)
{
    mr_stream_options options = options_of(2, 8);
    size_t files;
    int round;

    (void)state;
    files = open_files();
    for (round = 0; round < 10; round++) {
        feed f = {.set = &set, .total = 100000};
        mr_source *source = feed_open(&f);
        mr_plan *plan = plan_of("millrace/builtin");
        mr_stream *stream = open_stream(source, plan, NULL, &options);
        mr_batch *batch = NULL;
        mr_error err = {0};
        int i;

        for (i = 0; i < round; i++) {
            assert_int_equal(mr_stream_next(stream, -1, &batch, &err), MR_OK);
            mr_batch_release(&batch);
        }
        mr_stream_close(&stream);
        mr_plan_close(&plan);
        mr_source_close(&source);
    }
    assert_int_equal(open_files(), files);
    /* no child is left, not even a zombie */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_stop_drains_what_was_taken(void **state)
{
    mr_stream_options options = options_of(2, 8);
    feed f = {.set = &set, .total = 100000};
    mr_source *source = feed_open(&f);
    mr_plan *plan = plan_of("millrace/builtin");
    mr_stream *stream = open_stream(source, plan, NULL, &options);
    mr_stream_stats stats;
    mr_batch *batch = NULL;
    mr_error err = {0};
    taken t;

    (void)state;
    taken_init(&t, 100000);
    assert_int_equal(mr_stream_next(stream, -1, &batch, &err), MR_OK);
    taken_add(&t, batch);
    mr_batch_release(&batch);
    mr_stream_stop(stream);
    drain(stream, &t);
    mr_stream_stats_get(stream, &stats);
    assert_int_equal(t.n_ok, stats.taken);
    assert_true(stats.taken < 100000);
    taken_fini(&t);
    mr_stream_close(&stream);
    mr_plan_close(&plan);
    mr_source_close(&source);
}

static int make_set(void **state)
{
    (void)state;
    set = pictures_make(40);
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
        cmocka_unit_test(test_same_bytes_for_any_shape_of_the_run),
        cmocka_unit_test(test_unordered_delivers_each_once),
        cmocka_unit_test(test_two_streams_share_a_warm_pool),
        cmocka_unit_test(test_holding_every_slot_is_an_error),
        cmocka_unit_test(test_what_cannot_fit_is_refused_with_figures),
        cmocka_unit_test(test_closing_in_the_middle_leaves_nothing),
        cmocka_unit_test(test_stop_drains_what_was_taken),
    };

    return cmocka_run_group_tests(tests, make_set, free_set);
}
