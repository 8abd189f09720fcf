/* SPDX-License-Identifier: Apache-2.0 */
/* Searching: the question, the call, the hits; and the vector of one row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "store/milvus/milvus.h"

enum { MAX_FIELDS = 256, MAX_FILTER = 1 << 20, BOOLEAN_EXPRESSION = 1 };

/* Serialized PlaceholderGroup of the one vector. */
static mr_status pack_vector(const float *vector, uint32_t dim, ProtobufCBinaryData *out,
                             mr_error *err)
{
    Mv__PlaceholderGroup group = MV__PLACEHOLDER_GROUP__INIT;
    Mv__PlaceholderValue value = MV__PLACEHOLDER_VALUE__INIT, *values[] = {&value};
    ProtobufCBinaryData bytes = {.len = dim * sizeof(float), .data = (uint8_t *)(uintptr_t)vector};

    value.tag = (char *)"$0";
    value.has_type = true;
    value.type = MR__MV_FLOAT_VECTOR;
    value.values = &bytes;
    value.n_values = 1;
    group.placeholders = values;
    group.n_placeholders = 1;
    out->len = protobuf_c_message_get_packed_size(&group.base);
    out->data = malloc(out->len);
    if (!out->data)
        return mr__error_no_memory(err, "search");
    (void)protobuf_c_message_pack(&group.base, out->data);
    return MR_OK;
}

static void set_consistency(Mv__SearchRequest *message, int level)
{
    if (level < 0) {
        message->has_use_default_consistency = message->use_default_consistency = true;
        return;
    }
    message->has_consistency_level = true;
    message->consistency_level = level;
    /* of levels that are older than now; a strong one is worked out by the server */
    if (level != MR__MV_STRONG) {
        message->has_guarantee_timestamp = true;
        message->guarantee_timestamp = level == MR__MV_BOUNDED ? 2 : 1;
    }
}

mr_status mr__mv_question_pack(const mr__mv_question *q, uint8_t **out, size_t *size, mr_error *err)
{
    Mv__SearchRequest message = MV__SEARCH_REQUEST__INIT;
    Mv__Pair pairs[5], *list[5];
    char topk[16];
    size_t n = 0, i;
    mr_status status;

    *out = NULL;
    (void)snprintf(topk, sizeof topk, "%u", (unsigned)q->k);
    pairs[n++] = mr__mv_pair("anns_field", q->schema->vector_field);
    pairs[n++] = mr__mv_pair("topk", topk);
    if (q->metric != MR_METRIC_ANY)
        pairs[n++] = mr__mv_pair("metric_type", mr_metric_name(q->metric));
    pairs[n++] = mr__mv_pair("params", q->params);
    pairs[n++] = mr__mv_pair("round_decimal", "-1");
    for (i = 0; i < n; i++)
        list[i] = &pairs[i];
    message.db_name = (char *)(uintptr_t)q->database;
    message.collection_name = (char *)(uintptr_t)q->collection;
    message.dsl = (char *)(uintptr_t)q->filter;
    message.has_dsl_type = true;
    message.dsl_type = BOOLEAN_EXPRESSION;
    message.output_fields = (char **)(uintptr_t)q->fields;
    message.n_output_fields = q->n_fields;
    message.search_params = list;
    message.n_search_params = n;
    message.has_nq = true;
    message.nq = 1;
    set_consistency(&message, q->consistency);
    message.has_placeholder_group = true;
    status = pack_vector(q->vector, q->dim, &message.placeholder_group, err);
    if (status == MR_OK) {
        *size = protobuf_c_message_get_packed_size(&message.base);
        *out = malloc(*size);
        if (*out)
            (void)protobuf_c_message_pack(&message.base, *out);
        else
            status = mr__error_no_memory(err, "search");
    }
    free(message.placeholder_group.data);
    return status;
}

/* Fields that a caller asked for ("*" is all scalars), and those that every hit has. */
typedef struct wanted {
    const char *asked[MAX_FIELDS], *sent[MAX_FIELDS + 2];
    size_t n_asked, n_sent;
} wanted;

static bool has(const char *const *list, size_t n, const char *name)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static void want(wanted *w, const char *name)
{
    if (w->n_asked < MAX_FIELDS && !has(w->asked, w->n_asked, name))
        w->asked[w->n_asked++] = name;
}

static mr_status choose_fields(const mr_search_options *options, const mr__mv_schema *schema,
                               wanted *out, mr_error *err)
{
    size_t i, k;

    *out = (wanted){.n_asked = 0};
    if (options->n_output_fields > MAX_FIELDS)
        return mr__error_set(err, MR_E_INVALID, "search: more than %d output fields", MAX_FIELDS);
    for (i = 0; i < options->n_output_fields; i++) {
        if (strcmp(options->output_fields[i], "*") != 0)
            want(out, options->output_fields[i]);
        else
            for (k = 0; k < schema->n_scalars; k++)
                want(out, schema->scalars[k]);
    }
    for (i = 0; i < out->n_asked; i++)
        if (strcmp(out->asked[i], schema->id_field) != 0) /* comes by itself */
            out->sent[out->n_sent++] = out->asked[i];
    if (schema->has_metadata && !has(out->sent, out->n_sent, "metadata"))
        out->sent[out->n_sent++] = "metadata";
    if (schema->uri_bytes > 0 && !has(out->sent, out->n_sent, "uri"))
        out->sent[out->n_sent++] = "uri";
    return MR_OK;
}

static mr_status ask(mr__mv *self, const mr__mv_question *question, const mr__mv_asked *asked,
                     mr_hits **out, mr_error *err)
{
    uint8_t *packed = NULL;
    mr__rpc_part part = {0};
    const mr__mv_request request = {.method = "Search", .parts = &part, .n_parts = 1};
    uint64_t before = mr__clock_ns();
    mr__mv_reply reply = {0};
    mr_status status = mr__mv_question_pack(question, &packed, &part.size, err);

    part.data = packed;
    if (status == MR_OK)
        status = mr__mv_call(&self->client, &request, &mv__search_results__descriptor, &reply, err);
    if (status == MR_OK)
        status = mr__mv_hits_read(reply.message, asked, out, err);
    if (status == MR_OK)
        mr__hits_set_ms(*out, (double)(mr__clock_ns() - before) / 1e6);
    mr__mv_reply_fini(&reply);
    free(packed);
    return status;
}

static mr_status search(mr__mv *self, const mr__mv_schema *schema, const float *vector,
                        const mr_search_options *options, mr_hits **out, mr_error *err)
{
    mr__mv_params params = {0};
    char *search_params = NULL;
    wanted fields;
    mr__mv_index index;
    mr__mv_question q = {.database = mr__mv_database(&self->client),
                         .collection = schema->name,
                         .filter = options->filter ? options->filter : "",
                         .schema = schema,
                         .vector = vector,
                         .dim = schema->dim,
                         .k = options->k,
                         .consistency = -1};
    mr__mv_asked asked = {.schema = schema, .k = options->k};
    mr_status status = mr__mv_params_copy(&params, &self->params, err);

    if (status == MR_OK)
        status =
            mr__mv_params_take(&params, options->params, options->n_params, MR__MV_SEARCH, err);
    if (status == MR_OK)
        status = choose_fields(options, schema, &fields, err);
    if (status == MR_OK)
        status = mr__mv_index_get(&self->client, schema, MR__MV_NOW, &index, err);
    if (status == MR_OK)
        status = mr__mv_index_search_params(index.type[0] ? index.type : schema->about.index,
                                            options->k, &params, &search_params, err);
    if (status == MR_OK) {
        q.params = search_params;
        q.metric = index.metric != MR_METRIC_ANY ? index.metric : schema->about.metric;
        asked.metric = q.metric != MR_METRIC_ANY ? q.metric : MR_METRIC_L2;
        asked.fields = fields.asked;
        asked.n_fields = fields.n_asked;
        q.fields = fields.sent;
        q.n_fields = fields.n_sent;
        if (params.text[MR__MV_CONSISTENCY])
            q.consistency = (int)params.number[MR__MV_CONSISTENCY];
        status = ask(self, &q, &asked, out, err);
    }
    free(search_params);
    mr__mv_params_fini(&params);
    return status;
}

mr_status mr__mv_search(mr_store *store, const float *vector, uint32_t dim,
                        const mr_search_options *options, mr_hits **out, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    const char *name = options->collection ? options->collection : "default";
    mr__mv_schema schema;
    mr_status status = mr__mv_find(self, name, &schema, err);

    *out = NULL;
    if (status != MR_OK)
        return status;
    if (schema.dim != dim)
        status = mr__error_set(err, MR_E_MISMATCH,
                               "collection %s holds vectors of %u dimensions, the query has %u",
                               name, schema.dim, dim);
    else
        status = search(self, &schema, vector, options, out, err);
    mr__mv_schema_fini(&schema);
    return status;
}

mr_status mr__mv_vector(mr_store *store, const char *collection, const char *id, float *vector,
                        uint32_t dim, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__mv_schema schema;
    const char *fields[1];
    mr__mv_query query = {.collection = collection, .fields = fields, .n_fields = 1};
    mr__mv_reply reply = {0};
    const float *found = NULL;
    mr__buf filter;
    mr_status status = mr__mv_find(self, collection, &schema, err);

    if (status != MR_OK)
        return status;
    mr__buf_init(&filter, MAX_FILTER);
    fields[0] = schema.vector_field;
    status = mr__mv_put_ids(&filter, &schema, &id, 1, self->client.lite, err);
    query.filter = filter.data;
    if (status == MR_OK)
        status = mr__mv_query_run(&self->client, &query, &reply, err);
    if (status == MR_OK) {
        const Mv__QueryResults *answer = reply.message;

        if (mr__mv_value_vector(
                mr__mv_column(answer->fields_data, answer->n_fields_data, schema.vector_field), 0,
                dim, &found))
            memcpy(vector, found, dim * sizeof *vector);
        else
            status =
                mr__error_set(err, MR_E_NOT_FOUND, "no id %.200s in collection %s", id, collection);
    }
    mr__mv_reply_fini(&reply);
    mr__buf_fini(&filter);
    mr__mv_schema_fini(&schema);
    return status;
}
