/* SPDX-License-Identifier: Apache-2.0 */
/* Some rows of a picture, as a decoder hands them to the transform. */
#ifndef MR_PLAN_STRIP_H
#define MR_PLAN_STRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of a planar strip may be read this many bytes before the first and behind the last pixel. */
#define MR__STRIP_MARGIN 64u

/*
 * Interleaved: planes[0] holds the pixels in the picture's mode. Planar (modes L and RGB): one
 * plane of bytes for each channel, in the order of the mode.
 */
typedef struct mr__strip {
    const uint8_t *planes[3];
    size_t stride; /* bytes from a row to the next, of each plane */
    uint32_t n_rows;
    bool planar;
} mr__strip;

/* Some pixels of one row of a strip. */
typedef struct mr__strip_span {
    uint32_t row, x, n;
    uint32_t pixel_bytes; /* of the mode */
} mr__strip_span;

/* The pixels, interleaved, n * pixel_bytes. */
void mr__strip_copy(const mr__strip *strip, const mr__strip_span *span, uint8_t *out);

/* The same inside the strip where they lie interleaved, else in `work`. */
const uint8_t *mr__strip_row(const mr__strip *strip, const mr__strip_span *span, uint8_t *work);

#endif
