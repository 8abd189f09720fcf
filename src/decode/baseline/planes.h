/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of YCbCr samples to rows of RGB, a plane each: libjpeg's "fancy" (triangle) upsampling and
 * its colour conversion, the same bytes at every level.
 *
 * Rows may be read 64 bytes before their first and behind their last sample, and written up to the
 * next multiple of 64.
 */
#ifndef MR_DECODE_BASELINE_PLANES_H
#define MR_DECODE_BASELINE_PLANES_H

#include <stddef.h>
#include <stdint.h>

#include "base/machine.h"

/* One row of a picture, or of YCbCr samples. */
typedef struct mr__plane_row {
    uint8_t *planes[3];
} mr__plane_row;

typedef struct mr__plane_kernels {
    /* Between two rows: sums[i] = 3 * near[i] + far[i]. */
    void (*blend)(const uint8_t *near, const uint8_t *far, size_t n, uint16_t *sums);

    /* A blended row to one of twice the width. sums[-1] and sums[n] are there. */
    void (*widen_sums)(const uint16_t *sums, size_t n, uint8_t *out);

    /* A row that was not blended likewise. in[-1] and in[n] are there. */
    void (*widen)(const uint8_t *in, size_t n, uint8_t *out);

    /* YCbCr to RGB. */
    void (*colour)(const mr__plane_row *ycc, size_t n, const mr__plane_row *rgb);
} mr__plane_kernels;

const mr__plane_kernels *mr__plane_kernels_of(mr__cpu_level level);

/* All but the first are there on x86-64 only. */
extern const mr__plane_kernels mr__plane_kernels_c, mr__plane_kernels_sse2, mr__plane_kernels_avx2,
    mr__plane_kernels_avx512;

/*
 * The conversion in 16-bit fixed point (JFIF 1.02; libjpeg's constants):
 *   R = Y + 1.40200 Cr,  G = Y - 0.34414 Cb - 0.71414 Cr,  B = Y + 1.77200 Cb
 * each factor less the whole numbers that are added apart, so that it fits 16 bits.
 */
enum {
    MR__RED_CR = 91881 - 65536,
    MR__GREEN_CB = -22554,
    MR__GREEN_CR = -46802 + 65536,
    MR__BLUE_CB = 116130 - 2 * 65536
};

#endif
