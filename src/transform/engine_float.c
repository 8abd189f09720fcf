/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passes in float32, as jax.image.resize and torch have them: nothing is rounded to bytes or
 * clamped. The two differ in their weights, which the table brings.
 *
 * Sums run over four lanes (across) or in tap order (down), the same on every machine; there is no
 * fused multiply-add. Against the library's own order that is some 1e-4 of a level.
 */
#include "transform/engine.h"
#include "transform/kernels_lanes.h"

/* `n` interleaved bytes of `channels` to planes of floats. */
static void split(const mr__across *p)
{
    float *planes = p->planes;
    const size_t stride = p->plane_stride;
    uint32_t i = 0;

    for (; p->channels == 3 && i + MR__SPLIT_PIXELS <= p->columns; i += MR__SPLIT_PIXELS) {
        int16_t v[3][MR__SPLIT_PIXELS];

        mr__split_rgb(p->row + 3 * (size_t)i, v[0], v[1], v[2]);
        for (size_t c = 0; c < 3; c++)
            for (size_t k = 0; k < MR__SPLIT_PIXELS; k++)
                planes[c * stride + i + k] = (float)v[c][k];
    }
    for (; i < p->columns; i++)
        for (uint32_t c = 0; c < p->channels; c++)
            planes[c * stride + i] = (float)p->row[(size_t)i * p->channels + c];
}

/* Output x + q of each plane, its sum still spread over four lanes; inlined with constants. */
static inline __attribute__((always_inline)) void
weigh(const mr__across *p, uint32_t channels, size_t groups, uint32_t at, mr__f32x4 sums[3])
{
    const float *w = p->coeffs->floats + 4 * groups * at;
    const float *from = (const float *)p->planes + (p->coeffs->first[at] - p->x0);

    for (uint32_t c = 0; c < channels; c++)
        sums[c] = (mr__f32x4){0};
    for (size_t g = 0; g < groups; g++) {
        mr__f32x4 weights = mr__load_f32x4(w + 4 * g);

        for (uint32_t c = 0; c < channels; c++)
            sums[c] += mr__load_f32x4(from + c * p->plane_stride + 4 * g) * weights;
    }
}

static inline __attribute__((always_inline)) void across_planes(const mr__across *p,
                                                                uint32_t channels, size_t groups)
{
    for (uint32_t x = 0; x < p->coeffs->key.count; x += 4) {
        mr__f32x4 sums[4][3];

        for (uint32_t q = 0; q < 4; q++)
            weigh(p, channels, groups, x + q, sums[q]);
        for (uint32_t c = 0; c < channels; c++) {
            const mr__f32x4 four[4] = {sums[0][c], sums[1][c], sums[2][c], sums[3][c]};
            const mr__f32x4 out = mr__sums_f32(four);

            memcpy(p->out + c * p->out_stride + x * sizeof(float), &out, sizeof out);
        }
    }
}

/* The same, scaled to 0..1 as torch does it: times the float32 nearest to 1 / 255. */
static void split_unit(const mr__across *p)
{
    float *planes = p->planes;

    split(p);
    for (uint32_t c = 0; c < p->channels; c++)
        for (uint32_t i = 0; i < p->columns; i++)
            planes[c * p->plane_stride + i] *= 1.0f / 255.0f;
}

/* The same of floats. */
static void split_floats(const mr__across *p)
{
    const float *row = (const float *)(const void *)p->row;
    float *planes = p->planes;

    for (uint32_t i = 0; i < p->columns; i++)
        for (uint32_t c = 0; c < p->channels; c++)
            planes[c * p->plane_stride + i] = row[(size_t)i * p->channels + c];
}

/* From the planes on it makes no difference what the row was. */
static void across_any(const mr__across *p)
{
    const size_t groups = p->coeffs->stride / 4;
    mr__across one = *p;

    if (p->channels == 3 && groups == 2) {
        across_planes(p, 3, 2);
    } else if (p->channels == 3) {
        across_planes(p, 3, groups);
    } else {
        for (uint32_t c = 0; c < p->channels; c++, one.out += p->out_stride) {
            one.planes = (float *)p->planes + c * p->plane_stride;
            across_planes(&one, 1, groups);
        }
    }
}

static void across(const mr__across *p)
{
    split(p);
    across_any(p);
}

static void across_floats(const mr__across *p)
{
    split_floats(p);
    across_any(p);
}

static void across_unit(const mr__across *p)
{
    split_unit(p);
    across_any(p);
}

static void down(const mr__kernels *kernels, const mr__coeffs *coeffs, uint32_t index,
                 const uint8_t *const *rows, size_t n, uint8_t *out)
{
    const float *weights = coeffs->floats + (size_t)index * coeffs->stride;
    const uint32_t taps = coeffs->taps[index];

    (void)kernels;
    for (size_t i = 0; i < n; i += 4 * sizeof(mr__f32x4)) {
        mr__f32x4 sums[4] = {{0}};

        for (uint32_t j = 0; j < taps; j++) {
            const float w = weights[j];
            const mr__f32x4 weight = {w, w, w, w};
            const float *row = (const float *)(const void *)(rows[j] + i);

            for (size_t q = 0; q < 4; q++)
                sums[q] += mr__load_f32x4(row + 4 * q) * weight;
        }
        memcpy(out + i, sums, sizeof sums);
    }
}

const mr__engine mr__engine_float = {
    .name = "float",
    .h_form = MR__COEFFS_FLOAT,
    .v_form = MR__COEFFS_FLOAT,
    .in_bytes = 1,
    .out_bytes = sizeof(float),
    .plane_bytes = sizeof(float),
    .across = across,
    .down = down,
};

const mr__engine mr__engine_floats = {
    .name = "floats",
    .h_form = MR__COEFFS_FLOAT,
    .v_form = MR__COEFFS_FLOAT,
    .in_bytes = sizeof(float),
    .out_bytes = sizeof(float),
    .plane_bytes = sizeof(float),
    .across = across_floats,
    .down = down,
};

const mr__engine mr__engine_torch = {
    .name = "torch",
    .h_form = MR__COEFFS_TORCH,
    .v_form = MR__COEFFS_TORCH,
    .in_bytes = 1,
    .out_bytes = sizeof(float),
    .plane_bytes = sizeof(float),
    .across = across,
    .down = down,
};

const mr__engine mr__engine_unit = {
    .name = "unit",
    .h_form = MR__COEFFS_TORCH,
    .v_form = MR__COEFFS_TORCH,
    .in_bytes = 1,
    .out_bytes = sizeof(float),
    .plane_bytes = sizeof(float),
    .across = across_unit,
    .down = down,
};
