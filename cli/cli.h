/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the command share. */
#ifndef MILLRACE_CLI_H
#define MILLRACE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/millrace.h"

#define CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Exit statuses that scripts may rely on. */
enum cli_exit {
    CLI_OK = 0,
    CLI_OVER_BUDGET = 1,
    CLI_USAGE = 2,
    CLI_ENVIRONMENT = 3,
    CLI_INTERNAL = 4
};

/* Verbs as bits, for the table of options. */
enum cli_verb_bit {
    VERB_INGEST = 1,
    VERB_EMBED = 2,
    VERB_PREPROCESS = 4,
    VERB_SEARCH = 8,
    VERB_COLLECTION = 16,
    VERB_REPORT = 32,
    VERB_PLAN = 64,
    VERB_DOCTOR = 128,
    VERB_BENCH = 256,
    VERB_CONFIG = 512,
    VERB_DELETE = 1024,
    VERB_HEALTH = 2048,
    VERB_INSERT = 4096, /* besides VERB_INGEST: it takes what ingest takes */
    VERB_VERIFY = 8192,
    VERB_ALL = 511 | VERB_DELETE | VERB_HEALTH |
               VERB_VERIFY, /* that do something with pictures or stores */
    VERB_RUNS = VERB_INGEST | VERB_EMBED | VERB_PREPROCESS,
    VERB_STORES =
        VERB_INGEST | VERB_SEARCH | VERB_COLLECTION | VERB_REPORT | VERB_DELETE | VERB_HEALTH
};

struct cli_args;

/* One verb: a line of the table in main.c. */
struct cli_verb {
    const char *name;
    unsigned bit;
    const char *usage;    /* what follows the name */
    const char *summary;  /* one line */
    const char *details;  /* for --help: what it does, may be several lines */
    const char *examples; /* lines ready to be typed */
    int (*run)(const struct cli_args *args);
};

extern const struct cli_verb cli_verbs[];
extern const size_t cli_n_verbs;

int cli_ingest(const struct cli_args *args);
int cli_embed(const struct cli_args *args);
int cli_preprocess(const struct cli_args *args);
int cli_search(const struct cli_args *args);
int cli_collection(const struct cli_args *args);
int cli_report(const struct cli_args *args);
int cli_plan(const struct cli_args *args);
int cli_doctor(const struct cli_args *args);
int cli_bench(const struct cli_args *args);
int cli_config(const struct cli_args *args);
int cli_delete(const struct cli_args *args);
int cli_health(const struct cli_args *args);
int cli_verify(const struct cli_args *args);
int cli_insert(const struct cli_args *args);

#endif
