/* SPDX-License-Identifier: Apache-2.0 */
/* Encoded pictures made on the spot, and decoding them in one call. */
#ifndef MR_TEST_PICTURES_H
#define MR_TEST_PICTURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "decode/decode.h"

typedef struct bytes {
    uint8_t *data;
    size_t n;
} bytes;

typedef struct jpeg_options {
    uint32_t width, height;
    int components; /* 1, 3 or 4 */
    int h, v;       /* sampling of the first component; 0: 1 */
    bool progressive;
    unsigned restart; /* MCUs between restart markers */
    bool adobe_ycck;
    int quality;   /* 0: 80 */
    bool optimise; /* Huffman tables of its own */
} jpeg_options;

/* All free with bytes_free. The pixels are smooth with noise, from `seed`. */
bytes make_jpeg(const jpeg_options *options, uint32_t seed);
bytes make_png(uint32_t width, uint32_t height, uint8_t depth, uint8_t colour, bool interlaced,
               uint32_t seed);
bytes make_webp(uint32_t width, uint32_t height, bool alpha, bool lossless, uint32_t seed);
void bytes_free(bytes *b);

/* A copy of the first `n`, in memory of exactly that size, so that reading past it is caught. */
bytes bytes_cut(const bytes *b, size_t n);
bytes bytes_insert(const bytes *b, size_t at, const void *what, size_t n);

uint32_t next_random(uint32_t *state);

/* Somewhere in a picture of that size, at least one pixel. */
mr__region random_region(uint32_t width, uint32_t height, uint32_t *state);

/* What decoding gave: the rows of `region` (all zero: the whole picture). */
typedef struct decoded {
    mr_status status;
    mr_error err;
    mr__picture picture;
    mr__rows rows;
    uint8_t *pixels; /* rows.y1 - rows.y0 rows of rows.width pixels; NULL unless MR_OK */
} decoded;

decoded decode(mr__decoder *decoder, const bytes *b, mr__region region);
void decoded_free(decoded *d);

/* Is the part inside `region` the same in both? Both hold all of it. */
bool same_pixels(const decoded *a, const decoded *b, mr__region region);

/* Fixtures: a decoder in *state. */
int decoder_setup(void **state);
int decoder_teardown(void **state);

#endif
