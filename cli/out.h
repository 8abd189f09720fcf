/* SPDX-License-Identifier: Apache-2.0 */
/* stdout: results, and nothing else. */
#ifndef MILLRACE_CLI_OUT_H
#define MILLRACE_CLI_OUT_H

#include <jansson.h>

#include "cli.h"

/* Prints an object as one line with reals of `digits` significant digits, and frees it; false when
 * nobody reads stdout any more. NULL (out of memory) prints nothing. */
bool cli_out_json(json_t *object, int digits);

/* False when nobody reads stdout any more. */
bool cli_out_open(void);

/*
 * Flushes stdout at the end of a verb whose outcome is `status`. A reader that left early (a broken
 * pipe) is no failure; a full disk is: exit status 3.
 */
int cli_out_finish(const struct cli_verb *verb, int status);

/* What of `text` is valid goes into a JSON string: always one, never NULL unless out of memory. */
json_t *cli_out_string(const char *text);

#endif
