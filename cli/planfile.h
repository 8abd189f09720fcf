/* SPDX-License-Identifier: Apache-2.0 */
/* --plan NAME|FILE. */
#ifndef MILLRACE_CLI_PLANFILE_H
#define MILLRACE_CLI_PLANFILE_H

#include "cli.h"

/*
 * `argument` is a preset (`*text` NULL) or else the name of a plan file, whose canonical text is
 * given without its comment lines (the caller frees it). NULL is allowed: nothing was named.
 * MR_E_NOT_FOUND: neither; the message names the nearest preset.
 */
mr_status cli_plan_argument(const char *argument, char **text, mr_error *err);

#endif
