/* SPDX-License-Identifier: Apache-2.0 */
/* The collections that the configuration file declares. */
#ifndef MILLRACE_CLI_DECLARED_H
#define MILLRACE_CLI_DECLARED_H

#include "options.h"

#define CLI_DECLARED_PARAMS_MAX 16
#define CLI_DECLARED_FIELDS_MAX 64

/* Texts belong to the configuration; NULL, 0: not said. */
struct cli_declared {
    const char *name;
    const char *description;
    uint32_t dim; /* of its vector field */
    const char *index;
    const char *metric;
    mr_param params[CLI_DECLARED_PARAMS_MAX]; /* of the schema, then of the index */
    size_t n_fields;                          /* how many of them are of the schema */
    size_t n_params;
    size_t at; /* its number in the list */
    unsigned line;
};

/* Number `index` of the list; false past its end. */
bool cli_declared_at(const struct cli_args *args, size_t index, struct cli_declared *out);

/* The one of that name; false if there is none. */
bool cli_declared_find(const struct cli_args *args, const char *name, struct cli_declared *out);

#endif
