/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says over HTTP: read where it is right, refused where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "embed/triton/answer.h"

#define METADATA                                                                                   \
    "{\"name\":\"m\",\"versions\":[\"1\"],\"inputs\":[{\"name\":\"input\",\"datatype\":\"FP32\","  \
    "\"shape\":[-1,3,224,224]}],\"outputs\":[{\"name\":\"output\",\"datatype\":\"FP16\","          \
    "\"shape\":"                                                                                   \
    "[-1,512]}]}"

static void test_metadata(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"inputs\":[]}",
        "{\"inputs\":{},\"outputs\":[]}",
        "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[-2]}],\"outputs\":[]}",
        "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[1.5]}],\"outputs\":[]}",
        "{\"inputs\":[{\"name\":7,\"datatype\":\"FP32\",\"shape\":[1]}],\"outputs\":[]}",
        "{\"inputs\":[1],\"outputs\":[1]}",
        METADATA "x"};
    mr__triton_model model;
    mr_error err = {0};

    (void)state;
    assert_int_equal(mr__triton_read_metadata(METADATA, strlen(METADATA), &model, &err), MR_OK);
    assert_int_equal(model.n_inputs + model.n_outputs, 2);
    assert_string_equal(model.inputs[0].name, "input");
    assert_int_equal(model.inputs[0].rank, 4);
    assert_int_equal(model.inputs[0].dim[0], -1);
    assert_int_equal(model.inputs[0].dim[3], 224);
    assert_int_equal(model.outputs[0].type, MR__TRITON_FP16);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mr__triton_read_metadata(bad[i], strlen(bad[i]), &model, &err) != MR_E_ENV)
            fail_msg("taken: %s", bad[i]);
    /* cut anywhere, it is refused */
    for (size_t n = 0; n < strlen(METADATA); n++)
        assert_int_equal(mr__triton_read_metadata(METADATA, n, &model, &err), MR_E_ENV);
}

static void test_config(void **state)
{
    static const char text[] = "{\"max_batch_size\":64,\"instance_group\":[{\"count\":2},"
                               "{\"count\":3,\"gpus\":[0,1]},{\"count\":-5}],"
                               "\"model_transaction_policy\":{\"decoupled\":true}}";
    static const char wrong[] = "{\"max_batch_size\":\"64\"}";
    mr__triton_model model = {0};
    mr_error err = {0};

    (void)state;
    assert_int_equal(mr__triton_read_config(text, strlen(text), &model, &err), MR_OK);
    assert_true(model.has_config && model.decoupled);
    assert_int_equal(model.max_batch, 64);
    assert_int_equal(model.instances, 2 + 6 + 1);
    assert_int_equal(mr__triton_read_config(wrong, strlen(wrong), &model, &err), MR_E_ENV);
    assert_int_equal(mr__triton_read_config("{}", 2, &model, &err), MR_OK);
    assert_int_equal(model.max_batch, 0);
}

/* Reads `json` with `tail` bytes behind it. */
static mr_status answer(const char *json, size_t tail, mr__triton_answer *out, mr_error *err)
{
    static char body[4096];
    size_t n = strlen(json);

    assert_true(n + tail < sizeof body);
    memcpy(body, json, n + 1);
    for (size_t i = 0; i < tail; i++)
        body[n + i] = (char)i;
    return mr__triton_read_answer(body, n + tail, n, "y", out, err);
}

#define TENSOR(name, size)                                                                         \
    "{\"name\":\"" name "\",\"datatype\":\"FP32\",\"shape\":[1,2],\"parameters\":{"                \
    "\"binary_data_size\":" size "}}"
#define ANSWER(outputs) "{\"model_name\":\"m\",\"model_version\":\"3\",\"outputs\":[" outputs "]}"

static void test_answers(void **state)
{
    mr__triton_answer out;
    mr_error err = {0};

    (void)state;
    assert_int_equal(answer(ANSWER(TENSOR("y", "8")), 8, &out, &err), MR_OK);
    assert_int_equal(out.bytes, 8);
    assert_int_equal(((const char *)out.data)[7], 7);
    assert_string_equal(out.version, "3");
    /* the order is the server's */
    assert_int_equal(answer(ANSWER(TENSOR("x", "5") "," TENSOR("y", "8")), 13, &out, &err), MR_OK);
    assert_int_equal(((const char *)out.data)[0], 5);
}

static void test_hostile_answers(void **state)
{
    static const struct {
        const char *json;
        size_t tail;
    } bad[] = {
        {ANSWER(TENSOR("y", "8")), 7},
        {ANSWER(TENSOR("y", "8")), 9},
        {ANSWER(TENSOR("y", "-8")), 8},
        {ANSWER(TENSOR("y", "18446744073709551615")), 8},
        {ANSWER(TENSOR("y", "9223372036854775807")), 8},
        {ANSWER(TENSOR("y", "8.0")), 8},
        {ANSWER(TENSOR("x", "8")), 8},
        {ANSWER(TENSOR("y", "4") "," TENSOR("y", "4")), 8},
        {ANSWER(TENSOR("x", "9223372036854775807") "," TENSOR("y", "8")), 8},
        {ANSWER(""), 0},
        {"{\"outputs\":7}", 0},
        {"{}", 0},
        {"7", 0},
        {"", 0},
    };
    mr__triton_answer out;
    mr_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (answer(bad[i].json, bad[i].tail, &out, &err) != MR_E_ENV)
            fail_msg("taken: %s with %zu bytes", bad[i].json, bad[i].tail);
    assert_int_equal(mr__triton_read_answer("{}", 2, 3, "y", &out, &err), MR_E_ENV);
    assert_int_equal(mr__triton_read_answer("{}", 2, SIZE_MAX, "y", &out, &err), MR_E_ENV);
}

static void test_errors(void **state)
{
    char text[32];

    (void)state;
    mr__triton_read_error("{\"error\":\"no\\nway\"}", 19, text, sizeof text);
    assert_string_equal(text, "no\\x0away");
    mr__triton_read_error("<html>\x1b[31m", 11, text, sizeof text);
    assert_string_equal(text, "<html>\\x1b[31m");
    mr__triton_read_error("", 0, text, sizeof text);
    assert_string_equal(text, "");
    assert_int_equal(
        mr__triton_fault_of("[request id: 1] Exceeds maximum queue size", MR__TRITON_FINAL),
        MR__TRITON_BUSY);
    assert_int_equal(
        mr__triton_fault_of("Unable to find shared memory region: 'r'", MR__TRITON_FAILED),
        MR__TRITON_NO_REGION);
    assert_int_equal(mr__triton_fault_of("This protocol is restricted, expecting header "
                                         "'triton-grpc-protocol-k'",
                                         MR__TRITON_BUSY),
                     MR__TRITON_FINAL);
    assert_int_equal(mr__triton_fault_of("something else", MR__TRITON_FAILED), MR__TRITON_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata), cmocka_unit_test(test_config),
        cmocka_unit_test(test_answers),  cmocka_unit_test(test_hostile_answers),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
