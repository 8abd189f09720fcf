/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weights of jax.image.resize with antialias (compute_weight_mat in jax/_src/image/scale.py).
 *
 * For an axis of n pixels brought to m: step = 1 / (m / n), in double, then float32; output i looks
 * at sample = (i + 0.5) * step - 0.5; source j weighs kernel(|sample - j| / max(step, 1)), divided
 * by the sum over all j. The kernels are the triangle and Keys' cubic, a = -0.5.
 *
 * Float32 is part of the definition. A position has 24 bits, so at pixel 4000 it is known to 1/4096
 * only; positions computed in double give the better picture, and one that differs by up to 0.07
 * levels of 255 from JAX's (4000 to 3999 pixels, black and white noise).
 *
 * So is what XLA makes of `x * step - 0.5`: one rounding (a fused multiply-add), or two where LLVM
 * unrolls a short loop whole and folds it. On processors with AVX-512, that is for axes of less
 * than 96 outputs, and in the sum (a loop of its own) of less than 352. The two differ in at most
 * an output or two of an axis, where the product passes a power of two, by up to 0.004 levels. With
 * AVX2 the second border is lower: there JAX differs from itself as much.
 */
#include "transform/coeffs_float.h"

#include <math.h>

#define FUSED_FROM     96u  /* outputs of an axis */
#define SUM_FUSED_FROM 352u /* the same, for the sum */

static float step_of(const mr__coeffs_key *key)
{
    return (float)(1.0 / ((double)key->m / mr__coeffs_extent(key)));
}

static float sample_of(const mr__coeffs_key *key, float step, uint32_t i, bool fused)
{
    float x = (float)i + 0.5f;

    /* begin is 0 of a whole axis: nothing is added */
    return (fused ? fmaf(x, step, -0.5f) : x * step - 0.5f) + key->begin;
}

static float triangle(float t)
{
    return t < 1.0f ? 1.0f - t : 0.0f;
}

static float cubic(float t)
{
    if (t < 1.0f)
        return ((1.5f * t - 2.5f) * t) * t + 1.0f;
    if (t < 2.0f)
        return ((-0.5f * t + 2.5f) * t - 4.0f) * t + 2.0f;
    return 0.0f;
}

uint32_t mr__coeffs_float_bounds(const mr__coeffs_key *key, uint32_t i, uint32_t *taps)
{
    float step = step_of(key);
    double sample = (double)sample_of(key, step, i, true);
    double reach =
        (key->filter == MR__FILTER_BICUBIC ? 2.0 : 1.0) * (step > 1.0f ? (double)step : 1.0);
    double low = ceil(sample - reach), high = floor(sample + reach);
    uint32_t first = low < 0.0 ? 0 : (uint32_t)low;
    uint32_t last = high >= (double)key->n ? key->n : (uint32_t)high + 1;

    *taps = last - first;
    return first;
}

static float weight(mr__filter filter, float distance)
{
    return filter == MR__FILTER_BICUBIC ? cubic(distance) : triangle(distance);
}

void mr__coeffs_float_weigh(const mr__coeffs_key *key, uint32_t i, uint32_t first, uint32_t taps,
                            double *w)
{
    float step = step_of(key), shrink = 1.0f / (step > 1.0f ? step : 1.0f);
    float sample = sample_of(key, step, i, key->m >= FUSED_FROM);
    float in_sum = sample_of(key, step, i, key->m >= SUM_FUSED_FROM);
    double sum = 0.0;

    for (uint32_t j = 0; j < taps; j++) {
        float at = (float)(first + j);

        w[j] = (double)weight(key->filter, fabsf(sample - at) * shrink);
        sum += (double)weight(key->filter, fabsf(in_sum - at) * shrink);
    }
    for (uint32_t j = 0; j < taps; j++)
        w[j] = (double)((float)w[j] / (float)sum);
}
