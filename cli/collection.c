/* SPDX-License-Identifier: Apache-2.0 */
/* collection list|stats: what a store holds. */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "options.h"
#include "out.h"
#include "storearg.h"
#include "text.h"

static const char *text_or(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static int print_json(void *cookie, const mr_collection *c)
{
    (void)cookie;
    return !cli_out_json(
        json_pack("{s:o,s:I,s:i,s:s,s:o,s:o,s:o,s:o}", "name", cli_out_string(c->name),
                  "num_entities", (json_int_t)c->num_entities, "dim", (int)c->dim, "metric",
                  mr_metric_name(c->metric), "index", cli_out_string(c->index), "description",
                  cli_out_string(c->description), "fingerprint", cli_out_string(c->fingerprint),
                  "embedder", cli_out_string(c->embedder)),
        9);
}

static int print_line(void *cookie, const mr_collection *c)
{
    bool *headed = cookie;
    char name[300];

    if (!*headed)
        printf("%-24s %12s %6s  %-7s %-8s %-12s %s\n", "NAME", "ENTITIES", "DIM", "METRIC", "INDEX",
               "EMBEDDER", "PLAN");
    *headed = true;
    cli_text_escape(name, sizeof name, c->name);
    printf("%-24s %12llu %6u  %-7s %-8s %-12s %s\n", name, (unsigned long long)c->num_entities,
           c->dim, mr_metric_name(c->metric), text_or(c->index, "-"), text_or(c->embedder, "-"),
           text_or(c->plan_name, "-"));
    return !cli_out_open();
}

static int print_block(void *cookie, const mr_collection *c)
{
    bool *headed = cookie;
    char name[300];

    cli_text_escape(name, sizeof name, c->name);
    printf("%s%s\n  entities     %llu\n  dimension    %u\n  metric       %s\n  index        %s\n",
           *headed ? "\n" : "", name, (unsigned long long)c->num_entities, c->dim,
           mr_metric_name(c->metric), text_or(c->index, "-"));
    printf("  embedder     %s\n  plan         %s\n  fingerprint  %s\n", text_or(c->embedder, "-"),
           text_or(c->plan_name, "-"), text_or(c->fingerprint, "-"));
    if (c->description && *c->description) {
        cli_text_escape(name, sizeof name, c->description);
        printf("  description  %s\n", name);
    }
    *headed = true;
    return !cli_out_open();
}

int cli_collection(const struct cli_args *args)
{
    const char *action = args->n_names > 0 ? args->names[0] : "", *name;
    int (*print)(void *, const mr_collection *);
    struct cli_nearest nearest = {.typed = action};
    mr_collection one = {0};
    mr_store *store = NULL;
    mr_error err = {0};
    mr_status status;
    bool headed = false;
    char shown[64];
    size_t used;
    int rc;

    if (strcmp(action, "list") != 0 && strcmp(action, "stats") != 0) {
        cli_nearest_offer(&nearest, "list");
        cli_nearest_offer(&nearest, "stats");
        cli_text_escape(shown, sizeof shown, action);
        return cli_usage(args->verb, "%s%s: wanted list or stats%s%s%s",
                         *action ? "unknown action " : "no action", shown,
                         nearest.best ? "; did you mean " : "", nearest.best ? nearest.best : "",
                         nearest.best ? "?" : "");
    }
    if (args->n_names > 3)
        return cli_usage(args->verb, "wanted: %s STORE [NAME]", action);
    print = cli_given(args, OPT_JSON)     ? print_json
            : strcmp(action, "list") == 0 ? print_line
                                          : print_block;
    rc = cli_store_open(args, 1, &store, &used);
    if (rc != CLI_OK)
        return rc;
    name = args->n_names > 2 ? args->names[2] : NULL;
    /* a configured collection is for the verbs that work in one; here all are shown */
    if (!name && args->values[OPT_COLLECTION].rank == RANK_COMMAND)
        name = cli_text(args, OPT_COLLECTION);
    if (name) {
        status = mr_store_collection(store, name, &one, &err);
        if (status == MR_OK)
            (void)print(&headed, &one);
        mr_collection_fini(&one);
    } else {
        status = mr_store_list(store, print, &headed, &err);
    }
    mr_store_close(&store);
    if (status != MR_OK)
        return cli_fail_error(args->verb, status, &err);
    return cli_out_finish(args->verb, CLI_OK);
}
