/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passes over 8-bit channels with 16-bit weights, as Pillow-SIMD and torch's uint8 kernels have
 * them: rounded to bytes after each pass, as Pillow, but with the 14 to 21 bits of precision that
 * the largest weight of the axis leaves. Against Pillow that is a level here and there.
 *
 * A weight is below 2^15 and a sum of |weight| * 255 below 2^31, so the order of sums is free.
 */
#include <string.h>

#include "transform/engine.h"

#define LANES 64u /* sums that are held at a time: MR__ROW_UNIT */

static inline uint8_t rounded(int32_t sum, uint32_t bits)
{
    int32_t v = (sum + (1 << (bits - 1))) >> bits;

    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* One plane; weights are zero behind the taps, up to the stride, a multiple of eight. */
static void across_plane(const mr__across *p, const int16_t *plane, uint8_t *out)
{
    const mr__coeffs *c = p->coeffs;

    for (uint32_t x = 0; x < c->key.count; x++) {
        const int16_t *w = c->weights + (size_t)x * c->stride;
        const int16_t *from = plane + (c->first[x] - p->x0);
        int32_t sum = 0;

        for (uint32_t j = 0; j < c->stride; j++)
            sum += from[j] * w[j];
        out[x] = rounded(sum, c->bits);
    }
}

static void across(const mr__across *p)
{
    const mr__planes planes = {
        .values = p->planes, .stride = p->plane_stride, .channels = p->channels};

    if (p->coeffs->max_taps == 1) {
        mr__engine_bytes.across(p);
        return;
    }
    p->kernels->split(p->row, p->columns, &planes);
    for (uint32_t c = 0; c < p->channels; c++)
        across_plane(p, planes.values + c * p->plane_stride, p->out + c * p->out_stride);
}

static void down(const mr__kernels *kernels, const mr__coeffs *coeffs, uint32_t index,
                 const uint8_t *const *rows, size_t n, uint8_t *out)
{
    const int16_t *w = coeffs->weights + (size_t)index * coeffs->stride;

    (void)kernels;
    for (size_t i = 0; i < n; i += LANES) {
        int32_t sums[LANES] = {0};

        for (uint32_t j = 0; j < coeffs->taps[index]; j++)
            for (size_t k = 0; k < LANES; k++)
                sums[k] += rows[j][i + k] * w[j];
        for (size_t k = 0; k < LANES; k++)
            out[i + k] = rounded(sums[k], coeffs->bits);
    }
}

_Static_assert(LANES == MR__ROW_UNIT, "rows are multiples of the sums that are held");

const mr__engine mr__engine_short = {
    .name = "short",
    .h_form = MR__COEFFS_SHORT,
    .v_form = MR__COEFFS_SHORT,
    .in_bytes = 1,
    .out_bytes = 1,
    .plane_bytes = sizeof(int16_t),
    .across = across,
    .down = down,
};
