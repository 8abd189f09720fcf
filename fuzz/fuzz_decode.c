/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe and decode of any bytes, whole and in a region that the last bytes choose. Beyond not
 * crashing: what is decoded keeps to what was announced, the region says `truncated` exactly if the
 * whole does, and where both succeed the region's pixels are those of the whole.
 */
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"

#define PIXELS_MAX (UINT64_C(1) << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct result {
    mr_status status;
    mr_code code;
    mr__rows rows;
    uint8_t *pixels;
} result;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static result decode(mr__decoder *decoder, const uint8_t *data, size_t size,
                     const mr__picture *picture, const mr__region *region)
{
    mr_error err = {0};
    result r = {0};
    mr__strip strip;
    size_t row;
    uint32_t y = region->y0;

    r.status = mr__decoder_begin(decoder, data, size, picture, region, &r.rows, &err);
    r.code = err.code;
    if (r.status != MR_OK)
        return r;
    check(r.rows.x0 <= region->x0 && r.rows.x0 + r.rows.width >= region->x1);
    check(r.rows.x0 + r.rows.width <= picture->width);
    check(r.rows.pixel_bytes == mr__mode_bytes(picture->mode));
    row = (size_t)r.rows.width * r.rows.pixel_bytes;
    r.pixels = calloc(region->y1 - region->y0, row);
    check(r.pixels != NULL);
    while ((r.status = mr__decoder_read(decoder, &strip, &err)) == MR_OK) {
        check(strip.n_rows > 0 && strip.n_rows <= region->y1 - y);
        for (uint32_t i = 0; i < strip.n_rows; i++, y++) {
            mr__strip_span span = {i, 0, r.rows.width, r.rows.pixel_bytes};

            mr__strip_copy(&strip, &span, r.pixels + (y - region->y0) * row);
        }
    }
    if (r.status == MR_EOF) {
        check(y == region->y1);
        r.status = mr__decoder_finish(decoder, &err);
    }
    check(r.status == MR_OK || r.status == MR_E_ITEM);
    r.code = err.code;
    return r;
}

static void compare(const result *whole, const result *part, const mr__region *region)
{
    size_t px = whole->rows.pixel_bytes;

    check(whole->status == part->status && whole->code == part->code);
    if (whole->status != MR_OK)
        return;
    for (uint32_t y = region->y0; y < region->y1; y++)
        check(memcmp(whole->pixels + ((size_t)y * whole->rows.width + region->x0) * px,
                     part->pixels + ((size_t)(y - region->y0) * part->rows.width +
                                     (region->x0 - part->rows.x0)) *
                                        px,
                     (region->x1 - region->x0) * px) == 0);
}

/* A side of the region, [*a, *b) of `n`, from two numbers. */
static void side(uint32_t n, uint32_t p, uint32_t q, uint32_t *a, uint32_t *b)
{
    *a = p % n;
    *b = *a + 1 + q % (n - *a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mr__decode_limits limits = {.max_pixels = PIXELS_MAX};
    static const mr__decode_options options = {.level = MR__CPU_C};
    mr__region all = {0}, region = {0};
    mr__decoder *decoder = NULL;
    mr__picture picture;
    result whole, part;
    uint16_t dice[4] = {0};

    if (mr__probe(data, size, &limits, &picture, NULL) != MR_OK)
        return 0;
    check(picture.width > 0 && picture.height > 0);
    check((uint64_t)picture.width * picture.height <= PIXELS_MAX);
    check(picture.orientation >= 1 && picture.orientation <= 8);
    check(mr__decoder_open(&options, &decoder, NULL) == MR_OK);
    all.x1 = picture.width;
    all.y1 = picture.height;
    memcpy(dice, data + size - sizeof(dice), sizeof(dice));
    side(picture.width, dice[0], dice[1], &region.x0, &region.x1);
    side(picture.height, dice[2], dice[3], &region.y0, &region.y1);
    whole = decode(decoder, data, size, &picture, &all);
    part = decode(decoder, data, size, &picture, &region);
    compare(&whole, &part, &region);
    free(whole.pixels);
    free(part.pixels);
    mr__decoder_close(&decoder);
    return 0;
}
