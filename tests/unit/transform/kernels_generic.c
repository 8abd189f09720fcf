/* SPDX-License-Identifier: Apache-2.0 */
/* The portable kernels once more, with no instruction named: what other machines run. */
#define MR__LANES_GENERIC
#define mr__kernels_c mr__kernels_generic
/* NOLINTNEXTLINE(bugprone-suspicious-include): the same source, compiled differently */
#include "transform/kernels_c.c"
