/* SPDX-License-Identifier: Apache-2.0 */
/* Orientation energies of a luma plane, pooled over a grid: the shape part of the descriptor. */
#ifndef MR_EMBED_GRADIENTS_H
#define MR_EMBED_GRADIENTS_H

#include "embed/pooling.h"

enum { MR__ORIENTATIONS = 8, MR__GRADIENTS_DIM = MR__CELLS * MR__CELLS * MR__ORIENTATIONS };

/* Working memory of one call. */
typedef struct mr__gradients_scratch {
    float sums[MR__ORIENTATIONS][MR__CELLS][MR__POOL_MAX];
    float energy[MR__ORIENTATIONS][MR__POOL_MAX];
} mr__gradients_scratch;

/* `plane`: luma [n][n] with n = pooling->n. `out`: square roots of the pooled energies,
 * [cell row][cell column][orientation]. */
void mr__gradients(const mr__pooling *pooling, const float *plane, mr__gradients_scratch *scratch,
                   float out[MR__GRADIENTS_DIM]);

#endif
