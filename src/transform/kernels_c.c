/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The portable kernels.
 *
 * A 22-bit weight times a byte does not fit 16-bit multipliers, which every machine has many of. So
 * a weight is hi * 2^11 + lo, both 16-bit, and a sum of products is (sum of p * hi) * 2^11 + (sum
 * of p * lo): the same integer, modulo 2^32, as Pillow's, and its result is below 2^31 for all
 * filters. Then one rounding shift and one clamp, as there.
 *
 * Horizontal works on planes of one channel, so that eight neighbouring taps are one load. Vertical
 * takes rows two at a time; channels do not matter to it.
 */
#include "transform/kernels.h"

#include "transform/lanes.h"

#define ROUNDING (1 << (MR__WEIGHT_BITS - 1))

static void split_3(const uint8_t *restrict row, uint32_t n, int16_t *restrict planes,
                    size_t stride)
{
    int16_t *restrict a = planes, *restrict b = planes + stride, *restrict c = planes + 2 * stride;

    for (uint32_t i = 0; i < n; i++) {
        a[i] = row[3 * (size_t)i];
        b[i] = row[3 * (size_t)i + 1];
        c[i] = row[3 * (size_t)i + 2];
    }
}

static void split(const uint8_t *row, uint32_t n, uint32_t channels, int16_t *planes, size_t stride)
{
    if (channels == 3) {
        split_3(row, n, planes, stride);
        return;
    }
    for (uint32_t c = 0; c < channels; c++) {
        int16_t *plane = planes + c * stride;

        for (uint32_t i = 0; i < n; i++)
            plane[i] = row[(size_t)i * channels + c];
    }
}

/* The sum of one output, still spread over four lanes. */
static inline mr__i32x4 weigh(const int16_t *p, const int16_t *w, uint32_t stride, uint32_t groups)
{
    mr__i32x4 lo = {0, 0, 0, 0}, hi = {0, 0, 0, 0};

    for (uint32_t g = 0; g < groups; g++) {
        mr__i16x8 pixels = mr__load_i16x8(p + 8 * g);

        lo += mr__madd(pixels, mr__load_i16x8(w + 8 * g));
        hi += mr__madd(pixels, mr__load_i16x8(w + stride + 8 * g));
    }
    return lo + (hi << MR__DIGIT_BITS);
}

/* Inlined with a constant number of groups where that is small. */
static inline __attribute__((always_inline)) void horizontal_groups(const int16_t *plane,
                                                                    uint32_t x0,
                                                                    const mr__coeffs *coeffs,
                                                                    uint8_t *out, uint32_t groups)
{
    const uint32_t *first = coeffs->first;
    const int16_t *w = coeffs->weights;
    const uint32_t stride = groups * 8, count = coeffs->key.count;
    const mr__i32x4 rounding = {ROUNDING, ROUNDING, ROUNDING, ROUNDING};

    for (uint32_t x = 0; x < count; x += 4) {
        mr__i32x4 sums[4];

        for (uint32_t q = 0; q < 4; q++)
            sums[q] = weigh(plane + (first[x + q] - x0), w + (size_t)(x + q) * 2 * stride, stride,
                            groups);
        mr__store_u8x4(out + x, (mr__sums(sums) + rounding) >> MR__WEIGHT_BITS);
    }
}

static void horizontal(const int16_t *plane, uint32_t x0, const mr__coeffs *coeffs, uint8_t *out)
{
    switch (coeffs->stride / 8) {
    case 1:
        horizontal_groups(plane, x0, coeffs, out, 1);
        return;
    case 2:
        horizontal_groups(plane, x0, coeffs, out, 2);
        return;
    case 3:
        horizontal_groups(plane, x0, coeffs, out, 3);
        return;
    default:
        horizontal_groups(plane, x0, coeffs, out, coeffs->stride / 8);
        return;
    }
}

static void vertical(const uint8_t *const *rows, const mr__coeffs *coeffs, uint32_t index, size_t n,
                     uint8_t *out)
{
    const int16_t *weights = coeffs->weights + (size_t)index * 2 * coeffs->stride;
    const uint32_t pairs = (coeffs->taps[index] + 1) / 2;

    for (size_t i = 0; i < n; i += 16) {
        mr__i32x4 lo[4] = {{0}}, hi[4] = {{0}};

        for (uint32_t j = 0; j < pairs; j++) {
            mr__i16x8 wlo = mr__spread_pair(weights + 4 * j);
            mr__i16x8 whi = mr__spread_pair(weights + 4 * j + 2);
            mr__i16x8 pixels[4];

            mr__load_pairs(rows[2 * j] + i, rows[2 * j + 1] + i, pixels);
            for (int q = 0; q < 4; q++) {
                lo[q] += mr__madd(pixels[q], wlo);
                hi[q] += mr__madd(pixels[q], whi);
            }
        }
        for (int q = 0; q < 4; q++)
            lo[q] = (lo[q] + (hi[q] << MR__DIGIT_BITS) + ROUNDING) >> MR__WEIGHT_BITS;
        mr__store_u8x16(out + i, lo);
    }
}

static void lookup(const uint8_t *restrict in, uint32_t n, const float *restrict table,
                   float *restrict out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = table[in[i]];
}

const mr__kernels mr__kernels_c = {
    .name = "c",
    .split = split,
    .horizontal = horizontal,
    .vertical = vertical,
    .lookup = lookup,
};
