/* SPDX-License-Identifier: Apache-2.0 */
/* A picture as the query: embedded the way that its collection remembers. */
#include <stdlib.h>
#include <string.h>

#include "millrace/embed.h"
#include "pipeline/one.h"
#include "store/store.h"

typedef struct query {
    mr_embedder *embedder;
    float *vector;
} query;

static mr_status embed_row(void *cookie, const mr_batch *batch, mr_pool *pool, mr_error *err)
{
    query *q = cookie;

    (void)pool;
    return mr_embedder_run(q->embedder, batch->data, 1, q->vector, err);
}

/* Opens what the collection remembers and refuses what does not fit together. */
static mr_status open_remembered(const mr_collection *c, const mr_search_options *options,
                                 mr_plan **plan, query *q, mr_error *err)
{
    mr_embedder_info info;
    mr_status status;

    if (!c->embedder || !c->plan_text || c->dim == 0)
        return mr__error_set(err, MR_E_UNSUPPORTED, "collection %s holds no embeddings of pictures",
                             c->name);
    if (!*c->plan_text)
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s does not say how pictures are embedded for it; ingest "
                             "some first, or search by vector",
                             c->name);
    status = mr_plan_parse(c->plan_text, plan, err);
    if (status != MR_OK)
        return mr__error_wrap(err, "plan of collection %s", c->name);
    if (!options->force_plan && c->fingerprint &&
        strcmp(mr_plan_fingerprint(*plan), c->fingerprint) != 0)
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s was made with plan %s, its text now gives %s", c->name,
                             c->fingerprint, mr_plan_fingerprint(*plan));
    status = mr_embedder_open(c->embedder, *plan, &options->logger, &q->embedder, err);
    if (status != MR_OK)
        return mr__error_wrap(err, "embedder of collection %s", c->name);
    mr_embedder_info_get(q->embedder, &info);
    if (info.dim != c->dim)
        return mr__error_set(err, MR_E_MISMATCH, "collection %s has dimension %u, embedder %s %u",
                             c->name, c->dim, info.spec, info.dim);
    q->vector = calloc(info.dim, sizeof *q->vector);
    return q->vector ? MR_OK : mr__error_no_memory(err, "query vector");
}

mr_status mr_search_image(mr_store *store, const char *uri, const mr_search_options *options,
                          mr_hits **out, mr_error *err)
{
    const mr__one_options one = {.uri = uri,
                                 .timeout_ms = -1,
                                 .worker_path = options->worker_path,
                                 .require_sandbox = options->require_sandbox,
                                 .allow_private = options->allow_private,
                                 .logger = options->logger};
    mr_collection collection = {0};
    mr_plan *plan = NULL;
    query q = {0};
    mr_status status;

    *out = NULL;
    status = mr_store_collection(store, options->collection, &collection, err);
    if (status != MR_OK)
        return status;
    status = open_remembered(&collection, options, &plan, &q, err);
    if (status == MR_OK)
        status = mr__one_run(&one, plan, embed_row, &q, err);
    if (status == MR_OK)
        status = mr_search_vector(store, q.vector, collection.dim, options, out, err);
    mr_embedder_close(&q.embedder);
    mr_plan_close(&plan);
    free(q.vector);
    mr_collection_fini(&collection);
    return status;
}
