/* SPDX-License-Identifier: Apache-2.0 */
/* Which plan and which embedder a run uses. */
#include "pipeline/choice.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

#define NO_EMBEDDER "none"

static bool is_none(const char *embed)
{
    return strcmp(embed, NO_EMBEDDER) == 0;
}

/* What the caller named; `*out` stays NULL if nothing. */
static mr_status named_plan(const mr_pipeline_options *options, mr_plan **out, mr_error *err)
{
    *out = NULL;
    if (options->plan_text)
        return mr_plan_parse(options->plan_text, out, err);
    if (options->plan)
        return mr_plan_open(options->plan, out, err);
    return MR_OK;
}

mr_status mr__choice_check(const mr_pipeline_options *options, mr_error *err)
{
    mr_plan *plan = NULL;
    mr_embedder *embedder = NULL;
    mr_status status = named_plan(options, &plan, err);

    if (status == MR_OK && options->embed && !is_none(options->embed))
        status =
            mr_embedder_open(options->embed, plan, &options->stream.pool.logger, &embedder, err);
    mr_embedder_close(&embedder);
    mr_plan_close(&plan);
    return status;
}

/* The plan that `embed` needs, by name. */
static mr_status needed_plan(const mr_pipeline_options *options, const char *embed, char *name,
                             size_t size, mr_error *err)
{
    mr_embedder *embedder = NULL;
    mr_embedder_info info;
    mr_status status;

    if (is_none(embed))
        return mr__error_set(err, MR_E_INVALID, "no plan: without an embedder one must be named");
    status = mr_embedder_open(embed, NULL, &options->stream.pool.logger, &embedder, err);
    if (status != MR_OK)
        return status;
    mr_embedder_info_get(embedder, &info);
    if (!info.plan || !mr__text_copy(name, size, info.plan))
        status =
            mr__error_set(err, MR_E_INVALID, "no plan: embedder %s needs one to be named", embed);
    mr_embedder_close(&embedder);
    return status;
}

static mr_status choose_plan(const mr_pipeline_options *options, const mr_collection *remembered,
                             const char *embed, mr__choice *out, mr_error *err)
{
    mr_status status = named_plan(options, &out->plan, err);

    if (status != MR_OK)
        return status;
    if (!out->plan && remembered->plan_text && *remembered->plan_text) {
        status = mr_plan_parse(remembered->plan_text, &out->plan, err);
        if (status != MR_OK)
            return mr__error_wrap(err, "plan of collection %s", remembered->name);
        (void)mr__text_copy(out->plan_name, sizeof out->plan_name,
                            remembered->plan_name ? remembered->plan_name : "custom");
        return MR_OK;
    }
    if (!out->plan) {
        status = needed_plan(options, embed, out->plan_name, sizeof out->plan_name, err);
        if (status == MR_OK)
            status = mr_plan_open(out->plan_name, &out->plan, err);
    }
    if (status == MR_OK)
        (void)mr__text_copy(out->plan_name, sizeof out->plan_name, mr_plan_name(out->plan));
    return status;
}

mr_status mr__choice_open(const mr_pipeline_options *options, mr_store *store, mr__choice *out,
                          mr_error *err)
{
    mr_collection remembered = {0};
    const char *embed;
    mr_error none;
    mr_status status;

    *out = (mr__choice){0};
    /* a store that is new, or remembers nothing, leaves all to the caller and the embedder */
    status = mr_store_collection(store, options->collection, &remembered, &none);
    if (status != MR_OK)
        remembered = (mr_collection){0};
    if (status != MR_OK && status != MR_E_NOT_FOUND && status != MR_E_UNSUPPORTED) {
        if (err)
            *err = none;
        return status;
    }
    embed = options->embed ? options->embed : remembered.embedder ? remembered.embedder : "builtin";
    status = choose_plan(options, &remembered, embed, out, err);
    if (status == MR_OK && !is_none(embed))
        status =
            mr_embedder_open(embed, out->plan, &options->stream.pool.logger, &out->embedder, err);
    if (status == MR_OK && out->embedder)
        mr_embedder_info_get(out->embedder, &out->info);
    mr_collection_fini(&remembered);
    if (status != MR_OK)
        mr__choice_close(out);
    return status;
}

void mr__choice_close(mr__choice *choice)
{
    mr_embedder_close(&choice->embedder);
    mr_plan_close(&choice->plan);
    *choice = (mr__choice){0};
}
