/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays as items of a stream that runs a plan: bytes everywhere, floats where the plan computes in
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lender.h"

/* millrace-worker takes arrays too: the row is that of the picture they came from. */
static void test_arrays_go_through_a_plan(void **state)
{
    static uint8_t pixels[90 * 150 * 3];
    static const float floats[12];
    picture p = picture_jpeg(150, 90, 7, false);
    const given items[] = {
        {.bytes = p.bytes, .n_bytes = p.n},
        {.pixels = {90, 150, 3, MR_DTYPE_U8}, .bytes = pixels, .n_bytes = sizeof pixels},
        {.pixels = {2, 2, 3, MR_DTYPE_F32}, .bytes = floats, .n_bytes = sizeof floats},
        {.pixels = {90, 151, 3, MR_DTYPE_U8}, .bytes = pixels, .n_bytes = sizeof pixels},
        {.pixels = {90, 30, 5, MR_DTYPE_U8}, .bytes = pixels, .n_bytes = 90 * 30 * 5},
        {.pixels = {90, 70000, 3, MR_DTYPE_U8}, .bytes = pixels, .n_bytes = sizeof pixels},
        {.pixels = {2, 2, 3, (mr_dtype)7}, .bytes = pixels, .n_bytes = 12},
        {.pixels = {1, 1, 1, MR_DTYPE_U8}, .bytes = pixels, .n_bytes = 1},
    };
    static const mr_code codes[] = {MR_CODE_UNSUPPORTED_VARIANT, MR_CODE_CORRUPT,
                                    MR_CODE_BAD_DIMENSIONS, MR_CODE_BAD_DIMENSIONS,
                                    MR_CODE_UNSUPPORTED_VARIANT};
    setup it = lender_setup_of(NULL);
    mr_error err = {0};
    mr_batch *batch;
    opened o;
    uint32_t i;

    (void)state;
    lender_decode(&p, pixels, 150, 90);
    it.plan = "openai/clip-vit-base-patch32@openclip";
    if (lender_open_with(&it, items, 8, &o, &err) != MR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mr_stream_next(o.stream, -1, &batch, &err), MR_OK);
    assert_int_equal(batch->n_ok, 3);
    assert_memory_equal(batch->data, (uint8_t *)batch->data + batch->row_bytes, batch->row_bytes);
    assert_int_equal(batch->n_failed, 5);
    assert_int_equal(batch->dims.dims[2], 224);
    for (i = 0; i < 5; i++)
        assert_int_equal(batch->failures[i].code, codes[i]);
    mr_batch_release(&batch);
    lender_close_all(&o);
    picture_free(&p);
}

/* Plans of float arithmetic take float32: whole numbers give the row of the bytes, and what lies
 * between two pictures gives what lies between their rows. */
static void test_arrays_of_floats_go_through_a_float_plan(void **state)
{
    enum { H = 61, W = 47, N = H * W };
    static uint8_t low[N * 4], high[N * 4];
    static float whole[N * 4], between[N * 4], grey[N];
    static uint8_t grey_bytes[N];
    const given items[] = {
        {.pixels = {H, W, 3, MR_DTYPE_U8}, .bytes = low, .n_bytes = N * 3},
        {.pixels = {H, W, 3, MR_DTYPE_F32}, .bytes = whole, .n_bytes = sizeof(float) * N * 3},
        {.pixels = {H, W, 3, MR_DTYPE_U8}, .bytes = high, .n_bytes = N * 3},
        {.pixels = {H, W, 3, MR_DTYPE_F32}, .bytes = between, .n_bytes = sizeof(float) * N * 3},
        {.pixels = {H, W, 4, MR_DTYPE_U8}, .bytes = low, .n_bytes = N * 4},
        {.pixels = {H, W, 4, MR_DTYPE_F32}, .bytes = whole, .n_bytes = sizeof(float) * N * 4},
        {.pixels = {H, W, 1, MR_DTYPE_U8}, .bytes = grey_bytes, .n_bytes = N},
        {.pixels = {H, W, 1, MR_DTYPE_F32}, .bytes = grey, .n_bytes = sizeof(float) * N},
    };
    setup it = lender_setup_of(NULL);
    const float *rows[8];
    mr_error err = {0};
    mr_batch *batch;
    size_t i, n, differ = 0;
    opened o;

    (void)state;
    for (i = 0; i < (size_t)N * 4; i++) {
        low[i] = (uint8_t)(i * 2654435761u >> 24 & 0x7f);
        high[i] = (uint8_t)(low[i] + 1 + i % 3);
        whole[i] = low[i];
        between[i] = ((float)low[i] + (float)high[i]) / 2;
    }
    for (i = 0; i < N; i++)
        grey[i] = grey_bytes[i] = low[i];
    it.plan = "original/masked-stretch";
    if (lender_open_with(&it, items, 8, &o, &err) != MR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mr_stream_next(o.stream, -1, &batch, &err), MR_OK);
    if (batch->n_ok != 8)
        fail_msg("%s", batch->failures[0].message);
    for (i = 0; i < 8; i++)
        rows[i] = (const float *)(void *)((uint8_t *)batch->data + i * batch->row_bytes);
    for (i = 0; i < 8; i += 2)
        if (i != 2)
            assert_memory_equal(rows[i], rows[i + 1], batch->row_bytes);
    n = batch->row_bytes / sizeof(float);
    for (i = 0; i < n; i++) {
        assert_float_equal(rows[3][i], (rows[0][i] + rows[2][i]) / 2, 1e-5);
        differ += rows[0][i] != rows[2][i];
    }
    assert_true(differ > n / 2);
    mr_batch_release(&batch);
    lender_close_all(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays_go_through_a_plan),
        cmocka_unit_test(test_arrays_of_floats_go_through_a_float_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
