/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passes over 16-bit grey: weights in double, as Pillow has them for mode I;16. Sums are in
 * double and in tap order: here the order matters.
 */
#include "transform/engine.h"

#include <math.h>
#include <string.h>

static double value_at(const uint8_t *row, size_t i)
{
    uint16_t v;

    memcpy(&v, row + 2 * i, sizeof v);
    return (double)v;
}

/* Half away from zero, then clamped. */
static void store(uint8_t *out, size_t i, double sum)
{
    double rounded = floor(sum + 0.5);
    uint16_t v = (uint16_t)(sum < 0.0 ? 0.0 : rounded > 65535.0 ? 65535.0 : rounded);

    memcpy(out + 2 * i, &v, sizeof v);
}

static void across(const mr__across *p)
{
    const mr__coeffs *coeffs = p->coeffs;

    for (uint32_t x = 0; x < coeffs->key.count; x++) {
        const double *w = coeffs->exact + (size_t)x * coeffs->stride;
        const uint32_t first = coeffs->first[x] - p->x0;
        double sum = 0.0;

        for (uint32_t j = 0; j < coeffs->taps[x]; j++)
            sum += value_at(p->row, (size_t)first + j) * w[j];
        store(p->out, x, sum);
    }
}

static void down(const mr__kernels *kernels, const mr__coeffs *coeffs, uint32_t index,
                 const uint8_t *const *rows, size_t n, uint8_t *out)
{
    const double *w = coeffs->exact + (size_t)index * coeffs->stride;

    (void)kernels;
    for (size_t i = 0; i < n / sizeof(uint16_t); i++) {
        double sum = 0.0;

        for (uint32_t j = 0; j < coeffs->taps[index]; j++)
            sum += value_at(rows[j], i) * w[j];
        store(out, i, sum);
    }
}

/* rows are uint16_t in host order, at any address; there are no planes */
const mr__engine mr__engine_wide = {
    .name = "wide",
    .h_form = MR__COEFFS_DOUBLE,
    .v_form = MR__COEFFS_DOUBLE,
    .in_bytes = sizeof(uint16_t),
    .out_bytes = sizeof(uint16_t),
    .across = across,
    .down = down,
};
