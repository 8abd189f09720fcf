/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 binary16 to and from float, whole arrays at a time. */
#ifndef MR_EMBED_HALF_H
#define MR_EMBED_HALF_H

#include <stddef.h>
#include <stdint.h>

/* Rounds to nearest, ties to even; what is too large becomes infinite. */
void mr__half_from_float(const float *from, size_t n, uint16_t *to);

/* Exact. */
void mr__half_to_float(const uint16_t *from, size_t n, float *to);

#endif
