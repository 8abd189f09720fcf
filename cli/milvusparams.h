/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says about a Milvus store, as parameters of it. */
#ifndef MILLRACE_CLI_MILVUSPARAMS_H
#define MILLRACE_CLI_MILVUSPARAMS_H

#include "options.h"

#define CLI_MILVUS_PARAMS_MAX 96

/*
 * Parameters for the store `spec`: the section milvus, and what `collections` declares of the
 * collection in use (later ones win). None if it is no Milvus. Texts belong to the configuration.
 */
size_t cli_milvus_params(const struct cli_args *args, const char *spec,
                         mr_param out[CLI_MILVUS_PARAMS_MAX]);

#endif
