/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a resize to bytes, rescale and normalise are a function of 256 values for each channel, so
 * any library's order of float operations is reproduced at no cost: it is run once a value here.
 */
#include "transform/normalise.h"

static float normalised(const mr__plan_spec *spec, int c, int value)
{
    switch (spec->norm) {
    case MR__NORM_TORCHVISION:
        return ((float)value / 255.0f - spec->mean[c]) / spec->std[c];
    case MR__NORM_HF:
        return ((float)((double)value * spec->rescale) - spec->mean[c]) / spec->std[c];
    case MR__NORM_NONE:
    default:
        return (float)value;
    }
}

void mr__normalise_table(const mr__plan_spec *spec, float table[3][256])
{
    for (int c = 0; c < 3; c++)
        for (int value = 0; value < 256; value++)
            table[c][value] = normalised(spec, c, value);
}
