/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the builtin descriptor against pictures whose answer is known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "embed/colour_layout.h"
#include "embed/gradients.h"
#include "embed/pooling.h"

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%g instead of %g", value, expected);
}

static void test_pooling_of_a_constant(void **state)
{
    mr__pooling pooling;
    float sums[MR__CELLS][MR__POOL_MAX] = {{0}}, line[MR__POOL_MAX], cells[MR__CELLS];

    (void)state;
    mr__pooling_init(&pooling, 32);
    for (size_t x = 0; x < MR__POOL_MAX; x++)
        line[x] = 7.0F;
    for (size_t y = 0; y < 32; y++)
        mr__pooling_add(&pooling, y, line, sums);
    for (size_t row = 0; row < MR__CELLS; row++) {
        mr__pooling_cells(&pooling, sums[row], cells);
        for (size_t column = 0; column < MR__CELLS; column++)
            assert_near(cells[column], 7.0, 1e-4);
    }
}

/* Stripes whose brightness varies along `angle` steps of 22.5 degrees. */
static void stripes(float *plane, size_t n, double angle)
{
    double turn = angle * 0.39269908169872414;

    for (size_t i = 0; i < n * n; i++) {
        double along = cos(turn) * (double)(i % n) + sin(turn) * (double)(i / n);
        plane[i] = (float)(128.0 + 100.0 * sin(along * 0.35));
    }
}

static void test_stripes_answer_their_orientation(void **state)
{
    mr__gradients_scratch scratch;
    float plane[64 * 64], out[MR__GRADIENTS_DIM];
    mr__pooling pooling;

    (void)state;
    mr__pooling_init(&pooling, 64);
    for (size_t angle = 0; angle < MR__ORIENTATIONS; angle++) {
        stripes(plane, 64, (double)angle);
        mr__gradients(&pooling, plane, &scratch, out);
        for (size_t i = 0; i < MR__GRADIENTS_DIM; i++) {
            size_t cell = i / MR__ORIENTATIONS, away = (i - angle) % MR__ORIENTATIONS;
            float best = out[cell * MR__ORIENTATIONS + angle];
            if (away == 4)
                assert_true(out[i] < 0.2F * best);
            else if (away != 0)
                assert_true(out[i] < 0.95F * best);
        }
    }
}

/* A bar in one corner must show in that corner's cell and not in the opposite one. */
static void test_gradients_know_where(void **state)
{
    mr__gradients_scratch scratch;
    float plane[64 * 64] = {0}, out[MR__GRADIENTS_DIM];
    mr__pooling pooling;

    (void)state;
    mr__pooling_init(&pooling, 64);
    for (size_t y = 2; y < 12; y++)
        plane[y * 64 + 58] = 200.0F;
    mr__gradients(&pooling, plane, &scratch, out);
    assert_true(out[3 * MR__ORIENTATIONS] > 1.0F);
    assert_near(out[12 * MR__ORIENTATIONS], 0.0, 1e-6);
    assert_near(out[0], 0.0, 1e-6);
}

static void paint(mr__colour_planes *planes, float luma, float red_green, float yellow_blue)
{
    for (size_t i = 0; i < MR__COLOUR_SIDE * MR__COLOUR_SIDE; i++) {
        planes->plane[0][i / MR__COLOUR_SIDE][i % MR__COLOUR_SIDE] = luma;
        planes->plane[1][i / MR__COLOUR_SIDE][i % MR__COLOUR_SIDE] = red_green;
        planes->plane[2][i / MR__COLOUR_SIDE][i % MR__COLOUR_SIDE] = yellow_blue;
    }
}

static void test_colour_of_a_flat_picture(void **state)
{
    float means[MR__COLOUR_CELLS_DIM], deviations[MR__COLOUR_CELLS_DIM], bins[MR__COLOUR_BINS];
    mr__colour_planes planes;
    mr__pooling pooling;

    (void)state;
    mr__pooling_init(&pooling, MR__COLOUR_SIDE);
    paint(&planes, 228.0F, -96.0F, 24.0F);
    mr__colour_layout(&pooling, &planes, means, deviations);
    for (size_t cell = 0; cell < MR__CELLS * MR__CELLS; cell++) {
        assert_near(means[3 * cell], 10.0, 1e-3);
        assert_near(means[3 * cell + 1], -12.0, 1e-3);
        assert_near(means[3 * cell + 2], 6.0, 1e-3);
        assert_near(deviations[3 * cell], 0.0, 0.4); /* a fourth root of rounding */
    }
    mr__colour_histogram(&planes, bins);
    /* luma past the last centre: bin 1; red-green on the first centre: 0; yellow-blue 24 of
     * -96..96 is 1.875 of 3 */
    assert_near(bins[16 + 1], sqrt(1024.0 * 0.125), 1e-2);
    assert_near(bins[16 + 2], sqrt(1024.0 * 0.875), 1e-2);
    assert_near(bins[0], 0.0, 0.0);
}

static void test_histogram_counts_each_pixel_once(void **state)
{
    mr__colour_planes planes;
    float bins[MR__COLOUR_BINS];
    double total = 0.0;

    (void)state;
    for (size_t i = 0; i < MR__COLOUR_SIDE * MR__COLOUR_SIDE; i++) {
        planes.plane[0][i / MR__COLOUR_SIDE][i % MR__COLOUR_SIDE] = (float)(i % 256);
        planes.plane[1][i / MR__COLOUR_SIDE][i % MR__COLOUR_SIDE] = (float)(i * 7 % 511) - 255.0F;
        planes.plane[2][i / MR__COLOUR_SIDE][i % MR__COLOUR_SIDE] = (float)(i * 13 % 511) - 255.0F;
    }
    mr__colour_histogram(&planes, bins);
    for (size_t b = 0; b < MR__COLOUR_BINS; b++)
        total += (double)bins[b] * (double)bins[b];
    assert_near(total, 1024.0, 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pooling_of_a_constant),
        cmocka_unit_test(test_stripes_answer_their_orientation),
        cmocka_unit_test(test_gradients_know_where),
        cmocka_unit_test(test_colour_of_a_flat_picture),
        cmocka_unit_test(test_histogram_counts_each_pixel_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
