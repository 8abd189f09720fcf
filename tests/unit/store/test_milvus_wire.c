/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the Milvus store, byte by byte. The vectors were made by another implementation of
 * protobuf from the official schemas (2.6.22), ascending fields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/milvus/milvus.h"
#include "store/milvus/rows.h"

static void same(const uint8_t *bytes, size_t n, const char *golden)
{
    char *hex = calloc(1, n * 2 + 1);
    size_t i;

    for (i = 0; i < n; i++)
        (void)snprintf(hex + i * 2, 3, "%02x", bytes[i]);
    assert_string_equal(hex, golden);
    free(hex);
}

static void same_message(const ProtobufCMessage *message, const char *golden)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(n);

    assert_int_equal(protobuf_c_message_pack(message, bytes), n);
    same(bytes, n, golden);
    free(bytes);
}

static mr__buf joined(const mr__mv_message *message)
{
    mr__buf out;
    size_t i;

    mr__buf_init(&out, 1 << 20);
    for (i = 0; i < message->n_parts; i++)
        assert_true(mr__buf_add(&out, message->parts[i].data, message->parts[i].size));
    return out;
}

static mr__mv_schema schema_of(const char *name, const char *vector, uint32_t dim)
{
    return (mr__mv_schema){.name = (char *)(uintptr_t)name,
                           .id_field = (char *)"id",
                           .id_bytes = 512,
                           .vector_field = (char *)(uintptr_t)vector,
                           .dim = dim};
}

static void test_upsert(void **state)
{
    static const float vectors[] = {1, 2, 3, 4};
    const mr__row rows[] = {{"a", "", "{}", vectors}, {"b", "", "{\"w\":1}", vectors + 2}};
    const mr__row *list[] = {&rows[0], &rows[1]};
    mr__mv_schema schema = schema_of("c", "v", 2);
    const mr__mv_layout layout = {.schema = &schema, .fingerprint = ""};
    mr__mv_message message;
    mr__buf all;

    (void)state;
    schema.metadata_dynamic = true;
    assert_int_equal(mr__mv_message_make(&layout, list, 2, &message, NULL), MR_OK);
    all = joined(&message);
    same((const uint8_t *)all.data, all.len,
         "1a01632a100815120269641a0832060a01610a01622a1d08651201762216080212120a100000803f00000040"
         "00004040000080402a1c08171205246d6574611a0f4a0d0a027b7d0a077b2277223a317d30013802");
    /* the vectors are sent from where they are */
    assert_int_equal(message.n_parts, 3);
    assert_ptr_equal(message.parts[1].data, vectors);
    assert_int_equal(message.parts[1].size, sizeof vectors);
    mr__buf_fini(&all);
    mr__mv_message_fini(&message);
}

/* Rows here and there are gathered; the bytes are the same. */
static void test_scattered_vectors(void **state)
{
    enum { N = 200, DIM = 3 };
    static float apart[N][DIM + 1], dense[N][DIM];
    mr__row rows[N], packed[N];
    const mr__row *a[N], *b[N];
    mr__mv_schema schema = schema_of("c", "v", DIM);
    const mr__mv_layout layout = {.schema = &schema, .fingerprint = ""};
    mr__mv_message one, two;
    mr__buf x, y;
    size_t i;

    (void)state;
    for (i = 0; i < N; i++) {
        for (int d = 0; d < DIM; d++)
            apart[i][d] = dense[i][d] = (float)i + (float)d / 4;
        rows[i] = (mr__row){"id", "", "{}", apart[i]};
        packed[i] = (mr__row){"id", "", "{}", dense[i]};
        a[i] = &rows[i];
        b[i] = &packed[i];
    }
    assert_int_equal(mr__mv_message_make(&layout, a, N, &one, NULL), MR_OK);
    assert_int_equal(mr__mv_message_make(&layout, b, N, &two, NULL), MR_OK);
    assert_non_null(one.gathered);
    assert_null(two.gathered);
    x = joined(&one);
    y = joined(&two);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    mr__buf_fini(&x);
    mr__buf_fini(&y);
    mr__mv_message_fini(&one);
    mr__mv_message_fini(&two);
}

static Mv__QueryResults *unpack_column(mr__mv_arena *arena, const mr__buf *buf)
{
    return mr__mv_unpack(arena, &mv__query_results__descriptor, (const uint8_t *)buf->data,
                         buf->len);
}

/* What is written is what a decoder reads: keys of either type, texts of any length. */
static void test_columns_read_back(void **state)
{
    enum { N = 300 };
    static char text[N][700];
    mr__mv_text texts[N], got;
    int64_t longs[N], number;
    mr__mv_arena arena;
    Mv__QueryResults *answer;
    mr__buf buf;
    size_t i;

    (void)state;
    mr__buf_init(&buf, 1 << 24);
    for (i = 0; i < N; i++) {
        memset(text[i], 'a' + (int)(i % 26), i * 2);
        texts[i] = (mr__mv_text){text[i], i * 2};
        longs[i] = (int64_t)(i * i * i * i) * (i % 2 ? -1 : 1000000007);
    }
    assert_true(mr__mv_put_texts(&buf, 2, MR__MV_VARCHAR, "t", texts, N));
    assert_true(mr__mv_put_longs(&buf, 2, "n", longs, N));
    assert_true(mr__mv_put_texts(&buf, 2, MR__MV_JSON, "j", texts, N));
    answer = unpack_column(&arena, &buf);
    assert_non_null(answer);
    assert_int_equal(answer->n_fields_data, 3);
    for (i = 0; i < N; i++) {
        assert_true(mr__mv_value_text(mr__mv_column(answer->fields_data, 3, "t"), i, &got));
        assert_int_equal(got.size, i * 2);
        assert_memory_equal(got.data, text[i], i * 2);
        assert_true(mr__mv_value_text(mr__mv_column(answer->fields_data, 3, "j"), i, &got));
        assert_int_equal(got.size, i * 2);
        assert_true(mr__mv_value_long(mr__mv_column(answer->fields_data, 3, "n"), i, &number));
        assert_int_equal(number, longs[i]);
    }
    assert_false(mr__mv_value_long(mr__mv_column(answer->fields_data, 3, "n"), N, &number));
    assert_false(mr__mv_value_text(mr__mv_column(answer->fields_data, 3, "n"), 0, &got));
    assert_null(mr__mv_column(answer->fields_data, 3, "nn"));
    mr__mv_arena_fini(&arena);
    mr__buf_fini(&buf);
}

static Mv__Pair pair_of(const char *key, const char *value)
{
    Mv__Pair pair = MV__PAIR__INIT;

    pair.key = (char *)(uintptr_t)key;
    pair.has_value = true;
    pair.value.data = (uint8_t *)(uintptr_t)value;
    pair.value.len = strlen(value);
    return pair;
}

static void test_search(void **state)
{
    static const float vector[] = {1, 2};
    static const char *const fields[] = {"id"};
    mr__mv_schema schema = schema_of("c", "v", 2);
    mr__mv_question q = {.collection = "c",
                         .filter = NULL,
                         .params = "{\"ef\":64}",
                         .schema = &schema,
                         .vector = vector,
                         .dim = 2,
                         .k = 5,
                         .metric = MR_METRIC_IP,
                         .fields = fields,
                         .n_fields = 1,
                         .consistency = -1};
    uint8_t *bytes;
    size_t n;

    (void)state;
    assert_int_equal(mr__mv_question_pack(&q, &bytes, &n, NULL), MR_OK);
    same(bytes, n,
         "1a016332120a100a02243010651a080000803f000000403801420269644a0f0a0a616e6e735f6669656c6412"
         "01764a090a04746f706b1201354a110a0b6d65747269635f74797065120249504a130a06706172616d731209"
         "7b226566223a36347d4a130a0d726f756e645f646563696d616c12022d3160017801");
    free(bytes);
}

static void test_small_requests(void **state)
{
    Mv__DeleteRequest del = MV__DELETE_REQUEST__INIT;
    Mv__QueryRequest query = MV__QUERY_REQUEST__INIT;
    Mv__ConnectRequest connect = MV__CONNECT_REQUEST__INIT;
    Mv__ClientInfo info = MV__CLIENT_INFO__INIT;
    Mv__CreateIndexRequest index = MV__CREATE_INDEX_REQUEST__INIT;
    Mv__Pair pairs[] = {pair_of("index_type", "HNSW"), pair_of("metric_type", "IP"),
                        pair_of("params", "{\"M\":16,\"efConstruction\":200}")};
    Mv__Pair *list[] = {&pairs[0], &pairs[1], &pairs[2]};
    char *count[] = {(char *)"count(*)"};
    mr__mv_schema schema = schema_of("c", "v", 2);
    const char *ids[] = {"a"};
    mr__buf expr;

    (void)state;
    mr__buf_init(&expr, 1000);
    assert_int_equal(mr__mv_put_ids(&expr, &schema, ids, 1, false, NULL), MR_OK);
    del.collection_name = (char *)"c";
    del.expr = expr.data;
    same_message(&del.base, "1a01632a0b696420696e205b2261225d");
    mr__buf_fini(&expr);
    query.collection_name = (char *)"c";
    query.output_fields = count;
    query.n_output_fields = 1;
    query.has_consistency_level = true;
    same_message(&query.base, "1a01632a08636f756e74282a295800");
    info.sdk_type = (char *)"C";
    info.sdk_version = (char *)"0.1.0";
    info.local_time = (char *)"2026-01-02 03:04:05";
    info.user = (char *)"root";
    info.host = (char *)"h";
    connect.client_info = &info;
    same_message(&connect.base, "12280a01431205302e312e301a13323032362d30312d30322030333a30343a30"
                                "352204726f6f742a0168");
    index.collection_name = (char *)"c";
    index.field_name = (char *)"v";
    index.index_name = (char *)"v_idx";
    index.extra_params = list;
    index.n_extra_params = 3;
    same_message(&index.base, "1a01632201762a120a0a696e6465785f747970651204484e53572a110a0b6d6574"
                              "7269635f74797065120249502a270a06706172616d73121d7b224d223a31362c22"
                              "6566436f6e737472756374696f6e223a3230307d3205765f696478");
}

static void test_create(void **state)
{
    static const char golden[] =
        "1a016322320a0163221a120269641801281532100a0a6d61785f6c656e67746812023634220f120176286532"
        "080a0364696d120132280128013002";
    Mv__CollectionSchema schema = MV__COLLECTION_SCHEMA__INIT;
    Mv__FieldSchema id = MV__FIELD_SCHEMA__INIT, v = MV__FIELD_SCHEMA__INIT, *fields[] = {&id, &v};
    Mv__CreateCollectionRequest create = MV__CREATE_COLLECTION_REQUEST__INIT;
    Mv__Pair length = pair_of("max_length", "64"), dim = pair_of("dim", "2");
    Mv__Pair *lengths[] = {&length}, *dims[] = {&dim};
    uint8_t bytes[200];

    (void)state;
    schema.has_name = true;
    schema.name = (ProtobufCBinaryData){1, (uint8_t *)"c"};
    schema.fields = fields;
    schema.n_fields = 2;
    schema.has_enable_dynamic_field = schema.enable_dynamic_field = true;
    id.has_name = v.has_name = id.has_data_type = v.has_data_type = true;
    id.name = (ProtobufCBinaryData){2, (uint8_t *)"id"};
    id.has_is_primary_key = id.is_primary_key = true;
    id.data_type = MR__MV_VARCHAR;
    id.type_params = lengths;
    v.name = (ProtobufCBinaryData){1, (uint8_t *)"v"};
    v.data_type = MR__MV_FLOAT_VECTOR;
    v.type_params = dims;
    id.n_type_params = v.n_type_params = 1;
    create.collection_name = (char *)"c";
    create.has_schema = create.has_shards_num = create.has_consistency_level = true;
    create.schema.len = protobuf_c_message_pack(&schema.base, bytes);
    create.schema.data = bytes;
    create.shards_num = 1;
    create.consistency_level = MR__MV_BOUNDED;
    same_message(&create.base, golden);
}

/* A schema that we make says of itself what is read back; the original's has its three fields. */
static void test_our_schema_read_back(void **state)
{
    mr__mv_about about = {.ours = true,
                          .plan_text = (char *)"a=\"b\"\nc=\xc3\xa9",
                          .embedder = (char *)"builtin",
                          .fingerprint = (char *)"mr1:x",
                          .index = (char *)"HNSW",
                          .index_params = (char *)"{\"M\":8}",
                          .stamp = (char *)"0123",
                          .metric = MR_METRIC_COSINE};
    mr__mv_params params = {0};
    const mr_param original[] = {
        {"id_type", "INT64"}, {"auto_id", "true"}, {"vector_field", "emb"}};
    mr__mv_new wanted = {.name = "c", .dim = 7, .about = &about, .params = &params};
    Mv__DescribeCollectionResponse answer = MV__DESCRIBE_COLLECTION_RESPONSE__INIT;
    mr__mv_schema read;
    mr__mv_arena arena;
    uint8_t *bytes;
    size_t n;

    (void)state;
    assert_int_equal(mr__mv_schema_pack(&wanted, &bytes, &n, NULL), MR_OK);
    answer.schema = mr__mv_unpack(&arena, &mv__collection_schema__descriptor, bytes, n);
    assert_int_equal(mr__mv_schema_read(&answer, "c", NULL, &read, NULL), MR_OK);
    assert_string_equal(read.id_field, "id");
    assert_false(read.id_is_integer || read.auto_id);
    assert_int_equal(read.id_bytes, 512);
    assert_int_equal(read.dim, 7);
    assert_true(read.has_metadata && read.uri_bytes == 65535 && read.fingerprint_bytes == 128);
    assert_null(read.other_field);
    assert_int_equal(read.n_scalars, 3);
    assert_true(read.about.ours);
    assert_string_equal(read.about.plan_text, about.plan_text);
    assert_string_equal(read.about.index_params, "{\"M\":8}");
    assert_int_equal(read.about.metric, MR_METRIC_COSINE);
    assert_string_equal(read.identity, "0123");
    mr__mv_schema_fini(&read);
    mr__mv_arena_fini(&arena);
    free(bytes);

    assert_int_equal(mr__mv_params_take(&params, original, 3, MR__MV_SCHEMA, NULL), MR_OK);
    assert_int_equal(mr__mv_schema_pack(&wanted, &bytes, &n, NULL), MR_OK);
    answer.schema = mr__mv_unpack(&arena, &mv__collection_schema__descriptor, bytes, n);
    assert_int_equal(mr__mv_schema_read(&answer, "c", NULL, &read, NULL), MR_OK);
    assert_true(read.auto_id && read.id_is_integer && read.has_metadata && read.uri_bytes == 0);
    assert_string_equal(read.vector_field, "emb");
    mr__mv_schema_fini(&read);
    assert_int_equal(mr__mv_schema_read(&answer, "c", "vector", &read, NULL), MR_E_MISMATCH);
    mr__mv_arena_fini(&arena);
    mr__mv_params_fini(&params);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upsert),
        cmocka_unit_test(test_scattered_vectors),
        cmocka_unit_test(test_columns_read_back),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_small_requests),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_our_schema_read_back),
    };

    return cmocka_run_group_tests_name("milvus-wire", tests, NULL, NULL);
}
