/* SPDX-License-Identifier: Apache-2.0 */
/* Collections as users see them: listed, described, dropped, loaded, released, flushed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/milvus/milvus.h"

enum { LOADED = 3, MAX_COLLECTIONS = 65536 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names that are text, as strings of the caller's. */
static char **take_names(const Mv__ShowCollectionsResponse *answer, size_t *n)
{
    char **names = calloc(answer->n_collection_names + 1, sizeof *names);
    size_t i;

    *n = 0;
    for (i = 0; names && i < answer->n_collection_names && i < MAX_COLLECTIONS; i++) {
        const ProtobufCBinaryData *name = &answer->collection_names[i];

        if (name->len == 0 || memchr(name->data, '\0', name->len) ||
            !mr__text_is_utf8((const char *)name->data, name->len))
            continue;
        names[*n] = strndup((const char *)name->data, name->len);
        if (names[*n])
            (*n)++;
    }
    if (names)
        qsort((void *)names, *n, sizeof *names, by_name);
    return names;
}

/* Calls `fn` with each name, in the order of the alphabet, until it answers other than MR_OK. */
static mr_status each_name(mr__mv *self,
                           mr_status (*fn)(mr__mv *, const char *, void *, mr_error *),
                           void *cookie, mr_error *err)
{
    Mv__ShowCollectionsRequest message = MV__SHOW_COLLECTIONS_REQUEST__INIT;
    const mr__mv_request request = {.method = "ShowCollections", .message = &message.base};
    mr__mv_reply reply;
    char **names = NULL;
    size_t n = 0, i;
    mr_status status;

    message.db_name = mr__mv_database(&self->client);
    status = mr__mv_call(&self->client, &request, &mv__show_collections_response__descriptor,
                         &reply, err);
    if (status == MR_OK) {
        names = take_names(reply.message, &n);
        if (!names)
            status = mr__error_no_memory(err, "collections");
    }
    mr__mv_reply_fini(&reply);
    for (i = 0; names && i < n; i++) {
        if (status == MR_OK)
            status = fn(self, names[i], cookie, err);
        free(names[i]);
    }
    free(names);
    return status;
}

static mr_status add_name(mr__mv *self, const char *name, void *cookie, mr_error *err)
{
    mr__buf *buf = cookie;

    (void)self, (void)err;
    (void)mr__buf_addf(buf, "%s%s", buf->len ? ", " : "", name);
    return MR_OK;
}

mr_status mr__mv_find(mr__mv *self, const char *name, mr__mv_schema *out, mr_error *err)
{
    mr_status status = mr__mv_schema_get(
        &self->client, name, self->params.text[MR__MV_VECTOR_FIELD], MR__MV_NOW, out, err);
    mr__buf names;

    if (status != MR_E_NOT_FOUND)
        return status;
    mr__buf_init(&names, 240);
    /* a database that is not there has none, and then the first error says more */
    if (each_name(self, add_name, &names, NULL) == MR_OK)
        status = mr__error_set(err, MR_E_NOT_FOUND, "no collection %s in %s%s%s", name, self->spec,
                               names.len ? "; there are: " : "; it has none yet",
                               names.len ? names.data : "");
    mr__buf_fini(&names);
    return status;
}

/* Rows that a search can find; what is not loaded can only be asked for an estimate. */
static uint64_t count_rows(mr__mv *self, const mr__mv_schema *schema, bool loaded)
{
    Mv__NameRequest message = MV__NAME_REQUEST__INIT;
    const mr__mv_request request = {.method = "GetCollectionStatistics", .message = &message.base};
    mr__mv_reply reply;
    uint64_t rows = 0;
    size_t i;

    if (loaded && mr__mv_count(&self->client, schema->name, "", MR__MV_NOW, &rows, NULL) == MR_OK)
        return rows;
    message.db_name = mr__mv_database(&self->client);
    message.collection_name = schema->name;
    if (mr__mv_call(&self->client, &request, &mv__statistics_response__descriptor, &reply, NULL) ==
        MR_OK) {
        const Mv__StatisticsResponse *answer = reply.message;

        for (i = 0; i < answer->n_stats; i++) {
            char digits[24] = "";

            if (!answer->stats[i]->key || strcmp(answer->stats[i]->key, "row_count") != 0 ||
                answer->stats[i]->value.len == 0 || answer->stats[i]->value.len >= sizeof digits)
                continue;
            memcpy(digits, answer->stats[i]->value.data, answer->stats[i]->value.len);
            if (!mr__text_u64(digits, &rows))
                rows = 0;
        }
    }
    mr__mv_reply_fini(&reply);
    return rows;
}

/* Gives the texts over to `out`. */
static mr_status describe(mr__mv *self, mr__mv_schema *schema, mr_collection *out, mr_error *err)
{
    mr__mv_about *about = &schema->about;
    mr__mv_index index;
    int state = 0;
    mr_status status = mr__mv_index_get(&self->client, schema, MR__MV_NOW, &index, err);

    if (status == MR_OK)
        status = mr__mv_load_state(&self->client, schema->name, &state, err);
    if (status != MR_OK)
        return status;
    *out = (mr_collection){
        .name = strdup(schema->name),
        .description = strdup(about->description),
        .index = strdup(index.type[0] ? index.type : about->index),
        .fingerprint = strdup(about->fingerprint),
        .plan_name = strdup(about->plan_name),
        .plan_text = about->plan_text[0] ? strdup(about->plan_text) : NULL,
        .embedder = about->embedder[0] ? strdup(about->embedder) : NULL,
        .num_entities = count_rows(self, schema, state == LOADED),
        .dim = schema->dim,
        .metric = index.metric != MR_METRIC_ANY ? index.metric : about->metric,
        .loaded = state == LOADED,
    };
    if (out->metric == MR_METRIC_ANY)
        out->metric = MR_METRIC_L2; /* what Milvus takes if nobody says */
    if (!out->name || !out->description || !out->index || !out->fingerprint || !out->plan_name ||
        (about->plan_text[0] && !out->plan_text) || (about->embedder[0] && !out->embedder)) {
        mr_collection_fini(out);
        return mr__error_no_memory(err, "collection");
    }
    return MR_OK;
}

mr_status mr__mv_collection(mr_store *store, const char *name, mr_collection *out, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__mv_schema schema;
    mr_status status = mr__mv_find(self, name, &schema, err);

    if (status != MR_OK)
        return status;
    status = describe(self, &schema, out, err);
    mr__mv_schema_fini(&schema);
    return status;
}

typedef struct walk {
    int (*fn)(void *, const mr_collection *);
    void *cookie;
} walk;

/* A collection that has no vectors, or was dropped meanwhile, is passed over. */
static mr_status show(mr__mv *self, const char *name, void *cookie, mr_error *err)
{
    walk *w = cookie;
    mr_collection collection = {0};
    mr__mv_schema schema;
    mr_status status;

    if (mr__mv_schema_get(&self->client, name, NULL, MR__MV_NOW, &schema, NULL) != MR_OK)
        return MR_OK;
    status = describe(self, &schema, &collection, err);
    mr__mv_schema_fini(&schema);
    if (status == MR_OK && w->fn(w->cookie, &collection) != 0)
        status = MR_EOF;
    mr_collection_fini(&collection);
    return status;
}

mr_status mr__mv_list(mr_store *store, int (*fn)(void *, const mr_collection *), void *cookie,
                      mr_error *err)
{
    walk w = {fn, cookie};
    mr_status status = each_name((mr__mv *)store, show, &w, err);

    return status == MR_EOF ? MR_OK : status;
}

static mr_status tell(mr__mv *self, const char *method, const char *name, mr_error *err)
{
    Mv__NameRequest message = MV__NAME_REQUEST__INIT;
    const mr__mv_request request = {.method = method, .message = &message.base};
    mr__mv_schema schema;
    mr_status status;

    status = mr__mv_find(self, name, &schema, err);
    if (status != MR_OK)
        return status;
    mr__mv_schema_fini(&schema);
    message.db_name = mr__mv_database(&self->client);
    message.collection_name = (char *)(uintptr_t)name;
    return mr__mv_tell(&self->client, &request, err);
}

mr_status mr__mv_drop(mr_store *store, const char *name, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;

    if (self->read_only)
        return mr__error_set(err, MR_E_INVALID, "%s was opened for reading only", self->spec);
    return tell(self, "DropCollection", name, err);
}

mr_status mr__mv_release(mr_store *store, const char *name, mr_error *err)
{
    return tell((mr__mv *)store, "ReleaseCollection", name, err);
}

/* An index that an interrupted run has not built is built now. */
mr_status mr__mv_load_op(mr_store *store, const char *name, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__mv_schema schema;
    mr__mv_index index;
    mr_status status = mr__mv_find(self, name, &schema, err);

    if (status != MR_OK)
        return status;
    status = mr__mv_index_get(&self->client, &schema, MR__MV_NOW, &index, err);
    if (status == MR_OK && !index.there && schema.about.index[0])
        status = mr__mv_index_create(&self->client, &schema, MR__MV_NOW, err);
    if (status == MR_OK)
        status = mr__mv_load(&self->client, name, MR__MV_NOW, err);
    mr__mv_schema_fini(&schema);
    return status;
}

mr_status mr__mv_flush_op(mr_store *store, const char *name, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__mv_schema schema;
    mr_status status = mr__mv_find(self, name, &schema, err);

    if (status != MR_OK)
        return status;
    mr__mv_schema_fini(&schema);
    return mr__mv_flush(&self->client, name, MR__MV_NOW, err);
}

mr_status mr__mv_identity(mr_store *store, const char *name, char *out, size_t size, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__mv_schema schema;
    mr_status status = mr__mv_find(self, name, &schema, err);

    if (status != MR_OK)
        return status;
    (void)mr__text_copy(out, size, schema.identity);
    mr__mv_schema_fini(&schema);
    return MR_OK;
}
