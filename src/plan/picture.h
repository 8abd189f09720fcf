/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a picture before its pixels: shared by plan, decode and transform. */
#ifndef MR_PLAN_PICTURE_H
#define MR_PLAN_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Formats, in the order of the names of mr__format_name(). Crosses the process border as a number.
 */
typedef enum mr__format {
    MR__FORMAT_UNKNOWN = 0,
    MR__FORMAT_JPEG,
    MR__FORMAT_PNG,
    MR__FORMAT_WEBP,
    MR__FORMAT_GIF,
    MR__FORMAT_BMP,
    MR__FORMAT_COUNT
} mr__format;

/* "jpeg", ...; "" for unknown and for values out of range. */
const char *mr__format_name(uint32_t format);

/* Pixel modes as Pillow names them: what Image.open gives before any convert(). */
typedef enum mr__mode {
    MR__MODE_1 = 0, /* one byte a pixel, 0 or 255 */
    MR__MODE_L,     /* grey */
    MR__MODE_LA,    /* grey, alpha */
    MR__MODE_P,     /* palette index, one byte a pixel */
    MR__MODE_RGB,
    MR__MODE_RGBA,
    MR__MODE_CMYK, /* as Pillow holds it, that is, after its inversion of 4-channel JPEG */
    MR__MODE_I16,  /* 16-bit grey, two bytes a pixel, host order */
    /* arrays, not pictures: 1 to 4 float32 a pixel as L, LA, RGB, RGBA, 0..255 */
    MR__MODE_F1,
    MR__MODE_F2,
    MR__MODE_F3,
    MR__MODE_F4
} mr__mode;

/* Bytes a pixel of decoded rows: 1, 2, 3 or 4; of floats 4 to 16. */
uint32_t mr__mode_bytes(mr__mode mode);

typedef struct mr__palette {
    uint32_t n; /* entries, 0..256; indices beyond are black */
    uint8_t rgb[256][3];
    uint8_t alpha[256]; /* 255 where tRNS says nothing */
    bool has_alpha;
    bool has_key;   /* of a picture without alpha: this colour of it is transparent */
    uint8_t key[3]; /* low bytes of tRNS, as Pillow compares them; grey: the first */
} mr__palette;

/* The header of a picture, validated: dimensions are 1..65535 each and within max_pixels. */
typedef struct mr__picture {
    mr__format format;
    mr__mode mode;
    uint32_t width, height; /* as stored in the file, before any EXIF rotation */
    uint8_t orientation;    /* EXIF 1..8; 1 on any doubt */
    bool progressive;       /* whole-image coefficients or pixels are held while decoding */
    bool has_transparency;  /* an alpha band or a tRNS entry: the rule of transformers >= 5.21 acts
                               on it */
    uint32_t n_scans;
    size_t decode_bytes; /* working memory that decoding this needs, over the decoder's standing
                            allowance */
    mr__palette palette; /* mode P only */
} mr__picture;

/*
 * Columns [x0,x1) and rows [y0,y1) of the stored picture; if `halved` is not 0, of what a JPEG is
 * decoded to at 1/2, 1/4 or 1/8 of its sides.
 */
typedef struct mr__region {
    uint32_t x0, y0, x1, y1;
    uint32_t halved; /* so often: 0 to MR__HALVED_MAX */
} mr__region;

#define MR__HALVED_MAX 3u

/* What is left of a side: rounded up. */
static inline uint32_t mr__halved_side(uint32_t side, uint32_t halved)
{
    return (side + (1u << halved) - 1) >> halved;
}

#endif
