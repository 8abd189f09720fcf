/* SPDX-License-Identifier: Apache-2.0 */
/* SIGINT and SIGTERM: the first drains the run, the second ends the process at once. */
#ifndef MILLRACE_CLI_SIGNALS_H
#define MILLRACE_CLI_SIGNALS_H

#include "cli.h"

/* From now on the first signal stops `pipeline`. NULL takes the handlers off. */
void cli_signals_watch(mr_pipeline *pipeline);

/* The signal that came first; 0: none. */
int cli_signals_caught(void);

#endif
