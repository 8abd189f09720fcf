/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weights of torch's antialiased resize of float32 (separable upsampling in ATen's
 * UpSampleKernel.cpp): Pillow's formulas, of which scale, support, centre, weight and sum are
 * float32 and what lies between is double.
 *
 * That is part of the definition: at output 4000 a centre in float32 is off by up to 1/8192 of a
 * pixel.
 */
#include "transform/coeffs_torch.h"

#include <math.h>

typedef struct axis {
    float scale, support, begin;
} axis;

static axis axis_of(const mr__coeffs_key *key)
{
    axis a;
    float reach = key->filter == MR__FILTER_BICUBIC ? 2.0f : 1.0f;

    a.begin = key->begin;
    a.scale = (float)mr__coeffs_extent(key) / (float)key->m;
    a.support = a.scale >= 1.0f ? reach * a.scale : reach;
    return a;
}

static float centre_of(const axis *a, uint32_t i)
{
    return (float)((double)a->begin + (double)a->scale * ((double)i + 0.5));
}

static float triangle(float t)
{
    t = fabsf(t);
    return t < 1.0f ? 1.0f - t : 0.0f;
}

static float cubic(float t)
{
    const float a = -0.5f;

    t = fabsf(t);
    if (t < 1.0f)
        return ((a + 2.0f) * t - (a + 3.0f)) * t * t + 1.0f;
    if (t < 2.0f)
        return ((a * t - 5.0f * a) * t + 8.0f * a) * t - 4.0f * a;
    return 0.0f;
}

uint32_t mr__coeffs_torch_bounds(const mr__coeffs_key *key, uint32_t i, uint32_t *taps)
{
    axis a = axis_of(key);
    float centre = centre_of(&a, i);
    double low = (double)(centre - a.support) + 0.5, high = (double)(centre + a.support) + 0.5;
    uint32_t first = low < 0.0 ? 0 : (uint32_t)low;
    uint32_t last = high > (double)key->n ? key->n : (uint32_t)high;
    uint32_t most = (uint32_t)ceilf(a.support) * 2 + 1;

    *taps = last - first < most ? last - first : most;
    return first;
}

void mr__coeffs_torch_weigh(const mr__coeffs_key *key, uint32_t i, uint32_t first, uint32_t taps,
                            double *w)
{
    axis a = axis_of(key);
    float centre = centre_of(&a, i), step = a.scale >= 1.0f ? 1.0f / a.scale : 1.0f, sum = 0.0f;

    for (uint32_t j = 0; j < taps; j++) {
        double t = ((double)((float)(first + j) - centre) + 0.5) * (double)step;
        float weight = key->filter == MR__FILTER_BICUBIC ? cubic((float)t) : triangle((float)t);

        w[j] = (double)weight;
        sum += weight;
    }
    if (sum != 0.0f)
        for (uint32_t j = 0; j < taps; j++)
            w[j] = (double)((float)w[j] / sum);
}
