/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line: done/total, rate, what is left, failures, the bottleneck. */
#ifndef MILLRACE_CLI_PROGRESS_H
#define MILLRACE_CLI_PROGRESS_H

#include "cli.h"

struct cli_progress;

/* Starts counting the items in a thread of its own. NULL if no line is wanted, or no memory. */
struct cli_progress *cli_progress_open(const char *const *specs, size_t n_specs,
                                       const mr_source_options *options);

/* A callback for mr_pipeline_options; the cookie is the struct. */
void cli_progress_show(void *cookie, const mr_progress *progress);

/* Ends the count and takes the line away. */
void cli_progress_close(struct cli_progress **progress);

#endif
