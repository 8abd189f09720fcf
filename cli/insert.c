/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insert: ingest of inputs that have an id each, and metadata. Input number i of the command line
 * is one item; it goes with id number i of --ids and with entry number i of the list in --metadata.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "console.h"
#include "run.h"
#include "text.h"

#define FILE_MAX  (256u << 20)
#define KEY_BYTES 5000

/* The items, as the library asks for them one by one. */
struct inputs {
    const struct cli_args *args;
    const struct cli_value *ids; /* of as many as there are inputs, or none */
    json_t *metadata;            /* the same; NULL: none */
    size_t next;
    char *text; /* metadata of the item at hand */
    char key[KEY_BYTES];
};

/* The key of the ledger is uri and id: one file may be inserted under several ids. */
static mr_status give(void *cookie, mr_item *item, mr_error *err)
{
    struct inputs *in = cookie;
    size_t at = in->next;

    if (at == in->args->n_names)
        return MR_EOF;
    in->next++;
    free(in->text);
    in->text = NULL;
    if (in->metadata) {
        in->text = json_dumps(json_array_get(in->metadata, at),
                              JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
        if (!in->text) {
            err->status = MR_E_NO_MEMORY;
            return MR_E_NO_MEMORY;
        }
    }
    item->locator = item->uri = item->id = item->key = in->args->names[at];
    item->metadata = in->text;
    if (in->ids->n_list > 0) {
        (void)snprintf(in->key, sizeof in->key, "%s %s", item->uri, in->ids->list[at]);
        item->id = in->ids->list[at];
        item->key = in->key;
    }
    return MR_OK;
}

/* Reads the list of --metadata; false after the mistake was told, with the status to exit by. */
static bool read_metadata(const struct cli_args *args, json_t **out, int *rc)
{
    const char *path = cli_text(args, OPT_METADATA);
    json_error_t why;
    struct stat st;
    size_t i;
    FILE *f = fopen(path, "re");

    *rc = CLI_USAGE;
    if (!f || fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_size > FILE_MAX) {
        *rc = cli_usage(args->verb, "--metadata %s: %s", path,
                        f ? "not a regular file of at most 256 MiB" : strerror(errno));
        if (f)
            (void)fclose(f);
        return false;
    }
    *out = json_loadf(f, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    (void)fclose(f);
    if (!*out)
        *rc = cli_usage(args->verb, "--metadata %s:%d: %s", path, why.line, why.text);
    else if (!json_is_array(*out))
        *rc = cli_usage(args->verb, "--metadata %s: wanted a list of objects", path);
    else if (json_array_size(*out) != args->n_names)
        *rc = cli_usage(args->verb, "--metadata %s: %zu entries for %zu inputs", path,
                        json_array_size(*out), args->n_names);
    else
        *rc = CLI_OK;
    for (i = 0; *rc == CLI_OK && i < args->n_names; i++)
        if (!json_is_object(json_array_get(*out, i)))
            *rc = cli_usage(args->verb, "--metadata %s: entry %zu is not an object", path, i);
    return *rc == CLI_OK;
}

int cli_insert(const struct cli_args *args)
{
    struct inputs in = {.args = args, .ids = &args->values[OPT_IDS]};
    mr_source *source = NULL;
    mr_error err = {0};
    mr_status status;
    int rc = CLI_OK;

    /* without either it is an ingest: a folder may stand for what is in it */
    if (!cli_given(args, OPT_IDS) && !cli_given(args, OPT_METADATA))
        return cli_ingest(args);
    if (args->n_names == 0)
        return cli_usage(args->verb, "no input: files or URLs, before --ids");
    if (cli_given(args, OPT_IDS) && in.ids->n_list != args->n_names)
        return cli_usage(args->verb, "%zu ids for %zu inputs", in.ids->n_list, args->n_names);
    if (cli_given(args, OPT_METADATA) && !read_metadata(args, &in.metadata, &rc))
        goto done;
    status = mr_source_from_callback(give, NULL, NULL, &in, &source, &err);
    rc = status == MR_OK ? cli_ingest_from(args, source) : cli_fail_error(args->verb, status, &err);
done:
    mr_source_close(&source);
    json_decref(in.metadata);
    free(in.text);
    return rc;
}
