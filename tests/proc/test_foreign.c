/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker program of somebody else's: what it is given, what becomes of its rows, and that
 * whatever it does to itself is suffered by the item that it held, and by no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "foreigner.h"
#include "lender.h"
#include "pictures.h"

#define ITEMS 64

static void test_arrays_reach_the_program_as_they_are(void **state)
{
    static outcome out[ITEMS];
    static const float floats[2 * 3 * 3] = {[0] = 900, [17] = 900};
    given items[ITEMS];
    setup it = lender_setup_of("act");
    uint32_t i;

    (void)state;
    for (i = 0; i < ITEMS; i++)
        items[i] = lender_array(2 + i, 1 + i % 5, 1 + i % 4, (unsigned char)(i + 1));
    items[7] =
        (given){.pixels = {2, 3, 3, MR_DTYPE_F32}, .bytes = floats, .n_bytes = sizeof floats};
    assert_int_equal(lender_run(&it, items, ITEMS, out), 0);
    for (i = 0; i < ITEMS; i++) {
        const mr_pixels *pixels = &items[i].pixels;

        assert_int_equal(out[i].times, 1);
        assert_int_equal(out[i].code, MR_CODE_NONE);
        assert_int_equal((int)out[i].row[0], pixels->height);
        assert_int_equal((int)out[i].row[1], pixels->width);
        assert_int_equal((int)out[i].row[2], pixels->channels);
        assert_int_equal((int)out[i].row[3], pixels->dtype);
        assert_int_equal((int)out[i].row[4], i == 7 ? 100 : i + 1);
        assert_int_equal((int)out[i].row[5], 1);
        assert_int_equal((int)out[i].row[6], strlen(LENDER_DATA));
        assert_int_equal(out[i].width, pixels->width);
    }
}

static void test_several_items_come_at_once_when_that_is_asked_for(void **state)
{
    static outcome out[ITEMS];
    given items[ITEMS];
    setup it = lender_setup_of("act");
    float most = 0;
    uint32_t i;

    (void)state;
    it.options.pool.workers = 1;
    it.options.pool.unit_items = 8;
    it.options.batch = ITEMS;
    for (i = 0; i < ITEMS; i++)
        items[i] = lender_array(40, 100, 3, (unsigned char)i);
    assert_int_equal(lender_run(&it, items, ITEMS, out), 0);
    for (i = 0; i < ITEMS; i++) {
        assert_int_equal((int)out[i].row[4], i);
        assert_in_range((unsigned long)out[i].row[5], 1, 8);
        most = out[i].row[5] > most ? out[i].row[5] : most;
    }
    assert_true(most >= 2);
}

static void test_pictures_come_decoded(void **state)
{
    static uint8_t pixels[8][FOREIGNER_HEIGHT * FOREIGNER_WIDTH * 3];
    static const char text[] = "no picture at all";
    picture p[8];
    given items[11] = {{.bytes = NULL}};
    setup it = lender_setup_of("copy");
    mr_error err = {0};
    mr_batch *batch;
    opened o;
    uint32_t i;

    (void)state;
    it.options.pool.unit_items = 4;
    for (i = 0; i < 8; i++) {
        p[i] = picture_jpeg(FOREIGNER_WIDTH, FOREIGNER_HEIGHT, i, i % 2 == 1);
        lender_decode(&p[i], pixels[i], FOREIGNER_WIDTH, FOREIGNER_HEIGHT);
        items[i] = (given){.bytes = p[i].bytes, .n_bytes = p[i].n};
    }
    items[8] = (given){.bytes = text, .n_bytes = sizeof text};
    items[9] = (given){.bytes = p[0].bytes, .n_bytes = p[0].n / 2};
    items[10] = (given){.pixels = {FOREIGNER_HEIGHT, FOREIGNER_WIDTH, 3, MR_DTYPE_U8},
                        .bytes = pixels[3],
                        .n_bytes = sizeof pixels[3]};
    if (lender_open_with(&it, items, 11, &o, &err) != MR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mr_stream_next(o.stream, -1, &batch, &err), MR_OK);
    assert_int_equal(batch->n_ok, 9);
    assert_int_equal(batch->dims.n, 3);
    assert_int_equal(batch->dims.dims[0], FOREIGNER_HEIGHT);
    assert_int_equal(batch->shape.layout, MR_LAYOUT_NHWC);
    assert_int_equal(batch->shape.width, FOREIGNER_WIDTH);
    for (i = 0; i < 8; i++)
        assert_memory_equal((uint8_t *)batch->data + i * batch->row_bytes, pixels[i],
                            sizeof pixels[i]);
    assert_memory_equal((uint8_t *)batch->data + 8 * batch->row_bytes, pixels[3], sizeof pixels[3]);
    assert_int_equal(batch->failures[0].code, MR_CODE_NOT_IMAGE);
    assert_int_equal(batch->failures[1].code, MR_CODE_TRUNCATED);
    mr_batch_release(&batch);
    lender_close_all(&o);
    for (i = 0; i < 8; i++)
        picture_free(&p[i]);
}

static void test_pictures_come_encoded_when_that_is_asked_for(void **state)
{
    picture p = picture_jpeg(60, 40, 1, false);
    const given items[] = {{.bytes = p.bytes, .n_bytes = p.n}};
    setup it = lender_setup_of("encoded");
    static outcome out[1];

    (void)state;
    assert_int_equal(lender_run(&it, items, 1, out), 0);
    assert_int_equal((size_t)out[0].row[7], p.n);
    assert_int_equal((int)out[0].row[0], 0);
    picture_free(&p);
}

static void test_pictures_over_the_allowance_are_asked_for_and_shared_out(void **state)
{
    static outcome out[6];
    picture p = picture_jpeg(2400, 1600, 5, false);
    given items[6];
    setup it = lender_setup_of("act");
    mr_pool_stats stats;
    mr_error err = {0};
    opened o;
    uint32_t i;

    (void)state;
    it.options.pool.workers = 1;
    it.options.pool.unit_items = 6;
    for (i = 0; i < 6; i++)
        items[i] = (given){.bytes = p.bytes, .n_bytes = p.n};
    if (lender_open_with(&it, items, 6, &o, &err) != MR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(lender_drain(&o, out), 0);
    mr_pool_stats_get(mr_stream_pool(o.stream), &stats);
    assert_true(stats.grants >= 1);
    for (i = 0; i < 6; i++) {
        assert_int_equal(out[i].code, MR_CODE_NONE);
        assert_int_equal((int)out[i].row[1], 2400);
        /* 11.5 MB each: more than one may not be held without taking too much */
        assert_in_range((unsigned long)out[i].row[5], 1, 2);
    }
    lender_close_all(&o);
    picture_free(&p);
}

static void test_failures_are_told_in_full(void **state)
{
    static outcome out[5];
    const given items[] = {lender_array(1, 7, 3, 9), lender_array(1, WIDTH_FAIL, 3, 9),
                           lender_array(1, WIDTH_LONG, 3, 9), lender_array(1, WIDTH_MUTE, 3, 9),
                           lender_array(1, 8, 3, 9)};
    setup it = lender_setup_of("act");
    uint32_t i;

    (void)state;
    it.options.pool.unit_items = 5;
    assert_int_equal(lender_run(&it, items, 5, out), 0);
    for (i = 0; i < 5; i++)
        assert_int_equal(out[i].times, 1);
    assert_int_equal(out[0].code, MR_CODE_NONE);
    assert_string_equal(out[0].detail, "");
    assert_int_equal(out[1].code, MR_CODE_PREPROCESS_FAILED);
    assert_int_equal(out[1].state, MR_ITEM_FAILED);
    assert_string_equal(out[1].message, "ValueError: no\\x09good");
    assert_string_equal(out[1].detail, "first line\nlast\\x01 line\n");
    assert_int_equal(out[2].code, MR_CODE_CORRUPT);
    assert_true(strlen(out[2].detail) > 1000);
    assert_memory_equal(out[2].detail, "...\n", 4);
    assert_string_equal(out[2].detail + strlen(out[2].detail) - 4, "end\n");
    assert_int_equal(out[3].code, MR_CODE_PREPROCESS_FAILED);
    assert_non_null(strstr(out[3].message, "no answer"));
    assert_int_equal(out[4].code, MR_CODE_NONE);
}

static void test_deaths_cost_their_own_item(void **state)
{
    static outcome out[ITEMS];
    given items[ITEMS];
    setup it = lender_setup_of("act");
    uint64_t deaths;
    uint32_t i;

    (void)state;
    it.options.pool.item_timeout_ms = 500;
    it.options.pool.unit_items = 3;
    for (i = 0; i < ITEMS; i++)
        items[i] = lender_array(2, 2 + i, 3, (unsigned char)i);
    items[10] = lender_array(1, WIDTH_ABORT, 3, 1);
    items[20] = lender_array(1, WIDTH_EXIT, 3, 1);
    items[30] = lender_array(1, WIDTH_HANG, 3, 1);
    deaths = lender_run(&it, items, ITEMS, out);
    assert_true(deaths >= 6);
    for (i = 0; i < ITEMS; i++) {
        assert_int_equal(out[i].times, 1);
        if (i == 10 || i == 20 || i == 30)
            continue;
        assert_int_equal(out[i].code, MR_CODE_NONE);
        assert_int_equal((int)out[i].row[4], i);
    }
    assert_int_equal(out[10].code, MR_CODE_CRASHED);
    assert_non_null(strstr(out[10].message, "SIGABRT"));
    assert_int_equal(out[20].code, MR_CODE_CRASHED);
    assert_non_null(strstr(out[20].message, "exited with status 3"));
    assert_int_equal(out[30].code, MR_CODE_TIMED_OUT);
    for (i = 10; i <= 30; i += 10) {
        assert_int_equal(out[i].state, MR_ITEM_QUARANTINED);
        assert_int_equal(out[i].attempts, 2);
    }
}

static void refused(setup *it, mr_status status, const char *why)
{
    const given items[] = {lender_array(1, 1, 3, 0)};
    mr_error err = {0};
    opened o;

    assert_int_equal(lender_open_with(it, items, 1, &o, &err), status);
    if (!strstr(err.message, why))
        fail_msg("%s", err.message);
    lender_close_all(&o);
}

static void test_programs_that_do_not_serve_are_errors_that_say_why(void **state)
{
    setup refuse = lender_setup_of("refuse"), never = lender_setup_of("never"),
          gone = lender_setup_of("gone");
    setup nothing = lender_setup_of("nothing"), fickle = lender_setup_of("fickle"),
          huge = lender_setup_of("huge");
    setup none = lender_setup_of("act");
    const char *argv[] = {"/nowhere/to/be/found", NULL};
    mr_error err = {0};
    mr_pool *pool;

    (void)state;
    refused(&refuse, MR_E_ENV, "ImportError: no module named \\x1b[1mx");
    never.options.pool.worker_start_ms = 100;
    refused(&never, MR_E_ENV, "not ready in time");
    refused(&gone, MR_E_ENV, "exited with status 5");
    refused(&nothing, MR_E_ENV, "the shape of its rows is none");
    refused(&huge, MR_E_NO_MEMORY, "lower --batch");
    none.options.pool.worker_argv = argv;
    assert_int_equal(mr_pool_open(&none.options.pool, &pool, &err), MR_E_ENV);
    assert_non_null(strstr(err.message, argv[0]));
    /* with many workers no two of which agree, some say so before the stream is open, or after */
    fickle.options.pool.workers = 4;
    {
        const given items[] = {lender_array(1, 1, 3, 0)};
        mr_batch *batch = NULL;
        opened o;
        mr_status s = lender_open_with(&fickle, items, 1, &o, &err);

        while (s == MR_OK) {
            s = mr_stream_next(o.stream, -1, &batch, &err);
            mr_batch_release(&batch);
        }
        if (s != MR_EOF)
            assert_non_null(strstr(err.message, "they were float32 ["));
        lender_close_all(&o);
    }
}

static void test_a_plan_beside_the_program_has_to_agree(void **state)
{
    static outcome out[1];
    const given items[] = {lender_array(9, 9, 3, 0)};
    setup agrees = lender_setup_of("plan"), differs = lender_setup_of("act");

    (void)state;
    agrees.plan = "openai/clip-vit-base-patch32@openclip";
    assert_int_equal(lender_run(&agrees, items, 1, out), 0);
    assert_int_equal(out[0].code, MR_CODE_NONE);
    differs.plan = agrees.plan;
    refused(&differs, MR_E_MISMATCH, "float32 [8], the plan's float32 [3,224,224]");
}

/* One pool, one stream after the other; its workers stay. */
static void test_a_pool_serves_stream_after_stream(void **state)
{
    const given items[] = {lender_array(3, 4, 3, 5), lender_array(4, 4, 3, 6)};
    const char *argv[] = {getenv("MILLRACE_TESTING_FOREIGNER"), "act", NULL};
    mr_stream_options options;
    int before[2] = {0}, after[2] = {0}, round;
    mr_error err = {0};
    mr_pool *pool;
    mr_dims dims;

    (void)state;
    mr_stream_options_init(&options);
    options.pool.workers = 2;
    options.pool.worker_argv = argv;
    assert_int_equal(mr_pool_open(&options.pool, &pool, &err), MR_OK);
    assert_int_equal(mr_pool_wait(pool, -1, &err), MR_OK);
    assert_true(mr_pool_dims(pool, &dims));
    assert_int_equal(mr_dims_bytes(&dims), FOREIGNER_ROW * sizeof(float));
    (void)mr_pool_pids(pool, before, 2);
    for (round = 0; round < 5; round++) {
        static outcome out[2];
        opened o = {.l = {.items = items, .n = 2}};

        memset(out, 0, sizeof out);
        o.source = lender_source(&o.l);
        assert_int_equal(mr_stream_open(o.source, NULL, pool, &options, &o.stream, &err), MR_OK);
        assert_int_equal(lender_drain(&o, out), 0);
        assert_int_equal((int)out[1].row[4], 6);
        lender_close_all(&o);
    }
    (void)mr_pool_pids(pool, after, 2);
    assert_memory_equal(before, after, sizeof before);
    mr_pool_close(&pool);
}

static void test_a_plan_is_needed_without_a_program(void **state)
{
    setup it = lender_setup_of(NULL);

    (void)state;
    refused(&it, MR_E_INVALID, "a plan is needed");
}

static void test_nothing_is_left(void **state)
{
    static outcome out[1];
    const given items[] = {lender_array(3, 4, 3, 5)};
    size_t files;
    int round;

    (void)state;
    for (round = 0; round < 3; round++) {
        setup it = lender_setup_of("act");

        assert_int_equal(lender_run(&it, items, 1, out), 0);
        if (round == 0)
            files = open_files();
    }
    assert_int_equal(open_files(), files);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays_reach_the_program_as_they_are),
        cmocka_unit_test(test_several_items_come_at_once_when_that_is_asked_for),
        cmocka_unit_test(test_pictures_come_decoded),
        cmocka_unit_test(test_pictures_come_encoded_when_that_is_asked_for),
        cmocka_unit_test(test_pictures_over_the_allowance_are_asked_for_and_shared_out),
        cmocka_unit_test(test_failures_are_told_in_full),
        cmocka_unit_test(test_deaths_cost_their_own_item),
        cmocka_unit_test(test_programs_that_do_not_serve_are_errors_that_say_why),
        cmocka_unit_test(test_a_plan_beside_the_program_has_to_agree),
        cmocka_unit_test(test_a_pool_serves_stream_after_stream),
        cmocka_unit_test(test_a_plan_is_needed_without_a_program),
        cmocka_unit_test(test_nothing_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
