/* SPDX-License-Identifier: Apache-2.0 */
/* The passes over 16-bit grey: weights in double, as Pillow has them for mode I;16. */
#ifndef MR_TRANSFORM_WIDE_H
#define MR_TRANSFORM_WIDE_H

#include "transform/coeffs.h"

/* Rows are uint16_t in host order, at any address; tables are MR__COEFFS_DOUBLE. */
void mr__wide_horizontal(const uint8_t *row, uint32_t x0, const mr__coeffs *coeffs, uint8_t *out);
void mr__wide_vertical(const uint8_t *const *rows, const mr__coeffs *coeffs, uint32_t index,
                       size_t n, uint8_t *out);

#endif
