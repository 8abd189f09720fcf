/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own JPEG decoder against libjpeg: any bytes, in a region that the last ones choose. Whoever
 * decodes, status, code and pixels are the same, and so are the pixels at each level of kernels.
 */
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"

#define PIXELS_MAX (UINT64_C(1) << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct result {
    mr_status status;
    mr_code code;
    uint8_t *pixels; /* of the region alone */
} result;

typedef struct input {
    const uint8_t *data;
    size_t size;
    mr__picture picture;
    mr__region region;
} input;

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The region's part of a strip to `to`, interleaved. */
static void take(const mr__strip *strip, const mr__rows *rows, const mr__region *region,
                 uint8_t *to)
{
    mr__strip_span span = {
        .x = region->x0 - rows->x0,
        .n = region->x1 - region->x0,
        .pixel_bytes = rows->pixel_bytes,
    };

    for (; span.row < strip->n_rows; span.row++, to += (size_t)span.n * span.pixel_bytes)
        mr__strip_copy(strip, &span, to);
}

static result decode(mr__decoder *decoder, const input *in)
{
    const mr__region *region = &in->region;
    size_t row = (size_t)(region->x1 - region->x0) * mr__mode_bytes(in->picture.mode);
    mr_error err = {0};
    result r = {.pixels = calloc(region->y1 - region->y0, row)};
    mr__strip strip;
    mr__rows rows;
    uint32_t y = 0;

    check(r.pixels != NULL);
    r.status = mr__decoder_begin(decoder, in->data, in->size, &in->picture, region, &rows, &err);
    while (r.status == MR_OK && (r.status = mr__decoder_read(decoder, &strip, &err)) == MR_OK) {
        check(strip.n_rows > 0 && strip.n_rows <= region->y1 - region->y0 - y);
        take(&strip, &rows, region, r.pixels + y * row);
        y += strip.n_rows;
    }
    if (r.status == MR_EOF) {
        check(y == region->y1 - region->y0);
        r.status = mr__decoder_finish(decoder, &err);
    }
    check(r.status == MR_OK || r.status == MR_E_ITEM);
    r.code = err.code;
    return r;
}

static result decode_with(const mr__decode_options *options, const input *in)
{
    mr__decoder *decoder = NULL;
    result r;

    check(mr__decoder_open(options, &decoder, NULL) == MR_OK);
    r = decode(decoder, in);
    mr__decoder_close(&decoder);
    return r;
}

static void compare(const result *want, const result *got, const input *in)
{
    size_t pixels = (size_t)(in->region.x1 - in->region.x0) * (in->region.y1 - in->region.y0);

    check(want->status == got->status && want->code == got->code);
    if (want->status == MR_OK)
        check(memcmp(want->pixels, got->pixels, pixels * mr__mode_bytes(in->picture.mode)) == 0);
}

/* A side of the region, [*a, *b) of `n`, from two numbers; the whole one now and then. */
static void side(uint32_t n, uint32_t p, uint32_t q, uint32_t *a, uint32_t *b)
{
    *a = p % 3 == 0 ? 0 : p % n;
    *b = q % 3 == 0 ? n : *a + 1 + q % (n - *a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mr__decode_limits limits = {.max_pixels = PIXELS_MAX};
    mr__decode_options options = {.jpeg = MR__JPEG_LIBJPEG};
    mr__cpu_level best = MR__CPU_C;
    input in = {.data = data, .size = size};
    uint16_t dice[4] = {0};
    result want, got;

    if (mr__probe(data, size, &limits, &in.picture, NULL) != MR_OK ||
        in.picture.format != MR__FORMAT_JPEG)
        return 0;
    check(mr__cpu_level_detect(NULL, &best, NULL) == MR_OK);
    memcpy(dice, data + size - sizeof(dice), sizeof(dice));
    in.region.halved = dice[0] % 7 <= MR__HALVED_MAX ? dice[0] % 7 : 0;
    side(mr__halved_side(in.picture.width, in.region.halved), dice[0], dice[1], &in.region.x0,
         &in.region.x1);
    side(mr__halved_side(in.picture.height, in.region.halved), dice[2], dice[3], &in.region.y0,
         &in.region.y1);
    want = decode_with(&options, &in);
    options.jpeg = MR__JPEG_EITHER;
    for (uint32_t level = MR__CPU_C; level <= best; level++) {
        options.level = (mr__cpu_level)level;
        got = decode_with(&options, &in);
        compare(&want, &got, &in);
        free(got.pixels);
    }
    free(want.pixels);
    return 0;
}
