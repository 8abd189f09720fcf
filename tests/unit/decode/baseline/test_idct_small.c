/* SPDX-License-Identifier: Apache-2.0 */
/* The reduced inverse DCTs: what they compute, and that every level computes the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "decode/baseline/idct.h"

#define BLOCKS 12u
#define WIDTH  (BLOCKS * 8u)
#define PI     3.14159265358979323846

static const uint32_t sizes[] = {4, 2, 1};
static mr__idct_fn *const portable[] = {mr__idct_4_c, mr__idct_2_c, mr__idct_1_c};
static uint32_t seed = 7;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* Blocks of which a share of coefficients is up to `limit` on either side. */
static void fill(int16_t *blocks, uint32_t limit, uint32_t one_in)
{
    for (size_t i = 0; i < (size_t)BLOCKS * 64; i++)
        blocks[i] =
            (int16_t)(random_below(one_in) == 0 ? (int)random_below(2 * limit + 1) - (int)limit
                                                : 0);
}

/* Every level of this machine against C, for each number of blocks. */
static void levels_agree(void **state)
{
    static const uint32_t limits[] = {30, 1000, 8191};
    static _Alignas(64) int16_t blocks[BLOCKS * 64];
    static uint8_t want[4 * WIDTH], got[4 * WIDTH];
    mr__cpu_level best = MR__CPU_C;

    (void)state;
    assert_int_equal(mr__cpu_level_detect(NULL, &best, NULL), MR_OK);
    for (uint32_t round = 0; round < 9000; round++) {
        const uint32_t n = 1 + round % 8, which = round % 3, size = sizes[which];

        fill(blocks, limits[round / 3 % 3], 1 + round % 9);
        portable[which](blocks, n, want, WIDTH);
        for (uint32_t level = MR__CPU_C; level <= best; level++) {
            memset(got, 0x55, sizeof got);
            mr__idct_of((mr__cpu_level)level, size)(blocks, n, got, WIDTH);
            for (size_t y = 0; y < size; y++)
                if (memcmp(want + y * WIDTH, got + y * WIDTH, (size_t)n * size) != 0)
                    fail_msg("size %u, level %u, %u blocks, row %zu", size, level, n, y);
        }
    }
}

static double basis(double x, int u)
{
    return (u == 0 ? sqrt(0.125) : 0.5) * cos((2 * x + 1) * u * PI / 16);
}

/* The mean of what the block is at full size, over the pixels of one sample. */
static double mean_of(const int16_t *block, size_t size, size_t x, size_t y)
{
    const size_t side = 8 / size;
    double sum = 0.0;

    for (size_t i = 0; i < side * side; i++)
        for (int k = 0; k < 64; k++)
            sum += block[k] * basis((double)(x * side + i % side), k % 8) *
                   basis((double)(y * side + i / side), k / 8);
    return sum / (double)(side * side) + 128.0;
}

/* Coefficients that none of the transforms leaves out, and small enough that nothing is cut. */
static void means_of_the_pixels(void **state)
{
    static const int kept[] = {0, 1, 3, 8, 9, 11, 24, 25};
    static _Alignas(64) int16_t blocks[BLOCKS * 64];
    static uint8_t out[4 * WIDTH];

    (void)state;
    for (int round = 0; round < 60; round++) {
        memset(blocks, 0, sizeof blocks);
        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
            blocks[kept[i]] = (int16_t)((int)random_below(161) - 80);
        for (size_t which = 0; which < 3; which++) {
            portable[which](blocks, 1, out, WIDTH);
            for (size_t i = 0; i < (size_t)sizes[which] * sizes[which]; i++) {
                size_t x = i % sizes[which], y = i / sizes[which];

                assert_true(fabs(out[y * WIDTH + x] - mean_of(blocks, sizes[which], x, y)) < 1.01);
            }
        }
    }
}

/* A block of one value, and samples that are cut to 0..255. */
static void flat_blocks(void **state)
{
    static _Alignas(64) int16_t blocks[BLOCKS * 64];
    static uint8_t out[4 * WIDTH];

    (void)state;
    for (int dc = -1200; dc <= 1200; dc++) {
        int want = ((dc + 4) >> 3) + 128;

        memset(blocks, 0, sizeof blocks);
        blocks[0] = (int16_t)dc;
        want = want < 0 ? 0 : want > 255 ? 255 : want;
        for (size_t which = 0; which < 3; which++) {
            portable[which](blocks, 1, out, WIDTH);
            for (size_t i = 0; i < (size_t)sizes[which] * sizes[which]; i++)
                assert_int_equal(out[i / sizes[which] * WIDTH + i % sizes[which]], want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_agree),
        cmocka_unit_test(means_of_the_pixels),
        cmocka_unit_test(flat_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
