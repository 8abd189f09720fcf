/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops, by instruction set. All levels give the same bytes. */
#ifndef MR_TRANSFORM_KERNELS_H
#define MR_TRANSFORM_KERNELS_H

#include "base/machine.h"
#include "transform/coeffs.h"

/* Byte rows handed to a kernel may be read and written up to the next multiple of this. */
#define MR__ROW_UNIT 64u

/* One row as a plane of 16-bit values for each channel, `stride` values apart. */
typedef struct mr__planes {
    int16_t *values;
    size_t stride;
    uint32_t channels; /* 1..4 */
} mr__planes;

typedef struct mr__kernels {
    const char *name;

    /* `n` interleaved pixels to planes. */
    void (*split)(const uint8_t *row, uint32_t n, const mr__planes *out);

    /*
     * The planes of one row, which begin at column `x0`, to the outputs of a MR__COEFFS_ROWS
     * table, one plane of bytes for each. Reads `stride` values of the table from the first of
     * each output; writes count rounded up to four bytes.
     */
    void (*horizontal)(const mr__planes *in, uint32_t x0, const mr__coeffs *coeffs, uint8_t *out,
                       size_t out_stride);

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
