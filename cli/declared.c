/* SPDX-License-Identifier: Apache-2.0 */
/* The collections that the configuration file declares: entries of the list `collections`. */
#include "declared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

/* Value of "collections[index]" + rest, NULL if it is not there. */
static const mr_config_value *value_of(const struct cli_args *args, size_t index, const char *rest)
{
    char name[256];

    (void)snprintf(name, sizeof name, "collections[%zu]%s", index, rest);
    return mr_config_find(args->config, name);
}

static const char *text_of(const struct cli_args *args, size_t index, const char *rest)
{
    const mr_config_value *value = value_of(args, index, rest);

    return value ? value->text : NULL;
}

/* Length of the field that holds vectors: the one of type FLOAT_VECTOR. */
static uint32_t dim_of(const struct cli_args *args, size_t index)
{
    char rest[64];
    size_t i;

    for (i = 0; i < CLI_DECLARED_FIELDS_MAX; i++) {
        const char *type, *dim;

        (void)snprintf(rest, sizeof rest, ".schema.fields[%zu].type", i);
        type = text_of(args, index, rest);
        (void)snprintf(rest, sizeof rest, ".schema.fields[%zu].dim", i);
        dim = text_of(args, index, rest);
        if (type && dim && strcasecmp(type, "FLOAT_VECTOR") == 0)
            return (uint32_t)strtoul(dim, NULL, 10); /* checked when the file was read */
    }
    return 0;
}

static void add(struct cli_declared *out, const char *name, const char *text)
{
    if (text && out->n_params < CLI_DECLARED_PARAMS_MAX)
        out->params[out->n_params++] = (mr_param){name, text};
}

/* Which field is the key, and which has the vectors. */
static void take_fields(const struct cli_args *args, size_t index, struct cli_declared *out)
{
    static const char *const parts[] = {"type", "primary_key", "auto_id", "name"};
    const char *texts[4];
    uint64_t primary;
    char rest[64];
    size_t i, k;

    for (i = 0; i < CLI_DECLARED_FIELDS_MAX; i++) {
        for (k = 0; k < 4; k++) {
            (void)snprintf(rest, sizeof rest, ".schema.fields[%zu].%s", i, parts[k]);
            texts[k] = text_of(args, index, rest);
        }
        if (!texts[0])
            break;
        if (strcasecmp(texts[0], "FLOAT_VECTOR") == 0)
            add(out, "vector_field", texts[3]);
        if (texts[1] && cli_text_truth(texts[1], &primary) && primary) {
            add(out, "id_type", texts[0]);
            add(out, "auto_id", texts[2]);
        }
    }
    out->n_fields = out->n_params;
}

/* What stands below "collections[index].index.params". */
static void take_params(const struct cli_args *args, size_t index, struct cli_declared *out)
{
    const mr_config_value *value;
    char prefix[64];
    size_t n, i;

    (void)snprintf(prefix, sizeof prefix, "collections[%zu].index.params.", index);
    n = strlen(prefix);
    for (i = 0; (value = mr_config_at(args->config, i)) != NULL; i++)
        if (strncmp(value->name, prefix, n) == 0 && strcmp(value->name + n, "metric_type") != 0)
            add(out, value->name + n, value->text);
}

bool cli_declared_at(const struct cli_args *args, size_t index, struct cli_declared *out)
{
    const mr_config_value *name = value_of(args, index, ".name");

    *out = (struct cli_declared){0};
    if (!name || !name->text)
        return false;
    out->name = name->text;
    out->at = index;
    out->line = name->line;
    out->description = text_of(args, index, ".description");
    out->dim = dim_of(args, index);
    out->index = text_of(args, index, ".index.index_type");
    out->metric = text_of(args, index, ".index.metric_type");
    take_fields(args, index, out);
    take_params(args, index, out);
    return true;
}

bool cli_declared_find(const struct cli_args *args, const char *name, struct cli_declared *out)
{
    size_t i;

    for (i = 0; cli_declared_at(args, i, out); i++)
        if (strcmp(out->name, name) == 0)
            return true;
    return false;
}
