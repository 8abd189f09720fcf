/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a configuration file: what holds, or the defaults with an explanation of each. */
#ifndef MILLRACE_CLI_CONFIGFILE_H
#define MILLRACE_CLI_CONFIGFILE_H

#include <stdio.h>

#include "options.h"

/* The values that hold for these arguments, secrets masked. A file that says the same. */
void cli_configfile_print(const struct cli_args *args, FILE *out);

/* Every key with its default, explained. */
void cli_configfile_init(const struct cli_verb *verb, FILE *out);

#endif
