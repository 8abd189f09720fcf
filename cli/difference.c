/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSNR = 10 log10(peak^2 / mean square error). Floats are compared by their bits first, so that
 * equal means the same bytes.
 */
#include "difference.h"

#include <math.h>
#include <string.h>

static double value_at(mr_dtype dtype, const void *values, size_t i)
{
    float real;

    if (dtype == MR_DTYPE_U8)
        return ((const unsigned char *)values)[i];
    memcpy(&real, (const char *)values + i * sizeof real, sizeof real);
    return (double)real;
}

void cli_difference(mr_dtype dtype, const void *ours, const void *theirs, size_t n,
                    struct cli_difference *out)
{
    size_t size = dtype == MR_DTYPE_U8 ? 1 : sizeof(float);
    double low = INFINITY, high = -INFINITY, sum = 0, squares = 0, peak;
    size_t i;

    memset(out, 0, sizeof *out);
    for (i = 0; i < n; i++) {
        double a = value_at(dtype, ours, i), b = value_at(dtype, theirs, i), apart = fabs(a - b);

        low = fmin(low, b);
        high = fmax(high, b);
        if (memcmp((const char *)ours + i * size, (const char *)theirs + i * size, size) == 0)
            continue;
        if (isnan(apart))
            apart = INFINITY;
        if (out->count++ == 0) {
            out->first = i;
            out->ours = a;
            out->theirs = b;
        }
        out->max = fmax(out->max, apart);
        sum += apart;
        squares += apart * apart;
    }
    peak = dtype == MR_DTYPE_U8 ? 255 : high - low;
    out->mean = n > 0 ? sum / (double)n : 0;
    out->psnr = squares > 0 ? 10 * log10(peak * peak * (double)n / squares) : INFINITY;
}
