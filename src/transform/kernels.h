/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops, by instruction set. All levels give the same bytes. */
#ifndef MR_TRANSFORM_KERNELS_H
#define MR_TRANSFORM_KERNELS_H

#include "base/machine.h"
#include "transform/coeffs.h"

/* Byte rows handed to a kernel may be read and written up to the next multiple of this. */
#define MR__ROW_UNIT 64u

typedef struct mr__kernels {
    const char *name;

    /* `n` interleaved pixels to one plane of 16-bit values for each channel, `stride` values apart.
     */
    void (*split)(const uint8_t *row, uint32_t n, uint32_t channels, int16_t *planes,
                  size_t stride);

    /*
     * One plane of one row, from `x0` on, to the outputs of a MR__COEFFS_ROWS table. Reads
     * `stride` values from the first of each output; writes count rounded up to four bytes.
     */
    void (*horizontal)(const int16_t *plane, uint32_t x0, const mr__coeffs *coeffs, uint8_t *out);

    /*
     * Output `index` of a MR__COEFFS_PAIRS table from its rows of `n` bytes, in order; rows has
     * one entry more than there are taps, which may be any readable row.
     */
    void (*vertical)(const uint8_t *const *rows, const mr__coeffs *coeffs, uint32_t index, size_t n,
                     uint8_t *out);

    /* n bytes through a table of 256. */
    void (*lookup)(const uint8_t *in, uint32_t n, const float *table, float *out);
} mr__kernels;

extern const mr__kernels mr__kernels_c;

/* The kernels of a level; the best one that there is below it. */
const mr__kernels *mr__kernels_of(mr__cpu_level level);

#endif
