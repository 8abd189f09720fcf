/* SPDX-License-Identifier: Apache-2.0 */
/* STORE, and what several verbs say about what is in it: which rows, and how it is searched. */
#ifndef MILLRACE_CLI_STOREARG_H
#define MILLRACE_CLI_STOREARG_H

#include "options.h"

#define CLI_NO_STORE                                                                               \
    "no STORE: name one, or set MILLRACE_STORE, or store.location in a configuration file"

enum cli_store_access {
    CLI_STORE_READS,
    CLI_STORE_WRITES, /* it must be there */
    CLI_STORE_MAKES   /* or it is made */
};

/* Names[first] of the command line, else $MILLRACE_STORE, else the configured store; NULL: none. */
const char *cli_store_name(const struct cli_args *args, size_t first);

/* Opens that store. Returns CLI_OK or the exit status after the mistake was told. */
int cli_store_open(const struct cli_args *args, size_t first, enum cli_store_access access,
                   mr_store **out);

/* The same of a given store, without telling. */
MR_MUST_CHECK mr_status cli_store_try(const struct cli_args *args, const char *spec,
                                      enum cli_store_access access, mr_store **out, mr_error *err);

/* search without --image, --id or --vector: is the last of the names the query? */
bool cli_has_query(const struct cli_args *args);

#define CLI_PARAMS_MAX 32

struct cli_params {
    mr_param params[CLI_PARAMS_MAX];
    char names[CLI_PARAMS_MAX][64];
    size_t n;
};

/* Takes --param apart; returns how many there are. `*rc`: CLI_OK, or the exit status after the
 * mistake was told. */
size_t cli_params(const struct cli_args *args, struct cli_params *out, int *rc);

/* Tells an error of a verb with --filter; if it is the filter's, also shows the place. */
int cli_fail_filter(const struct cli_args *args, mr_status status, const mr_error *err);

#endif
