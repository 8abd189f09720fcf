/* SPDX-License-Identifier: Apache-2.0 */
/* The transform as its callers see it: regions, refusals, memory, padding, reuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transform/transform.h"

static mr__plan_spec spec_of(const char *preset)
{
    mr_plan *plan = NULL;
    mr__plan_spec spec;

    assert_int_equal(mr_plan_open(preset, &plan, NULL), MR_OK);
    spec = *mr__plan_spec_of(plan);
    mr_plan_close(&plan);
    return spec;
}

static mr__transform *open_spec(const mr__plan_spec *spec)
{
    mr__transform *t = NULL;

    assert_int_equal(mr__transform_open(spec, MR__CPU_C, &t, NULL), MR_OK);
    return t;
}

static size_t row_bytes(const mr__plan_spec *spec)
{
    return (size_t)spec->out_width * spec->out_height * 3 * (spec->dtype == MR_DTYPE_F32 ? 4 : 1);
}

static mr__picture picture_of(mr__mode mode, uint32_t width, uint32_t height)
{
    return (mr__picture){.mode = mode, .width = width, .height = height, .orientation = 1};
}

/* Deterministic pixels; a value depends on seed, place and channel. */
static uint8_t *pixels_of(const mr__picture *p, uint32_t seed)
{
    size_t n = (size_t)p->width * p->height * mr__mode_bytes(p->mode);
    uint8_t *pixels = malloc(n);

    assert_non_null(pixels);
    for (size_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)(((uint32_t)i * 2654435761u + seed * 40503u) >> 13);
    return pixels;
}

/* Interleaved rows. */
static mr_status give(mr__transform *t, const uint8_t *rows, size_t stride, uint32_t n_rows)
{
    const mr__strip strip = {.planes = {rows}, .stride = stride, .n_rows = n_rows};

    return mr__transform_rows(t, &strip, NULL);
}

static void run(mr__transform *t, const mr__picture *p, const uint8_t *pixels, void *dst)
{
    size_t size = mr__mode_bytes(p->mode), stride = p->width * size;
    mr__region r;

    assert_int_equal(mr__transform_begin(t, p, dst, &r, NULL), MR_OK);
    mr__transform_columns(t, 0, p->width);
    assert_int_equal(give(t, pixels + r.y0 * stride, stride, r.y1 - r.y0), MR_OK);
    assert_int_equal(mr__transform_finish(t, NULL), MR_OK);
}

/* Planes of the pixels, with the margin that planar strips have. */
static uint8_t *planes_of(const mr__picture *p, const uint8_t *pixels, mr__strip *strip)
{
    size_t size = mr__mode_bytes(p->mode), stride = p->width + 2 * MR__STRIP_MARGIN;
    uint8_t *planes = calloc(size * p->height, stride);

    assert_non_null(planes);
    *strip = (mr__strip){.stride = stride, .planar = true};
    for (size_t c = 0; c < size; c++) {
        uint8_t *plane = planes + c * stride * p->height + MR__STRIP_MARGIN;

        strip->planes[c] = plane;
        for (size_t y = 0; y < p->height; y++)
            for (size_t x = 0; x < p->width; x++)
                plane[y * stride + x] = pixels[(y * p->width + x) * size + c];
    }
    return planes;
}

/* The whole strip's rows r.y0..r.y1, some rows at a time. */
static void give_planes(mr__transform *t, const mr__strip *whole, mr__region r, uint32_t rows)
{
    for (uint32_t y = r.y0; y < r.y1; y += rows) {
        mr__strip strip = *whole;

        for (size_t c = 0; c < 3 && strip.planes[c] != NULL; c++)
            strip.planes[c] += y * strip.stride;
        strip.n_rows = r.y1 - y < rows ? r.y1 - y : rows;
        assert_int_equal(mr__transform_rows(t, &strip, NULL), MR_OK);
    }
}

/* The form of the strips does not show, upright or turned. */
static void test_planar_strips(void **state)
{
    static const mr__mode modes[] = {MR__MODE_L, MR__MODE_RGB};
    mr__plan_spec spec = spec_of("openai/clip-vit-base-patch32@openclip");
    size_t bytes = row_bytes(&spec);
    float *want = aligned_alloc(64, bytes), *got = aligned_alloc(64, bytes);

    (void)state;
    spec.exif = MR__EXIF_APPLY;
    for (uint32_t i = 0; i < 16; i++) {
        mr__picture p = picture_of(modes[i % 2], 301 + 7 * i, 277);
        mr__transform *t = open_spec(&spec);
        uint8_t *pixels = pixels_of(&p, i), *planes;
        mr__strip strip;
        mr__region r;

        p.orientation = (uint8_t)(1 + i / 2);
        planes = planes_of(&p, pixels, &strip);
        run(t, &p, pixels, want);
        assert_int_equal(mr__transform_begin(t, &p, got, &r, NULL), MR_OK);
        mr__transform_columns(t, 0, p.width);
        give_planes(t, &strip, r, 1 + i);
        assert_int_equal(mr__transform_finish(t, NULL), MR_OK);
        assert_memory_equal(want, got, bytes);
        planes[MR__STRIP_MARGIN + 150 * strip.stride + 150] ^= 0xff; /* it is read */
        assert_int_equal(mr__transform_begin(t, &p, got, &r, NULL), MR_OK);
        mr__transform_columns(t, 0, p.width);
        give_planes(t, &strip, r, 1 + i);
        assert_int_equal(mr__transform_finish(t, NULL), MR_OK);
        assert_memory_not_equal(want, got, bytes);
        mr__transform_close(&t);
        free(pixels);
        free(planes);
    }
    free(want);
    free(got);
}

/* First and last source of one output, from the specification in floating point. */
static void window(double n, double m, double support, double i, double *first, double *last)
{
    double scale = n / m, reach = support * (scale > 1 ? scale : 1), centre = (i + 0.5) * scale;

    *first = fmax(0, floor(centre - reach + 0.5));
    *last = fmin(n, floor(centre + reach + 0.5));
}

/* The region is what the surviving outputs read, no more, no less. */
static void test_region_is_minimal(void **state)
{
    mr__plan_spec spec = spec_of("openai/clip-vit-base-patch32@openclip");
    mr__transform *t = open_spec(&spec);
    float *dst = aligned_alloc(64, row_bytes(&spec));

    (void)state;
    for (uint32_t w = 20; w < 3000; w += 37) {
        for (uint32_t h = 20; h < 3000; h += 131) {
            mr__picture p = picture_of(MR__MODE_RGB, w, h);
            double first, last, unused;
            mr__geometry g;
            mr__region r;

            assert_int_equal(mr__plan_geometry(&spec, w, h, &g, NULL), MR_OK);
            assert_int_equal(mr__transform_begin(t, &p, dst, &r, NULL), MR_OK);
            if (w != g.resized_width) {
                window(w, g.resized_width, 2, g.crop_x, &first, &unused);
                window(w, g.resized_width, 2, g.crop_x + 223, &unused, &last);
                assert_int_equal(r.x0, (uint32_t)first);
                assert_int_equal(r.x1, (uint32_t)last);
            }
            if (h != g.resized_height) {
                window(h, g.resized_height, 2, g.crop_y, &first, &unused);
                window(h, g.resized_height, 2, g.crop_y + 223, &unused, &last);
                assert_int_equal(r.y0, (uint32_t)first);
                assert_int_equal(r.y1, (uint32_t)last);
            }
            if (w > 2 * h)
                assert_true(r.x1 - r.x0 < w && r.y1 - r.y0 == h);
        }
    }
    free(dst);
    mr__transform_close(&t);
}

/* One transform for many pictures gives what a fresh one gives for each. */
static void test_reuse(void **state)
{
    static const mr__mode modes[] = {MR__MODE_RGB,  MR__MODE_L,   MR__MODE_RGBA, MR__MODE_LA,
                                     MR__MODE_CMYK, MR__MODE_I16, MR__MODE_1,    MR__MODE_P};
    mr__plan_spec spec = spec_of("openai/clip-vit-base-patch32@openclip");
    mr__transform *kept = open_spec(&spec);
    size_t n = row_bytes(&spec);
    void *a = aligned_alloc(64, n), *b = aligned_alloc(64, n);

    (void)state;
    for (uint32_t i = 0; i < 80; i++) {
        mr__picture p = picture_of(modes[i % 8], 1 + i * 61 % 700, 1 + i * 47 % 900);
        uint8_t *pixels = pixels_of(&p, i);
        mr__transform *fresh = open_spec(&spec);

        memset(a, 1, n);
        memset(b, 2, n);
        p.palette.n = 200;
        run(kept, &p, pixels, a);
        run(fresh, &p, pixels, b);
        assert_memory_equal(a, b, n);
        mr__transform_close(&fresh);
        free(pixels);
        if (i % 16 == 15)
            mr__transform_trim(kept);
    }
    free(a);
    free(b);
    mr__transform_close(&kept);
}

static void test_misuse_is_refused(void **state)
{
    mr__plan_spec spec = spec_of("openai/clip-vit-base-patch32@openclip");
    mr__transform *t = open_spec(&spec);
    mr__picture p = picture_of(MR__MODE_RGB, 600, 300);
    uint8_t *pixels = pixels_of(&p, 1);
    float *dst = aligned_alloc(64, row_bytes(&spec));
    mr__region r;

    (void)state;
    assert_int_equal(mr__transform_finish(t, NULL), MR_E_INTERNAL);
    assert_int_equal(mr__transform_begin(t, &p, dst, &r, NULL), MR_OK);
    assert_true(r.x0 > 0 && r.x1 < 600);
    mr__transform_columns(t, r.x0 + 1, 599 - r.x0);
    assert_int_equal(give(t, pixels, 1800, 1), MR_E_INTERNAL);
    mr__transform_columns(t, r.x0, r.x1 - r.x0 - 1);
    assert_int_equal(give(t, pixels, 1800, 1), MR_E_INTERNAL);
    mr__transform_columns(t, 0, 600);
    assert_int_equal(give(t, pixels, 1800, 299), MR_OK);
    assert_int_equal(mr__transform_finish(t, NULL), MR_E_INTERNAL);
    assert_int_equal(give(t, pixels, 1800, 2), MR_E_INTERNAL);
    assert_int_equal(give(t, pixels + 299 * 1800, 1800, 1), MR_OK);
    assert_int_equal(mr__transform_finish(t, NULL), MR_OK);
    assert_int_equal(mr__transform_finish(t, NULL), MR_E_INTERNAL);
    free(pixels);
    free(dst);
    mr__transform_close(&t);
}

static void refuse(const mr__plan_spec *spec, const mr__picture *p, mr_code code)
{
    mr__transform *t = open_spec(spec);
    void *dst = aligned_alloc(64, row_bytes(spec));
    mr_error err = {0};
    mr__region r;

    assert_int_equal(mr__transform_begin(t, p, dst, &r, &err), MR_E_ITEM);
    assert_int_equal(err.code, code);
    assert_int_equal(err.stage, MR_STAGE_TRANSFORM);
    assert_int_equal(mr__transform_bytes(t, p), 0);
    free(dst);
    mr__transform_close(&t);
}

/* What has no exact rule is refused, never approximated. */
static void test_refusals(void **state)
{
    mr__plan_spec white = spec_of("openai/clip-vit-base-patch32@transformers");
    mr__plan_spec last = spec_of("openai/clip-vit-base-patch32@openclip");
    mr__plan_spec letterbox = spec_of("letterbox");
    mr__picture p = picture_of(MR__MODE_RGB, 50, 40);
    mr__transform *t = open_spec(&last);

    (void)state;
    p = picture_of(MR__MODE_I16, 50, 40);
    p.has_transparency = p.palette.has_key = true;
    refuse(&white, &p, MR_CODE_UNSUPPORTED_VARIANT);
    p = picture_of(MR__MODE_I16, 50, 40);
    last.filter = MR__FILTER_NEAREST;
    refuse(&last, &p, MR_CODE_UNSUPPORTED_VARIANT);
    p = picture_of(MR__MODE_RGB, 10000, 1);
    refuse(&letterbox, &p, MR_CODE_BAD_DIMENSIONS);
    mr__transform_close(&t);
}

static void test_memory_bill(void **state)
{
    mr__plan_spec spec = spec_of("openai/clip-vit-base-patch32@openclip");
    mr__picture p = picture_of(MR__MODE_RGB, 4032, 3024);
    mr__transform *t = open_spec(&spec);

    (void)state;
    assert_int_equal(mr__transform_bytes(t, &p), 0);
    p.orientation = 6; /* not applied by this plan */
    assert_int_equal(mr__transform_bytes(t, &p), 0);
    mr__transform_close(&t);
    spec.exif = MR__EXIF_APPLY;
    t = open_spec(&spec);
    /* the square that survives is collected: 3024 x about 3024 pixels */
    assert_in_range(mr__transform_bytes(t, &p), 3024u * 3024 * 3 - (1u << 20), 3024u * 3060 * 3);
    p.orientation = 1;
    assert_int_equal(mr__transform_bytes(t, &p), 0);
    /* vertical first keeps rows of the source: 65535 / 224 * 4 of them */
    p = picture_of(MR__MODE_RGBA, 30000, 65535);
    assert_in_range(mr__transform_bytes(t, &p), 500u * 30000 * 4, 600u * 30000 * 4 + (4u << 20));
    mr__transform_close(&t);
}

static void test_padding(void **state)
{
    mr__plan_spec spec = spec_of("raw:6x4");
    mr__transform *t = open_spec(&spec);
    mr__picture p = picture_of(MR__MODE_L, 3, 1);
    const uint8_t pixels[3] = {10, 20, 30};
    uint8_t *dst = aligned_alloc(64, 128);

    (void)state;
    memset(dst, 0xee, 128);
    run(t, &p, pixels, dst);
    for (uint32_t y = 0; y < 4; y++)
        for (uint32_t x = 0; x < 6; x++)
            for (uint32_t c = 0; c < 3; c++) {
                /* missing 3 columns and 3 rows: ceil(3 / 2) = 2 to the left and above */
                bool inside = y == 2 && x >= 2 && x < 5;

                assert_int_equal(dst[(y * 6 + x) * 3 + c], inside ? pixels[x - 2] : 0);
            }
    assert_int_equal(dst[72], 0xee);
    free(dst);
    mr__transform_close(&t);
}

static void test_letterbox_floats(void **state)
{
    mr__plan_spec spec = spec_of("letterbox:8x8");
    mr__transform *t = open_spec(&spec);
    mr__picture p = picture_of(MR__MODE_RGB, 16, 8);
    uint8_t pixels[16 * 8 * 3];
    float *dst = aligned_alloc(64, row_bytes(&spec));

    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i % 3 * 100);
    run(t, &p, pixels, dst);
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < 8; y++)
            for (uint32_t x = 0; x < 8; x++) {
                float want = (y >= 2 && y < 6 ? (float)(c * 100) : 114.0f) / 255.0f;

                assert_true(dst[(c * 8 + y) * 8 + x] == want);
            }
    free(dst);
    mr__transform_close(&t);
}

/* The eight orientations of a 3 x 2 picture, written out. */
static void test_orientations(void **state)
{
    static const uint8_t stored[6] = {1, 2, 3, 4, 5, 6};
    static const uint8_t want[9][6] = {
        {0},
        {1, 2, 3, 4, 5, 6},
        {3, 2, 1, 6, 5, 4},
        {6, 5, 4, 3, 2, 1},
        {4, 5, 6, 1, 2, 3},
        {1, 4, 2, 5, 3, 6},
        {4, 1, 5, 2, 6, 3},
        {6, 3, 5, 2, 4, 1},
        {3, 6, 2, 5, 1, 4},
    };
    uint8_t *dst = aligned_alloc(64, 64);

    (void)state;
    for (uint8_t o = 1; o <= 8; o++) {
        mr__plan_spec spec = spec_of(o < 5 ? "raw:3x2" : "raw:2x3");
        mr__picture p = picture_of(MR__MODE_L, 3, 2);
        mr__transform *t;

        spec.exif = MR__EXIF_APPLY;
        p.orientation = o;
        t = open_spec(&spec);
        run(t, &p, stored, dst);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(dst[3 * i], want[o][i]);
        mr__transform_close(&t);
    }
    free(dst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_region_is_minimal), cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_planar_strips),     cmocka_unit_test(test_misuse_is_refused),
        cmocka_unit_test(test_refusals),          cmocka_unit_test(test_memory_bill),
        cmocka_unit_test(test_padding),           cmocka_unit_test(test_letterbox_floats),
        cmocka_unit_test(test_orientations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
