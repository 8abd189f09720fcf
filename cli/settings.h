/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file as options: which key sets which option, and what beats what. */
#ifndef MILLRACE_CLI_SETTINGS_H
#define MILLRACE_CLI_SETTINGS_H

#include "options.h"

#define CLI_PLAN_MAX 1024 /* bytes of a plan's name with its options */

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

/* The name of the plan that the section preprocess of the file means: the original's; false if
 * there is no such section. */
bool cli_settings_plan(const struct cli_args *args, char *name, size_t size);

/* Value of a key of the original: of file or environment, else its default; NULL: none. */
const char *cli_settings_original(const struct cli_args *args, const char *name);

#endif
