/* SPDX-License-Identifier: Apache-2.0 */
/* The section milvus and the list collections, in the words of the store. */
#include "milvusparams.h"

#include <stdio.h>
#include <string.h>

#include "declared.h"
#include "settings.h"

/* keys of the section that are the store's under the same name */
static const char *const keys[] = {"milvus.vector_field",
                                   "milvus.nlist",
                                   "milvus.nprobe",
                                   "milvus.M",
                                   "milvus.efConstruction",
                                   "milvus.intermediate_graph_degree",
                                   "milvus.graph_degree",
                                   "milvus.itopk_size",
                                   "milvus.search_width",
                                   "milvus.min_iterations",
                                   "milvus.max_iterations",
                                   "milvus.team_size",
                                   "milvus.m",
                                   "milvus.nbits",
                                   "milvus.ef",
                                   "milvus.consistency",
                                   "milvus.user",
                                   "milvus.password",
                                   "milvus.token",
                                   "milvus.database",
                                   "milvus.tls",
                                   "milvus.tls_ca",
                                   "milvus.tls_cert",
                                   "milvus.tls_key",
                                   "milvus.tls_name",
                                   "milvus.timeout",
                                   "milvus.retry"};

struct params {
    mr_param *out;
    size_t n;
};

static void add(struct params *p, const char *name, const char *value)
{
    if (value && p->n < CLI_MILVUS_PARAMS_MAX)
        p->out[p->n++] = (mr_param){.name = name, .value = value};
}

static const char *text_of(const struct cli_args *args, const char *name)
{
    const mr_config_value *value = mr_config_find(args->config, name);

    return value ? value->text : NULL;
}

/* The collection in use; NULL: those that `collections` declares, each with what is its own. */
static const char *in_use(const struct cli_args *args)
{
    if (args->verb->bit == VERB_COLLECTION && args->n_names > 2)
        return args->names[2];
    if (args->verb->bit == VERB_COLLECTION && strcmp(args->names[0], "create") == 0 &&
        args->values[OPT_COLLECTION].rank != RANK_COMMAND && !cli_given(args, OPT_DIM))
        return NULL;
    return cli_text(args, OPT_COLLECTION);
}

/* Values below `prefix`, under the last part of their names. */
static void add_below(const struct cli_args *args, const char *prefix, struct params *p)
{
    const mr_config_value *value;
    size_t n = strlen(prefix), i;

    for (i = 0; (value = mr_config_at(args->config, i)) != NULL; i++) {
        const char *name = strrchr(value->name, '.');

        if (value->text && name && strncmp(value->name, prefix, n) == 0 &&
            strcmp(name + 1, "metric_type") != 0)
            add(p, name + 1, value->text);
    }
}

size_t cli_milvus_params(const struct cli_args *args, const char *spec,
                         mr_param out[CLI_MILVUS_PARAMS_MAX])
{
    struct params p = {.out = out};
    struct cli_declared declared;
    const char *name = NULL;
    char prefix[64];
    size_t i;

    if (!spec || strncmp(spec, "milvus:", 7) != 0)
        return 0;
    for (i = 0; i < sizeof keys / sizeof keys[0]; i++)
        add(&p, keys[i] + strlen("milvus."),
            args->made_store ? cli_settings_original(args, keys[i]) : text_of(args, keys[i]));
    name = in_use(args);
    if (!name || !cli_declared_find(args, name, &declared))
        return p.n;
    for (i = 0; i < declared.n_params; i++)
        add(&p, declared.params[i].name, declared.params[i].value);
    (void)snprintf(prefix, sizeof prefix, "collections[%zu].search_params.", declared.at);
    add_below(args, prefix, &p);
    return p.n;
}
