/* SPDX-License-Identifier: Apache-2.0 */
/* One block of 8x8: from bits to dequantised coefficients. */
#ifndef MR_DECODE_BASELINE_BLOCK_H
#define MR_DECODE_BASELINE_BLOCK_H

#include "base/machine.h"
#include "decode/baseline/huffman.h"

/*
 * Dequantised coefficients beyond this are of no encoder: libjpeg's own variants of the inverse
 * transform begin to differ there. Such a file is left to libjpeg.
 */
#define MR__BLOCK_LIMIT 8191

/* What a component's blocks are read with. */
typedef struct mr__block_tables {
    const mr__huffman *dc, *ac;
    int16_t quant[256]; /* in zigzag order; 0 behind, where ends of blocks and mistakes lead */
} mr__block_tables;

typedef struct mr__block_reader {
    /*
     * Reads a block into `out`, 64 values in the order of rows, zero before; out[64] is written too
     * and means nothing. `dc`: the component's running value. Returns why the block cannot be
     * trusted, 0 if it can; then all stays within bounds, and the picture has to be given up within
     * an MCU.
     */
    uint32_t (*read)(mr__bits *bits, const mr__block_tables *tables, int32_t *dc, int16_t *out);

    /* The same for a block that nobody needs. */
    uint32_t (*skip)(mr__bits *bits, const mr__block_tables *tables, int32_t *dc);
} mr__block_reader;

/* The second is there on x86-64 only. */
extern const mr__block_reader mr__block_reader_c, mr__block_reader_bmi2;

/* The fastest of a level. */
const mr__block_reader *mr__block_reader_of(mr__cpu_level level);

#endif
