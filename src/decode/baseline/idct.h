/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inverse DCT of libjpeg's "islow" (Loeffler, Ligtenberg and Moschytz, 13-bit constants): the
 * same integers on every machine, and the ones that libjpeg-turbo's SIMD gives, whose sums are 16
 * bits wide where that saves time.
 */
#ifndef MR_DECODE_BASELINE_IDCT_H
#define MR_DECODE_BASELINE_IDCT_H

#include <stddef.h>
#include <stdint.h>

#include "base/machine.h"

/*
 * `n` blocks of 64 dequantised coefficients, one behind the other, to `n` squares of 8x8 samples
 * side by side. `blocks` is 64-byte aligned; `out` may be written up to the next multiple of four
 * squares, and as many blocks may be read.
 */
typedef void mr__idct_fn(const int16_t *blocks, size_t n, uint8_t *out, size_t stride);

/* All but the first are there on x86-64 only. */
mr__idct_fn mr__idct_c, mr__idct_sse2, mr__idct_avx2, mr__idct_avx512;

/* The same to squares of 4x4, 2x2 and 1x1 samples: libjpeg's reduced transforms. */
mr__idct_fn mr__idct_4_c, mr__idct_2_c, mr__idct_1_c;
mr__idct_fn mr__idct_4_sse2, mr__idct_2_sse2;

/* The fastest of a level, to squares of `size`: 8, 4, 2 or 1. */
mr__idct_fn *mr__idct_of(mr__cpu_level level, uint32_t size);

#endif
