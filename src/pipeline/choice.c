/* SPDX-License-Identifier: Apache-2.0 */
/* Which plan and which embedder a run uses. */
#include "pipeline/choice.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "base/text.h"
#include "embed/embed.h"

#define NO_EMBEDDER "none"

static bool is_none(const char *embed)
{
    return strcmp(embed, NO_EMBEDDER) == 0;
}

static mr_status open_embedder(const mr_pipeline_options *options, const mr__choice *choice,
                               const char *embed, mr_embedder **out, mr_error *err)
{
    const mr_pool_options *pool = &options->stream.pool;
    const mr__embed_context context = {
        .logger = &pool->logger,
        .workers = pool->workers ? pool->workers : mr__machine_cores(),
        .stop = choice->stop,
    };

    return mr__embed_open(embed, choice->plan, &context, out, err);
}

mr_status mr__choice_named(const mr_pipeline_options *options, const mr__stop *stop,
                           mr__choice *out, mr_error *err)
{
    mr_status status = MR_OK;

    *out = (mr__choice){.stop = stop};
    if (options->plan_text)
        status = mr_plan_parse(options->plan_text, &out->plan, err);
    else if (options->plan)
        status = mr_plan_open(options->plan, &out->plan, err);
    if (status == MR_OK && options->embed && !is_none(options->embed))
        status = open_embedder(options, out, options->embed, &out->embedder, err);
    if (!out->plan)
        mr_embedder_close(&out->embedder); /* it was opened for its facts only */
    return status;
}

/* The plan that `embed` needs, by name; "" if it leaves the choice. */
static mr_status needed_plan(const mr_pipeline_options *options, const char *embed, char *name,
                             size_t size, mr_error *err)
{
    const mr__choice no_plan = {0}; /* facts only */
    mr_embedder *embedder = NULL;
    mr_embedder_info info;
    mr_status status;

    name[0] = '\0';
    if (is_none(embed))
        return MR_OK;
    status = open_embedder(options, &no_plan, embed, &embedder, err);
    if (status != MR_OK)
        return status;
    mr_embedder_info_get(embedder, &info);
    if (info.plan && !mr__text_copy(name, size, info.plan))
        name[0] = '\0';
    mr_embedder_close(&embedder);
    return MR_OK;
}

static mr_status no_plan(const char *embed, mr_error *err)
{
    if (is_none(embed))
        return mr__error_set(err, MR_E_INVALID, "no plan: without an embedder one must be named");
    return mr__error_set(err, MR_E_INVALID,
                         "no plan: embedder %s needs one to be named (--plan NAME)", embed);
}

static mr_status choose_plan(const mr_pipeline_options *options, const mr_collection *remembered,
                             const char *embed, mr__choice *out, mr_error *err)
{
    mr_status status = MR_OK;
    bool asked = false;

    if (!out->plan && options->default_plan) {
        asked = true;
        status = needed_plan(options, embed, out->plan_name, sizeof out->plan_name, err);
        if (status == MR_OK && !out->plan_name[0])
            status = mr_plan_open(options->default_plan, &out->plan, err);
        if (status != MR_OK)
            return status;
    }
    if (!out->plan && remembered->plan_text && *remembered->plan_text) {
        status = mr_plan_parse(remembered->plan_text, &out->plan, err);
        if (status != MR_OK)
            return mr__error_wrap(err, "plan of collection %s", remembered->name);
        (void)mr__text_copy(out->plan_name, sizeof out->plan_name,
                            remembered->plan_name ? remembered->plan_name : "custom");
        return MR_OK;
    }
    if (!out->plan) {
        if (!asked)
            status = needed_plan(options, embed, out->plan_name, sizeof out->plan_name, err);
        if (status == MR_OK && !out->plan_name[0])
            status = no_plan(embed, err);
        if (status == MR_OK)
            status = mr_plan_open(out->plan_name, &out->plan, err);
    }
    if (status == MR_OK)
        (void)mr__text_copy(out->plan_name, sizeof out->plan_name, mr_plan_name(out->plan));
    return status;
}

/* The same model under another path is no other embedder: the collection keeps its spelling. */
static void take_spelling(mr_collection *remembered, mr__choice *out)
{
    if (!remembered->embedder || !mr__embed_same(out->embedder, remembered->embedder))
        return;
    out->remembered = remembered->embedder;
    remembered->embedder = NULL;
    out->info.spec = out->remembered;
}

mr_status mr__choice_open(const mr_pipeline_options *options, mr_store *store, mr__choice *out,
                          mr_error *err)
{
    mr_collection remembered = {0};
    const char *embed;
    mr_error none;
    mr_status status;

    /* a store that is new, or remembers nothing, leaves all to the caller and the embedder */
    status = mr_store_collection(store, options->collection, &remembered, &none);
    if (status != MR_OK)
        remembered = (mr_collection){0};
    if (status != MR_OK && status != MR_E_NOT_FOUND && status != MR_E_UNSUPPORTED) {
        if (err)
            *err = none;
        return status;
    }
    /* a collection that was created by hand remembers nothing yet */
    embed = remembered.embedder && *remembered.embedder ? remembered.embedder : "builtin";
    if (options->embed)
        embed = options->embed;
    status = choose_plan(options, &remembered, embed, out, err);
    if (status == MR_OK && !is_none(embed) && !out->embedder)
        status = open_embedder(options, out, embed, &out->embedder, err);
    if (status == MR_OK && out->embedder) {
        mr_embedder_info_get(out->embedder, &out->info);
        take_spelling(&remembered, out);
    }
    mr_collection_fini(&remembered);
    return status;
}

void mr__choice_close(mr__choice *choice)
{
    mr_embedder_close(&choice->embedder);
    mr_plan_close(&choice->plan);
    free(choice->remembered);
    *choice = (mr__choice){0};
}
