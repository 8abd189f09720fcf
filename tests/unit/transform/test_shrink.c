/* SPDX-License-Identifier: Apache-2.0 */
/* How small a JPEG is decoded, and what that makes of the axes and the region. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "transform/shrink.h"
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

static mr__picture jpeg_of(uint32_t width, uint32_t height, uint8_t orientation)
{
    return (mr__picture){.format = MR__FORMAT_JPEG,
                         .mode = MR__MODE_RGB,
                         .width = width,
                         .height = height,
                         .orientation = orientation};
}

static uint32_t halved(const mr__plan_spec *spec, const mr__picture *p)
{
    mr__geometry g;
    mr__shrink s;
    mr__orient o;

    assert_int_equal(mr__shrink_plan(spec, p, &o, &g, &s, NULL), MR_OK);
    return s.halved;
}

/* Twice the target must be left, on both axes. */
static void the_largest_that_leaves_enough(void **state)
{
    static const struct {
        uint32_t width, height, halved;
    } cases[] = {{399, 10000, 0},   {400, 200, 1},  {400, 199, 0},  {799, 400, 1},  {800, 400, 2},
                 {800, 399, 1},     {1600, 800, 3}, {1599, 800, 2}, {1600, 799, 2}, {9999, 800, 3},
                 {65535, 65535, 3}, {100, 50, 0},   {1, 1, 0}};
    mr__plan_spec spec = spec_of("raw?resize=squash&resize_size=100x50&filter=bicubic&crop=none&"
                                 "crop_size=0x0&decode=fast");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr__picture p = jpeg_of(cases[i].width, cases[i].height, 1);

        assert_int_equal(halved(&spec, &p), cases[i].halved);
        p.format = MR__FORMAT_PNG;
        assert_int_equal(halved(&spec, &p), 0);
    }
}

static void a_turned_picture_is_measured_upright(void **state)
{
    mr__plan_spec spec = spec_of("raw?resize=squash&resize_size=100x50&filter=bicubic&crop=none&"
                                 "crop_size=0x0&decode=fast&exif=apply");
    mr__picture p = jpeg_of(400, 800, 6);

    (void)state;
    assert_int_equal(halved(&spec, &p), 2);
    spec.exif = MR__EXIF_IGNORE;
    assert_int_equal(halved(&spec, &p), 1);
    spec.decode = MR__DECODE_EXACT;
    assert_int_equal(halved(&spec, &p), 0);
}

/* Whole multiples of what is asked for, of the stored picture; a thumbnail asks for its gap times
 * that. */
static void a_draft_goes_as_far_as_pillow(void **state)
{
    static const struct {
        uint32_t width, height, draft, thumbnail;
    } cases[] = {{199, 9999, 0, 0}, {200, 100, 1, 0}, {399, 200, 1, 0},  {400, 200, 2, 1},
                 {800, 399, 2, 1},  {800, 400, 3, 2}, {1600, 800, 3, 3}, {99, 49, 0, 0}};
    const mr__plan_spec draft = spec_of("raw?resize=squash&resize_size=100x50&filter=bicubic&"
                                        "crop=none&crop_size=0x0&decode=draft&exif=apply");
    const mr__plan_spec thumbnail = spec_of("raw?resize=thumbnail&resize_size=100x50&crop=none&"
                                            "filter=bicubic&crop_size=0x0&reducing_gap=2&"
                                            "colour=rgb-last");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr__picture p = jpeg_of(cases[i].width, cases[i].height, 6);

        assert_int_equal(halved(&draft, &p), cases[i].draft);
        assert_int_equal(halved(&thumbnail, &p), cases[i].thumbnail);
        p.format = MR__FORMAT_WEBP;
        assert_int_equal(halved(&draft, &p), 0);
        assert_int_equal(halved(&thumbnail, &p), 0);
    }
}

/* The part of a pixel that is no picture stays out, on whichever side it came to lie. */
static void axes(void **state)
{
    /* 1003 / 8 = 125.375, 805 / 8 = 100.625 */
    static const struct {
        uint8_t turn;
        float x0, x1, y0, y1;
    } cases[] = {{1, 0, 125.375f, 0, 100.625f}, {2, 0.625f, 126, 0, 100.625f},
                 {3, 0.625f, 126, 0.375f, 101}, {4, 0, 125.375f, 0.375f, 101},
                 {5, 0, 100.625f, 0, 125.375f}, {6, 0.375f, 101, 0, 125.375f},
                 {7, 0.375f, 101, 0.625f, 126}, {8, 0, 100.625f, 0.625f, 126}};
    const mr__geometry g = {.resized_width = 40,
                            .resized_height = 40,
                            .crop_x = 3,
                            .crop_y = 4,
                            .crop_width = 5,
                            .crop_height = 6};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        const mr__shrink shrink = {.halved = 3, .parts = true, .resized = true};
        mr__resize_job job = {0};
        mr__orient o;

        mr__orient_init(&o, cases[i].turn, 1003, 805);
        mr__shrink_axes(&shrink, &g, &o, &job);
        assert_int_equal(o.width, 126);
        assert_int_equal(o.height, 101);
        assert_int_equal(job.h.n, cases[i].turn >= 5 ? 101 : 126);
        assert_int_equal(job.v.n, cases[i].turn >= 5 ? 126 : 101);
        assert_true(job.h.begin == cases[i].x0 && job.h.end == cases[i].x1);
        assert_true(job.v.begin == cases[i].y0 && job.v.end == cases[i].y1);
        assert_int_equal(job.h.from, 3);
        assert_int_equal(job.v.count, 6);
        mr__orient_init(&o, cases[i].turn, 1024, 800);
        mr__shrink_axes(&shrink, &g, &o, &job);
        assert_true(job.h.begin == 0 && job.h.end == 0 && job.v.begin == 0 && job.v.end == 0);
    }
}

/* What the decoder is asked for; memory of a turned picture is that of the small one. */
static void region_and_memory(void **state)
{
    const mr__plan_spec fast = spec_of("letterbox:100x75?decode=fast&exif=apply");
    const mr__plan_spec exact = spec_of("letterbox:100x75?exif=apply");
    mr__picture p = jpeg_of(4001, 3001, 3);
    mr__transform *t[2];
    mr__region r;
    void *row = aligned_alloc(64, ((size_t)100 * 75 * 12 + 63) / 64 * 64);

    (void)state;
    assert_non_null(row);
    assert_int_equal(mr__transform_open(&fast, MR__CPU_C, &t[0], NULL), MR_OK);
    assert_int_equal(mr__transform_open(&exact, MR__CPU_C, &t[1], NULL), MR_OK);
    assert_int_equal(mr__transform_begin(t[0], &p, row, &r, NULL), MR_OK);
    assert_int_equal(r.halved, 3);
    assert_int_equal(r.x1, 501);
    assert_int_equal(r.y1, 376);
    assert_int_equal(mr__transform_begin(t[1], &p, row, &r, NULL), MR_OK);
    assert_int_equal(r.halved, 0);
    assert_int_equal(r.x1, 4001);
    assert_int_equal(mr__transform_bytes(t[0], &p), 0);
    assert_in_range(mr__transform_bytes(t[1], &p), 4001u * 3001 * 3 - (2u << 20), 4001u * 3001 * 4);
    mr__transform_close(&t[0]);
    mr__transform_close(&t[1]);
    free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_that_leaves_enough),
        cmocka_unit_test(a_turned_picture_is_measured_upright),
        cmocka_unit_test(a_draft_goes_as_far_as_pillow),
        cmocka_unit_test(axes),
        cmocka_unit_test(region_and_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
