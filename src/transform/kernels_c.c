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

#include "transform/kernels_lanes.h"

#define ROUNDING (1 << (MR__WEIGHT_BITS - 1))

static void split_rgb(const uint8_t *row, uint32_t n, int16_t *planes, size_t stride)
{
    int16_t *a = planes, *b = planes + stride, *c = planes + 2 * stride;
    uint32_t i = 0;

    for (; i + MR__SPLIT_PIXELS <= n; i += MR__SPLIT_PIXELS)
        mr__split_rgb(row + 3 * (size_t)i, a + i, b + i, c + i);
    for (; i < n; i++) {
        a[i] = row[3 * (size_t)i];
        b[i] = row[3 * (size_t)i + 1];
        c[i] = row[3 * (size_t)i + 2];
    }
}

static void split(const uint8_t *row, uint32_t n, const mr__planes *out)
{
    if (out->channels == 3) {
        split_rgb(row, n, out->values, out->stride);
        return;
    }
    for (uint32_t c = 0; c < out->channels; c++) {
        int16_t *plane = out->values + c * out->stride;

        for (uint32_t i = 0; i < n; i++)
            plane[i] = row[(size_t)i * out->channels + c];
    }
}

/* Four outputs of a plane: rounded, clamped, stored. */
static inline void store_four(uint8_t *out, const mr__i32x4 sums[4])
{
    const mr__i32x4 rounding = {ROUNDING, ROUNDING, ROUNDING, ROUNDING};

    mr__store_u8x4(out, (mr__sums(sums) + rounding) >> MR__WEIGHT_BITS);
}

/* Where one output of each plane finds its pixels and weights. */
typedef struct window {
    const int16_t *pixels, *weights;
    size_t stride; /* between planes */
} window;

/*
 * Output q of four, of each of `channels` planes, its sums still spread over four lanes. The
 * weights are loaded once for all planes.
 */
static inline __attribute__((always_inline)) void
weigh(const window *at, uint32_t channels, size_t groups, mr__i32x4 sums[3][4], uint32_t q)
{
    mr__i32x4 lo[3] = {{0}}, hi[3] = {{0}};

    for (size_t g = 0; g < groups; g++) {
        mr__i16x8 wlo = mr__load_aligned(at->weights + 8 * g);
        mr__i16x8 whi = mr__load_aligned(at->weights + 8 * (groups + g));

        for (uint32_t c = 0; c < channels; c++) {
            mr__i16x8 pixels = mr__load_i16x8(at->pixels + c * at->stride + 8 * g);

            lo[c] += mr__madd(pixels, wlo);
            hi[c] += mr__madd(pixels, whi);
        }
    }
    for (uint32_t c = 0; c < channels; c++)
        sums[c][q] = lo[c] + (hi[c] << MR__DIGIT_BITS);
}

/* The arguments of a horizontal pass. */
typedef struct pass {
    const mr__planes *in;
    uint32_t x0;
    const mr__coeffs *coeffs;
    uint8_t *out;
    size_t out_stride;
} pass;

/* `channels` planes (1 or 3) at once; inlined with constant channels, and groups where few. */
static inline __attribute__((always_inline)) void
horizontal_groups(const pass *p, uint32_t channels, size_t groups)
{
    const uint32_t *first = p->coeffs->first, count = p->coeffs->key.count;
    window at = {.weights = p->coeffs->weights, .stride = p->in->stride};

    for (uint32_t x = 0; x < count; x += 4) {
        mr__i32x4 sums[3][4];

        for (uint32_t q = 0; q < 4; q++, at.weights += 16 * groups) {
            at.pixels = p->in->values + (first[x + q] - p->x0);
            weigh(&at, channels, groups, sums, q);
        }
        for (uint32_t c = 0; c < channels; c++)
            store_four(p->out + c * p->out_stride + x, sums[c]);
    }
}

static inline __attribute__((always_inline)) void horizontal_planes(const pass *p,
                                                                    uint32_t channels)
{
    const uint32_t groups = p->coeffs->stride / 8;

    if (groups == 1)
        horizontal_groups(p, channels, 1);
    else if (groups == 2)
        horizontal_groups(p, channels, 2);
    else if (groups == 3)
        horizontal_groups(p, channels, 3);
    else
        horizontal_groups(p, channels, groups);
}

static void horizontal(const mr__planes *in, uint32_t x0, const mr__coeffs *coeffs, uint8_t *out,
                       size_t out_stride)
{
    mr__planes plane = *in;
    pass p = {.in = in, .x0 = x0, .coeffs = coeffs, .out_stride = out_stride};

    p.out = out;
    if (in->channels == 3) {
        horizontal_planes(&p, 3);
        return;
    }
    p.in = &plane;
    for (uint32_t c = 0; c < in->channels; c++) {
        horizontal_planes(&p, 1);
        plane.values += in->stride;
        p.out += out_stride;
    }
}

static void vertical(const uint8_t *const *rows, const mr__coeffs *coeffs, uint32_t index, size_t n,
                     uint8_t *out)
{
    const int16_t *weights = coeffs->weights + (size_t)index * 2 * coeffs->stride;
    const size_t pairs = (coeffs->taps[index] + 1) / 2;

    for (size_t i = 0; i < n; i += 16) {
        mr__i32x4 lo[4] = {{0}}, hi[4] = {{0}};

        for (size_t j = 0; j < pairs; j++) {
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
