/* SPDX-License-Identifier: Apache-2.0 */
/* See query.h. */
#include "store/milvus/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "store/milvus/index.h"

enum { MAX_FILTER = 4 << 20, ITEMS = 500, ITEMS_SPELT_OUT = 100 };

bool mr__mv_put_literal(mr__buf *buf, const char *text)
{
    const char *p;
    bool ok = mr__buf_add(buf, "\"", 1);

    for (p = text; *p && ok; p++) {
        unsigned char c = (unsigned char)*p;

        if (c == '"' || c == '\\')
            ok = mr__buf_addf(buf, "\\%c", c);
        else if (c == '\n')
            ok = mr__buf_add(buf, "\\n", 2);
        else if (c == '\r')
            ok = mr__buf_add(buf, "\\r", 2);
        else if (c == '\t')
            ok = mr__buf_add(buf, "\\t", 2);
        else if (c < 0x20 || c == 0x7f)
            ok = mr__buf_addf(buf, "\\x%02x", c);
        else
            ok = mr__buf_add(buf, p, 1);
    }
    return ok && mr__buf_add(buf, "\"", 1);
}

bool mr__mv_integer_id(const char *id, int64_t *out)
{
    char *end;
    const char *digits = id + (*id == '-');

    if (*digits < '0' || *digits > '9')
        return false;
    errno = 0;
    *out = strtoll(id, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool put_id(mr__buf *buf, const mr__mv_schema *schema, const char *id)
{
    int64_t number;

    if (!schema->id_is_integer || schema->auto_id)
        return mr__mv_put_literal(buf, id);
    return mr__mv_integer_id(id, &number) && mr__buf_addf(buf, "%" PRId64, number);
}

mr_status mr__mv_put_ids(mr__buf *buf, const mr__mv_schema *schema, const char *const *ids,
                         size_t n, bool spelt_out, mr_error *err)
{
    const char *left = schema->auto_id ? "metadata[\"id\"]" : schema->id_field;
    bool each = spelt_out && schema->auto_id, ok = true;
    int64_t number;
    size_t i;

    if (!each)
        ok = mr__buf_addf(buf, "%s in [", left);
    for (i = 0; i < n && ok; i++) {
        if (schema->id_is_integer && !schema->auto_id && !mr__mv_integer_id(ids[i], &number))
            return mr__error_set(err, MR_E_INVALID,
                                 "id \"%.100s\" is no integer, and the key of collection %s is one",
                                 ids[i], schema->name);
        if (each)
            ok = mr__buf_addf(buf, "%s%s == ", i > 0 ? " or " : "", left);
        else if (i > 0)
            ok = mr__buf_add(buf, ",", 1);
        ok = ok && put_id(buf, schema, ids[i]);
    }
    if (!each)
        ok = ok && mr__buf_add(buf, "]", 1);
    return ok ? MR_OK : mr__error_set(err, MR_E_INVALID, "the filter is too long");
}

mr_status mr__mv_query_run(mr__mv_client *client, const mr__mv_query *query, mr__mv_reply *reply,
                           mr_error *err)
{
    Mv__QueryRequest message = MV__QUERY_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "Query", .message = &message.base, .patience = query->patience};
    Mv__Pair limit = MV__PAIR__INIT, *params[] = {&limit};
    char digits[16];

    message.db_name = mr__mv_database(client);
    message.collection_name = (char *)(uintptr_t)query->collection;
    message.expr = query->filter[0] ? (char *)(uintptr_t)query->filter : NULL;
    message.output_fields = (char **)(uintptr_t)query->fields;
    message.n_output_fields = query->n_fields;
    message.has_consistency_level = true;
    message.consistency_level = MR__MV_STRONG;
    if (query->limit > 0) {
        (void)snprintf(digits, sizeof digits, "%u", (unsigned)query->limit);
        limit.key = (char *)"limit";
        limit.has_value = true;
        limit.value = (ProtobufCBinaryData){.len = strlen(digits), .data = (uint8_t *)digits};
        message.query_params = params;
        message.n_query_params = 1;
    }
    return mr__mv_call(client, &request, &mv__query_results__descriptor, reply, err);
}

mr_status mr__mv_count(mr__mv_client *client, const char *collection, const char *filter,
                       mr__mv_patience patience, uint64_t *out, mr_error *err)
{
    static const char *const fields[] = {"count(*)"};
    const mr__mv_query query = {.collection = collection,
                                .filter = filter,
                                .fields = fields,
                                .n_fields = 1,
                                .patience = patience};
    mr__mv_reply reply;
    mr_status status = mr__mv_query_run(client, &query, &reply, err);

    if (status == MR_OK)
        status = mr__mv_count_read(reply.message, out, err);
    mr__mv_reply_fini(&reply);
    return status;
}

mr_status mr__mv_delete(mr__mv_client *client, const char *collection, const char *filter,
                        mr__mv_patience patience, uint64_t *deleted, mr_error *err)
{
    Mv__DeleteRequest message = MV__DELETE_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "Delete", .message = &message.base, .patience = patience};
    mr__mv_reply reply;
    mr_status status;

    message.db_name = mr__mv_database(client);
    message.collection_name = (char *)(uintptr_t)collection;
    message.expr = (char *)(uintptr_t)filter;
    status = mr__mv_call(client, &request, &mv__mutation_result__descriptor, &reply, err);
    if (status == MR_OK) {
        const Mv__MutationResult *answer = reply.message;
        *deleted = answer->delete_cnt > 0 ? (uint64_t)answer->delete_cnt : 0;
    }
    mr__mv_reply_fini(&reply);
    return status;
}

/* Appends the keys in a column of an answer to an expression. */
static bool put_keys(mr__buf *buf, const mr__mv_schema *schema, const Mv__QueryResults *answer,
                     size_t *n)
{
    const Mv__FieldData *column =
        mr__mv_column(answer->fields_data, answer->n_fields_data, schema->id_field);
    bool ok = mr__buf_addf(buf, "%s in [", schema->id_field);
    int64_t key;

    for (*n = 0; ok && mr__mv_value_long(column, *n, &key); (*n)++)
        ok = mr__buf_addf(buf, "%s%" PRId64, *n > 0 ? "," : "", key);
    return ok && mr__buf_add(buf, "]", 1);
}

/* A collection that was loaded and is not any more, since its server was started anew, is loaded
 * again. */
static mr_status query_loaded(mr__mv_client *client, const mr__mv_query *query, mr__mv_reply *reply,
                              mr_error *err)
{
    mr_status status = mr__mv_query_run(client, query, reply, err);

    if (status == MR_OK || !reply->not_loaded)
        return status;
    status = mr__mv_load(client, query->collection, MR__MV_WAIT, err);
    return status == MR_OK ? mr__mv_query_run(client, query, reply, err) : status;
}

static mr_status delete_some(mr__mv_client *client, const mr__mv_schema *schema,
                             const char *const *ids, size_t n, uint64_t *deleted, mr_error *err)
{
    const char *fields[] = {schema->id_field};
    mr__mv_query query = {
        .collection = schema->name, .fields = fields, .n_fields = 1, .patience = MR__MV_WAIT};
    mr__mv_reply reply = {0};
    uint64_t gone = 0;
    size_t found = 0;
    mr_status status;
    mr__buf buf;

    mr__buf_init(&buf, MAX_FILTER);
    status = mr__mv_put_ids(&buf, schema, ids, n, client->lite, err);
    query.filter = buf.data;
    if (status == MR_OK)
        status = query_loaded(client, &query, &reply, err);
    mr__buf_reset(&buf);
    if (status == MR_OK && !put_keys(&buf, schema, reply.message, &found))
        status =
            mr__error_set(err, MR_E_ENV, "%zu ids are in more rows than one request can name", n);
    if (status == MR_OK && found > 0)
        status = mr__mv_delete(client, schema->name, buf.data, MR__MV_WAIT, &gone, err);
    *deleted += found;
    mr__mv_reply_fini(&reply);
    mr__buf_fini(&buf);
    return status;
}

mr_status mr__mv_delete_items(mr__mv_client *client, const mr__mv_schema *schema,
                              const char *const *ids, size_t n, uint64_t *deleted, mr_error *err)
{
    size_t step = client->lite ? ITEMS_SPELT_OUT : ITEMS, i;
    mr_status status = MR_OK;

    for (i = 0; i < n && status == MR_OK; i += step)
        status = delete_some(client, schema, ids + i, n - i < step ? n - i : step, deleted, err);
    return status;
}
