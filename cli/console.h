/* SPDX-License-Identifier: Apache-2.0 */
/* stderr: messages, and one progress line below them. */
#ifndef MILLRACE_CLI_CONSOLE_H
#define MILLRACE_CLI_CONSOLE_H

#include <pthread.h>

#include "cli.h"

/* One a process, in main: stderr is one thing. */
struct cli_console {
    pthread_mutex_t lock;
    bool terminal; /* stderr is one that can rewrite a line */
    bool colour;
    bool json;
    bool progress;
    bool line_shown;
    char line[256];
    double line_at; /* seconds, when it was last written to something that is no terminal */
    mr_log_level level;
};

extern struct cli_console cli_console;

struct cli_args;

/* Reads --log-level, --log-format, --progress and NO_COLOR. */
void cli_console_open(const struct cli_args *args);

/* The level that --log-level, environment or file ask for, else the default. */
mr_log_level cli_console_level(const struct cli_args *args);

/* A sink for the library's messages. */
mr_logger cli_console_logger(void);

/* Replaces the progress line; "" takes it away. Any thread. */
void cli_console_progress(const char *line);

/* "millrace: VERB: message" on stderr; returns `status`. `verb` may be NULL. */
int cli_fail(const struct cli_verb *verb, int status, const char *fmt, ...) CLI_PRINTF(3, 4);

/* The same with "; see: millrace VERB --help"; returns CLI_USAGE. */
int cli_usage(const struct cli_verb *verb, const char *fmt, ...) CLI_PRINTF(2, 3);

/* The same for an error of the library; returns the exit status that it stands for. */
int cli_fail_error(const struct cli_verb *verb, mr_status status, const mr_error *err);

#endif
