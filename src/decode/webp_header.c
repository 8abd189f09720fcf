/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP is RIFF: chunks of four letters, a little-endian length, data padded to even length. Either
 * one "VP8 " or "VP8L", or "VP8X" first (flags, size of the canvas), then the picture or, animated,
 * frames ("ANMF"), and metadata. Frames after the first are never looked into.
 *
 * As in Pillow, which wants the whole container: a file shorter than RIFF announces is truncated;
 * what follows the container does not matter; the mode is RGBA if the header speaks of alpha.
 */
#include "decode/webp_header.h"

#include <string.h>

#include <webp/decode.h>

#include "decode/codec.h"
#include "decode/exif.h"

#define RIFF_BYTES       12u /* RIFF, length, WEBP */
#define CHUNK_BYTES      8u
#define VP8X_BYTES       10u
#define ANMF_BYTES       16u
#define FLAG_FRAGMENTS   0x01u /* of an abandoned draft: refused */
#define FLAG_ANIMATED    0x02u
#define FLAG_XMP         0x04u
#define FLAG_EXIF        0x08u
#define FLAG_ALPHA       0x10u
#define LOSSY_ROWS_BYTES 256u /* of libwebp's row caches, for each column */
#define CODEC_SLACK      ((size_t)512 << 10)

typedef struct riff_chunk {
    const uint8_t *start; /* of the chunk's own header */
    const uint8_t *data;
    size_t n;
} riff_chunk;

typedef struct header {
    const uint8_t *end; /* of the container */
    mr__picture *picture;
    mr__webp_frame *frame;
    mr_error *err;
    mr__metadata metadata;
    uint32_t flags;     /* of VP8X */
    bool extended;      /* is there a VP8X? */
    bool seen_settings; /* ANIM, which comes before the frames */
} header;

static uint32_t le24(const uint8_t *p)
{
    return mr__le16(p) | (uint32_t)p[2] << 16;
}

static bool is(const riff_chunk *chunk, const char *type)
{
    return memcmp(chunk->start, type, 4) == 0;
}

static mr_status fail(mr_error *err, mr_code code, const char *what)
{
    return mr__error_item(err, MR_STAGE_PROBE, code, "WebP: %s", what);
}

/* The chunk at *p, which moves behind it; false if none fits before `end`. */
static bool next_chunk(const uint8_t **p, const uint8_t *end, riff_chunk *out)
{
    size_t left = (size_t)(end - *p), n;

    if (left < CHUNK_BYTES)
        return false;
    n = mr__le32(*p + 4);
    left -= CHUNK_BYTES;
    if (n > left)
        return false;
    *out = (riff_chunk){.start = *p, .data = *p + CHUNK_BYTES, .n = n};
    *p += CHUNK_BYTES + n + (n < left ? (n & 1) : 0);
    return true;
}

static mr_status features_of(const uint8_t *data, size_t n, WebPBitstreamFeatures *out,
                             mr_error *err)
{
    switch (WebPGetFeatures(data, n, out)) {
    case VP8_STATUS_OK:
        return MR_OK;
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return fail(err, MR_CODE_TRUNCATED, "the header is incomplete");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return fail(err, MR_CODE_UNSUPPORTED_VARIANT, "not supported by libwebp");
    default:
        return fail(err, MR_CODE_CORRUPT, "bad bitstream header");
    }
}

/* The picture inside [p, end), which begins with ALPH, VP8 or VP8L. */
static mr_status set_frame(header *hd, const uint8_t *p, const uint8_t *end)
{
    mr__webp_frame *frame = hd->frame;
    WebPBitstreamFeatures features;
    mr_status st;

    frame->data = p;
    frame->n = (size_t)(end - p);
    st = features_of(frame->data, frame->n, &features, hd->err);
    if (st != MR_OK)
        return st;
    /* an animation's frame is as large as its bitstream says, whatever stands in ANMF */
    if ((hd->flags & FLAG_ANIMATED) == 0 &&
        ((uint32_t)features.width != frame->width || (uint32_t)features.height != frame->height))
        return fail(hd->err, MR_CODE_CORRUPT, "the picture does not fill its canvas");
    frame->width = (uint32_t)features.width;
    frame->height = (uint32_t)features.height;
    if (features.has_animation || frame->width > hd->picture->width ||
        frame->height > hd->picture->height || frame->x > hd->picture->width - frame->width ||
        frame->y > hd->picture->height - frame->height)
        return fail(hd->err, MR_CODE_CORRUPT, "a frame does not fit its canvas");
    frame->lossy = features.format == 1 && !features.has_alpha;
    return MR_OK;
}

static mr_status animation_frame(header *hd, const riff_chunk *chunk)
{
    const uint8_t *p = chunk->data;

    if (!hd->seen_settings || chunk->n < ANMF_BYTES + CHUNK_BYTES)
        return fail(hd->err, MR_CODE_CORRUPT, "an empty or misplaced frame");
    hd->frame->x = le24(p) * 2;
    hd->frame->y = le24(p + 3) * 2;
    return set_frame(hd, p + ANMF_BYTES, p + chunk->n);
}

static mr_status take_chunk(header *hd, const riff_chunk *chunk)
{
    bool animated = (hd->flags & FLAG_ANIMATED) != 0;

    if (is(chunk, "EXIF") && (hd->flags & FLAG_EXIF) != 0 && hd->metadata.exif == NULL) {
        hd->metadata.exif = chunk->data;
        hd->metadata.exif_n = chunk->n;
    } else if (is(chunk, "XMP ") && (hd->flags & FLAG_XMP) != 0 && hd->metadata.xmp == NULL) {
        hd->metadata.xmp = chunk->data;
        hd->metadata.xmp_n = chunk->n;
    }
    if (hd->frame->data != NULL)
        return MR_OK;
    if (is(chunk, "ANIM"))
        hd->seen_settings = true;
    if (animated)
        return is(chunk, "ANMF") ? animation_frame(hd, chunk) : MR_OK;
    /* as in libwebp's demuxer: alpha that the header does not announce is not there */
    if (is(chunk, "ALPH") && hd->extended && (hd->flags & FLAG_ALPHA) == 0)
        return MR_OK;
    if (is(chunk, "ALPH") || is(chunk, "VP8 ") || is(chunk, "VP8L"))
        return set_frame(hd, chunk->start, hd->end);
    return MR_OK;
}

/* The chunks after VP8X, or the only one. */
static mr_status read_chunks(header *hd, const uint8_t *p)
{
    riff_chunk chunk;
    mr_status st;

    while (p < hd->end) {
        if (!next_chunk(&p, hd->end, &chunk))
            return fail(hd->err, MR_CODE_CORRUPT, "a chunk is longer than the file says");
        st = take_chunk(hd, &chunk);
        if (st != MR_OK)
            return st;
    }
    if (hd->frame->data == NULL)
        return fail(hd->err, MR_CODE_CORRUPT, "no picture inside");
    return MR_OK;
}

/* Memory: the canvas here; inside libwebp rows, and for lossless or alpha whole planes. */
static void set_cost(mr__picture *pic, const mr__webp_frame *frame)
{
    size_t pixels = (size_t)frame->width * frame->height;
    size_t codec = CODEC_SLACK + (size_t)frame->width * LOSSY_ROWS_BYTES;

    if (!frame->lossy)
        codec += pixels * 5;
    pic->decode_bytes =
        mr__decode_extra((size_t)pic->width * pic->height * mr__mode_bytes(pic->mode), codec);
}

/* libwebp refuses a canvas that is too large as a bad bitstream: say what it is before. */
static mr_status check_canvas(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                              mr_error *err)
{
    const uint8_t *vp8x = bytes + RIFF_BYTES + CHUNK_BYTES;

    if (n < RIFF_BYTES + CHUNK_BYTES + VP8X_BYTES || memcmp(bytes + RIFF_BYTES, "VP8X", 4) != 0)
        return MR_OK;
    return mr__limits_check(limits, (uint64_t)le24(vp8x + 4) + 1, (uint64_t)le24(vp8x + 7) + 1, n,
                            err);
}

mr_status mr__webp_open(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                        mr__picture *out, mr__webp_frame *frame, mr_error *err)
{
    size_t size = (size_t)mr__le32(bytes + 4) + CHUNK_BYTES;
    header hd = {.picture = out, .frame = frame, .err = err};
    WebPBitstreamFeatures features;
    const uint8_t *p = bytes + RIFF_BYTES;
    riff_chunk first;
    mr_status st;

    *frame = (mr__webp_frame){0};
    st = check_canvas(bytes, n, limits, err);
    if (st == MR_OK)
        st = features_of(bytes, n, &features, err);
    if (st != MR_OK)
        return st;
    st = mr__limits_check(limits, (uint64_t)features.width, (uint64_t)features.height, n, err);
    if (st != MR_OK)
        return st;
    if (size > n)
        return fail(err, MR_CODE_TRUNCATED, "the file is shorter than it says");
    if (size < RIFF_BYTES + CHUNK_BYTES)
        return fail(err, MR_CODE_CORRUPT, "an empty container");
    out->width = frame->width = (uint32_t)features.width;
    out->height = frame->height = (uint32_t)features.height;
    out->mode = features.has_alpha ? MR__MODE_RGBA : MR__MODE_RGB;
    out->has_transparency = features.has_alpha;
    out->progressive = true;
    hd.end = bytes + size;
    if (next_chunk(&p, hd.end, &first) && is(&first, "VP8X") && first.n >= VP8X_BYTES) {
        hd.extended = true;
        hd.flags = first.data[0];
    } else {
        p = bytes + RIFF_BYTES;
    }
    if ((hd.flags & FLAG_FRAGMENTS) != 0)
        return fail(err, MR_CODE_UNSUPPORTED_VARIANT, "fragmented pictures are not supported");
    st = read_chunks(&hd, p);
    if (st == MR_OK)
        out->orientation = mr__orientation(&hd.metadata);
    return st;
}

mr_status mr__webp_probe(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                         mr__picture *out, mr_error *err)
{
    mr__webp_frame frame;
    mr_status st = mr__webp_open(bytes, n, limits, out, &frame, err);

    if (st == MR_OK)
        set_cost(out, &frame);
    return st;
}
