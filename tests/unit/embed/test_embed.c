/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of embedders, and the fake one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "embed/embed.h"

enum { SIDE = 16, ROW = SIDE * SIDE * 3 };

static mr_plan *open_plan(const char *name)
{
    mr_plan *plan = NULL;
    mr_error err;

    assert_int_equal(mr_plan_open(name, &plan, &err), MR_OK);
    return plan;
}

static mr_embedder *open_fake(const char *spec)
{
    mr_plan *plan = open_plan("raw:16x16");
    mr_embedder *embedder = NULL;
    mr_error err;

    assert_int_equal(mr_embedder_open(spec, plan, NULL, &embedder, &err), MR_OK);
    mr_plan_close(&plan);
    return embedder;
}

static void refused(const char *spec, mr_status status, const char *says)
{
    mr_embedder *embedder = (mr_embedder *)1;
    mr_error err;

    assert_int_equal(mr_embedder_open(spec, NULL, NULL, &embedder, &err), status);
    assert_null(embedder);
    if (!strstr(err.message, says))
        fail_msg("\"%s\" does not say \"%s\"", err.message, says);
}

static void test_names(void **state)
{
    char longest[200];

    (void)state;
    refused("bultin", MR_E_INVALID, "did you mean \"builtin\"");
    refused("fakes:3", MR_E_INVALID, "did you mean \"fake\"");
    refused("", MR_E_INVALID, "no embedder");
    assert_int_equal(setenv("MILLRACE_MODULES", "/nowhere", 1), 0);
    refused("onnx:model.onnx", MR_E_UNSUPPORTED, "millrace-embed-onnx.so is not installed");
    refused("onx:model.onnx", MR_E_INVALID, "did you mean \"onnx\"");
    refused("trito:http://localhost/m", MR_E_INVALID, "did you mean \"triton\"");
    refused("builtin:1", MR_E_INVALID, "\":1\"");
    refused("evil\n", MR_E_INVALID, "evil\\x0a");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    refused(longest, MR_E_INVALID, "63 bytes");
}

static void test_fake_dimensions(void **state)
{
    mr_embedder *embedder;
    mr_embedder_info info;
    mr_error err;

    (void)state;
    refused("fake", MR_E_INVALID, "fake:DIM");
    refused("fake:", MR_E_INVALID, "1..32768");
    refused("fake:0", MR_E_INVALID, "1..32768");
    refused("fake:32769", MR_E_INVALID, "1..32768");
    refused("fake:-4", MR_E_INVALID, "1..32768");
    refused("fake:4x", MR_E_INVALID, "1..32768");
    refused("fake:18446744073709551617", MR_E_INVALID, "1..32768");
    refused("fake:4?", MR_E_INVALID, "fake:DIM?delay=TIME");
    refused("fake:4?delay=", MR_E_INVALID, "fake:DIM?delay=TIME");
    refused("fake:4?delay=61s", MR_E_INVALID, "fake:DIM?delay=TIME");
    refused("fake:4?dim=5", MR_E_INVALID, "fake:DIM?delay=TIME");
    /* a delay is no part of what a store remembers: the vectors are the same */
    assert_int_equal(mr_embedder_open("fake:4?delay=20ms", NULL, NULL, &embedder, &err), MR_OK);
    mr_embedder_info_get(embedder, &info);
    assert_string_equal(info.spec, "fake:4");
    mr_embedder_close(&embedder);
    assert_int_equal(mr_embedder_open("fake:0032768", NULL, NULL, &embedder, &err), MR_OK);
    mr_embedder_info_get(embedder, &info);
    assert_string_equal(info.spec, "fake:32768");
    assert_string_equal(info.plan, "millrace/builtin");
    assert_int_equal(info.dim, 32768);
    assert_true(info.concurrency >= 1);
    mr_embedder_close(&embedder);
    assert_null(embedder);
    mr_embedder_close(&embedder);
    mr_embedder_close(NULL);
}

static void test_needs_a_plan_to_run(void **state)
{
    mr_embedder *embedder;
    uint8_t row[ROW] = {0};
    float vector[4];
    mr_error err;

    (void)state;
    assert_int_equal(mr_embedder_open("fake:4", NULL, NULL, &embedder, &err), MR_OK);
    assert_int_equal(mr_embedder_run(embedder, row, 1, vector, &err), MR_E_INVALID);
    assert_string_equal(err.message, "embed fake:4: opened without a plan");
    mr_embedder_close(&embedder);
}

static void fill(uint8_t *row, unsigned seed)
{
    for (unsigned i = 0; i < ROW; i++)
        row[i] = (uint8_t)(i * 31 + seed * 7 + i * i / 5);
}

static void test_fake_depends_on_every_byte(void **state)
{
    mr_embedder *embedder = open_fake("fake:6");
    uint8_t row[ROW];
    float whole[6], other[6];
    mr_error err;

    (void)state;
    fill(row, 1);
    assert_int_equal(mr_embedder_run(embedder, row, 1, whole, &err), MR_OK);
    for (size_t i = 0; i < ROW; i++) {
        row[i] ^= 1;
        assert_int_equal(mr_embedder_run(embedder, row, 1, other, &err), MR_OK);
        assert_memory_not_equal(whole, other, sizeof whole);
        row[i] ^= 1;
    }
    assert_int_equal(mr_embedder_run(embedder, row, 1, other, &err), MR_OK);
    assert_memory_equal(whole, other, sizeof whole);
    mr_embedder_close(&embedder);
}

static void test_fake_same_in_any_batch(void **state)
{
    mr_embedder *embedder = open_fake("fake:5");
    uint8_t rows[7 * ROW];
    float together[7 * 5], alone[5];
    mr_error err;

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        fill(rows + i * ROW, i);
    assert_int_equal(mr_embedder_run(embedder, rows, 7, together, &err), MR_OK);
    for (size_t i = 0; i < 7; i++) {
        double length = 0.0;
        assert_int_equal(mr_embedder_run(embedder, rows + i * ROW, 1, alone, &err), MR_OK);
        assert_memory_equal(alone, together + i * 5, sizeof alone);
        for (size_t d = 0; d < 5; d++)
            length += (double)alone[d] * (double)alone[d];
        assert_true(length > 0.999999 && length < 1.000001);
    }
    assert_int_equal(mr_embedder_run(embedder, NULL, 0, NULL, &err), MR_OK);
    mr_embedder_close(&embedder);
}

static void test_normalise(void **state)
{
    float v[6] = {3.0F, 4.0F, 0.0F, 0.0F, 0.0F, 0.0F};
    const float unit[6] = {0.6F, 0.8F, 0.0F, 1.0F, 0.0F, 0.0F};

    (void)state;
    mr__embed_normalise(v, 2, 3);
    assert_memory_equal(v, unit, sizeof v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_fake_dimensions),
        cmocka_unit_test(test_needs_a_plan_to_run),
        cmocka_unit_test(test_fake_depends_on_every_byte),
        cmocka_unit_test(test_fake_same_in_any_batch),
        cmocka_unit_test(test_normalise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
