/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file as options: which key sets which option, and what beats what. */
#ifndef MILLRACE_CLI_SETTINGS_H
#define MILLRACE_CLI_SETTINGS_H

#include "options.h"

struct cli_setting {
    const char *key; /* "workers.batch" */
    enum cli_option_id option;
};

/* The keys of millrace itself, section by section, in the order of a new file. */
extern const struct cli_setting cli_settings[];
extern const size_t cli_n_settings;

/* Can a file set the option? */
bool cli_settings_has(enum cli_option_id id);

/*
 * Reads --config or $MILLRACE_CONFIG, if either is given, and puts it and the original's
 * environment names where the command line and MILLRACE_* left room. CLI_OK, or the exit status
 * after every mistake was told.
 */
int cli_settings_load(struct cli_args *args);
void cli_settings_fini(struct cli_args *args);

/* Does the file, or the environment, describe tensors in its section preprocess? */
bool cli_settings_tensors(const struct cli_args *args);

/* Value of a key of the original: of file or environment, else its default; NULL: none. */
const char *cli_settings_original(const struct cli_args *args, const char *name);

#endif
