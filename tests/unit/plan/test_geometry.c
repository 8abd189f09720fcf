/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes and crop offsets against the libraries' own formulas, written here in floating point as the
 * libraries have them, over all sizes 1..2000.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fenv.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"

#define MOST 2000u

static mr__plan_spec spec_of(mr__resize_rule resize, uint32_t size, mr__crop_rule crop,
                             uint32_t crop_size)
{
    mr__plan_spec spec = {.resize = resize,
                          .resize_width = size,
                          .resize_height = size,
                          .crop = crop,
                          .crop_width = crop_size,
                          .crop_height = crop_size,
                          .norm = MR__NORM_NONE,
                          .dtype = MR_DTYPE_U8};
    const char *key;

    assert_int_equal(mr__spec_resolve(&spec, &key, NULL), MR_OK);
    return spec;
}

/* int(size * long / short), Python's float division */
static uint32_t long_side(uint32_t size, uint32_t longer, uint32_t shorter)
{
    return (uint32_t)((double)size * (double)longer / (double)shorter);
}

/* int(round((image - crop) / 2.0)): Python rounds half to even, as nearbyint does */
static uint32_t offset_torchvision(uint32_t size, uint32_t crop)
{
    return (uint32_t)nearbyint(((double)size - (double)crop) / 2.0);
}

/* Counts the crops at which floor and half-even differ, so that a mixed-up rule cannot pass. */
static void check_shortest(uint32_t size, uint32_t crop)
{
    mr__plan_spec even = spec_of(MR__RESIZE_SHORTEST, size, MR__CROP_CENTRE_HALF_EVEN, crop);
    mr__plan_spec down = spec_of(MR__RESIZE_SHORTEST, size, MR__CROP_CENTRE_FLOOR, crop);
    unsigned differ = 0;

    for (uint32_t w = 1; w <= MOST; w++) {
        for (uint32_t h = 1 + w % 7; h <= MOST; h += 7) {
            mr__geometry a, b;
            uint32_t want_w = w <= h ? size : long_side(size, w, h);
            uint32_t want_h = w <= h ? long_side(size, h, w) : size;

            assert_int_equal(mr__plan_geometry(&even, w, h, &a, NULL), MR_OK);
            assert_int_equal(mr__plan_geometry(&down, w, h, &b, NULL), MR_OK);
            if (a.resized_width != want_w || a.resized_height != want_h)
                fail_msg("%ux%u -> %ux%u, wanted %ux%u", w, h, a.resized_width, a.resized_height,
                         want_w, want_h);
            assert_int_equal(a.crop_x, offset_torchvision(want_w, crop));
            assert_int_equal(a.crop_y, offset_torchvision(want_h, crop));
            assert_int_equal(b.crop_x, (want_w - crop) / 2);
            assert_int_equal(b.crop_y, (want_h - crop) / 2);
            assert_int_equal(a.crop_width, crop);
            assert_int_equal(a.pad_x + a.pad_y + b.pad_x + b.pad_y, 0);
            differ += a.crop_x != b.crop_x || a.crop_y != b.crop_y;
        }
    }
    assert_true(differ > 10000);
}

static void test_shortest(void **state)
{
    static const uint32_t sizes[][2] = {{224, 224}, {248, 224}, {256, 224}, {384, 384}, {518, 518}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_shortest(sizes[i][0], sizes[i][1]);
}

/* The table of 1.7: d = 1, 3, 5, 7. */
static void test_offsets_by_hand(void **state)
{
    static const uint32_t want[][3] = {{1, 0, 0}, {3, 1, 2}, {5, 2, 2}, {7, 3, 4}, {8, 4, 4}};
    mr__plan_spec down = spec_of(MR__RESIZE_NONE, 0, MR__CROP_CENTRE_FLOOR, 100);
    mr__plan_spec even = spec_of(MR__RESIZE_NONE, 0, MR__CROP_CENTRE_HALF_EVEN, 100);

    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        mr__geometry g;

        assert_int_equal(mr__plan_geometry(&down, 100 + want[i][0], 100, &g, NULL), MR_OK);
        assert_int_equal(g.crop_x, want[i][1]);
        assert_int_equal(mr__plan_geometry(&even, 100 + want[i][0], 100, &g, NULL), MR_OK);
        assert_int_equal(g.crop_x, want[i][2]);
    }
}

/* Smaller than the crop on one axis or both: who pads where. */
static void test_padding(void **state)
{
    mr__plan_spec even = spec_of(MR__RESIZE_NONE, 0, MR__CROP_CENTRE_HALF_EVEN, 224);
    mr__plan_spec down = spec_of(MR__RESIZE_NONE, 0, MR__CROP_CENTRE_FLOOR, 224);

    (void)state;
    for (uint32_t w = 1; w <= MOST; w++) {
        uint32_t missing = w < 224 ? 224 - w : 0;
        mr__geometry g;

        assert_int_equal(mr__plan_geometry(&even, w, 301, &g, NULL), MR_OK);
        assert_int_equal(g.pad_x, missing / 2);
        assert_int_equal(g.crop_width, w < 224 ? w : 224);
        assert_int_equal(g.crop_y, 38); /* 77 / 2 = 38.5, to even */
        assert_int_equal(mr__plan_geometry(&down, w, 301, &g, NULL), MR_OK);
        assert_int_equal(g.pad_x, (uint32_t)ceil((double)missing / 2.0));
        assert_int_equal(g.crop_x, w < 224 ? 0 : (w - 224) / 2);
    }
}

static void test_letterbox(void **state)
{
    mr__plan_spec spec = spec_of(MR__RESIZE_LETTERBOX, 640, MR__CROP_NONE, 0);
    mr__geometry g;

    (void)state;
    for (uint32_t w = 1; w <= MOST; w++) {
        for (uint32_t h = 1 + w % 5; h <= MOST; h += 5) {
            uint32_t side = w > h ? h : w, most = w > h ? w : h, free_side = 640 * side / most;

            if (free_side == 0) {
                assert_int_equal(mr__plan_geometry(&spec, w, h, &g, NULL), MR_E_ITEM);
                continue;
            }
            assert_int_equal(mr__plan_geometry(&spec, w, h, &g, NULL), MR_OK);
            assert_int_equal(g.resized_width, w >= h ? 640 : free_side);
            assert_int_equal(g.resized_height, w >= h ? free_side : 640);
            assert_int_equal(g.pad_x, (640 - g.resized_width) / 2);
            assert_int_equal(g.pad_y, (640 - g.resized_height) / 2);
            assert_int_equal(g.crop_width, g.resized_width);
            assert_int_equal(g.crop_x + g.crop_y, 0);
        }
    }
}

static void test_bad_dimensions(void **state)
{
    mr__plan_spec spec = spec_of(MR__RESIZE_LETTERBOX, 640, MR__CROP_NONE, 0);
    mr__plan_spec big = spec_of(MR__RESIZE_SHORTEST, 16384, MR__CROP_CENTRE_FLOOR, 16384);
    mr_error err = {0};
    mr__geometry g;

    (void)state;
    assert_int_equal(mr__plan_geometry(&spec, 10000, 1, &g, &err), MR_E_ITEM);
    assert_int_equal(err.code, MR_CODE_BAD_DIMENSIONS);
    assert_int_equal(mr__plan_geometry(&spec, 0, 1, &g, &err), MR_E_ITEM);
    assert_int_equal(mr__plan_geometry(&spec, 1, 65536, &g, &err), MR_E_ITEM);
    /* the largest stretch there is */
    assert_int_equal(mr__plan_geometry(&big, 65535, 1, &g, &err), MR_OK);
    assert_int_equal(g.resized_width, 16384u * 65535u);
    assert_int_equal(g.crop_x, (16384u * 65535u - 16384u) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shortest),       cmocka_unit_test(test_offsets_by_hand),
        cmocka_unit_test(test_padding),        cmocka_unit_test(test_letterbox),
        cmocka_unit_test(test_bad_dimensions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
