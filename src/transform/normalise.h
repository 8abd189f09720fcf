/* SPDX-License-Identifier: Apache-2.0 */
/* The 256-entry tables that turn a byte into the output's float. */
#ifndef MR_TRANSFORM_NORMALISE_H
#define MR_TRANSFORM_NORMALISE_H

#include "plan/spec.h"

/* table[channel][byte], in the order of float operations that the plan names. */
void mr__normalise_table(const mr__plan_spec *spec, float table[3][256]);

#endif
