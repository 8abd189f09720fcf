/* SPDX-License-Identifier: Apache-2.0 */
/* How far two arrays of the same shape are apart. */
#ifndef MILLRACE_CLI_DIFFERENCE_H
#define MILLRACE_CLI_DIFFERENCE_H

#include "cli.h"

struct cli_difference {
    size_t count; /* values that differ */
    double max, mean;
    double psnr;  /* decibels; peak: 255, of floats the range of the reference. Infinite: equal */
    size_t first; /* index of the first value that differs */
    double ours, theirs;
};

/* `n` values of `dtype` (MR_DTYPE_U8 or MR_DTYPE_F32). A value that is no number differs from all
 * but itself. */
void cli_difference(mr_dtype dtype, const void *ours, const void *theirs, size_t n,
                    struct cli_difference *out);

#endif
