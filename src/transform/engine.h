/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose arithmetic the two passes are. The resizer moves rows, the engine makes one row of another:
 * the same interface for bytes as Pillow and torch resize them, for 16-bit grey, and for float32.
 */
#ifndef MR_TRANSFORM_ENGINE_H
#define MR_TRANSFORM_ENGINE_H

#include "transform/coeffs.h"
#include "transform/kernels.h"

/* The horizontal pass over one row. */
typedef struct mr__across {
    const mr__kernels *kernels;
    const mr__coeffs *coeffs;
    const uint8_t *row; /* columns [x0, x0 + columns), interleaved */
    uint32_t x0, columns, channels;
    void *planes;        /* scratch: channels * plane_stride values, zero behind the columns */
    size_t plane_stride; /* values */
    uint8_t *out;        /* planes of outputs */
    size_t out_stride;   /* bytes */
} mr__across;

typedef struct mr__engine {
    const char *name;
    mr__coeffs_form h_form, v_form;
    size_t in_bytes;    /* of a value of a row that is pushed */
    size_t out_bytes;   /* of a value after either pass */
    size_t plane_bytes; /* of a value of the scratch planes */

    void (*across)(const mr__across *pass);

    /* Output `index` from its rows of `n` bytes, a multiple of MR__ROW_UNIT; rows has one entry
     * more than there are taps, which may be any readable row. */
    void (*down)(const mr__kernels *kernels, const mr__coeffs *coeffs, uint32_t index,
                 const uint8_t *const *rows, size_t n, uint8_t *out);
} mr__engine;

extern const mr__engine mr__engine_bytes;  /* 8-bit channels, as Pillow */
extern const mr__engine mr__engine_wide;   /* 16-bit grey, as Pillow's mode I;16; one channel */
extern const mr__engine mr__engine_float;  /* 8-bit channels to float32, as jax.image.resize */
extern const mr__engine mr__engine_floats; /* the same from float32 channels */
extern const mr__engine mr__engine_short;  /* 8-bit channels, as torch and Pillow-SIMD */
extern const mr__engine mr__engine_torch;  /* 8-bit channels to float32, as torch */
extern const mr__engine mr__engine_unit;   /* the same of channels scaled to 0..1 before */

#endif
