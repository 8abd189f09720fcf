/* SPDX-License-Identifier: Apache-2.0 */
/* The portable inverse DCT, one block at a time. */
#include "decode/baseline/idct.h"

#include "decode/baseline/idct_constants.h"

/* Sums of two 16-bit values that stay 16 bits wide. */
static inline int32_t narrow(int32_t v)
{
    return (int16_t)(uint16_t)v;
}

static inline int16_t saturate(int32_t v)
{
    return (int16_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v);
}

/* Eight values `step` apart, in place. */
static void one_dimension(int16_t *v, size_t step, int shift)
{
    int32_t in[8], half = 1 << (shift - 1);

    for (size_t i = 0; i < 8; i++)
        in[i] = v[i * step];

    int32_t sum = narrow(in[0] + in[4]) * 8192, difference = narrow(in[0] - in[4]) * 8192;
    int32_t even2 = in[2] * C2_2 + in[6] * C2_6, even3 = in[2] * C3_2 + in[6] * C3_6;
    int32_t even[4] = {sum + even3, difference + even2, difference - even2, sum - even3};

    int32_t z3 = narrow(in[7] + in[3]), z4 = narrow(in[5] + in[1]);
    int32_t y3 = z3 * Z3_3 + z4 * Z3_4, y4 = z3 * Z4_3 + z4 * Z4_4;
    int32_t odd[4] = {in[7] * O3_7 + in[1] * O3_1 + y4, in[5] * O2_5 + in[3] * O2_3 + y3,
                      in[5] * O1_5 + in[3] * O1_3 + y4, in[7] * O0_7 + in[1] * O0_1 + y3};

    for (size_t i = 0; i < 4; i++) {
        v[i * step] = saturate((even[i] + odd[i] + half) >> shift);
        v[(7 - i) * step] = saturate((even[i] - odd[i] + half) >> shift);
    }
}

void mr__idct_c(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    for (size_t b = 0; b < n; b++, blocks += 64, out += 8) {
        int16_t v[64];

        for (size_t i = 0; i < 64; i++)
            v[i] = blocks[i];
        for (size_t i = 0; i < 8; i++)
            one_dimension(v + i, 8, PASS1_SHIFT);
        for (size_t i = 0; i < 8; i++)
            one_dimension(v + 8 * i, 1, PASS2_SHIFT);
        for (size_t i = 0; i < 64; i++) {
            int32_t s = v[i] < -128 ? -128 : v[i] > 127 ? 127 : v[i];

            out[i / 8 * stride + i % 8] = (uint8_t)(s + 128);
        }
    }
}
