/* SPDX-License-Identifier: Apache-2.0 */
/* From the start of a process to its first batch, measured with processes of this program. */
#ifndef MILLRACE_CLI_FIRSTBATCH_H
#define MILLRACE_CLI_FIRSTBATCH_H

#include "corpus.h"

/* Median of `runs` runs over the 32 smallest pictures in milliseconds; negative if one failed. */
double cli_first_batch_ms(const struct cli_args *args, const struct cli_corpus *corpus, int runs);

#endif
