/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PNG through libspng, row by row; interlaced pictures are gathered, only the region of them.
 *
 * libspng does not read the file but a stream made of it: IHDR, for indexed pictures a full
 * palette, the data of the IDATs that follow one another, IEND. So nothing ancillary reaches it.
 * Pillow checks the sum of the pixel data (Adler) but not those of the IDAT chunks; libspng can
 * only ignore both or neither, decided for Adler when inflating starts and for a chunk when its
 * header is read. Hence the first two bytes of data are a chunk of their own with a right checksum,
 * and checksums are turned off when the next chunk begins.
 *
 * All rows are decoded even where the region needs only upper ones: then the verdict never depends
 * on the region. As in Pillow, what comes after the last row does not matter.
 */
#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "decode/codec.h"
#include "decode/png_header.h"

/* signature, IHDR, PLTE of 256 entries, IDAT of two bytes */
#define HEAD_MAX (8 + 25 + 12 + 768 + 14)

typedef enum stream_part { PART_HEAD, PART_CHUNK, PART_DATA, PART_SUM, PART_END } stream_part;

typedef struct stream {
    const uint8_t *bytes;
    size_t n;
    size_t at;            /* next chunk of the file */
    const uint8_t *piece; /* what is being given out */
    size_t left;          /* bytes of it */
    const uint8_t *data;  /* of the IDAT in progress */
    size_t data_n;
    stream_part part;
    uint8_t head[HEAD_MAX];
    uint8_t small[12];
} stream;

typedef struct png_codec {
    mr__codec base;
    spng_ctx *spng; /* NULL when idle */
    const mr__decode_job *job;
    mr__png_layout layout;
    stream in;
    mr__rows rows;
    uint8_t *raw; /* one row as libspng gives it */
    size_t raw_bytes;
    uint8_t *out; /* a strip, or the region of an interlaced picture */
    size_t stride;
    uint32_t out_rows;
    uint32_t y; /* next row to decode; of an interlaced picture: to give out */
    bool done;  /* libspng has given the last row */
} png_codec;

static void put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* --- the stream --- */

/* Appends a chunk to the head; `data` may be where it belongs already. */
static void head_chunk(stream *in, const char *type, const uint8_t *data, size_t n)
{
    uint8_t *p = in->head + in->left;

    put_be32(p, (uint32_t)n);
    memcpy(p + 4, type, 4);
    if (data != NULL)
        memcpy(p + 8, data, n);
    else
        memset(p + 8, 0, n);
    put_be32(p + 8 + n, mr__png_crc(0, p + 4, n + 4));
    in->left += n + 12;
}

/* Moves to the next IDAT with data in it; false if no more follow one another. */
static bool next_idat(stream *in)
{
    mr__png_chunk chunk;

    while (mr__png_chunk_at(in->bytes, in->n, in->at, &chunk) && mr__png_chunk_is(&chunk, "IDAT")) {
        in->at = chunk.next_at;
        in->data = chunk.data;
        in->data_n = chunk.n;
        if (chunk.n > 0)
            return true;
    }
    return false;
}

static void stream_open(stream *in, const mr__decode_job *job, const mr__png_layout *layout)
{
    uint8_t ihdr[13] = {0};
    size_t n;

    *in = (stream){.bytes = job->bytes, .n = job->n, .at = layout->idat_at, .part = PART_HEAD};
    memcpy(in->head, "\x89PNG\r\n\x1A\n", 8);
    in->left = 8;
    put_be32(ihdr, layout->width);
    put_be32(ihdr + 4, layout->height);
    ihdr[8] = layout->depth;
    ihdr[9] = layout->colour;
    ihdr[12] = layout->interlaced;
    head_chunk(in, "IHDR", ihdr, sizeof(ihdr));
    if (layout->colour == SPNG_COLOR_TYPE_INDEXED)
        head_chunk(in, "PLTE", NULL, (size_t)3 << layout->depth);
    if (next_idat(in)) {
        n = in->data_n < 2 ? in->data_n : 2;
        head_chunk(in, "IDAT", in->data, n);
        in->data += n;
        in->data_n -= n;
    }
    in->piece = in->head;
}

/* The next piece after one that is used up; false at the end. */
static bool next_piece(stream *in, spng_ctx *spng)
{
    switch (in->part) {
    case PART_HEAD:
    case PART_SUM:
        (void)spng_set_crc_action(spng, SPNG_CRC_USE, SPNG_CRC_USE);
        in->part = in->data_n > 0 || next_idat(in) ? PART_CHUNK : PART_END;
        put_be32(in->small, in->part == PART_END ? 0 : (uint32_t)in->data_n);
        memcpy(in->small + 4, in->part == PART_END ? "IEND" : "IDAT", 4);
        memset(in->small + 8, 0, 4);
        in->piece = in->small;
        in->left = in->part == PART_END ? 12 : 8;
        return true;
    case PART_CHUNK:
        in->part = PART_DATA;
        in->piece = in->data;
        in->left = in->data_n;
        in->data_n = 0;
        return true;
    case PART_DATA:
        in->part = PART_SUM;
        memset(in->small, 0, 4);
        in->piece = in->small;
        in->left = 4;
        return true;
    case PART_END:
        break;
    }
    return false;
}

static int on_read(spng_ctx *spng, void *user, void *dst, size_t n)
{
    stream *in = user;
    uint8_t *out = dst;

    while (n > 0) {
        size_t part = n < in->left ? n : in->left;

        if (in->left == 0) {
            if (!next_piece(in, spng))
                return SPNG_IO_EOF;
            continue;
        }
        memcpy(out, in->piece, part);
        in->piece += part;
        in->left -= part;
        out += part;
        n -= part;
    }
    return 0;
}

/* --- pixels --- */

/* Packed samples of 1, 2 or 4 bits, as they are. */
static void unpack(const uint8_t *raw, uint8_t depth, uint32_t x, uint32_t n, uint8_t *out)
{
    uint32_t mask = (1u << depth) - 1;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t bit = (x + i) * depth, packed = raw[bit >> 3];

        out[i] = (uint8_t)((packed >> (8u - depth - (bit & 7))) & mask);
    }
}

/* Grey samples to 0..255. */
static void scale(uint8_t *px, uint32_t n, uint8_t depth)
{
    uint8_t factor = (uint8_t)(255 / ((1u << depth) - 1));

    for (uint32_t i = 0; i < n; i++)
        px[i] = (uint8_t)(px[i] * factor);
}

/* 16-bit samples to their high bytes; grey with alpha becomes RGBA, as Pillow opens it. */
static void narrow(const uint8_t *raw, uint8_t colour, uint32_t n, uint8_t *out)
{
    if (colour == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA) {
        for (size_t i = 0; i < n; i++) {
            memset(out + 4 * i, raw[4 * i], 3);
            out[4 * i + 3] = raw[4 * i + 2];
        }
        return;
    }
    for (size_t i = 0; i < (size_t)n * (colour == SPNG_COLOR_TYPE_TRUECOLOR ? 3 : 4); i++)
        out[i] = raw[2 * i];
}

/* Pixels [x, x + n) of a raw row, in the mode of the picture. */
static void convert(const png_codec *codec, const uint8_t *raw, uint32_t x, uint32_t n,
                    uint8_t *out)
{
    const mr__png_layout *layout = &codec->layout;
    size_t px = codec->rows.pixel_bytes;

    if (layout->depth < 8) {
        unpack(raw, layout->depth, x, n, out);
        if (layout->colour == SPNG_COLOR_TYPE_GRAYSCALE)
            scale(out, n, layout->depth);
    } else if (layout->depth == 8) {
        memcpy(out, raw + x * px, n * px);
    } else if (layout->colour == SPNG_COLOR_TYPE_GRAYSCALE) {
        for (size_t i = 0; i < n; i++) {
            uint16_t v = (uint16_t)mr__be16(raw + 2 * (x + i));

            memcpy(out + 2 * i, &v, 2);
        }
    } else {
        size_t raw_px = layout->colour == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ? 4
                        : layout->colour == SPNG_COLOR_TYPE_TRUECOLOR     ? 6
                                                                          : 8;

        narrow(raw + x * raw_px, layout->colour, n, out);
    }
}

static mr_status fail(int code, mr_error *err)
{
    mr_code why = MR_CODE_CORRUPT;

    if (code == SPNG_EIDAT_TOO_SHORT || code == SPNG_IO_EOF || code == SPNG_EOF)
        why = MR_CODE_TRUNCATED;
    else if (code == SPNG_EMEM)
        why = MR_CODE_OUT_OF_MEMORY;
    return mr__error_item(err, MR_STAGE_DECODE, why, "PNG: %s", spng_strerror(code));
}

/* Decodes the next row into `raw`. */
static mr_status decode_row(png_codec *codec, mr_error *err)
{
    int ret = spng_decode_scanline(codec->spng, codec->raw, codec->raw_bytes);

    if (ret != 0 && ret != SPNG_EOI)
        return fail(ret, err);
    codec->done = ret == SPNG_EOI;
    return MR_OK;
}

/* Puts a row of an interlacing pass where it belongs, as far as that is inside the region. */
static void scatter(png_codec *codec, const struct spng_row_info *info, uint8_t *line)
{
    static const uint8_t x_start[7] = {0, 4, 0, 2, 0, 1, 0};
    static const uint8_t x_step[7] = {8, 8, 4, 4, 2, 2, 1};
    const mr__region *region = &codec->job->region;
    uint32_t step = x_step[info->pass], x = x_start[info->pass];
    uint32_t width = (codec->layout.width - x + step - 1) / step;
    size_t px = codec->rows.pixel_bytes;
    uint8_t *out;

    if (info->row_num < region->y0 || info->row_num >= region->y1)
        return;
    out = codec->out + (info->row_num - region->y0) * codec->stride;
    convert(codec, codec->raw, 0, width, line);
    for (uint32_t i = 0; i < width; i++, x += step)
        if (x >= region->x0 && x < region->x1)
            memcpy(out + (x - region->x0) * px, line + i * px, px);
}

static mr_status gather(png_codec *codec, uint8_t *line, mr_error *err)
{
    struct spng_row_info info;
    mr_status st = MR_OK;
    int ret;

    while (st == MR_OK && !codec->done) {
        ret = spng_get_row_info(codec->spng, &info);
        if (ret != 0 || info.pass < 0 || info.pass > 6)
            return fail(ret, err);
        st = decode_row(codec, err);
        if (st == MR_OK)
            scatter(codec, &info, line);
    }
    return st;
}

/* --- the codec --- */

static void png_abort(mr__codec *base)
{
    png_codec *codec = (png_codec *)base;

    spng_ctx_free(codec->spng);
    codec->spng = NULL;
    codec->job = NULL;
}

static mr_status png_open(const mr__decode_options *options, mr__codec **out, mr_error *err)
{
    png_codec *codec = calloc(1, sizeof(*codec));

    (void)options;
    if (codec == NULL)
        return mr__error_no_memory(err, "PNG decoder");
    codec->base.ops = &mr__decode_png;
    *out = &codec->base;
    return MR_OK;
}

static void png_close(mr__codec *base)
{
    free(base);
}

static mr_status set_up(png_codec *codec, mr_error *err)
{
    const mr__picture *pic = &codec->job->picture;
    int ret;

    if (!mr__png_layout_of(codec->job->bytes, codec->job->n, &codec->layout) ||
        codec->layout.width != pic->width || codec->layout.height != pic->height ||
        codec->layout.interlaced != pic->progressive)
        return mr__error_item(err, MR_STAGE_DECODE, MR_CODE_CORRUPT, "PNG: contradictory headers");
    stream_open(&codec->in, codec->job, &codec->layout);
    codec->spng = spng_ctx_new(0);
    if (codec->spng == NULL)
        return fail(SPNG_EMEM, err);
    ret = spng_set_png_stream(codec->spng, on_read, &codec->in);
    if (ret == 0)
        ret = spng_decode_image(codec->spng, NULL, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
    return ret == 0 ? MR_OK : fail(ret, err);
}

/* Cuts the scratch into a raw row, a converted row if interlaced, and the rows to give out. */
static mr_status get_memory(png_codec *codec, uint8_t **line, mr_error *err)
{
    const mr__decode_job *job = codec->job;
    size_t raw = ((size_t)job->picture.width * 8 + 64) & ~(size_t)63;
    size_t all = job->picture.progressive
                     ? (((size_t)job->picture.width * codec->rows.pixel_bytes) + 63) & ~(size_t)63
                     : 0;
    uint8_t *data;

    codec->stride = (size_t)codec->rows.width * codec->rows.pixel_bytes;
    codec->out_rows =
        job->picture.progressive ? codec->rows.y1 - codec->rows.y0 : mr__strip_rows(codec->stride);
    data = mr__scratch_need(job->scratch, raw + all + codec->stride * codec->out_rows);
    if (data == NULL)
        return fail(SPNG_EMEM, err);
    codec->raw = data;
    codec->raw_bytes = raw;
    *line = data + raw;
    codec->out = data + raw + all;
    return MR_OK;
}

static mr_status png_begin(mr__codec *base, const mr__decode_job *job, mr__rows *out, mr_error *err)
{
    png_codec *codec = (png_codec *)base;
    uint8_t *line = NULL;
    mr_status st;

    codec->job = job;
    codec->done = false;
    codec->y = 0;
    codec->rows = (mr__rows){
        .x0 = job->region.x0,
        .width = job->region.x1 - job->region.x0,
        .y0 = job->region.y0,
        .y1 = job->region.y1,
        .pixel_bytes = mr__mode_bytes(job->picture.mode),
    };
    st = set_up(codec, err);
    if (st == MR_OK)
        st = get_memory(codec, &line, err);
    if (st == MR_OK && job->picture.progressive) {
        codec->y = codec->rows.y0;
        st = gather(codec, line, err);
    }
    while (st == MR_OK && codec->y < codec->rows.y0) {
        st = decode_row(codec, err);
        codec->y++;
    }
    if (st != MR_OK) {
        png_abort(base);
        return st;
    }
    *out = codec->rows;
    return MR_OK;
}

static mr_status read_strip(png_codec *codec, uint32_t *n_rows, mr_error *err)
{
    uint32_t n = 0;
    mr_status st;

    for (; n < codec->out_rows && codec->y < codec->rows.y1; n++, codec->y++) {
        st = decode_row(codec, err);
        if (st != MR_OK)
            return st;
        convert(codec, codec->raw, codec->rows.x0, codec->rows.width,
                codec->out + n * codec->stride);
    }
    *n_rows = n;
    return MR_OK;
}

static mr_status png_read(mr__codec *base, mr__strip *out, mr_error *err)
{
    png_codec *codec = (png_codec *)base;
    mr_status st = MR_OK;
    uint32_t n_rows;

    if (codec->y >= codec->rows.y1)
        return MR_EOF;
    if (codec->job->picture.progressive) {
        n_rows = codec->rows.y1 - codec->y;
        codec->y = codec->rows.y1;
    } else {
        st = read_strip(codec, &n_rows, err);
    }
    if (st != MR_OK) {
        png_abort(base);
        return st;
    }
    *out = (mr__strip){.planes = {codec->out}, .stride = codec->stride, .n_rows = n_rows};
    return MR_OK;
}

/* IDATs behind the one in which the last row ended: not needed, but Pillow wants them whole. */
static mr_status check_spare(stream *in, mr_error *err)
{
    mr__png_chunk chunk;

    while (mr__png_chunk_at(in->bytes, in->n, in->at, &chunk) && mr__png_chunk_is(&chunk, "IDAT")) {
        if (!chunk.whole)
            return fail(SPNG_IO_EOF, err);
        in->at = chunk.next_at;
    }
    return MR_OK;
}

static mr_status png_finish(mr__codec *base, mr_error *err)
{
    png_codec *codec = (png_codec *)base;
    mr_status st = MR_OK;

    while (st == MR_OK && !codec->done)
        st = decode_row(codec, err);
    if (st == MR_OK)
        st = check_spare(&codec->in, err);
    png_abort(base);
    return st;
}

static bool png_recognise(const uint8_t *bytes, size_t n)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

    return memcmp(bytes, signature, n < 8 ? n : 8) == 0;
}

const mr__decode_ops mr__decode_png = {
    .format = MR__FORMAT_PNG,
    .header_bytes = 33,
    .recognise = png_recognise,
    .probe = mr__png_probe,
    .open = png_open,
    .close = png_close,
    .begin = png_begin,
    .read = png_read,
    .finish = png_finish,
    .abort = png_abort,
};
