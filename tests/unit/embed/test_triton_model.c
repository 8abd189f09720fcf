/* SPDX-License-Identifier: Apache-2.0 */
/* Does a served model fit a plan, and an answer what was asked? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "embed/triton/model.h"

static const mr__plan_spec planar = {.out_width = 8, .out_height = 6, .layout = MR_LAYOUT_NCHW};
static const mr__plan_spec packed = {.out_width = 8, .out_height = 6, .layout = MR_LAYOUT_NHWC};

static mr__triton_model model_of(mr__triton_type type, const int64_t dim[4])
{
    mr__triton_model model = {
        .n_inputs = 1,
        .n_outputs = 1,
        .inputs = {{.name = "in", .type = type, .rank = 4}},
        .outputs = {{.name = "out", .type = MR__TRITON_FP32, .rank = 2, .dim = {-1, 16}}},
        .has_config = true,
        .max_batch = 64,
    };

    memcpy(model.inputs[0].dim, dim, 4 * sizeof *dim);
    return model;
}

static mr__triton_fit fits(const mr__triton_model *model, const char *rest,
                           const mr__plan_spec *spec)
{
    mr__triton_options options;
    mr__triton_fit fit;
    mr_error err = {0};

    assert_int_equal(mr__triton_options_parse(rest, &options, &err), MR_OK);
    if (mr__triton_model_fit(model, &options, spec, &fit, &err) != MR_OK)
        fail_msg("%s", err.message);
    return fit;
}

static void misfits(const mr__triton_model *model, const char *rest, const mr__plan_spec *spec,
                    const char *says)
{
    mr__triton_options options;
    mr__triton_fit fit;
    mr_error err = {0};

    assert_int_equal(mr__triton_options_parse(rest, &options, &err), MR_OK);
    assert_true(mr__triton_model_fit(model, &options, spec, &fit, &err) < 0);
    if (!strstr(err.message, says))
        fail_msg("\"%s\" does not say \"%s\"", err.message, says);
}

static void test_layouts_and_types(void **state)
{
    mr__triton_model nchw = model_of(MR__TRITON_FP32, (int64_t[]){-1, 3, 6, 8});
    mr__triton_model nhwc = model_of(MR__TRITON_FP32, (int64_t[]){-1, 6, 8, 3});
    mr__triton_model any = model_of(MR__TRITON_FP16, (int64_t[]){-1, -1, -1, -1});
    mr__plan_spec bytes = packed;
    mr__triton_fit fit = fits(&nchw, "http://h/m", &planar);

    (void)state;
    assert_int_equal(fit.max_rows, 64);
    assert_int_equal(fit.row_bytes, 3 * 6 * 8 * 4);
    assert_false(fit.exactly || fit.to_half);
    misfits(&nchw, "http://h/m", &packed,
            "input \"in\" of the model is FP32 [N,3,6,8], the plan makes FP32 [N,6,8,3]");
    assert_int_equal(fits(&nhwc, "http://h/m", &packed).input.dim[3], 3);
    fit = fits(&any, "http://h/m", &packed);
    assert_true(fit.to_half);
    assert_int_equal(fit.input.dim[1], 6);
    bytes.dtype = MR_DTYPE_U8;
    misfits(&nhwc, "http://h/m", &bytes, "the plan makes UINT8 [N,6,8,3]");
    nhwc.inputs[0].type = MR__TRITON_UINT8;
    assert_int_equal(fits(&nhwc, "http://h/m", &bytes).row_bytes, 6 * 8 * 3);
    misfits(&nhwc, "http://h/m", &packed, "the model is UINT8 [N,6,8,3], the plan makes FP32");
    nhwc.inputs[0].rank = 3;
    misfits(&nhwc, "http://h/m", &bytes, "UINT8 [N,6,8]");
}

static void test_batches(void **state)
{
    mr__triton_model model = model_of(MR__TRITON_FP32, (int64_t[]){-1, 3, 6, 8});

    (void)state;
    assert_int_equal(fits(&model, "http://h/m?batch=5", &planar).max_rows, 5);
    assert_int_equal(fits(&model, "http://h/m?batch=500", &planar).max_rows, 64);
    model.max_batch = 0; /* -1 in front: any number */
    assert_int_equal(fits(&model, "http://h/m", &planar).max_rows, 65535);
    model.inputs[0].dim[0] = 4;
    assert_int_equal(fits(&model, "http://h/m", &planar).max_rows, 4);
    assert_true(fits(&model, "http://h/m", &planar).exactly);
    misfits(&model, "http://h/m?batch=5", &planar, "batches of 4, not 5");
    model.inputs[0].dim[0] = 0;
    misfits(&model, "http://h/m", &planar, "batches of 0");
    model.inputs[0].dim[0] = -1;
    model.max_batch = -3;
    misfits(&model, "http://h/m", &planar, "max_batch_size -3");
    model.max_batch = 1;
    model.decoupled = true;
    misfits(&model, "http://h/m", &planar, "decoupled");
}

static void test_names(void **state)
{
    mr__triton_model model = model_of(MR__TRITON_FP32, (int64_t[]){-1, 3, 6, 8});
    static const mr__triton_tensor tokens = {
        .name = "tokens", .type = MR__TRITON_FP32, .rank = 3, .dim = {-1, 7, 16}};

    (void)state;
    misfits(&model, "http://h/m?input=pixels", &planar, "no input \"pixels\"; it has in FP32");
    misfits(&model, "http://h/m?output=x", &planar, "no output \"x\"; it has out FP32 [N,16]");
    model.outputs[1] = tokens;
    model.n_outputs = 2;
    assert_string_equal(fits(&model, "http://h/m", &planar).output.name, "out");
    assert_string_equal(fits(&model, "http://h/m?output=tokens", &planar).output.name, "tokens");
    model.outputs[1].dim[1] = 1;
    model.outputs[1].dim[2] = 1; /* [N,1,1]: a vector too */
    misfits(&model, "http://h/m", &planar, "which output? add ?output=NAME");
    model.outputs[0].type = MR__TRITON_OTHER;
    misfits(&model, "http://h/m?output=out", &planar, "FP32 or FP16 is needed");
    model.n_inputs = 2;
    misfits(&model, "http://h/m", &planar, "2 inputs");
}

static void test_outputs(void **state)
{
    mr__triton_tensor got = {.name = "out", .type = MR__TRITON_FP32, .rank = 2, .dim = {3, 16}};
    uint32_t dim = 0;
    mr_error err = {0};

    (void)state;
    assert_int_equal(mr__triton_output_check(&got, 3 * 16 * 4, 3, &dim, &err), MR_OK);
    assert_int_equal(dim, 16);
    assert_int_equal(mr__triton_output_check(&got, 3 * 16 * 4 - 1, 3, &dim, &err), MR_E_ENV);
    assert_non_null(strstr(err.message, "191 bytes"));
    assert_int_equal(mr__triton_output_check(&got, 3 * 16 * 4, 4, &dim, &err), MR_E_ENV);
    assert_non_null(strstr(err.message, "of 4 rows is FP32 [3,16]"));
    got.dim[1] = 8;
    assert_int_equal(mr__triton_output_check(&got, 3 * 8 * 4, 3, &dim, &err), MR_E_ENV);
    assert_non_null(strstr(err.message, "it was of 16 numbers before"));
    got.dim[1] = INT64_MAX;
    dim = 0;
    assert_int_equal(mr__triton_output_check(&got, 0, 3, &dim, &err), MR_E_ENV);
    got = (mr__triton_tensor){
        .name = "out", .type = MR__TRITON_FP16, .rank = 4, .dim = {3, 16, 1, 1}};
    assert_int_equal(mr__triton_output_check(&got, 3 * 16 * 2, 3, &dim, &err), MR_OK);
    got.dim[0] = -1;
    assert_int_equal(mr__triton_output_check(&got, 3 * 16 * 2, SIZE_MAX, &dim, &err), MR_E_ENV);
    got.rank = 0;
    assert_int_equal(mr__triton_output_check(&got, 0, 3, &dim, &err), MR_E_ENV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts_and_types),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
