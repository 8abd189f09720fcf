/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of torch's antialiased resize of float32, in its own float32 arithmetic. */
#ifndef MR_TRANSFORM_COEFFS_TORCH_H
#define MR_TRANSFORM_COEFFS_TORCH_H

#include "transform/coeffs.h"

/* First source and number of taps of output i. */
uint32_t mr__coeffs_torch_bounds(const mr__coeffs_key *key, uint32_t i, uint32_t *taps);

/* Normalised weights of output i: floats, each held in a double. */
void mr__coeffs_torch_weigh(const mr__coeffs_key *key, uint32_t i, uint32_t first, uint32_t taps,
                            double *w);

#endif
