/* SPDX-License-Identifier: Apache-2.0 */
/* The row of the tensor: where bytes of red, green and blue end. */
#ifndef MR_TRANSFORM_STORE_H
#define MR_TRANSFORM_STORE_H

#include "plan/spec.h"
#include "transform/kernels.h"
#include "transform/tile_kernels.h"

typedef struct mr__store {
    const mr__plan_spec *spec;
    const mr__kernels *kernels;
    const mr__tile_kernels *tiles; /* NULL: there are none */
    float table[3][256];           /* of mr__normalise_table */
    uint8_t *dst;
} mr__store;

/* Pixels x..x+n-1 of row y from three planes. */
void mr__store_row(const mr__store *store, const uint8_t *const rgb[3], uint32_t x, uint32_t y,
                   uint32_t n);

/* The padding; all of the output where there is any, as it is rare. */
void mr__store_padding(const mr__store *store, const mr__geometry *geometry);

#endif
