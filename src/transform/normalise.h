/* SPDX-License-Identifier: Apache-2.0 */
/* From a level of 0..255 to the output's float: 256-entry tables for bytes, a loop for floats. */
#ifndef MR_TRANSFORM_NORMALISE_H
#define MR_TRANSFORM_NORMALISE_H

#include <stddef.h>

#include "plan/spec.h"

/* table[channel][byte], in the order of float operations that the plan names. */
void mr__normalise_table(const mr__plan_spec *spec, float table[3][256]);

/* The same of `n` levels of a channel that are no bytes; outputs are `step` floats apart. */
void mr__normalise_floats(const mr__plan_spec *spec, int channel, const float *in, size_t n,
                          float *out, size_t step);

/* Levels to bytes: half to even, then clamped. */
void mr__normalise_round(const float *in, size_t n, uint8_t *out);

#endif
