/* SPDX-License-Identifier: Apache-2.0 */
/* The inverse DCT: what it computes, and that every level computes the same. */
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

static uint32_t seed = 5;

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
    static uint8_t want[8 * WIDTH], got[8 * WIDTH];
    mr__cpu_level best = MR__CPU_C;

    (void)state;
    assert_int_equal(mr__cpu_level_detect(NULL, &best, NULL), MR_OK);
    for (uint32_t round = 0; round < 6000; round++) {
        uint32_t n = 1 + round % 8;

        fill(blocks, limits[round % 3], 1 + round % 9);
        mr__idct_c(blocks, n, want, WIDTH);
        for (uint32_t level = MR__CPU_C; level <= best; level++) {
            memset(got, 0x55, sizeof got);
            mr__idct_of((mr__cpu_level)level, 8)(blocks, n, got, WIDTH);
            for (size_t y = 0; y < 8; y++)
                if (memcmp(want + y * WIDTH, got + y * WIDTH, (size_t)n * 8) != 0)
                    fail_msg("level %u, %u blocks, row %zu", level, n, y);
        }
    }
}

static double basis(int x, int u)
{
    return (u == 0 ? sqrt(0.125) : 0.5) * cos((2 * x + 1) * u * PI / 16);
}

/* Against the definition: off by one at most, and hardly ever. */
static void close_to_the_definition(void **state)
{
    static _Alignas(64) int16_t blocks[BLOCKS * 64];
    static uint8_t out[8 * WIDTH];
    int off = 0;

    (void)state;
    for (int round = 0; round < 40; round++) {
        fill(blocks, 60, 6);
        mr__idct_c(blocks, 1, out, WIDTH);
        for (int i = 0; i < 64; i++) {
            double sum = 128.5;

            for (int k = 0; k < 64; k++)
                sum += blocks[k] * basis(i % 8, k % 8) * basis(i / 8, k / 8);
            int want = (int)floor(sum < 0 ? 0 : sum > 255 ? 255 : sum);
            int got = out[(size_t)(i / 8) * WIDTH + (size_t)(i % 8)];

            assert_in_range(got - want + 1, 0, 2);
            off += got != want;
        }
    }
    assert_in_range(off, 0, 40 * 64 / 50);
}

/* A block of one value, and samples that are cut to 0..255. */
static void flat_blocks(void **state)
{
    static _Alignas(64) int16_t blocks[BLOCKS * 64];
    static uint8_t out[8 * WIDTH];

    (void)state;
    for (int dc = -1200; dc <= 1200; dc++) {
        int want = ((dc + 4) >> 3) + 128;

        memset(blocks, 0, sizeof blocks);
        blocks[0] = (int16_t)dc;
        mr__idct_c(blocks, 1, out, WIDTH);
        want = want < 0 ? 0 : want > 255 ? 255 : want;
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(out[i / 8 * WIDTH + i % 8], want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_agree),
        cmocka_unit_test(close_to_the_definition),
        cmocka_unit_test(flat_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
