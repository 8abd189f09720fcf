/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the configuration reader: text -> values with places -> checked by the keys. */
#ifndef MR_CONFIG_CONFIG_H
#define MR_CONFIG_CONFIG_H

#include "millrace/config.h"

enum {
    MR__CONFIG_BYTES_MAX = 1 << 20,
    MR__CONFIG_DEPTH_MAX = 16,
    MR__CONFIG_VALUES_MAX = 4096,
    MR__CONFIG_TEXT_MAX = 4096, /* bytes of one value */
    MR__CONFIG_NAME_MAX = 256   /* bytes of a whole name, with its sections */
};

enum mr__node_kind { MR__NODE_VALUE, MR__NODE_NULL, MR__NODE_MAP, MR__NODE_LIST };

typedef struct mr__config_node {
    mr_config_value value; /* name and text are owned */
    enum mr__node_kind kind;
    uint32_t depth; /* 1: top level */
} mr__config_node;

struct mr_config {
    char *name;                       /* of the file, fit to be shown */
    const mr_config_options *options; /* while it is being read */
    mr__config_node *nodes;
    size_t n, cap;
    size_t problems;
    mr_error *err; /* takes the first problem; while it is being read */
};

/* Tells a mistake at `line` (0: of the whole file). */
void mr__config_problem(mr_config *config, uint32_t line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends a node; strings are copied. MR_E_NO_MEMORY. */
mr_status mr__config_add(mr_config *config, const mr__config_node *node, mr_error *err);

/*
 * Reads events into nodes. Where the text ends being readable, `stop` says why and `*stop_line`
 * where ("" otherwise): it is told after the mistakes in what stands before it. MR_E_NO_MEMORY.
 */
mr_status mr__config_read(mr_config *config, const char *text, size_t n, char stop[256],
                          uint32_t *stop_line, mr_error *err);

/* Tells every mistake in the nodes. */
void mr__config_check(mr_config *config);

/* Is it a value of the key; else `why`. */
bool mr__config_fits(const mr_config_key *key, const char *text, char *why, size_t size);

#endif
