/* SPDX-License-Identifier: Apache-2.0 */
/* Overlapping triangular windows: what a descriptor's cells see of a square plane. */
#ifndef MR_EMBED_POOLING_H
#define MR_EMBED_POOLING_H

#include <stddef.h>

enum {
    MR__CELLS = 4,    /* cells a side */
    MR__POOL_MAX = 64 /* the largest plane, pixels a side */
};

/* Weights of the cells along one side of `n` pixels, each row with sum 1. */
typedef struct mr__pooling {
    float weight[MR__CELLS][MR__POOL_MAX];
    size_t n;
} mr__pooling;

/* `n`: pixels a side, a multiple of MR__CELLS, at most MR__POOL_MAX. */
void mr__pooling_init(mr__pooling *self, size_t n);

/* Adds line `y` of a plane to the cells' vertical sums. */
void mr__pooling_add(const mr__pooling *self, size_t y, const float *line,
                     float sums[MR__CELLS][MR__POOL_MAX]);

/* Weighted means of the cells of one cell row from its vertical sum. */
void mr__pooling_cells(const mr__pooling *self, const float sum[MR__POOL_MAX],
                       float cells[MR__CELLS]);

#endif
