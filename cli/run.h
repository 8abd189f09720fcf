/* SPDX-License-Identifier: Apache-2.0 */
/* What ingest, embed and preprocess have in common: a pipeline, watched. */
#ifndef MILLRACE_CLI_RUN_H
#define MILLRACE_CLI_RUN_H

#include "options.h"

/* The parts in which the three differ. */
struct cli_run {
    const char *store;      /* specification for the library */
    const char *store_name; /* as the user knows it */
    const char *embed;      /* NULL: the library's choice */
    const char *plan;       /* default when --plan is not given; may be NULL */
    bool no_ledger;
    mr_source *source; /* borrowed; NULL: what the command line names */
};

/* Runs it to the end and prints the summary; returns the exit status. */
int cli_run(const struct cli_args *args, const struct cli_run *run);

/* ingest of what `source` yields; NULL: of what the command line names. */
int cli_ingest_from(const struct cli_args *args, mr_source *source);

/* Options of a pipeline as the command line has them; used by config too. */
void cli_pipeline_options(const struct cli_args *args, const struct cli_run *run,
                          mr_pipeline_options *out);

/* Stream options as the command line has them. Used by bench too. */
void cli_stream_options(const struct cli_args *args, mr_stream_options *out);
void cli_source_options(const struct cli_args *args, mr_source_options *out);

/* "npy:FILE" or "null:" for --out; false after the mistake was told, with the status to exit by. */
bool cli_out_spec(const struct cli_args *args, char *spec, size_t size, int *status);

#endif
