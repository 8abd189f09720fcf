/* SPDX-License-Identifier: Apache-2.0 */
/* Planes to pixels, for those who want pixels. */
#include "plan/strip.h"

#include <string.h>

void mr__strip_copy(const mr__strip *strip, const mr__strip_span *span, uint8_t *out)
{
    const size_t row = span->row * strip->stride;

    if (!strip->planar || span->pixel_bytes == 1) {
        memcpy(out, strip->planes[0] + row + (size_t)span->x * span->pixel_bytes,
               (size_t)span->n * span->pixel_bytes);
        return;
    }
    for (size_t c = 0; c < 3; c++) {
        const uint8_t *from = strip->planes[c] + row + span->x;

        for (size_t k = 0; k < span->n; k++)
            out[3 * k + c] = from[k];
    }
}

const uint8_t *mr__strip_row(const mr__strip *strip, const mr__strip_span *span, uint8_t *work)
{
    if (!strip->planar || span->pixel_bytes == 1)
        return strip->planes[0] + span->row * strip->stride + (size_t)span->x * span->pixel_bytes;
    mr__strip_copy(strip, span, work);
    return work;
}
