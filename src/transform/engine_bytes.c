/* SPDX-License-Identifier: Apache-2.0 */
/* The passes over 8-bit channels: 22-bit weights, rounded to bytes after each pass, as Pillow. */
#include "transform/engine.h"

/* One tap an output: pixels are only moved. */
static void gather(const mr__across *p)
{
    const uint32_t *first = p->coeffs->first;
    uint8_t *out = p->out;

    for (uint32_t c = 0; c < p->channels; c++, out += p->out_stride)
        for (uint32_t x = 0; x < p->coeffs->key.count; x++)
            out[x] = p->row[(size_t)(first[x] - p->x0) * p->channels + c];
}

static void across(const mr__across *p)
{
    const mr__planes planes = {
        .values = p->planes, .stride = p->plane_stride, .channels = p->channels};

    if (p->coeffs->max_taps == 1) {
        gather(p);
        return;
    }
    p->kernels->split(p->row, p->columns, &planes);
    p->kernels->horizontal(&planes, p->x0, p->coeffs, p->out, p->out_stride);
}

static void down(const mr__kernels *kernels, const mr__coeffs *coeffs, uint32_t index,
                 const uint8_t *const *rows, size_t n, uint8_t *out)
{
    kernels->vertical(rows, coeffs, index, n, out);
}

const mr__engine mr__engine_bytes = {
    .name = "bytes",
    .h_form = MR__COEFFS_ROWS,
    .v_form = MR__COEFFS_PAIRS,
    .in_bytes = 1,
    .out_bytes = 1,
    .plane_bytes = sizeof(int16_t),
    .across = across,
    .down = down,
};
