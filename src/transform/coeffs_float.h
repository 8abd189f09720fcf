/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of jax.image.resize with antialias, in its own float32 arithmetic. */
#ifndef MR_TRANSFORM_COEFFS_FLOAT_H
#define MR_TRANSFORM_COEFFS_FLOAT_H

#include "transform/coeffs.h"

/* First source and number of taps of output i; taps at the ends may weigh nothing. */
uint32_t mr__coeffs_float_bounds(const mr__coeffs_key *key, uint32_t i, uint32_t *taps);

/* Normalised weights of output i: floats, each held in a double. */
void mr__coeffs_float_weigh(const mr__coeffs_key *key, uint32_t i, uint32_t first, uint32_t taps,
                            double *w);

#endif
