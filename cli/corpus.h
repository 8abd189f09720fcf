/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures that a benchmark runs over, by name. */
#ifndef MILLRACE_CLI_CORPUS_H
#define MILLRACE_CLI_CORPUS_H

#include "options.h"

struct cli_picture {
    char *locator;
    uint64_t bytes;
};

struct cli_corpus {
    struct cli_picture *pictures; /* smallest first */
    size_t count, room;
    uint64_t bytes;
};

/* Reads the names of all SOURCEs; items that the source itself rejects are left out. */
mr_status cli_corpus_open(const struct cli_args *args, struct cli_corpus *out, mr_error *err);
void cli_corpus_fini(struct cli_corpus *corpus);

/* A file without a name that holds the `n` first locators, NUL after each, at its start; -1 on
 * failure. */
int cli_corpus_list(const struct cli_corpus *corpus, size_t n);

#endif
