/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles give the bytes of the portable kernels, for all sizes and forms of strips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transform/tiler.h"
#include "transform/transform.h"

static uint64_t seed = 11;

static uint32_t random_below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

static void *need(size_t n)
{
    void *p = aligned_alloc(64, (n + 63) & ~(size_t)63);

    assert_non_null(p);
    return p;
}

/* The levels of this machine that have tiles. */
static size_t levels(mr__cpu_level out[3])
{
    static const mr__cpu_level all[] = {MR__CPU_AVX2, MR__CPU_AVX512VNNI, MR__CPU_NEON};
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        mr__cpu_level have;

        assert_int_equal(mr__cpu_level_detect(mr__cpu_level_name(all[i]), &have, NULL), MR_OK);
        if (have == all[i] && mr__tile_kernels_of(have) != NULL)
            out[n++] = have;
    }
    return n;
}

/* ---- pictures ---- */

/* A picture as planes, each row with the margins of a planar strip, and as pixels. */
typedef struct picture {
    mr__picture header;
    uint8_t *pixels, *planes;
    size_t stride;
} picture;

static picture picture_make(uint32_t width, uint32_t height)
{
    picture p = {
        .header = {.mode = MR__MODE_RGB, .width = width, .height = height, .orientation = 1}};
    const uint32_t kind = random_below(3);

    p.stride = width + 2 * (size_t)MR__STRIP_MARGIN;
    p.pixels = need((size_t)width * height * 3);
    p.planes = need(3 * p.stride * height);
    memset(p.planes, 0xcc, 3 * p.stride * height);
    for (size_t i = 0; i < (size_t)width * height * 3; i++) {
        const size_t at = i / 3, row = i % 3 * height + at / width;

        p.pixels[i] = (uint8_t)(kind == 0 ? random_below(2) * 255 : random_below(256));
        p.planes[row * p.stride + MR__STRIP_MARGIN + at % width] = p.pixels[i];
    }
    return p;
}

static void picture_free(picture *p)
{
    free(p->pixels);
    free(p->planes);
}

/* Rows of the picture from column x0 on, in one form or the other. */
static mr__strip strip_of(const picture *p, bool planar, uint32_t x0, uint32_t y, uint32_t n)
{
    const size_t pixel = (size_t)y * p->header.width + x0;
    mr__strip strip = {
        .planes = {p->pixels + 3 * pixel}, .stride = (size_t)p->header.width * 3, .n_rows = n};

    if (!planar)
        return strip;
    strip.planar = true;
    strip.stride = p->stride;
    for (size_t c = 0; c < 3; c++)
        strip.planes[c] =
            p->planes + (c * p->header.height + y) * p->stride + MR__STRIP_MARGIN + x0;
    return strip;
}

/* ---- plans ---- */

static mr__plan_spec spec_of(uint32_t width, uint32_t height, mr__filter filter)
{
    return (mr__plan_spec){.resize = MR__RESIZE_SQUASH,
                           .resize_width = width,
                           .resize_height = height,
                           .filter = filter,
                           .norm = MR__NORM_TORCHVISION,
                           .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                           .std = {0.26862954f, 0.26130258f, 0.27577711f},
                           .dtype = MR_DTYPE_F32,
                           .layout = MR_LAYOUT_NCHW,
                           .out_width = width,
                           .out_height = height};
}

static size_t row_bytes(const mr__plan_spec *s)
{
    return (size_t)s->out_width * s->out_height * 3 * (s->dtype == MR_DTYPE_F32 ? 4 : 1);
}

#define PIXELS 0x100u /* with a number of rows: strips of pixels, not of planes */

/* The row of output, with 64 bytes behind it that must stay as they are. `rows`: of a strip; 0: at
 * random, form and number. */
static uint8_t *transformed(const mr__plan_spec *spec, mr__cpu_level level, const picture *p,
                            uint32_t rows)
{
    uint8_t *out = need(row_bytes(spec) + 64);
    mr__transform *t = NULL;
    mr__region r;

    memset(out, 0xa5, row_bytes(spec) + 64);
    assert_int_equal(mr__transform_open(spec, level, &t, NULL), MR_OK);
    assert_int_equal(mr__transform_begin(t, &p->header, out, &r, NULL), MR_OK);
    mr__transform_columns(t, r.x0, r.x1 - r.x0);
    for (uint32_t y = r.y0, n; y < r.y1; y += n) {
        mr__strip strip;

        n = rows != 0 ? rows % PIXELS : 1 + random_below(40);
        n = n < r.y1 - y ? n : r.y1 - y;
        strip = strip_of(p, rows != 0 ? (rows & PIXELS) == 0 : random_below(2) == 1, r.x0, y, n);
        assert_int_equal(mr__transform_rows(t, &strip, NULL), MR_OK);
    }
    assert_int_equal(mr__transform_finish(t, NULL), MR_OK);
    mr__transform_close(&t);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(out[row_bytes(spec) + i], 0xa5);
    return out;
}

/* All levels against the portable kernels. */
static void check(const mr__plan_spec *spec, const picture *p, uint32_t rows)
{
    uint8_t *want = transformed(spec, MR__CPU_C, p, rows);
    mr__cpu_level some[3];

    for (size_t i = 0, n = levels(some); i < n; i++) {
        uint8_t *got = transformed(spec, some[i], p, rows);

        if (memcmp(got, want, row_bytes(spec)) != 0)
            fail_msg("%s: %ux%u to %ux%u, filter %d, orientation %d, strips of %u",
                     mr__cpu_level_name(some[i]), p->header.width, p->header.height,
                     spec->resize_width, spec->resize_height, (int)spec->filter,
                     p->header.orientation, rows);
        free(got);
    }
    free(want);
}

/* Each size of either side of the source, and of the result, with each filter. */
static void test_sizes(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 300; n++) {
        for (int filter = MR__FILTER_BOX; filter <= MR__FILTER_MKS2021; filter++) {
            const uint32_t sizes[4][4] = {
                {n, 23, 20, 11}, {19, n, 17, 21}, {41, 35, n, 9}, {35, 41, 33, n}};

            for (size_t i = 0; i < 4; i++) {
                picture p = picture_make(sizes[i][0], sizes[i][1]);
                mr__plan_spec spec = spec_of(sizes[i][2], sizes[i][3], (mr__filter)filter);

                check(&spec, &p, 16);
                check(&spec, &p, 16 | PIXELS);
                picture_free(&p);
            }
        }
    }
}

/* Crops, padding, layouts, dtypes, orientations, pass orders; strips as they come. */
static void test_random(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1500; i++) {
        picture p = picture_make(1 + random_below(400), 1 + random_below(i % 8 ? 120 : 900));
        mr__plan_spec spec =
            spec_of(1 + random_below(150), 1 + random_below(150), (mr__filter)random_below(6));

        if (random_below(6) == 0) /* nothing is resized */
            spec = spec_of(p.header.width, p.header.height, (mr__filter)random_below(6));
        if (random_below(3) == 0) {
            spec.crop = MR__CROP_CENTRE_FLOOR;
            spec.crop_width = spec.out_width = 1 + random_below(spec.resize_width);
            spec.crop_height = spec.out_height = 1 + random_below(spec.resize_height);
        } else if (random_below(4) == 0) {
            spec.resize = MR__RESIZE_MASKED;
        }
        spec.pass_order = (mr__pass_order)random_below(2);
        spec.layout = (mr_layout)random_below(2);
        if (random_below(3) == 0) {
            spec.dtype = MR_DTYPE_U8;
            spec.norm = MR__NORM_NONE;
        }
        if (random_below(4) == 0) {
            spec.exif = MR__EXIF_APPLY;
            p.header.orientation = (uint8_t)(1 + random_below(8));
        }
        check(&spec, &p, 0);
        picture_free(&p);
    }
}

/* Hundreds of taps, and rows as wide as a picture may be. */
static void test_extremes(void **state)
{
    static const uint32_t sizes[][4] = {{65535, 3, 5, 3},
                                        {65535, 2, 700, 2},
                                        {3, 9000, 5, 2},
                                        {2000, 1500, 3, 4},
                                        {1, 1, 300, 300}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        picture p = picture_make(sizes[i][0], sizes[i][1]);
        mr__plan_spec spec = spec_of(sizes[i][2], sizes[i][3], MR__FILTER_LANCZOS);

        check(&spec, &p, 16);
        check(&spec, &p, 16 | PIXELS);
        check(&spec, &p, 0);
        picture_free(&p);
    }
}

/* One digit of one weight moves the output that it belongs to, and no other. */
static void test_control(void **state)
{
    mr__coeffs_key key = {.n = 64, .m = 16, .filter = MR__FILTER_BOX, .count = 16};
    uint8_t *tile = need(16 * MR__TILE_GROUP), *memory = need(4 * 64 * 3);
    uint8_t *const quads[4] = {memory, memory + 192, memory + 384, memory + 576};
    mr__coeffs_cache *cache = mr__coeffs_cache_open(1 << 20);
    mr__cpu_level some[3];

    (void)state;
    for (size_t i = 0, n = levels(some); i < n; i++) {
        const mr__tile_kernels *k = mr__tile_kernels_of(some[i]);
        const mr__coeffs *c;
        uint8_t *digits;

        key.form = k->form;
        c = mr__coeffs_get(cache, &key);
        memset(tile, 255, 16 * MR__TILE_GROUP);
        k->horizontal(tile, c, quads, 64);
        assert_int_equal(quads[3][2 * 64 + 4 * 15 + 3], 255);
        /* output 15 without its first source, by its highest digit: three quarters */
        digits = (uint8_t *)(uintptr_t)c->digits + (size_t)15 * c->groups * MR__TILE_DIGITS;
        digits[k->form == MR__COEFFS_TILE_BYTES ? 8 : 9] = 0;
        k->horizontal(tile, c, quads, 64);
        assert_int_equal(quads[3][2 * 64 + 4 * 15 + 3], 191);
        assert_int_equal(quads[3][2 * 64 + 4 * 14 + 3], 255);
    }
    mr__coeffs_cache_close(&cache);
    free(tile);
    free(memory);
}

/* This machine's best level takes tiles for photographs, or the tests above compare nothing. */
static void test_chosen(void **state)
{
    mr__cpu_level best, some[3];

    (void)state;
    assert_int_equal(mr__cpu_level_detect(NULL, &best, NULL), MR_OK);
    if (best == MR__CPU_C)
        skip();
    assert_true(levels(some) > 0);
    assert_non_null(mr__tile_kernels_of(best));
    assert_null(mr__tile_kernels_of(MR__CPU_C));
}

/* Arithmetic is taken only where it gives the table. */
static void test_normal(void **state)
{
    static const double factors[] = {1.0 / 255.0, 0.00392156862745098, 1.0 / 127.5};
    mr__plan_spec spec = spec_of(8, 8, MR__FILTER_BICUBIC);
    float table[3][256];
    mr__normal normal;

    (void)state;
    mr__normalise_table(&spec, table);
    assert_true(mr__normalise_arithmetic(&spec, table, &normal));
    /* one bit of one value of one channel */
    table[1][200] = -table[1][200];
    assert_false(mr__normalise_arithmetic(&spec, table, &normal));
    spec.norm = MR__NORM_HF;
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        spec.rescale = factors[i];
        mr__normalise_table(&spec, table);
        assert_true(mr__normalise_arithmetic(&spec, table, &normal));
    }
    spec.norm = MR__NORM_NONE;
    mr__normalise_table(&spec, table);
    assert_true(mr__normalise_arithmetic(&spec, table, &normal));
    /* a deviation of zero has no reciprocal */
    spec.norm = MR__NORM_TORCHVISION;
    spec.std[2] = 0.0f;
    mr__normalise_table(&spec, table);
    assert_false(mr__normalise_arithmetic(&spec, table, &normal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chosen),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_random),  cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_control), cmocka_unit_test(test_normal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
