/* SPDX-License-Identifier: Apache-2.0 */
/* From a level of 0..255 to the output's float: 256-entry tables for bytes, a loop for floats. */
#ifndef MR_TRANSFORM_NORMALISE_H
#define MR_TRANSFORM_NORMALISE_H

#include <stddef.h>

#include "plan/spec.h"

/* table[channel][byte], in the order of float operations that the plan names. */
void mr__normalise_table(const mr__plan_spec *spec, float table[3][256]);

/*
 * The same by arithmetic: unit = fma(level, scale[0], level * scale[1]), off = unit - mean, value =
 * fma(off, over[0], off * over[1]), each division as the product with a reciprocal of two floats.
 */
typedef struct mr__normal {
    float scale[2], mean[3], over[3][2];
} mr__normal;

/* False if the arithmetic differs from the table for any level of any channel. */
bool mr__normalise_arithmetic(const mr__plan_spec *spec, const float table[3][256],
                              mr__normal *out);

/* The same of `n` levels of a channel that are no bytes; outputs are `step` floats apart. */
void mr__normalise_floats(const mr__plan_spec *spec, int channel, const float *in, size_t n,
                          float *out, size_t step);

/* Levels to bytes: half to even, then clamped. */
void mr__normalise_round(const float *in, size_t n, uint8_t *out);

#endif
