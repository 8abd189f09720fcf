/* SPDX-License-Identifier: Apache-2.0 */
/* search: the nearest rows to a picture, to a row, or to vectors. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "npy.h"
#include "options.h"
#include "out.h"
#include "storearg.h"
#include "text.h"

static json_t *hits_json(const mr_hits *hits)
{
    json_t *results = json_array();
    size_t i;

    for (i = 0; i < mr_hits_count(hits); i++) {
        const mr_hit *hit = mr_hits_at(hits, i);
        json_t *metadata = json_loads(hit->metadata ? hit->metadata : "{}", 0, NULL);

        (void)json_array_append_new(
            results,
            json_pack("{s:o,s:f,s:f,s:o,s:o}", "id", cli_out_string(hit->id), "score",
                      (double)hit->score, "distance", (double)hit->distance, "uri",
                      cli_out_string(hit->uri), "metadata", metadata ? metadata : json_object()));
    }
    return results;
}

static void print_text(const char *query, const mr_hits *hits, uint32_t k)
{
    char shown[600], id[600];
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
    }
}

static bool print_hits(const struct cli_args *args, const char *query, mr_hits *hits, uint32_t k)
{
    if (cli_given(args, OPT_JSON))
        return cli_out_json(json_pack("{s:o,s:i,s:f,s:s,s:o}", "query", cli_out_string(query), "k",
                                      (int)k, "ms", round(mr_hits_ms(hits) * 1000) / 1000, "metric",
                                      mr_metric_name(mr_hits_metric(hits)), "results",
                                      hits_json(hits)),
                            9);
    print_text(query, hits, k);
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
        (void)snprintf(err->message, sizeof err->message, "--vector %s: %s", shown, why);
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

/* The picture that is looked for: --image, or the last name when there is no option for it. */
static const char *query_image(const struct cli_args *args)
{
    return cli_has_query(args) ? args->names[args->n_names - 1] : cli_text(args, OPT_IMAGE);
}

static mr_status search(const struct cli_args *args, mr_store *store, mr_error *err)
{
    const char *image = query_image(args), *id = cli_text(args, OPT_ID);
    mr_search_options options;
    mr_hits *hits = NULL;
    mr_status status;

    mr_search_options_init(&options);
    options.collection = cli_text(args, OPT_COLLECTION);
    options.k = (uint32_t)cli_number(args, OPT_K, options.k);
    options.force_plan = cli_given(args, OPT_FORCE_PLAN);
    options.require_sandbox = cli_given(args, OPT_REQUIRE_SANDBOX);
    options.logger = cli_console_logger();
    if (cli_given(args, OPT_VECTOR))
        return search_vectors(args, store, cli_text(args, OPT_VECTOR), &options, err);
    status = image ? mr_search_image(store, image, &options, &hits, err)
                   : mr_search_id(store, id, &options, &hits, err);
    if (status == MR_OK)
        (void)print_hits(args, image ? image : id, hits, options.k);
    mr_hits_free(&hits);
    return status;
}

int cli_search(const struct cli_args *args)
{
    int queries =
        cli_given(args, OPT_IMAGE) + cli_given(args, OPT_ID) + cli_given(args, OPT_VECTOR);
    mr_store *store = NULL;
    mr_error err = {0};
    mr_status status;
    size_t used;
    int rc;

    if (queries + cli_has_query(args) != 1 ||
        (cli_has_query(args) && args->n_names < 2 && !args->store))
        return cli_usage(args->verb, "wanted one of --image FILE, --id ID, --vector FILE.npy");
    if (args->n_names > (cli_has_query(args) ? 2 : 1))
        return cli_usage(args->verb, "one STORE, and nothing else");
    rc = cli_store_open(args, cli_has_query(args) && args->n_names == 1, &store, &used);
    if (rc != CLI_OK)
        return rc;
    status = search(args, store, &err);
    mr_store_close(&store);
    if (status == MR_E_ITEM) {
        char shown[300];

        cli_text_escape(shown, sizeof shown, query_image(args));
        return cli_fail(args->verb, CLI_OVER_BUDGET, "--image %s: %s", shown, err.message);
    }
    if (status != MR_OK)
        return cli_fail_error(args->verb, status, &err);
    return cli_out_finish(args->verb, CLI_OK);
}
