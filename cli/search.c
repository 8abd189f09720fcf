/* SPDX-License-Identifier: Apache-2.0 */
/* search: the nearest rows to a picture, to a row, or to vectors. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "console.h"
#include "npy.h"
#include "options.h"
#include "out.h"
#include "storearg.h"
#include "text.h"

#define NO_QUERY "wanted one of --image FILE, --id ID, --vector FILE.npy"

static json_t *object_of(const char *text)
{
    json_t *object = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;

    return object ? object : json_object();
}

static json_t *hits_json(const mr_hits *hits, bool fields)
{
    json_t *results = json_array();
    size_t i;

    for (i = 0; i < mr_hits_count(hits); i++) {
        const mr_hit *hit = mr_hits_at(hits, i);
        json_t *result = json_pack("{s:o,s:f,s:f,s:o,s:o}", "id", cli_out_string(hit->id), "score",
                                   (double)hit->score, "distance", (double)hit->distance, "uri",
                                   cli_out_string(hit->uri), "metadata", object_of(hit->metadata));

        if (fields && result)
            (void)json_object_set_new(result, "fields", object_of(hit->fields));
        (void)json_array_append_new(results, result);
    }
    return results;
}

static void print_text(const char *query, const mr_hits *hits, uint32_t k, bool fields)
{
    char shown[600], id[600], text[4096];
    size_t i;

    cli_text_escape(shown, sizeof shown, query);
    printf("%s: %zu of %u nearest by %s in %.2f ms\n", shown, mr_hits_count(hits), k,
           mr_metric_name(mr_hits_metric(hits)), mr_hits_ms(hits));
    for (i = 0; i < mr_hits_count(hits); i++) {
        const mr_hit *hit = mr_hits_at(hits, i);

        cli_text_escape(id, sizeof id, hit->id);
        cli_text_escape(shown, sizeof shown, hit->uri ? hit->uri : "");
        printf("%4zu  %8.4f  %s%s%s%s\n", i + 1, (double)hit->score, id,
               strcmp(id, shown) != 0 ? "  (" : "", strcmp(id, shown) != 0 ? shown : "",
               strcmp(id, shown) != 0 ? ")" : "");
        if (fields) {
            cli_text_escape(text, sizeof text, hit->fields);
            printf("                %s\n", text);
        }
    }
}

static bool print_hits(const struct cli_args *args, const char *query, mr_hits *hits, uint32_t k)
{
    bool fields = cli_given(args, OPT_OUTPUT_FIELD);

    if (cli_given(args, OPT_JSON))
        return cli_out_json(json_pack("{s:o,s:i,s:f,s:s,s:o}", "query", cli_out_string(query), "k",
                                      (int)k, "ms", round(mr_hits_ms(hits) * 1000) / 1000, "metric",
                                      mr_metric_name(mr_hits_metric(hits)), "results",
                                      hits_json(hits, fields)),
                            9);
    print_text(query, hits, k, fields);
    return cli_out_open();
}

/* Every vector of the file is a query of its own. */
static mr_status search_vectors(const struct cli_args *args, mr_store *store, const char *path,
                                const mr_search_options *options, mr_error *err)
{
    struct cli_vectors vectors;
    char query[4200], why[160], shown[300];
    mr_status status = MR_OK;
    bool open = true;
    size_t i;

    if (!cli_npy_read(path, &vectors, why, sizeof why)) {
        cli_text_escape(shown, sizeof shown, path);
        (void)snprintf(err->message, sizeof err->message, "%s%s: %s",
                       cli_given(args, OPT_VECTOR) ? "--vector " : "", shown, why);
        return MR_E_INVALID;
    }
    for (i = 0; i < vectors.count && status == MR_OK && open; i++) {
        mr_hits *hits = NULL;

        if (vectors.count == 1)
            (void)snprintf(query, sizeof query, "%s", path);
        else
            (void)snprintf(query, sizeof query, "%s[%zu]", path, i);
        status = mr_search_vector(store, vectors.data + i * vectors.dim, vectors.dim, options,
                                  &hits, err);
        if (status == MR_OK)
            open = print_hits(args, query, hits, options->k);
        mr_hits_free(&hits);
    }
    cli_vectors_fini(&vectors);
    return status;
}

/* A query without an option that says what it is: vectors if its name ends so, else a picture. */
static bool is_vectors(const char *query)
{
    const char *ending = strrchr(query, '.');

    return ending && strcasecmp(ending, ".npy") == 0 && !strstr(query, "://");
}

/* The picture that is looked for: --image, or the last name when there is no option for it. */
static const char *query_image(const struct cli_args *args)
{
    if (!cli_has_query(args))
        return cli_text(args, OPT_IMAGE);
    return is_vectors(args->names[args->n_names - 1]) ? NULL : args->names[args->n_names - 1];
}

static const char *query_vectors(const struct cli_args *args)
{
    if (!cli_has_query(args))
        return cli_text(args, OPT_VECTOR);
    return query_image(args) ? NULL : args->names[args->n_names - 1];
}

static mr_status search(const struct cli_args *args, mr_store *store,
                        const struct cli_params *params, mr_error *err)
{
    const char *image = query_image(args), *id = cli_text(args, OPT_ID);
    const char *vectors = query_vectors(args);
    mr_search_options options;
    mr_hits *hits = NULL;
    mr_status status;

    mr_search_options_init(&options);
    options.filter = cli_text(args, OPT_FILTER);
    options.output_fields = args->values[OPT_OUTPUT_FIELD].list;
    options.n_output_fields = args->values[OPT_OUTPUT_FIELD].n_list;
    options.params = params->params;
    options.n_params = params->n;
    options.allow_private = cli_given(args, OPT_ALLOW_PRIVATE);
    options.collection = cli_text(args, OPT_COLLECTION);
    options.k = (uint32_t)cli_number(args, OPT_K, options.k);
    options.force_plan = cli_given(args, OPT_FORCE_PLAN);
    options.require_sandbox = cli_given(args, OPT_REQUIRE_SANDBOX);
    options.logger = cli_console_logger();
    if (vectors)
        return search_vectors(args, store, vectors, &options, err);
    status = image ? mr_search_image(store, image, &options, &hits, err)
                   : mr_search_id(store, id, &options, &hits, err);
    if (status == MR_OK)
        (void)print_hits(args, image ? image : id, hits, options.k);
    mr_hits_free(&hits);
    return status;
}

/* Does it look like a store rather than like a query? */
static bool is_store_name(const char *name)
{
    const char *ending = strrchr(name, '.');

    return strncmp(name, "milvus://", 9) == 0 || (ending && strcmp(ending, ".mill") == 0);
}

/* One name and no option for a query: with no store configured something is missing, and which it
 * is depends on what was named. */
static int one_name(const struct cli_args *args)
{
    char shown[300];

    if (is_store_name(args->names[0]))
        return cli_usage(args->verb, NO_QUERY);
    cli_text_escape(shown, sizeof shown, args->names[0]);
    return cli_usage(args->verb, "%s is taken as the query, and there is " CLI_NO_STORE, shown);
}

int cli_search(const struct cli_args *args)
{
    int queries =
        cli_given(args, OPT_IMAGE) + cli_given(args, OPT_ID) + cli_given(args, OPT_VECTOR);
    mr_store *store = NULL;
    struct cli_params params;
    mr_error err = {0};
    mr_status status;
    int rc;

    if (queries + cli_has_query(args) != 1)
        return cli_usage(args->verb, NO_QUERY);
    if (cli_has_query(args) && args->n_names < 2 && !args->store)
        return one_name(args);
    if (args->n_names > (cli_has_query(args) ? 2 : 1))
        return cli_usage(args->verb, "one STORE, and nothing else");
    (void)cli_params(args, &params, &rc);
    if (rc == CLI_OK)
        rc = cli_store_open(args, cli_has_query(args) && args->n_names == 1, CLI_STORE_READS,
                            &store);
    if (rc != CLI_OK)
        return rc;
    status = search(args, store, &params, &err);
    mr_store_close(&store);
    if (status == MR_E_ITEM) {
        char shown[300];

        cli_text_escape(shown, sizeof shown, query_image(args));
        return cli_fail(args->verb, CLI_OVER_BUDGET, "%s%s: %s",
                        cli_given(args, OPT_IMAGE) ? "--image " : "", shown, err.message);
    }
    if (status != MR_OK)
        return cli_fail_filter(args, status, &err);
    return cli_out_finish(args->verb, CLI_OK);
}
