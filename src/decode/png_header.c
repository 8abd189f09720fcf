/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads PNG chunks without libspng: the library never sees an ancillary chunk, so nothing in one
 * can be inflated. The verdicts are Pillow's: checksums count up to the first IDAT and not after
 * it; unknown chunks are passed over even if critical; a missing IEND is accepted; a chunk other
 * than IDAT that is cut is `truncated`. Whether the IDATs hold all rows is for the decoder to find.
 */
#include "decode/png_header.h"

#include <string.h>

#include "decode/codec.h"
#include "decode/exif.h"

#define SIGNATURE_BYTES 8u
#define IHDR_BYTES      13u
#define PALETTE_BYTES   768u
#define CODEC_BYTES     ((size_t)128 << 10) /* inflate and the state of libspng, without its rows */

enum {
    COLOUR_GREY = 0,
    COLOUR_RGB = 2,
    COLOUR_INDEXED = 3,
    COLOUR_GREY_ALPHA = 4,
    COLOUR_RGBA = 6
};

typedef struct header {
    const uint8_t *bytes;
    size_t n;
    const mr__decode_limits *limits;
    mr__picture *picture;
    mr_error *err;
    mr__png_layout layout;
    mr__metadata metadata;
    uint32_t frames; /* of an animation, as acTL says */
    bool seen_header, seen_control, seen_data;
} header;

uint32_t mr__png_crc(uint32_t crc, const uint8_t *bytes, size_t n)
{
    /* the reflected polynomial 0xEDB88320, four bits at a time */
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        crc = table[crc & 15] ^ (crc >> 4);
        crc = table[crc & 15] ^ (crc >> 4);
    }
    return ~crc;
}

static bool is_type(const uint8_t *p)
{
    for (int i = 0; i < 4; i++)
        if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') ||
              (p[i] >= '0' && p[i] <= '9') || p[i] == '_'))
            return false;
    return true;
}

bool mr__png_chunk_at(const uint8_t *bytes, size_t n, size_t at, mr__png_chunk *out)
{
    size_t length, left;

    if (at > n || n - at < 8 || !is_type(bytes + at + 4))
        return false;
    length = mr__be32(bytes + at);
    left = n - at - 8;
    out->type = bytes + at + 4;
    out->data = bytes + at + 8;
    out->whole = left >= length;
    out->n = out->whole ? length : left;
    out->next_at = left >= length && left - length >= 4 ? at + 12 + length : n;
    return true;
}

bool mr__png_chunk_is(const mr__png_chunk *chunk, const char *type)
{
    return memcmp(chunk->type, type, 4) == 0;
}

static mr_status fail(header *hd, mr_code code, const char *what)
{
    return mr__error_item(hd->err, MR_STAGE_PROBE, code, "PNG: %s", what);
}

/* The mode that Pillow opens it in; false for combinations that PNG does not have. */
static bool mode_of(uint8_t depth, uint8_t colour, mr__mode *mode)
{
    bool sub_byte = depth == 1 || depth == 2 || depth == 4;

    if (!sub_byte && depth != 8 && depth != 16)
        return false;
    switch (colour) {
    case COLOUR_GREY:
        *mode = depth == 1 ? MR__MODE_1 : depth == 16 ? MR__MODE_I16 : MR__MODE_L;
        return true;
    case COLOUR_INDEXED:
        *mode = MR__MODE_P;
        return depth != 16;
    case COLOUR_RGB:
        *mode = MR__MODE_RGB;
        return !sub_byte;
    case COLOUR_GREY_ALPHA:
        *mode = depth == 16 ? MR__MODE_RGBA : MR__MODE_LA;
        return !sub_byte;
    case COLOUR_RGBA:
        *mode = MR__MODE_RGBA;
        return !sub_byte;
    default:
        return false;
    }
}

static bool read_ihdr(const mr__png_chunk *chunk, mr__png_layout *layout)
{
    if (chunk->n < IHDR_BYTES)
        return false;
    layout->width = mr__be32(chunk->data);
    layout->height = mr__be32(chunk->data + 4);
    layout->depth = chunk->data[8];
    layout->colour = chunk->data[9];
    layout->interlaced = chunk->data[12] != 0;
    return chunk->data[11] == 0;
}

/* What decoding needs: a row of libspng's is held twice, for interlacing once more; here the raw
 * row and a strip of pixels or, interlaced, all of them. */
static void set_cost(header *hd)
{
    mr__picture *pic = hd->picture;
    size_t row = (size_t)pic->width * 8 + 64, scratch = row;
    size_t out = (size_t)pic->width * mr__mode_bytes(pic->mode);

    scratch += out * (pic->progressive ? (size_t)pic->height : mr__strip_rows(out));
    pic->decode_bytes = mr__decode_extra(scratch, CODEC_BYTES + 3 * row);
}

static mr_status take_header(header *hd, const mr__png_chunk *chunk)
{
    mr__picture *pic = hd->picture;
    mr_status st;

    if (hd->seen_header || !read_ihdr(chunk, &hd->layout))
        return fail(hd, MR_CODE_CORRUPT, "bad or repeated IHDR");
    hd->seen_header = true;
    st = mr__limits_check(hd->limits, hd->layout.width, hd->layout.height, hd->n, hd->err);
    if (st != MR_OK)
        return st;
    if (!mode_of(hd->layout.depth, hd->layout.colour, &pic->mode))
        return fail(hd, MR_CODE_CORRUPT, "impossible depth and colour type");
    pic->width = hd->layout.width;
    pic->height = hd->layout.height;
    pic->progressive = hd->layout.interlaced;
    pic->has_transparency = pic->mode == MR__MODE_LA || pic->mode == MR__MODE_RGBA;
    set_cost(hd);
    return MR_OK;
}

static mr_status take_palette(header *hd, const mr__png_chunk *chunk)
{
    mr__palette *palette = &hd->picture->palette;

    if (hd->picture->mode != MR__MODE_P || !hd->seen_header || hd->seen_data)
        return MR_OK;
    if (chunk->n > PALETTE_BYTES)
        return fail(hd, MR_CODE_CORRUPT, "a palette of more than 256 entries");
    palette->n = (uint32_t)(chunk->n / 3);
    if (chunk->n > 0)
        memcpy(palette->rgb, chunk->data, (size_t)palette->n * 3);
    return MR_OK;
}

static mr_status take_transparency(header *hd, const mr__png_chunk *chunk)
{
    mr__picture *pic = hd->picture;
    size_t least = pic->mode == MR__MODE_RGB ? 6 : 2;

    if (!hd->seen_header || pic->mode == MR__MODE_LA || pic->mode == MR__MODE_RGBA)
        return MR_OK;
    if (pic->mode != MR__MODE_P && chunk->n < least)
        return fail(hd, MR_CODE_CORRUPT, "tRNS is too short");
    pic->has_transparency = true;
    if (pic->mode != MR__MODE_P) {
        pic->palette.has_key = true;
        for (size_t i = 0; i < least / 2; i++)
            pic->palette.key[i] = chunk->data[2 * i + 1];
        return MR_OK;
    }
    pic->palette.has_alpha = true;
    memset(pic->palette.alpha, 255, sizeof(pic->palette.alpha));
    if (chunk->n > 0)
        memcpy(pic->palette.alpha, chunk->data, chunk->n < 256 ? chunk->n : 256);
    return MR_OK;
}

/* XMP lies in an uncompressed iTXt: keyword, flag 0, method, language, translated keyword, text. */
static void take_text(header *hd, const mr__png_chunk *chunk)
{
    static const char key[] = "XML:com.adobe.xmp"; /* with its NUL */
    const uint8_t *p = chunk->data, *end = chunk->data + chunk->n;

    if (chunk->n < sizeof(key) + 2 || memcmp(p, key, sizeof(key)) != 0 || p[sizeof(key)] != 0)
        return;
    p += sizeof(key) + 2;
    for (int i = 0; i < 2; i++) {
        p = memchr(p, 0, (size_t)(end - p));
        if (p == NULL)
            return;
        p++;
    }
    hd->metadata.xmp = p;
    hd->metadata.xmp_n = (size_t)(end - p);
}

static mr_status take_chunk(header *hd, const mr__png_chunk *chunk)
{
    if (mr__png_chunk_is(chunk, "IHDR") && !hd->seen_data)
        return take_header(hd, chunk);
    if (mr__png_chunk_is(chunk, "PLTE"))
        return take_palette(hd, chunk);
    if (mr__png_chunk_is(chunk, "tRNS"))
        return take_transparency(hd, chunk);
    if (mr__png_chunk_is(chunk, "iTXt"))
        take_text(hd, chunk);
    if (mr__png_chunk_is(chunk, "acTL") && chunk->n >= 4 && !hd->seen_data)
        hd->frames = mr__be32(chunk->data);
    if (mr__png_chunk_is(chunk, "fcTL") && !hd->seen_data)
        hd->seen_control = true;
    if (mr__png_chunk_is(chunk, "eXIf")) {
        hd->metadata.exif = chunk->data;
        hd->metadata.exif_n = chunk->n;
    }
    return MR_OK;
}

/* Pillow reads on to the end of the file, or to the second frame of an animation. */
static bool begins_frame(const header *hd, const mr__png_chunk *chunk)
{
    uint32_t least = hd->seen_control ? 2 : 1; /* the default image counts if it is no frame */

    return hd->seen_data && mr__png_chunk_is(chunk, "fcTL") && hd->frames >= least;
}

/* Of a whole chunk before the first IDAT. */
static mr_status check_crc(header *hd, const mr__png_chunk *chunk)
{
    const uint8_t *end = chunk->data + chunk->n;

    if ((size_t)(hd->bytes + hd->n - end) < 4)
        return fail(hd, MR_CODE_TRUNCATED, "the file ends inside the header");
    if (mr__png_crc(0, chunk->type, chunk->n + 4) != mr__be32(end))
        return fail(hd, MR_CODE_CORRUPT, "a chunk before the pixels has a wrong checksum");
    return MR_OK;
}

static mr_status read_chunks(header *hd)
{
    size_t at = SIGNATURE_BYTES;
    mr__png_chunk chunk;
    mr_status st;

    while (mr__png_chunk_at(hd->bytes, hd->n, at, &chunk)) {
        bool data = mr__png_chunk_is(&chunk, "IDAT");

        if (data || mr__png_chunk_is(&chunk, "IEND")) {
            if (!hd->seen_header || !(data || hd->seen_data))
                return fail(hd, MR_CODE_CORRUPT, "no header or no pixels");
            hd->seen_data = true;
            if (!data)
                return MR_OK;
        } else if (begins_frame(hd, &chunk)) {
            return MR_OK;
        } else {
            if (!chunk.whole)
                return fail(hd, MR_CODE_TRUNCATED, "the file ends inside a chunk");
            /* size limits are judged before anything else, so the checksum comes second */
            st = take_chunk(hd, &chunk);
            if (st == MR_OK && !hd->seen_data)
                st = check_crc(hd, &chunk);
            if (st != MR_OK)
                return st;
        }
        at = chunk.next_at;
    }
    if (hd->seen_data)
        return MR_OK;
    if (hd->n - at >= 8)
        return fail(hd, MR_CODE_CORRUPT, "no chunk where one belongs");
    return fail(hd, MR_CODE_TRUNCATED, "the file ends before the pixels");
}

mr_status mr__png_probe(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                        mr__picture *out, mr_error *err)
{
    header hd = {.bytes = bytes, .n = n, .limits = limits, .picture = out, .err = err};
    mr_status st = read_chunks(&hd);

    if (st != MR_OK)
        return st;
    if (!out->palette.has_alpha)
        memset(out->palette.alpha, 255, sizeof(out->palette.alpha));
    out->orientation = mr__orientation(&hd.metadata);
    return MR_OK;
}

bool mr__png_layout_of(const uint8_t *bytes, size_t n, mr__png_layout *out)
{
    size_t at = SIGNATURE_BYTES;
    bool seen = false;
    mr__png_chunk chunk;

    while (mr__png_chunk_at(bytes, n, at, &chunk)) {
        if (mr__png_chunk_is(&chunk, "IHDR"))
            seen = read_ihdr(&chunk, out);
        if (mr__png_chunk_is(&chunk, "IDAT")) {
            out->idat_at = at;
            return seen;
        }
        at = chunk.next_at;
    }
    return false;
}
