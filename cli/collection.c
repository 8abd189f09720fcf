/* SPDX-License-Identifier: Apache-2.0 */
/* collection: what a store holds, and what is done to a collection as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "declared.h"
#include "options.h"
#include "out.h"
#include "settings.h"
#include "storearg.h"
#include "text.h"

/* One action at work. */
struct job {
    const struct cli_args *args;
    mr_store *store;
    const char *store_name;
    const char *name; /* NULL: not said */
    bool headed;
    int rc; /* not CLI_OK: a mistake that was told */
};

static const char *text_or(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static const char *name_or_default(const struct job *job)
{
    return job->name ? job->name : "default";
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
    struct job *job = cookie;
    char name[300];

    if (!job->headed)
        printf("%-24s %12s %6s  %-7s %-8s %-12s %s\n", "NAME", "ENTITIES", "DIM", "METRIC", "INDEX",
               "EMBEDDER", "PLAN");
    job->headed = true;
    cli_text_escape(name, sizeof name, c->name);
    printf("%-24s %12llu %6u  %-7s %-8s %-12s %s\n", name, (unsigned long long)c->num_entities,
           c->dim, mr_metric_name(c->metric), text_or(c->index, "-"), text_or(c->embedder, "-"),
           text_or(c->plan_name, "-"));
    return !cli_out_open();
}

static int print_block(void *cookie, const mr_collection *c)
{
    struct job *job = cookie;
    char name[300];

    cli_text_escape(name, sizeof name, c->name);
    printf("%s%s\n  entities     %llu\n  dimension    %u\n  metric       %s\n  index        %s\n",
           job->headed ? "\n" : "", name, (unsigned long long)c->num_entities, c->dim,
           mr_metric_name(c->metric), text_or(c->index, "-"));
    printf("  embedder     %s\n  plan         %s\n  fingerprint  %s\n", text_or(c->embedder, "-"),
           text_or(c->plan_name, "-"), text_or(c->fingerprint, "-"));
    if (c->description && *c->description) {
        cli_text_escape(name, sizeof name, c->description);
        printf("  description  %s\n", name);
    }
    job->headed = true;
    return !cli_out_open();
}

/* All of them, or the one that is named. */
static mr_status show(struct job *job, int (*print)(void *, const mr_collection *), mr_error *err)
{
    mr_collection one = {0};
    mr_status status;

    if (cli_given(job->args, OPT_JSON))
        print = print_json;
    if (!job->name)
        return mr_store_list(job->store, print, job, err);
    status = mr_store_collection(job->store, job->name, &one, err);
    if (status == MR_OK)
        (void)print(job, &one);
    mr_collection_fini(&one);
    return status;
}

static mr_status list(struct job *job, mr_error *err)
{
    return show(job, print_line, err);
}

static mr_status stats(struct job *job, mr_error *err)
{
    return show(job, print_block, err);
}

/* "collection NAME of STORE: DONE", or {"name":NAME,KEY:VALUE}. */
static mr_status tell(const struct job *job, const char *name, const char *key, bool value,
                      const char *done)
{
    char shown[300], store[512];

    if (cli_given(job->args, OPT_JSON)) {
        (void)cli_out_json(json_pack("{s:o,s:b}", "name", cli_out_string(name), key, value), 9);
        return MR_OK;
    }
    cli_text_escape(shown, sizeof shown, name);
    cli_text_escape(store, sizeof store, job->store_name);
    printf("collection %s of %s: %s\n", shown, store, done);
    return MR_OK;
}

/* Was it said on the command line or in the environment? Both beat what the file declares of this
 * collection, and that beats what the file says of all. */
static bool is_said(const struct cli_args *args, enum cli_option_id id)
{
    return args->values[id].rank > RANK_FILE;
}

static mr_status choose(const struct job *job, const struct cli_declared *declared,
                        const struct cli_params *params, mr_collection_options *out, mr_error *err)
{
    const struct cli_args *args = job->args;
    bool milvus = strncmp(job->store_name, "milvus://", 9) == 0;
    mr_status status = MR_OK;

    mr_collection_options_init(out);
    out->name = declared->name;
    out->dim = (uint32_t)cli_number(args, OPT_DIM, declared->dim);
    out->description = cli_given(args, OPT_DESCRIPTION) ? cli_text(args, OPT_DESCRIPTION)
                                                        : text_or(declared->description, "");
    out->metric = (mr_metric)cli_number(args, OPT_METRIC, out->metric);
    out->index = cli_given(args, OPT_INDEX) ? cli_text(args, OPT_INDEX) : out->index;
    if (declared->metric && !is_said(args, OPT_METRIC))
        status = mr_metric_from_name(declared->metric, &out->metric, err);
    /* the indexes that a file declares are those of Milvus; a local store searches exactly */
    if (declared->index && milvus && !is_said(args, OPT_INDEX))
        out->index = declared->index;
    if (milvus) {
        out->params = declared->params;
        out->n_params = is_said(args, OPT_INDEX) ? declared->n_fields : declared->n_params;
    }
    if (params->n > 0) {
        out->params = params->params;
        out->n_params = params->n;
    }
    return status;
}

static mr_status create_one(const struct job *job, const struct cli_declared *declared,
                            const struct cli_params *params, mr_error *err)
{
    mr_collection_options options;
    mr_collection made = {0};
    mr_status status = choose(job, declared, params, &options, err);

    if (status == MR_OK)
        status = mr_store_create(job->store, &options, err);
    if (status != MR_OK)
        return status;
    if (!cli_given(job->args, OPT_JSON))
        return tell(job, options.name, "created", true, "created");
    status = mr_store_collection(job->store, options.name, &made, err);
    if (status == MR_OK)
        (void)print_json(NULL, &made);
    mr_collection_fini(&made);
    return status;
}

/* Those that the file declares and the store lacks. */
static mr_status create_declared(const struct job *job, mr_error *err)
{
    const struct cli_params none = {.n = 0};
    struct cli_declared declared;
    mr_status status = MR_OK;
    size_t i;

    for (i = 0; status == MR_OK && cli_declared_at(job->args, i, &declared); i++) {
        mr_collection has = {0};

        status = mr_store_collection(job->store, declared.name, &has, err);
        if (status == MR_E_NOT_FOUND)
            status = create_one(job, &declared, &none, err);
        else if (status == MR_OK)
            status = tell(job, declared.name, "created", false, "is there already");
        mr_collection_fini(&has);
    }
    return status;
}

static mr_status create(struct job *job, mr_error *err)
{
    const struct cli_args *args = job->args;
    const char *made = args->made_store;
    struct cli_declared declared = {0};
    struct cli_params params;

    (void)cli_params(args, &params, &job->rc);
    if (job->rc != CLI_OK)
        return MR_OK;
    if (!job->name && !cli_given(args, OPT_DIM) && cli_declared_at(args, 0, &declared))
        return create_declared(job, err);
    if (!job->name)
        job->name = cli_text(args, OPT_COLLECTION);
    if (!cli_declared_find(args, name_or_default(job), &declared))
        declared = (struct cli_declared){.name = name_or_default(job)};
    /* of a Milvus that the file describes, so is the length of its vectors */
    if (declared.dim == 0 && made && strcmp(job->store_name, made) == 0)
        declared.dim =
            (uint32_t)strtoul(cli_settings_original(args, "milvus.embedding_dim"), NULL, 10);
    if (declared.dim == 0 && !cli_given(args, OPT_DIM)) {
        job->rc = cli_usage(args->verb, "create: --dim is missing: the length of a vector");
        return MR_OK;
    }
    return create_one(job, &declared, &params, err);
}

static mr_status drop(struct job *job, mr_error *err)
{
    mr_status status = mr_store_drop(job->store, job->name, err);

    return status == MR_OK ? tell(job, job->name, "dropped", true, "dropped") : status;
}

static mr_status load(struct job *job, mr_error *err)
{
    mr_status status = mr_store_load(job->store, job->name, err);

    return status == MR_OK ? tell(job, name_or_default(job), "loaded", true, "loaded") : status;
}

static mr_status release(struct job *job, mr_error *err)
{
    mr_status status = mr_store_release(job->store, job->name, err);

    return status == MR_OK ? tell(job, name_or_default(job), "loaded", false, "released") : status;
}

static mr_status flush(struct job *job, mr_error *err)
{
    mr_status status = mr_store_flush(job->store, job->name, err);

    return status == MR_OK ? tell(job, name_or_default(job), "flushed", true, "flushed") : status;
}

static const struct action {
    const char *name;
    mr_status (*run)(struct job *job, mr_error *err);
    enum cli_store_access access;
    enum { NAME_COMMANDED, NAME_CONFIGURED, NAME_REQUIRED } needs;
} actions[] = {
    /* a configured collection is for the verbs that work in one; these show all */
    {"list", list, CLI_STORE_READS, NAME_COMMANDED},
    {"stats", stats, CLI_STORE_READS, NAME_COMMANDED},
    {"create", create, CLI_STORE_MAKES, NAME_COMMANDED},
    {"drop", drop, CLI_STORE_WRITES, NAME_REQUIRED},
    {"delete", drop, CLI_STORE_WRITES, NAME_REQUIRED},
    {"load", load, CLI_STORE_READS, NAME_CONFIGURED},
    {"release", release, CLI_STORE_READS, NAME_CONFIGURED},
    {"flush", flush, CLI_STORE_WRITES, NAME_CONFIGURED},
};

enum { ACTIONS = sizeof actions / sizeof actions[0] };

static int unknown_action(const struct cli_args *args, const char *name)
{
    struct cli_nearest nearest = {.typed = name};
    char shown[64];
    size_t i;

    for (i = 0; i < ACTIONS; i++)
        cli_nearest_offer(&nearest, actions[i].name);
    cli_text_escape(shown, sizeof shown, name);
    return cli_usage(
        args->verb, "%s%s: wanted list, stats, create, drop, load, release or flush%s%s%s",
        *name ? "unknown action " : "no action", shown, nearest.best ? "; did you mean " : "",
        nearest.best ? nearest.best : "", nearest.best ? "?" : "");
}

/* STORE's NAME: behind it, or --collection, which may also come from the environment or the file.
 */
static const char *name_of(const struct cli_args *args, const struct action *action)
{
    if (args->n_names > 2)
        return args->names[2];
    if (args->values[OPT_COLLECTION].rank == RANK_COMMAND || action->needs == NAME_CONFIGURED)
        return cli_text(args, OPT_COLLECTION);
    return NULL;
}

int cli_collection(const struct cli_args *args)
{
    const char *name = args->n_names > 0 ? args->names[0] : "";
    const struct action *action = actions;
    struct job job = {.args = args};
    mr_error err = {0};
    mr_status status;
    int rc;

    while (action < actions + ACTIONS && strcmp(name, action->name) != 0)
        action++;
    if (action == actions + ACTIONS)
        return unknown_action(args, name);
    if (args->n_names > 3)
        return cli_usage(args->verb, "wanted: %s STORE [NAME]", name);
    job.name = name_of(args, action);
    if (action->needs == NAME_REQUIRED && !job.name)
        return cli_usage(args->verb, "%s wants the NAME of a collection", name);
    job.store_name = cli_store_name(args, 1);
    rc = cli_store_open(args, 1, action->access, &job.store);
    if (rc != CLI_OK)
        return rc;
    status = action->run(&job, &err);
    mr_store_close(&job.store);
    if (job.rc != CLI_OK)
        return job.rc;
    if (status != MR_OK)
        return cli_fail_error(args->verb, status, &err);
    return cli_out_finish(args->verb, CLI_OK);
}
