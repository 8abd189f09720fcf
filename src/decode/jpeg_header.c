/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads JPEG markers without libjpeg: size, colour, sampling and cost must be known before a codec
 * library sees the file. Accepts what Pillow's own marker walk accepts (junk between segments,
 * padding), so that the verdict is the same.
 */
#include "decode/jpeg_header.h"

#include <string.h>

#include "base/size.h"
#include "decode/codec.h"
#include "decode/exif.h"

#define JPEG_SIDE_MAX 65500u /* of libjpeg */
/* scans x pixels: an empty scan costs about 0.3 ms a megapixel, so this is some 1.5 s at worst */
#define SCAN_PIXELS_MAX (UINT64_C(4096) * 1000000)
#define CODEC_SLACK     ((size_t)256 << 10) /* tables and small objects of libjpeg */

enum {
    M_SOF0 = 0xC0,
    M_SOF1 = 0xC1,
    M_SOF2 = 0xC2,
    M_DHT = 0xC4,
    M_JPG = 0xC8,
    M_DAC = 0xCC,
    M_SOF15 = 0xCF,
    M_RST0 = 0xD0,
    M_RST7 = 0xD7,
    M_SOI = 0xD8,
    M_EOI = 0xD9,
    M_SOS = 0xDA,
    M_DHP = 0xDE,
    M_APP1 = 0xE1,
    M_JPG0 = 0xF0,
    M_JPG13 = 0xFD
};

typedef struct header {
    const uint8_t *bytes;
    size_t n;
    size_t at; /* next byte to read */
    const mr__decode_limits *limits;
    mr__picture *picture;
    mr_error *err;
    mr__metadata metadata;
    uint32_t n_components;
    uint8_t h[4], v[4]; /* sampling factors */
    bool seen_frame;
} header;

static mr_status fail(header *hd, mr_code code, const char *what)
{
    return mr__error_item(hd->err, MR_STAGE_PROBE, code, "JPEG: %s", what);
}

static mr_status cut(header *hd)
{
    return fail(hd, MR_CODE_TRUNCATED, "the file ends inside the header");
}

/* The next marker code; 0 at the end of the data. Skips junk and padding. */
static int next_marker(header *hd)
{
    while (hd->at < hd->n) {
        const uint8_t *p = memchr(hd->bytes + hd->at, 0xFF, hd->n - hd->at);

        if (p == NULL)
            break;
        hd->at = (size_t)(p - hd->bytes) + 1;
        while (hd->at < hd->n && hd->bytes[hd->at] == 0xFF)
            hd->at++;
        if (hd->at < hd->n && hd->bytes[hd->at++] != 0)
            return hd->bytes[hd->at - 1];
    }
    hd->at = hd->n;
    return 0;
}

/* The segment that follows a marker: *body, *len; `at` moves behind it. */
static mr_status segment(header *hd, const uint8_t **body, size_t *len)
{
    size_t size;

    if (hd->n - hd->at < 2)
        return cut(hd);
    size = mr__be16(hd->bytes + hd->at);
    if (size < 2)
        size = 2; /* impossible; libjpeg and Pillow go on behind the length */
    if (hd->n - hd->at < size)
        return cut(hd);
    *body = hd->bytes + hd->at + 2;
    *len = size - 2;
    hd->at += size;
    return MR_OK;
}

/* Names of what libjpeg might decode but millrace does not; NULL for the frames that it does. */
static const char *unsupported_frame(int marker)
{
    switch (marker) {
    case M_SOF0:
    case M_SOF1:
    case M_SOF2:
        return NULL;
    case 0xC3:
    case 0xCB:
        return "lossless JPEG is not supported";
    case 0xC9:
    case 0xCA:
        return "arithmetic-coded JPEG is not supported";
    default:
        return "hierarchical JPEG is not supported";
    }
}

static mr_status frame_components(header *hd, const uint8_t *body)
{
    for (uint32_t i = 0; i < hd->n_components; i++) {
        uint8_t factors = body[6 + 3 * i + 1];

        hd->h[i] = factors >> 4;
        hd->v[i] = factors & 15;
        if (hd->h[i] < 1 || hd->h[i] > 4 || hd->v[i] < 1 || hd->v[i] > 4)
            return fail(hd, MR_CODE_CORRUPT, "impossible sampling factors");
    }
    return MR_OK;
}

static mr_status read_frame(header *hd, int marker)
{
    const char *unsupported = unsupported_frame(marker);
    const uint8_t *body;
    mr__picture *pic = hd->picture;
    mr_status st;
    size_t len;

    st = segment(hd, &body, &len);
    if (st != MR_OK)
        return st;
    if (unsupported != NULL)
        return fail(hd, MR_CODE_UNSUPPORTED_VARIANT, unsupported);
    if (len < 6 || hd->seen_frame)
        return fail(hd, MR_CODE_CORRUPT, "bad or repeated frame header");
    hd->seen_frame = true;
    hd->n_components = body[5];
    if (body[0] != 8)
        return fail(hd, MR_CODE_UNSUPPORTED_VARIANT, "only 8 bits a sample are supported");
    if (hd->n_components == 0 || len != 6 + 3 * (size_t)hd->n_components)
        return fail(hd, MR_CODE_CORRUPT, "bad frame header");
    if (hd->n_components != 1 && hd->n_components != 3 && hd->n_components != 4)
        return fail(hd, MR_CODE_UNSUPPORTED_VARIANT, "only 1, 3 or 4 components are supported");
    pic->height = mr__be16(body + 1);
    pic->width = mr__be16(body + 3);
    pic->progressive = marker == M_SOF2;
    pic->mode = hd->n_components == 1   ? MR__MODE_L
                : hd->n_components == 3 ? MR__MODE_RGB
                                        : MR__MODE_CMYK;
    st = mr__limits_check(hd->limits, pic->width, pic->height, hd->n, hd->err);
    if (st != MR_OK)
        return st;
    if (pic->width > JPEG_SIDE_MAX || pic->height > JPEG_SIDE_MAX)
        return mr__error_item(hd->err, MR_STAGE_PROBE, MR_CODE_BAD_DIMENSIONS,
                              "JPEG: %ux%u, a side is longer than %u", pic->width, pic->height,
                              JPEG_SIDE_MAX);
    return frame_components(hd, body);
}

static mr_status read_app1(header *hd)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/"; /* with its NUL */
    const uint8_t *body;
    mr_status st;
    size_t len;

    st = segment(hd, &body, &len);
    if (st != MR_OK)
        return st;
    if (hd->metadata.exif == NULL && len > 6 && memcmp(body, "Exif\0\0", 6) == 0) {
        hd->metadata.exif = body;
        hd->metadata.exif_n = len;
    } else if (len > sizeof(xmp) && memcmp(body, xmp, sizeof(xmp)) == 0) {
        hd->metadata.xmp = body + sizeof(xmp);
        hd->metadata.xmp_n = len - sizeof(xmp);
    }
    return MR_OK;
}

static bool is_frame(int marker)
{
    return (marker >= M_SOF0 && marker <= M_SOF15 && marker != M_DHT && marker != M_JPG &&
            marker != M_DAC) ||
           marker == M_DHP;
}

static bool has_segment(int marker)
{
    return !((marker >= M_RST0 && marker <= M_EOI) || marker == M_JPG ||
             (marker >= M_JPG0 && marker <= M_JPG13));
}

/* Up to and with the first SOS; `*n_in_scan`: how many components it holds. */
static mr_status read_header(header *hd, uint32_t *n_in_scan)
{
    const uint8_t *body;
    mr_status st = MR_OK;
    size_t len;
    int marker;

    while ((marker = next_marker(hd)) != 0) {
        if (marker < M_SOF0)
            return fail(hd, MR_CODE_CORRUPT, "no marker where one belongs");
        if (marker == M_APP1)
            st = read_app1(hd);
        else if (is_frame(marker))
            st = read_frame(hd, marker);
        else if (has_segment(marker))
            st = segment(hd, &body, &len);
        if (st != MR_OK)
            return st;
        if (marker != M_SOS)
            continue;
        if (!hd->seen_frame || len < 1 || body[0] < 1 || body[0] > hd->n_components)
            return fail(hd, MR_CODE_CORRUPT, "bad start of scan");
        *n_in_scan = body[0];
        return MR_OK;
    }
    return cut(hd);
}

/* Scans in the rest of the file, the one just begun included; stops counting past the limit. */
static uint32_t count_scans(header *hd)
{
    uint32_t scans = 1;
    int marker;

    while (scans <= MR__JPEG_SCANS_MAX && (marker = next_marker(hd)) != 0 && marker != M_EOI) {
        if (marker == M_SOS)
            scans++;
        if (has_segment(marker) && marker >= M_SOF0 && hd->n - hd->at >= 2) {
            size_t size = mr__be16(hd->bytes + hd->at);

            hd->at = size < hd->n - hd->at ? hd->at + size : hd->n;
        }
    }
    return scans;
}

static size_t div_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* What libjpeg allocates: sample rows of one iMCU row with its context, the rows that it upsamples
 * into, and, if scans must be gathered, every coefficient. All terms are below 2^48. */
static size_t codec_bytes(const header *hd)
{
    size_t hmax = 1, vmax = 1, total = CODEC_SLACK;
    const mr__picture *pic = hd->picture;

    for (uint32_t i = 0; i < hd->n_components; i++) {
        hmax = hd->h[i] > hmax ? hd->h[i] : hmax;
        vmax = hd->v[i] > vmax ? hd->v[i] : vmax;
    }
    for (uint32_t i = 0; i < hd->n_components; i++) {
        /* in blocks, rounded up to whole MCUs */
        size_t across = div_up(pic->width, hmax * 8) * hd->h[i];
        size_t down = div_up(pic->height, vmax * 8) * hd->v[i];

        total += across * 8 * (hd->v[i] * (size_t)8 + 4 * (size_t)hd->v[i]);
        total += div_up(pic->width, hmax * 8) * hmax * 8 * vmax;
        if (pic->progressive)
            total += across * down * 128 + down * sizeof(void *);
    }
    return total;
}

static mr_status check_scans(header *hd)
{
    const mr__picture *pic = hd->picture;
    uint64_t pixels = (uint64_t)pic->width * pic->height;

    if (pic->n_scans <= MR__JPEG_SCANS_MAX && pic->n_scans * pixels <= SCAN_PIXELS_MAX)
        return MR_OK;
    return mr__error_item(hd->err, MR_STAGE_PROBE, MR_CODE_SUSPICIOUS,
                          "JPEG: %s%u scans over %ux%u pixels",
                          pic->n_scans > MR__JPEG_SCANS_MAX ? "at least " : "", pic->n_scans,
                          pic->width, pic->height);
}

mr_status mr__jpeg_probe(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                         mr__picture *out, mr_error *err)
{
    header hd = {.bytes = bytes, .n = n, .at = 2, .limits = limits, .picture = out, .err = err};
    uint32_t n_in_scan = 0;
    mr_status st;

    st = read_header(&hd, &n_in_scan);
    if (st != MR_OK)
        return st;
    /* libjpeg gathers the scans of such a file as it does progressive ones */
    out->progressive = out->progressive || n_in_scan < hd.n_components;
    out->n_scans = out->progressive ? count_scans(&hd) : 1;
    st = check_scans(&hd);
    if (st != MR_OK)
        return st;
    out->orientation = mr__orientation(&hd.metadata);
    out->decode_bytes = mr__decode_extra(0, codec_bytes(&hd));
    return MR_OK;
}

bool mr__jpeg_ends(const uint8_t *p, size_t n)
{
    const uint8_t *end = p + n;

    while ((p = memchr(p, 0xFF, (size_t)(end - p))) != NULL) {
        while (p < end && *p == 0xFF)
            p++;
        if (p == end)
            return false;
        if (*p != 0 && !(*p >= M_RST0 && *p <= M_RST7))
            return *p == M_EOI;
        p++;
    }
    return false;
}
