/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoder of its own for the JPEG files that nearly all are: 8 bits, Huffman, sequential, one
 * scan, grey or YCbCr. It gives exactly libjpeg's pixels, faster, and only those that are needed;
 * whenever a file is not what it should be it stops, and libjpeg goes on from the same row.
 *
 *   scan.c     bytes without stuffing        block.c    bits to coefficients
 *   idct.c     coefficients to samples       planes.c   samples to RGB
 */
#ifndef MR_DECODE_BASELINE_BASELINE_H
#define MR_DECODE_BASELINE_BASELINE_H

#include "base/machine.h"
#include "decode/baseline/frame.h"
#include "decode/baseline/planes.h"
#include "plan/picture.h"

typedef struct mr__baseline mr__baseline;

mr__baseline *mr__baseline_open(mr__cpu_level level);
void mr__baseline_close(mr__baseline **baseline);

/*
 * Begins a picture, which `picture` describes; false: it is not for this decoder. `bytes` must
 * stay. `*room`: bytes of memory that mr__baseline_start wants, 64-byte aligned.
 */
bool mr__baseline_begin(mr__baseline *baseline, const uint8_t *bytes, size_t n,
                        const mr__picture *picture, const mr__region *region, size_t *room);
void mr__baseline_start(mr__baseline *baseline, uint8_t *memory);

/*
 * Makes up to `max` further rows of the region, its columns x0..x1, as planes: R, G, B or grey.
 * planes[c] of row i is rows[c] + i * stride. Returns how many, 0 when all are made, -1 when the
 * rest is for libjpeg. `rows` may be written up to the next multiple of 64 bytes of each row.
 */
int mr__baseline_rows(mr__baseline *baseline, uint8_t *const rows[3], size_t stride, uint32_t max);

/* Is what follows the rows that were made the end of a complete file? False: ask libjpeg. */
bool mr__baseline_complete(const mr__baseline *baseline);

#endif
