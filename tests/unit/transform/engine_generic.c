/* SPDX-License-Identifier: Apache-2.0 */
/* The float engine once more, with no instruction named: what other machines run. */
#define MR__LANES_GENERIC
#define mr__engine_float  mr__engine_float_generic
#define mr__engine_floats mr__engine_floats_generic
#define mr__engine_torch  mr__engine_torch_generic
#define mr__engine_unit   mr__engine_unit_generic
/* NOLINTNEXTLINE(bugprone-suspicious-include): the same source, compiled differently */
#include "transform/engine_float.c"
