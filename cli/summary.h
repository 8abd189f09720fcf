/* SPDX-License-Identifier: Apache-2.0 */
/* How a run ended, on stdout. */
#ifndef MILLRACE_CLI_SUMMARY_H
#define MILLRACE_CLI_SUMMARY_H

#include "cli.h"

/* The line that scripts parse. */
void cli_summary_json(const mr_summary *summary, const char *store);

/* For people. `ledger`: `millrace report` can say more about what failed. */
void cli_summary_text(const mr_summary *summary, const char *store, bool ledger);

#endif
