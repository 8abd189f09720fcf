/* SPDX-License-Identifier: Apache-2.0 */
/* STORE: the first name on the command line, else $MILLRACE_STORE, else the configured store. */
#ifndef MILLRACE_CLI_STOREARG_H
#define MILLRACE_CLI_STOREARG_H

#include "options.h"

/* Opens it for reading. `*used`: how many of the names were the store (0 or 1). Returns CLI_OK or
 * the exit status after the mistake was told. */
int cli_store_open(const struct cli_args *args, size_t first, mr_store **out, size_t *used);

/* search without --image, --id or --vector: is the last of the names the query? */
bool cli_has_query(const struct cli_args *args);

#endif
