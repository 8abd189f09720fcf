/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the markers before the scan say, for pictures that this decoder takes: 8 bits, Huffman,
 * sequential, one scan, grey or YCbCr with the usual samplings. All others, and everything that is
 * not exactly as it should be, is for libjpeg to judge.
 */
#ifndef MR_DECODE_BASELINE_FRAME_H
#define MR_DECODE_BASELINE_FRAME_H

#include "decode/baseline/huffman.h"

typedef struct mr__frame_component {
    uint8_t id, h, v; /* sampling factors: luma 1 or 2, chroma 1 */
    uint8_t quant, dc, ac;
} mr__frame_component;

typedef struct mr__frame {
    uint32_t width, height;
    uint32_t n_components; /* 1 or 3 */
    mr__frame_component components[3];
    uint32_t restart;     /* MCUs between restart markers; 0: none */
    uint8_t quant[4][64]; /* in zigzag order */
    /* DHT segments as they stand: counts, then symbols; NULL: not there */
    const uint8_t *dc[4], *ac[4];
    const uint8_t *scan; /* the entropy-coded data */
} mr__frame;

/* False: not for this decoder. `out` points into `bytes`. */
bool mr__frame_read(const uint8_t *bytes, size_t n, mr__frame *out);

#endif
