/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXIF orientation, as ImageOps.exif_transpose does it: 2 mirrored, 3 turned by 180 degrees, 4
 * upside down, 5 transposed, 6 to be turned clockwise, 7 transversed, 8 to be turned
 * anti-clockwise.
 */
#include "transform/orient.h"

#include <stdbool.h>
#include <string.h>

typedef struct point {
    uint32_t x, y;
} point;

static point stored_of(const mr__orient *o, uint32_t x, uint32_t y)
{
    uint32_t right = o->width - 1, bottom = o->height - 1;

    switch (o->orientation) {
    case 2:
        return (point){right - x, y};
    case 3:
        return (point){right - x, bottom - y};
    case 4:
        return (point){x, bottom - y};
    case 5:
        return (point){y, x};
    case 6:
        return (point){y, bottom - x};
    case 7:
        return (point){right - y, bottom - x};
    case 8:
        return (point){right - y, x};
    default:
        return (point){x, y};
    }
}

void mr__orient_init(mr__orient *orient, uint8_t orientation, uint32_t width, uint32_t height)
{
    bool turned = orientation >= 5 && orientation <= 8;

    orient->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    orient->width = width;
    orient->height = height;
    orient->up_width = turned ? height : width;
    orient->up_height = turned ? width : height;
}

mr__region mr__orient_region(const mr__orient *orient, const mr__region *upright)
{
    point a = stored_of(orient, upright->x0, upright->y0);
    point b = stored_of(orient, upright->x1 - 1, upright->y1 - 1);
    mr__region r = {.halved = upright->halved};

    r.x0 = a.x < b.x ? a.x : b.x;
    r.x1 = (a.x < b.x ? b.x : a.x) + 1;
    r.y0 = a.y < b.y ? a.y : b.y;
    r.y1 = (a.y < b.y ? b.y : a.y) + 1;
    return r;
}

void mr__orient_row(const mr__orient *orient, const mr__orient_source *source, uint32_t x0,
                    uint32_t x1, uint32_t y, uint8_t *out)
{
    const uint32_t size = source->pixel_bytes;

    for (uint32_t x = x0; x < x1; x++, out += size) {
        point p = stored_of(orient, x, y);

        memcpy(out,
               source->stored + (size_t)(p.y - source->region.y0) * source->stride +
                   (size_t)(p.x - source->region.x0) * size,
               size);
    }
}
