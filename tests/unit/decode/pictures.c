/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders for the decoder's tests. */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <spng.h>
#include <webp/encode.h>

uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

mr__region random_region(uint32_t width, uint32_t height, uint32_t *state)
{
    mr__region r = {0};

    r.x0 = next_random(state) % width;
    r.x1 = r.x0 + 1 + next_random(state) % (width - r.x0);
    r.y0 = next_random(state) % height;
    r.y1 = r.y0 + 1 + next_random(state) % (height - r.y0);
    return r;
}

static uint8_t sample(uint32_t x, uint32_t y, uint32_t c, uint32_t *seed)
{
    uint32_t smooth = (x * (3 + c) + y * (5 - c % 3) + (x * y >> 5)) & 511;

    smooth = smooth > 255 ? 511 - smooth : smooth;
    return (uint8_t)((smooth * 7 + (next_random(seed) & 255)) / 8);
}

static uint8_t *make_pixels(uint32_t width, uint32_t height, uint32_t channels, uint32_t seed)
{
    size_t size = (size_t)width * height * channels;
    uint8_t *px = malloc(size), *p = px;

    assert_non_null(px);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++)
                *p++ = sample(x, y, c, &seed);
    return px;
}

bytes make_jpeg(const jpeg_options *options, uint32_t seed)
{
    uint32_t channels = (uint32_t)options->components;
    uint8_t *px = make_pixels(options->width, options->height, channels, seed);
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned long n = 0;
    bytes out = {0};

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &out.data, &n);
    cinfo.image_width = options->width;
    cinfo.image_height = options->height;
    cinfo.input_components = options->components;
    cinfo.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&cinfo);
    if (options->adobe_ycck)
        jpeg_set_colorspace(&cinfo, JCS_YCCK);
    jpeg_set_quality(&cinfo, options->quality > 0 ? options->quality : 80, TRUE);
    cinfo.optimize_coding = options->optimise;
    cinfo.comp_info[0].h_samp_factor = options->h > 0 ? options->h : 1;
    cinfo.comp_info[0].v_samp_factor = options->v > 0 ? options->v : 1;
    if (options->progressive)
        jpeg_simple_progression(&cinfo);
    cinfo.restart_interval = options->restart;
    jpeg_start_compress(&cinfo, TRUE);
    while (cinfo.next_scanline < cinfo.image_height) {
        JSAMPROW row = px + (size_t)cinfo.next_scanline * options->width * channels;

        (void)jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(px);
    out.n = n;
    return out;
}

bytes make_png(uint32_t width, uint32_t height, uint8_t depth, uint8_t colour, bool interlaced,
               uint32_t seed)
{
    static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};
    size_t row = ((size_t)width * channels[colour] * depth + 7) / 8;
    uint8_t *px = make_pixels((uint32_t)row, height, 1, seed);
    struct spng_ihdr ihdr = {.width = width,
                             .height = height,
                             .bit_depth = depth,
                             .color_type = colour,
                             .interlace_method = interlaced};
    spng_ctx *spng = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_plte plte = {.n_entries = 1u << (depth < 8 ? depth : 8)};
    bytes out = {0};
    int ret;

    assert_non_null(spng);
    for (uint32_t i = 0; i < plte.n_entries; i++)
        plte.entries[i] = (struct spng_plte_entry){(uint8_t)i, (uint8_t)(i * 3), 7, 255};
    assert_int_equal(spng_set_option(spng, SPNG_ENCODE_TO_BUFFER, 1), 0);
    assert_int_equal(spng_set_ihdr(spng, &ihdr), 0);
    if (colour == SPNG_COLOR_TYPE_INDEXED)
        assert_int_equal(spng_set_plte(spng, &plte), 0);
    ret = spng_encode_image(spng, px, row * height, SPNG_FMT_RAW, SPNG_ENCODE_FINALIZE);
    assert_int_equal(ret, 0);
    out.data = spng_get_png_buffer(spng, &out.n, &ret);
    assert_non_null(out.data);
    spng_ctx_free(spng);
    free(px);
    return out;
}

bytes make_webp(uint32_t width, uint32_t height, bool alpha, bool lossless, uint32_t seed)
{
    uint32_t channels = alpha ? 4 : 3;
    uint8_t *px = make_pixels(width, height, channels, seed), *data = NULL;
    int w = (int)width, h = (int)height, stride = (int)(width * channels);
    bytes out = {0};

    if (alpha)
        out.n = lossless ? WebPEncodeLosslessRGBA(px, w, h, stride, &data)
                         : WebPEncodeRGBA(px, w, h, stride, 70, &data);
    else
        out.n = lossless ? WebPEncodeLosslessRGB(px, w, h, stride, &data)
                         : WebPEncodeRGB(px, w, h, stride, 70, &data);
    assert_true(out.n > 0);
    out.data = malloc(out.n + 1);
    assert_non_null(out.data);
    memcpy(out.data, data, out.n);
    WebPFree(data);
    free(px);
    return out;
}

void bytes_free(bytes *b)
{
    free(b->data);
    *b = (bytes){0};
}

bytes bytes_cut(const bytes *b, size_t n)
{
    bytes out = {.data = malloc(n > 0 ? n : 1), .n = n};

    assert_non_null(out.data);
    memcpy(out.data, b->data, n);
    return out;
}

bytes bytes_insert(const bytes *b, size_t at, const void *what, size_t n)
{
    bytes out = {.data = malloc(b->n + n), .n = b->n + n};

    assert_non_null(out.data);
    memcpy(out.data, b->data, at);
    memcpy(out.data + at, what, n);
    memcpy(out.data + at + n, b->data + at, b->n - at);
    return out;
}

decoded decode(mr__decoder *decoder, const bytes *b, mr__region region)
{
    static const mr__decode_limits limits = {.max_pixels = 178956970};
    decoded d = {0};
    mr__strip strip;
    size_t row;
    uint32_t y = 0;

    d.status = mr__probe(b->data, b->n, &limits, &d.picture, &d.err);
    if (d.status != MR_OK)
        return d;
    if (region.x1 == 0)
        region = (mr__region){.x1 = mr__halved_side(d.picture.width, region.halved),
                              .y1 = mr__halved_side(d.picture.height, region.halved),
                              .halved = region.halved};
    d.status = mr__decoder_begin(decoder, b->data, b->n, &d.picture, &region, &d.rows, &d.err);
    if (d.status != MR_OK)
        return d;
    row = (size_t)d.rows.width * d.rows.pixel_bytes;
    d.pixels = calloc(row, region.y1 - region.y0);
    assert_non_null(d.pixels);
    while ((d.status = mr__decoder_read(decoder, &strip, &d.err)) == MR_OK) {
        assert_true(strip.n_rows > 0 && y + strip.n_rows <= region.y1 - region.y0);
        assert_true(strip.stride >= (strip.planar ? d.rows.width : row));
        for (uint32_t i = 0; i < strip.n_rows; i++, y++)
            mr__strip_copy(&strip, &(mr__strip_span){i, 0, d.rows.width, d.rows.pixel_bytes},
                           d.pixels + y * row);
    }
    if (d.status == MR_EOF) {
        assert_int_equal(y, region.y1 - region.y0);
        d.status = mr__decoder_finish(decoder, &d.err);
    }
    if (d.status != MR_OK)
        decoded_free(&d);
    return d;
}

void decoded_free(decoded *d)
{
    free(d->pixels);
    d->pixels = NULL;
}

bool same_pixels(const decoded *a, const decoded *b, mr__region region)
{
    size_t px = a->rows.pixel_bytes, n = (region.x1 - region.x0) * px;

    for (uint32_t y = region.y0; y < region.y1; y++) {
        const uint8_t *p =
            a->pixels + ((size_t)(y - a->rows.y0) * a->rows.width + (region.x0 - a->rows.x0)) * px;
        const uint8_t *q =
            b->pixels + ((size_t)(y - b->rows.y0) * b->rows.width + (region.x0 - b->rows.x0)) * px;

        if (memcmp(p, q, n) != 0)
            return false;
    }
    return true;
}

int decoder_setup(void **state)
{
    mr__decoder *decoder;
    mr_error err;

    if (mr__decoder_open(&(mr__decode_options){0}, &decoder, &err) != MR_OK)
        return -1;
    *state = decoder;
    return 0;
}

int decoder_teardown(void **state)
{
    mr__decoder *decoder = *state;

    mr__decoder_close(&decoder);
    return decoder == NULL ? 0 : -1;
}
