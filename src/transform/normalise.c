/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a resize to bytes, rescale and normalise are a function of 256 values for each channel, so
 * any library's order of float operations is reproduced at no cost: it is run once a value here.
 */
#include "transform/normalise.h"

#include <math.h>
#include <string.h>

static inline float normalised(const mr__plan_spec *spec, mr__norm_rule norm, int c, float value)
{
    switch (norm) {
    case MR__NORM_TORCHVISION:
        return (value / 255.0f - spec->mean[c]) / spec->std[c];
    case MR__NORM_HF:
        return ((float)((double)value * spec->rescale) - spec->mean[c]) / spec->std[c];
    case MR__NORM_HF_FUSED: {
        const float times = (float)(1.0 / spec->rescale);

        return (value - spec->mean[c] * times) / (spec->std[c] * times);
    }
    case MR__NORM_HF_FLOAT:
        return (value * (float)spec->rescale - spec->mean[c]) / spec->std[c];
    case MR__NORM_HF_TWICE:
        return ((float)((double)value * spec->rescale) - spec->mean[c]) / spec->std[c] /
               spec->std[c];
    case MR__NORM_RESCALE_FIRST:
        return (value - spec->mean[c]) / spec->std[c];
    case MR__NORM_NONE:
    default:
        return value;
    }
}

void mr__normalise_table(const mr__plan_spec *spec, float table[3][256])
{
    for (int c = 0; c < 3; c++)
        for (int value = 0; value < 256; value++)
            table[c][value] = normalised(spec, spec->norm, c,
                                         spec->norm == MR__NORM_RESCALE_FIRST
                                             ? (float)value * (float)spec->rescale
                                             : (float)value);
}

/* A number as the sum of two floats. */
static void two_floats(double number, float out[2])
{
    out[0] = (float)number;
    out[1] = (float)(number - (double)out[0]);
}

static bool same_bits(float a, float b)
{
    uint32_t bits[2];

    memcpy(&bits[0], &a, sizeof a);
    memcpy(&bits[1], &b, sizeof b);
    return bits[0] == bits[1];
}

bool mr__normalise_arithmetic(const mr__plan_spec *spec, const float table[3][256], mr__normal *out)
{
    const bool none = spec->norm == MR__NORM_NONE;

    two_floats(none ? 1.0 : spec->norm == MR__NORM_HF ? spec->rescale : 1.0 / 255.0, out->scale);
    for (int c = 0; c < 3; c++) {
        out->mean[c] = none ? 0.0f : spec->mean[c];
        two_floats(none ? 1.0 : 1.0 / (double)spec->std[c], out->over[c]);
        for (int level = 0; level < 256; level++) {
            float x = (float)level, unit = fmaf(x, out->scale[0], x * out->scale[1]);
            float off = unit - out->mean[c];
            float value = fmaf(off, out->over[c][0], off * out->over[c][1]);

            if (!same_bits(value, table[c][level]))
                return false;
        }
    }
    return true;
}

void mr__normalise_floats(const mr__plan_spec *spec, int channel, const float *in, size_t n,
                          float *out, size_t step)
{
    const mr__plan_spec s = *spec; /* so that no store can change it */

    if (s.norm == MR__NORM_TORCHVISION && step == 1)
        for (size_t i = 0; i < n; i++)
            out[i] = normalised(&s, MR__NORM_TORCHVISION, channel, in[i]);
    else
        for (size_t i = 0; i < n; i++)
            out[step * i] = normalised(&s, s.norm, channel, in[i]);
}

void mr__normalise_round(const float *in, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        float v = rintf(in[i]);

        out[i] = (uint8_t)(v < 0.0f ? 0.0f : v > 255.0f ? 255.0f : v);
    }
}
