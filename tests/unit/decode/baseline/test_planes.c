/* SPDX-License-Identifier: Apache-2.0 */
/* Upsampling and colour: against libjpeg's formulas, and every level against C. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "decode/baseline/planes.h"

#define PAD   64u
#define WIDTH 320u
#define ROOM  (2 * WIDTH + 2 * PAD)

static uint32_t seed = 9;

static uint8_t random_sample(void)
{
    seed = seed * 1664525u + 1013904223u;
    if ((seed >> 24) % 5 == 0)
        return (seed >> 16 & 1) ? 255 : 0;
    return (uint8_t)(seed >> 8);
}

static void fill(uint8_t *row)
{
    for (size_t i = 0; i < ROOM; i++)
        row[i] = random_sample();
}

static mr__cpu_level best_level(void)
{
    mr__cpu_level best = MR__CPU_C;

    assert_int_equal(mr__cpu_level_detect(NULL, &best, NULL), MR_OK);
    return best;
}

static void check_row(const void *want, const void *got, size_t n, const char *what, size_t width)
{
    if (memcmp(want, got, n) != 0)
        fail_msg("%s differs at width %zu", what, width);
}

static void compare_upsampling(const mr__plane_kernels *k, size_t n, const uint8_t *a,
                               const uint8_t *b)
{
    static uint16_t sums[2][ROOM];
    static uint8_t out[2][ROOM];

    mr__plane_kernels_c.blend(a + PAD - 1, b + PAD - 1, n + 2, sums[0] + PAD - 1);
    k->blend(a + PAD - 1, b + PAD - 1, n + 2, sums[1] + PAD - 1);
    check_row(sums[0] + PAD - 1, sums[1] + PAD - 1, (n + 2) * sizeof(sums[0][0]), "blend", n);
    mr__plane_kernels_c.widen_sums(sums[0] + PAD, n, out[0]);
    k->widen_sums(sums[0] + PAD, n, out[1]);
    check_row(out[0], out[1], 2 * n, "widen_sums", n);
    mr__plane_kernels_c.widen(a + PAD, n, out[0]);
    k->widen(a + PAD, n, out[1]);
    check_row(out[0], out[1], 2 * n, "widen", n);
}

static void compare_colour(const mr__plane_kernels *k, size_t n, uint8_t ycc[3][ROOM])
{
    static uint8_t out[2][3][ROOM];
    mr__plane_row in = {{ycc[0] + PAD, ycc[1] + PAD, ycc[2] + PAD}};
    mr__plane_row want = {{out[0][0], out[0][1], out[0][2]}};
    mr__plane_row got = {{out[1][0], out[1][1], out[1][2]}};

    mr__plane_kernels_c.colour(&in, n, &want);
    k->colour(&in, n, &got);
    for (int c = 0; c < 3; c++)
        check_row(out[0][c], out[1][c], n, "colour", n);
}

static void levels_agree(void **state)
{
    static uint8_t rows[3][ROOM];
    mr__cpu_level best = best_level();

    (void)state;
    for (size_t round = 0; round < 4; round++) {
        for (size_t n = 1; n <= 300; n++) {
            for (int i = 0; i < 3; i++)
                fill(rows[i]);
            for (uint32_t level = MR__CPU_C; level <= best; level++) {
                const mr__plane_kernels *k = mr__plane_kernels_of((mr__cpu_level)level);

                compare_upsampling(k, n, rows[0], rows[1]);
                compare_colour(k, n, rows);
            }
        }
    }
}

/* One row of four samples, by hand: 3/4 of the near one, 1/4 of the far one, each way. */
static void triangle(void **state)
{
    static const uint8_t near[6] = {10, 10, 50, 90, 200, 200}, far[6] = {30, 30, 30, 30, 30, 30};
    static const uint8_t wide[8] = {10, 20, 40, 60, 80, 118, 172, 200};
    static const uint16_t blended[6] = {60, 60, 180, 300, 630, 630};
    uint8_t out[64 + 8];
    uint16_t sums[64];

    (void)state;
    mr__plane_kernels_c.widen(near + 1, 4, out);
    assert_memory_equal(out, wide, sizeof wide);
    mr__plane_kernels_c.blend(near, far, 6, sums);
    assert_memory_equal(sums, blended, sizeof blended);
    mr__plane_kernels_c.widen_sums(sums + 1, 4, out);
    assert_int_equal(out[0], (3 * 60 + 60 + 8) >> 4);
    assert_int_equal(out[1], (3 * 60 + 180 + 7) >> 4);
    assert_int_equal(out[7], (3 * 630 + 630 + 7) >> 4);
}

/* All chroma pairs at one luma: within rounding of the formula of JFIF. */
static void colour_is_jfif(void **state)
{
    (void)state;
    for (int cb = 0; cb < 256; cb++) {
        for (int cr = 0; cr < 256; cr++) {
            uint8_t y = 120, b = (uint8_t)cb, r = (uint8_t)cr, out[3];
            mr__plane_row in = {{&y, &b, &r}}, rgb = {{out, out + 1, out + 2}};
            const double want[3] = {
                y + 1.402 * (cr - 128),
                y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
                y + 1.772 * (cb - 128),
            };

            mr__plane_kernels_c.colour(&in, 1, &rgb);
            for (int c = 0; c < 3; c++) {
                double v = want[c] < 0 ? 0 : want[c] > 255 ? 255 : want[c];

                assert_true(fabs(out[c] - v) < 0.51);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_agree),
        cmocka_unit_test(triangle),
        cmocka_unit_test(colour_is_jfif),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
