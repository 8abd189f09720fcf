/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of length 1. */
#include <math.h>
#include <string.h>

#include "embed/embed.h"

void mr__embed_normalise(float *vectors, size_t n, uint32_t dim)
{
    for (size_t i = 0; i < n; i++) {
        float *v = vectors + i * dim;
        double sum = 0.0;
        for (uint32_t d = 0; d < dim; d++)
            sum += (double)v[d] * (double)v[d];
        if (!isfinite(sum)) {
            for (uint32_t d = 0; d < dim; d++)
                v[d] = NAN;
            continue;
        }
        if (!(sum > 0.0)) {
            memset(v, 0, dim * sizeof *v);
            v[0] = 1.0F;
            continue;
        }
        double length = sqrt(sum);
        for (uint32_t d = 0; d < dim; d++)
            v[d] = (float)((double)v[d] / length);
    }
}
