/* SPDX-License-Identifier: Apache-2.0 */
/* EXIF orientation: where a pixel of the upright picture lies in the stored one. */
#ifndef MR_TRANSFORM_ORIENT_H
#define MR_TRANSFORM_ORIENT_H

#include <stddef.h>

#include "plan/picture.h"

typedef struct mr__orient {
    uint8_t orientation;          /* 1..8 */
    uint32_t width, height;       /* stored */
    uint32_t up_width, up_height; /* upright */
} mr__orient;

void mr__orient_init(mr__orient *orient, uint8_t orientation, uint32_t width, uint32_t height);

/* The stored region that holds a region of the upright picture. */
mr__region mr__orient_region(const mr__orient *orient, const mr__region *upright);

/*
 * One row of the upright region, columns [x0, x1) of row y, out of `stored`: rows of `stride` bytes
 * that begin at the corner of `region`, as mr__orient_region gave it.
 */
typedef struct mr__orient_source {
    const uint8_t *stored;
    size_t stride;
    uint32_t pixel_bytes;
    mr__region region;
} mr__orient_source;

void mr__orient_row(const mr__orient *orient, const mr__orient_source *source, uint32_t x0,
                    uint32_t x1, uint32_t y, uint8_t *out);

#endif
