/* SPDX-License-Identifier: Apache-2.0 */
/* The float engine against values that JAX made, and against itself in its other forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "float_golden.h"
#include "transform/engine.h"
#include "transform/transform.h"

#define WITHIN 1e-3 /* levels of 0..255 */

extern const mr__engine mr__engine_float_generic;

static const float std[3] = {0.229f, 0.224f, 0.225f};

static mr__plan_spec spec_of(const char *name)
{
    mr_plan *plan = NULL;
    mr__plan_spec spec;

    assert_int_equal(mr_plan_open(name, &plan, NULL), MR_OK);
    spec = *mr__plan_spec_of(plan);
    mr_plan_close(&plan);
    return spec;
}

static uint8_t *pixels_of(uint32_t width, uint32_t height, uint32_t channels, uint32_t seed)
{
    size_t n = (size_t)width * height * channels;
    uint8_t *pixels = malloc(n);

    assert_non_null(pixels);
    for (size_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)(((uint32_t)i * 2654435761u + seed * 40503u) >> 13);
    return pixels;
}

/* One picture through a transform, in strips of `strip` rows; free() the tensor. */
static float *run(const mr__plan_spec *spec, const mr__picture *p, const uint8_t *pixels,
                  uint32_t strip)
{
    size_t size = mr__mode_bytes(p->mode), stride = p->width * size;
    size_t bytes = (size_t)spec->out_width * spec->out_height * 3 * sizeof(float);
    float *dst = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    mr__transform *t = NULL;
    mr__region r;

    assert_int_equal(mr__transform_open(spec, MR__CPU_C, &t, NULL), MR_OK);
    memset(dst, 0xff, bytes);
    assert_int_equal(mr__transform_begin(t, p, dst, &r, NULL), MR_OK);
    mr__transform_columns(t, 0, p->width);
    for (uint32_t y = r.y0; y < r.y1; y += strip) {
        uint32_t n = r.y1 - y < strip ? r.y1 - y : strip;
        mr__strip rows = {.planes = {pixels + y * stride}, .stride = stride, .n_rows = n};

        assert_int_equal(mr__transform_rows(t, &rows, NULL), MR_OK);
    }
    assert_int_equal(mr__transform_finish(t, NULL), MR_OK);
    mr__transform_close(&t);
    return dst;
}

static double worst_resize(const uint32_t *g, uint32_t seed)
{
    mr__plan_spec spec = spec_of("letterbox?engine=float&resize=squash&norm=none");
    mr__picture p = {.mode = MR__MODE_L, .width = g[0], .height = g[1], .orientation = 1};
    uint8_t *pixels = pixels_of(g[0], g[1], 1, seed);
    double worst = 0.0;
    float *out;

    spec.resize_width = spec.out_width = g[2];
    spec.resize_height = spec.out_height = g[3];
    spec.filter = g[4] ? MR__FILTER_BICUBIC : MR__FILTER_BILINEAR;
    out = run(&spec, &p, pixels, 7);
    for (uint32_t i = 0, k = g[6]; i < g[2] * g[3]; i += g[5], k++)
        worst = fmax(worst, fabs((double)out[i] - (double)golden_levels[k]));
    /* grey: three equal planes */
    assert_memory_equal(out, out + (size_t)g[2] * g[3], (size_t)g[2] * g[3] * sizeof(float));
    free(out);
    free(pixels);
    return worst;
}

static void test_resize_is_jax(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof golden_resizes / sizeof golden_resizes[0]; i++) {
        const uint32_t *g = golden_resizes[i];
        double worst = worst_resize(g, i);

        if (!(worst <= WITHIN))
            fail_msg("%ux%u to %ux%u: %g levels", g[0], g[1], g[2], g[3], worst);
    }
    /* another picture is not taken for it */
    assert_true(worst_resize(golden_resizes[6], 5) > 1.0);
}

/* The original's tensors, in both layouts; outside of the mask they are black to the bit. */
static void test_masked_stretch_is_the_original(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof golden_wholes / sizeof golden_wholes[0]; i++) {
        const uint32_t *g = golden_wholes[i];
        mr__plan_spec spec = spec_of("original/masked-stretch?layout=nhwc");
        mr__picture p = {.mode = MR__MODE_RGB, .width = g[0], .height = g[1], .orientation = 1};
        uint8_t *pixels = pixels_of(g[0], g[1], 3, i);
        size_t plane = (size_t)g[2] * g[3];
        float *nhwc, *nchw;

        spec.resize_width = spec.out_width = g[2];
        spec.resize_height = spec.out_height = g[3];
        nhwc = run(&spec, &p, pixels, 1);
        spec.layout = MR_LAYOUT_NCHW;
        nchw = run(&spec, &p, pixels, 1000);
        for (size_t k = 0; k < plane * 3; k++) {
            double off = (double)nhwc[k] - (double)golden_tensors[g[4] + k];

            if (!(fabs(off) * 255.0 * (double)std[k % 3] <= WITHIN))
                fail_msg("%ux%u, value %zu: %g off", g[0], g[1], k, off);
            assert_true(nhwc[k] == nchw[k % 3 * plane + k / 3]);
        }
        free(nhwc);
        free(nchw);
        free(pixels);
    }
}

/* Sides at which float32 truncates elsewhere than integers do. */
static void test_masks_are_the_originals(void **state)
{
    mr__plan_spec spec = spec_of("original/masked-stretch");

    (void)state;
    for (size_t i = 0; i < sizeof golden_masks / sizeof golden_masks[0]; i++) {
        const uint32_t *m = golden_masks[i];
        mr__geometry g;

        assert_int_equal(mr__plan_geometry(&spec, m[0], m[1], &g, NULL), MR_OK);
        assert_int_equal(g.resized_width, 224);
        assert_int_equal(g.resized_height, 224);
        assert_int_equal(g.crop_width, m[2]);
        assert_int_equal(g.crop_height, m[3]);
        assert_int_equal(g.crop_x, (224 - m[2]) / 2);
        assert_int_equal(g.crop_y, (224 - m[3]) / 2);
        assert_int_equal(g.pad_x, g.crop_x);
        assert_int_equal(g.pad_y, g.crop_y);
        assert_false(m[2] == (m[0] >= m[1] ? 224 : m[0] * 224 / m[1]) &&
                     m[3] == (m[1] >= m[0] ? 224 : m[1] * 224 / m[0]));
    }
}

/* All sides, extreme ones too, stay inside the output and leave at least a pixel. */
static void test_masks_stay_inside(void **state)
{
    static const uint32_t sides[] = {1, 2, 3, 223, 224, 225, 1000, 4097, 16384, 65535};
    enum { N = sizeof sides / sizeof sides[0] };
    mr__plan_spec spec = spec_of("original/masked-stretch:333x16384");

    (void)state;
    for (size_t i = 0; i < N * N; i++) {
        mr__geometry g;

        assert_int_equal(mr__plan_geometry(&spec, sides[i / N], sides[i % N], &g, NULL), MR_OK);
        assert_in_range(g.crop_width, 1, 333 - g.crop_x);
        assert_in_range(g.crop_height, 1, 16384 - g.crop_y);
    }
}

/* With named instructions and without: the same bits. */
static void test_forms_are_equal(void **state)
{
    mr__coeffs_cache *cache = mr__coeffs_cache_open(1 << 20);
    static float planes[3][1024], out[2][3][1024];
    uint8_t *row = pixels_of(1000, 1, 3, 3);

    (void)state;
    for (uint32_t m = 1; m <= 1000; m += 1 + m / 9) {
        mr__coeffs_key key = {.n = 700, .m = m, .filter = MR__FILTER_BICUBIC, .count = m};
        mr__across pass = {.row = row, .columns = 700, .plane_stride = 1024, .planes = planes};

        key.form = MR__COEFFS_FLOAT;
        pass.coeffs = mr__coeffs_get(cache, &key);
        pass.out_stride = sizeof out[0][0];
        for (pass.channels = 1; pass.channels <= 3; pass.channels += 2) {
            memset(planes, 0, sizeof planes);
            memset(out, 0, sizeof out);
            pass.out = (uint8_t *)out[0];
            mr__engine_float.across(&pass);
            pass.out = (uint8_t *)out[1];
            mr__engine_float_generic.across(&pass);
            assert_memory_equal(out[0], out[1], sizeof out[0]);
            assert_true(out[0][0][0] != 0.0f);
        }
    }
    free(row);
    mr__coeffs_cache_close(&cache);
}

static void test_memory_bill(void **state)
{
    mr__plan_spec spec = spec_of("original/masked-stretch");
    mr__picture p = {.mode = MR__MODE_RGB, .width = 4032, .height = 3024, .orientation = 1};
    mr__transform *t = NULL;

    (void)state;
    assert_int_equal(mr__transform_open(&spec, MR__CPU_C, &t, NULL), MR_OK);
    assert_int_equal(mr__transform_bytes(t, &p), 0);
    p.width = 4032;
    p.height = 65535;
    /* 586 rows of a mask that is 13 wide, and weights: still nothing over the allowance */
    assert_int_equal(mr__transform_bytes(t, &p), 0);
    mr__transform_close(&t);
    spec = spec_of("letterbox:4000x10?engine=float&resize=squash");
    assert_int_equal(mr__transform_open(&spec, MR__CPU_C, &t, NULL), MR_OK);
    /* 2 * 65535 / 10 rows of 4000 pixels, three floats each */
    assert_in_range(mr__transform_bytes(t, &p), 13000u * 48000, 13300u * 48000);
    mr__transform_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_is_jax),
        cmocka_unit_test(test_masked_stretch_is_the_original),
        cmocka_unit_test(test_masks_are_the_originals),
        cmocka_unit_test(test_masks_stay_inside),
        cmocka_unit_test(test_forms_are_equal),
        cmocka_unit_test(test_memory_bill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
