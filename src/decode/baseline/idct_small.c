/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inverse DCTs to fewer samples: libjpeg's reduced transforms. Each one-dimensional step is the
 * 8-point transform of "islow" with the outputs averaged in pairs or fours; the inputs that such
 * averages nearly lose are left out: 4 of 4x4; 2, 4 and 6 of 2x2. Columns first, rounded to 2
 * fractional bits in 16 bits, then rows.
 */
#include "decode/baseline/idct.h"

#include "decode/baseline/idct_constants.h"

static inline int16_t saturate(int32_t v)
{
    return (int16_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v);
}

static inline uint8_t sample(int32_t v)
{
    v += 128;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static inline int32_t rounded(int32_t v, int shift)
{
    return (v + (1 << (shift - 1))) >> shift;
}

/* Eight values `step` apart to four, which are to be shifted by `shift`. */
static void four_of_eight(const int16_t *in, size_t step, int shift, int32_t out[4])
{
    const int32_t even = in[2 * step] * F_EVEN_2 + in[6 * step] * F_EVEN_6;
    const int32_t outer = in[1 * step] * F_OUTER_1 + in[3 * step] * F_OUTER_3 +
                          in[5 * step] * F_OUTER_5 + in[7 * step] * F_OUTER_7;
    const int32_t inner = in[1 * step] * F_INNER_1 + in[3 * step] * F_INNER_3 +
                          in[5 * step] * F_INNER_5 + in[7 * step] * F_INNER_7;
    const int32_t mean = in[0] * 16384;

    out[0] = rounded(mean + even + outer, shift);
    out[1] = rounded(mean - even + inner, shift);
    out[2] = rounded(mean - even - inner, shift);
    out[3] = rounded(mean + even - outer, shift);
}

void mr__idct_4_c(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    for (; n > 0; n--, blocks += 64, out += 4) {
        int16_t rows[4][8];
        int32_t v[4];

        for (size_t x = 0; x < 8; x++) {
            four_of_eight(blocks + x, 8, F_PASS1_SHIFT, v);
            for (size_t y = 0; y < 4; y++)
                rows[y][x] = saturate(v[y]);
        }
        for (size_t y = 0; y < 4; y++) {
            four_of_eight(rows[y], 1, F_PASS2_SHIFT, v);
            for (size_t x = 0; x < 4; x++)
                out[y * stride + x] = sample(v[x]);
        }
    }
}

/* Eight values to two. */
static void two_of_eight(const int16_t *in, size_t step, int shift, int32_t out[2])
{
    const int32_t odd = in[1 * step] * T_ODD_1 + in[3 * step] * T_ODD_3 + in[5 * step] * T_ODD_5 +
                        in[7 * step] * T_ODD_7;
    const int32_t mean = in[0] * 32768;

    out[0] = rounded(mean + odd, shift);
    out[1] = rounded(mean - odd, shift);
}

void mr__idct_2_c(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    for (; n > 0; n--, blocks += 64, out += 2) {
        int16_t rows[2][8];
        int32_t v[2];

        for (size_t x = 0; x < 8; x++) {
            two_of_eight(blocks + x, 8, T_PASS1_SHIFT, v);
            rows[0][x] = saturate(v[0]);
            rows[1][x] = saturate(v[1]);
        }
        for (size_t y = 0; y < 2; y++) {
            two_of_eight(rows[y], 1, T_PASS2_SHIFT, v);
            out[y * stride] = sample(v[0]);
            out[y * stride + 1] = sample(v[1]);
        }
    }
}

void mr__idct_1_c(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    (void)stride;
    for (size_t i = 0; i < n; i++) {
        /* libjpeg keeps ten bits of it: what no encoder writes comes round to the other end */
        int32_t v = rounded(blocks[64 * i], 3) & 1023;

        out[i] = sample((v ^ 512) - 512);
    }
}
