/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of a Milvus server: descriptions of collections, hits, rows, counts, statuses. The first
 * byte says which. What is taken must hold together; nothing may be read or kept beyond its bounds.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/milvus/milvus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void describe(const Mv__DescribeCollectionResponse *answer)
{
    mr__mv_schema schema;
    size_t i;

    if (mr__mv_schema_read(answer, "c", NULL, &schema, NULL) != MR_OK)
        return;
    check(schema.id_field && schema.vector_field && schema.dim >= 1 && schema.dim <= 32768);
    for (i = 0; i < schema.n_scalars; i++)
        check(mr__text_is_utf8(schema.scalars[i], strlen(schema.scalars[i])));
    mr__mv_schema_fini(&schema);
}

static void search(const Mv__SearchResults *answer)
{
    static const char *const fields[] = {"n", "v", "uri", "metadata"};
    mr__mv_schema schema = {.name = (char *)"c", .auto_id = true};
    const mr__mv_asked asked = {
        .schema = &schema, .metric = MR_METRIC_L2, .k = 5, .fields = fields, .n_fields = 4};
    mr_hits *hits = NULL;
    size_t i;

    if (mr__mv_hits_read(answer, &asked, &hits, NULL) != MR_OK)
        return;
    check(mr_hits_count(hits) <= 5);
    for (i = 0; i < mr_hits_count(hits); i++) {
        const mr_hit *hit = mr_hits_at(hits, i);

        check(mr__text_is_utf8(hit->id, strlen(hit->id)) && isfinite(hit->score));
        check(mr__text_is_utf8(hit->metadata, strlen(hit->metadata)));
        check(hit->fields[0] == '{');
    }
    mr_hits_free(&hits);
}

static void query(const Mv__QueryResults *answer)
{
    uint64_t count;
    size_t i, k;

    (void)mr__mv_count_read(answer, &count, NULL);
    for (i = 0; i < answer->n_fields_data; i++)
        for (k = 0; k < 3; k++) {
            const float *vector;
            mr__mv_text text;

            json_decref(mr__mv_value_json(answer->fields_data[i], k));
            if (mr__mv_value_text(answer->fields_data[i], k, &text))
                check(mr__text_is_utf8(text.data, text.size));
            if (mr__mv_value_vector(answer->fields_data[i], k, 2, &vector))
                check(isnan(vector[1]) || vector[1] == vector[1]);
        }
}

static void judge(const Mv__Status *status)
{
    mr_error err = {0};

    if (mr__mv_judge(status) == MR__MV_DONE)
        return;
    check(mr__mv_status_failure(status, "Search", &err) < 0);
    check(mr__text_is_utf8(err.message, strlen(err.message)));
    (void)mr__mv_limit_of(err.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &mv__describe_collection_response__descriptor, &mv__search_results__descriptor,
        &mv__query_results__descriptor, &mv__status__descriptor};
    mr__mv_arena arena;
    unsigned which;
    void *message;

    if (size < 1)
        return 0;
    which = data[0] % 4;
    message = mr__mv_unpack(&arena, types[which], data + 1, size - 1);
    if (message && which == 0)
        describe(message);
    else if (message && which == 1)
        search(message);
    else if (message && which == 2)
        query(message);
    else if (message)
        judge(message);
    mr__mv_arena_fini(&arena);
    return 0;
}
