/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the Milvus store without a server: parameters, verdicts, filters, rows, hostile answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/milvus/milvus.h"
#include "store/milvus/rows.h"

static void test_address(void **state)
{
    static const char *const bad[] = {"milvus:h",          "milvus://",      "milvus://h:0",
                                      "milvus://h/1x",     "milvus://h/a/b", "milvus://h?x=1",
                                      "milvus://u:p@h:19", "milvus://h/a-b", "milvus://[::1"};
    mr__mv_address a;
    mr_error err;
    size_t i;

    (void)state;
    assert_int_equal(mr__mv_address_parse("milvus://db:1/photos", &a, NULL), MR_OK);
    assert_string_equal(a.host, "db:1");
    assert_string_equal(a.database, "photos");
    assert_int_equal(mr__mv_address_parse("milvus://10.0.0.1/", &a, NULL), MR_OK);
    assert_string_equal(a.host, "10.0.0.1:19530");
    assert_string_equal(a.database, "");
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (mr__mv_address_parse(bad[i], &a, &err) != MR_E_INVALID)
            fail_msg("%s is taken", bad[i]);
        assert_null(strstr(err.message, "u:p")); /* no password is shown */
    }
}

static void test_params(void **state)
{
    static const mr_param good[] = {{"nlist", "64"},      {"timeout", "2s"},        {"tls", "yes"},
                                    {"id_type", "int64"}, {"batch_bytes", "1M"},    {"user", "u"},
                                    {"password", "p"},    {"consistency", "Strong"}};
    static const struct {
        mr_param param;
        uint32_t allowed;
        const char *says;
    } bad[] = {
        {{"nlists", "1"}, MR__MV_ALL, "did you mean \"nlist\""},
        {{"token", "x"}, MR__MV_INDEX, "no parameter \"token\" here"},
        {{"nlist", "0"}, MR__MV_INDEX, "nlist: a number"},
        {{"nlist", "1x"}, MR__MV_INDEX, "nlist: a number"},
        {{"tls", "maybe"}, MR__MV_ALL, "true or false"},
        {{"vector_field", "a b"}, MR__MV_ALL, "letters, digits"},
        {{"consistency", "weak"}, MR__MV_ALL, "strong, session"},
        {{"batch_bytes", "64M"}, MR__MV_ALL, "a size"},
        {{"password", "a\xff"}, MR__MV_ALL, "password: a text is wanted"},
    };
    mr__mv_params p = {0}, copy;
    char text[64];
    mr_error err;
    size_t i;

    (void)state;
    assert_int_equal(mr__mv_params_take(&p, good, 8, MR__MV_ALL, NULL), MR_OK);
    assert_int_equal(p.number[MR__MV_NLIST], 64);
    assert_int_equal(p.number[MR__MV_TIMEOUT], 2000);
    assert_int_equal(p.number[MR__MV_TLS], 1);
    assert_int_equal(p.number[MR__MV_ID_TYPE], 1);
    assert_int_equal(p.number[MR__MV_BATCH_BYTES], 1 << 20);
    assert_int_equal(p.number[MR__MV_CONSISTENCY], MR__MV_STRONG);
    assert_int_equal(mr__mv_authorization(&p, text, sizeof text, NULL), MR_OK);
    assert_string_equal(text, "dTpw"); /* u:p */
    assert_int_equal(mr__mv_params_copy(&copy, &p, NULL), MR_OK);
    assert_string_equal(copy.text[MR__MV_USER], "u");
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mr__mv_params_take(&copy, &bad[i].param, 1, bad[i].allowed, &err),
                         MR_E_INVALID);
        if (!strstr(err.message, bad[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.message, bad[i].says);
    }
    mr__mv_params_fini(&copy);
    mr__mv_params_fini(&p);
    assert_int_equal(setenv("MILVUS_TOKEN", "root:Milvus", 1), 0);
    assert_int_equal(mr__mv_params_environment(&p, NULL), MR_OK);
    assert_int_equal(mr__mv_authorization(&p, text, sizeof text, NULL), MR_OK);
    assert_string_equal(text, "cm9vdDpNaWx2dXM=");
    assert_int_equal(mr__mv_authorization(&p, text, 16, NULL), MR_E_INVALID);
    mr__mv_params_fini(&p);
    assert_int_equal(unsetenv("MILVUS_TOKEN"), 0);
}

static void index_is(const char *type, uint32_t dim, const mr__mv_params *p, const char *build,
                     const char *search)
{
    char *text;

    assert_int_equal(mr__mv_index_build_params(type, dim, p, &text, NULL), MR_OK);
    assert_string_equal(text, build);
    free(text);
    assert_int_equal(mr__mv_index_search_params(type, 100, p, &text, NULL), MR_OK);
    assert_string_equal(text, search);
    free(text);
}

static void test_indexes(void **state)
{
    const mr_param given[] = {{"nlist", "7"}, {"M", "9"}, {"ef", "5"}, {"max_iterations", "3"}};
    mr__mv_params none = {0}, some = {0};
    const char *type = NULL;
    mr_error err;

    (void)state;
    assert_int_equal(mr__mv_params_take(&some, given, 4, MR__MV_ALL, NULL), MR_OK);
    index_is("FLAT", 8, &some, "{}", "{}");
    index_is("IVF_FLAT", 8, &none, "{\"nlist\":128}", "{\"nprobe\":16}");
    index_is("IVF_SQ8", 8, &some, "{\"nlist\":7}", "{\"nprobe\":16}");
    index_is("IVF_PQ", 48, &none, "{\"nlist\":128,\"m\":24,\"nbits\":8}", "{\"nprobe\":16}");
    index_is("GPU_IVF_PQ", 512, &some, "{\"nlist\":7,\"m\":32,\"nbits\":8}", "{\"nprobe\":16}");
    /* a candidate list shorter than k is refused by servers */
    index_is("HNSW", 8, &some, "{\"M\":9,\"efConstruction\":256}", "{\"ef\":100}");
    index_is("GPU_CAGRA", 8, &some, "{\"intermediate_graph_degree\":64,\"graph_degree\":32}",
             "{\"itopk_size\":100,\"search_width\":4,\"max_iterations\":3}");
    assert_int_equal(mr__mv_index_type("hnsw", &type, NULL), MR_OK);
    assert_string_equal(type, "HNSW");
    assert_int_equal(mr__mv_index_type("HNWS", &type, &err), MR_E_INVALID);
    assert_non_null(strstr(err.message, "did you mean HNSW?"));
    mr__mv_params_fini(&some);
}

static void test_verdicts(void **state)
{
    static const struct {
        int code, old;
        bool retriable;
        mr__mv_verdict verdict;
    } cases[] = {
        {0, 0, false, MR__MV_DONE},       {8, 49, true, MR__MV_AGAIN},
        {8, 0, false, MR__MV_AGAIN},      {0, 49, false, MR__MV_AGAIN},
        {2, 0, false, MR__MV_AGAIN},      {9, 0, true, MR__MV_PRESSURE},
        {0, 53, false, MR__MV_PRESSURE},  {3, 0, false, MR__MV_PRESSURE},
        {65535, 1, false, MR__MV_UNSURE}, {0, 1, false, MR__MV_UNSURE},
        {503, 0, false, MR__MV_UNSURE},   {1100, 5, false, MR__MV_REFUSED},
        {100, 4, false, MR__MV_REFUSED},  {77, 0, true, MR__MV_AGAIN},
        {1400, 0, false, MR__MV_REFUSED}, {0, 35, false, MR__MV_REFUSED},
    };
    Mv__Pair input = MV__PAIR__INIT, *extra[] = {&input};
    Mv__Status status;
    size_t i;

    (void)state;
    assert_int_equal(mr__mv_judge(NULL), MR__MV_DONE);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mv__status__init(&status);
        status.code = cases[i].code;
        status.error_code = cases[i].old;
        status.retriable = cases[i].retriable;
        if (mr__mv_judge(&status) != cases[i].verdict)
            fail_msg("%d/%d: %d", cases[i].code, cases[i].old, (int)mr__mv_judge(&status));
    }
    input.key = (char *)"is_input_error";
    input.value = (ProtobufCBinaryData){4, (uint8_t *)"true"};
    status.code = 65535;
    status.retriable = true;
    status.extra_info = extra;
    status.n_extra_info = 1;
    assert_int_equal(mr__mv_judge(&status), MR__MV_REFUSED);
    assert_int_equal(mr__mv_judge_rpc(14, ""), MR__MV_LOST);
    assert_int_equal(mr__mv_judge_rpc(16, ""), MR__MV_REFUSED);
    assert_int_equal(mr__mv_judge_rpc(12, ""), MR__MV_REFUSED);
    assert_int_equal(
        mr__mv_judge_rpc(8, "grpc: received message larger than max (70000000 vs. 67108864)"),
        MR__MV_TOO_LARGE);
    assert_int_equal(mr__mv_limit_of("larger than max (70000000 vs. 67108864)"), 67108864);
    assert_int_equal(mr__mv_limit_of("larger than max"), 0);
    assert_int_equal(mr__mv_limit_of(" vs. 99999999999999999999999"), 0);
}

static void test_filters(void **state)
{
    mr__mv_schema schema = {.name = (char *)"c", .id_field = (char *)"id"};
    const char *ids[] = {"a\"b\\c\n\x01\x7f", "\xc3\xa9"}, *numbers[] = {"7", "-12"};
    mr__buf buf;
    mr_error err;

    (void)state;
    mr__buf_init(&buf, 1000);
    assert_int_equal(mr__mv_put_ids(&buf, &schema, ids, 2, true, NULL), MR_OK);
    assert_string_equal(buf.data, "id in [\"a\\\"b\\\\c\\n\\x01\\x7f\",\"\xc3\xa9\"]");
    mr__buf_reset(&buf);
    schema.id_is_integer = true;
    assert_int_equal(mr__mv_put_ids(&buf, &schema, numbers, 2, true, NULL), MR_OK);
    assert_string_equal(buf.data, "id in [7,-12]");
    assert_int_equal(mr__mv_put_ids(&buf, &schema, ids, 1, true, &err), MR_E_INVALID);
    assert_non_null(strstr(err.message, "is no integer"));
    mr__buf_reset(&buf);
    schema.auto_id = true;
    assert_int_equal(mr__mv_put_ids(&buf, &schema, numbers, 2, true, NULL), MR_OK);
    assert_string_equal(buf.data, "metadata[\"id\"] == \"7\" or metadata[\"id\"] == \"-12\"");
    mr__buf_reset(&buf);
    assert_int_equal(mr__mv_put_ids(&buf, &schema, numbers, 2, false, NULL), MR_OK);
    assert_string_equal(buf.data, "metadata[\"id\"] in [\"7\",\"-12\"]");
    mr__buf_fini(&buf);
}

static void metadata_is(const char *metadata, const char *id, const char *wanted)
{
    static const float vector[] = {1};
    const mr__row row = {id, "u", metadata, vector}, *rows[] = {&row};
    mr__mv_schema schema = {.name = (char *)"c",
                            .id_field = (char *)"id",
                            .id_is_integer = true,
                            .auto_id = true,
                            .vector_field = (char *)"v",
                            .has_metadata = true,
                            .dim = 1};
    const mr__mv_layout layout = {.schema = &schema, .fingerprint = ""};
    mr__mv_message message;

    assert_int_equal(mr__mv_message_make(&layout, rows, 1, &message, NULL), MR_OK);
    assert_int_equal(message.n_made, 1);
    assert_string_equal(message.made[0], wanted);
    mr__mv_message_fini(&message);
}

/* Where the server makes the keys, the id goes into the metadata, and the rest stays as it is. */
static void test_id_in_metadata(void **state)
{
    (void)state;
    metadata_is("{}", "a", "{\"id\":\"a\"}");
    metadata_is("{ }", "a\"", "{\"id\":\"a\\\"\" }");
    metadata_is("{\"x\": 1.50, \"y\": 123456789012345678901234567890}", "\xc3\xa9",
                "{\"id\":\"\xc3\xa9\",\"x\": 1.50, \"y\": 123456789012345678901234567890}");
    metadata_is("{\"x\":\"id\",\"id\":7}", "a", "{\"x\":\"id\",\"id\":\"a\"}");
    metadata_is("{\"x\":{\"id\":7}}", "a", "{\"id\":\"a\",\"x\":{\"id\":7}}");
}

static void test_rows(void **state)
{
    static const float v[8];
    const mr__row rows[] = {{"a", "", "{}", v},
                            {"b", "", "{}", v + 1},
                            {"a", "", "{}", v + 2},
                            {"c", "", "{}", v + 3},
                            {"b", "", "{}", v + 4}};
    const mr__row *out[5];
    const mr__row integer = {"x", "", "{}", v}, *one[] = {&integer};
    mr__mv_schema schema = {.name = (char *)"c",
                            .id_field = (char *)"id",
                            .id_is_integer = true,
                            .vector_field = (char *)"v",
                            .dim = 1};
    const mr__mv_layout layout = {.schema = &schema, .fingerprint = ""};
    mr__mv_message message;
    mr_error err;
    char uri[80];

    (void)state;
    assert_int_equal(mr__mv_rows_distinct(rows, 5, out), 3);
    assert_ptr_equal(out[0], &rows[0]);
    assert_ptr_equal(out[1], &rows[1]);
    assert_ptr_equal(out[2], &rows[3]);
    assert_int_equal(mr__mv_message_make(&layout, one, 1, &message, &err), MR_E_INVALID);
    assert_non_null(strstr(err.message, "id \"x\" is no integer"));
    schema.id_is_integer = false;
    schema.id_bytes = 0; /* a key without room */
    assert_int_equal(mr__mv_message_make(&layout, one, 1, &message, &err), MR_E_INVALID);
    assert_non_null(strstr(err.message, "its id is longer than the 0 bytes"));
    schema.id_bytes = 9;
    schema.uri_bytes = 16;
    memset(uri, 0, sizeof uri);
    memcpy(uri, "a\xff\xc3\xa9", 5);
    one[0] = &(mr__row){"x", uri, "{}", v};
    assert_int_equal(mr__mv_message_make(&layout, one, 1, &message, &err), MR_OK);
    assert_int_equal(message.n_made, 1); /* what is no UTF-8 would make a server refuse all of it */
    assert_string_equal(message.made[0], "a%FF\xc3\xa9");
    mr__mv_message_fini(&message);
    memset(uri, 'u', 17);
    assert_int_equal(mr__mv_message_make(&layout, one, 1, &message, &err), MR_E_INVALID);
}

static Mv__SearchResults *results(uint32_t n, float *scores, int64_t *keys)
{
    static Mv__SearchResults answer;
    static Mv__SearchResultData data;
    static Mv__Ids ids;
    static Mv__LongArray longs;

    mv__search_results__init(&answer);
    mv__search_result_data__init(&data);
    mv__ids__init(&ids);
    mv__long_array__init(&longs);
    answer.results = &data;
    data.ids = &ids;
    ids.int_id = &longs;
    longs.data = keys;
    longs.n_data = n;
    data.scores = scores;
    data.n_scores = n;
    return &answer;
}

static void test_hits(void **state)
{
    float scores[] = {0.75F, 0.5F};
    int64_t keys[] = {5, -6}, tops[] = {2, 0};
    mr__mv_schema schema = {.name = (char *)"c"};
    mr__mv_asked asked = {.schema = &schema, .metric = MR_METRIC_IP, .k = 2};
    Mv__SearchResults *answer = results(2, scores, keys);
    mr_hits *hits = NULL;

    (void)state;
    assert_int_equal(mr__mv_hits_read(answer, &asked, &hits, NULL), MR_OK);
    assert_int_equal(mr_hits_count(hits), 2);
    assert_string_equal(mr_hits_at(hits, 1)->id, "-6");
    assert_float_equal(mr_hits_at(hits, 0)->score, 0.75, 0);
    assert_float_equal(mr_hits_at(hits, 0)->distance, 0.25, 0);
    assert_string_equal(mr_hits_at(hits, 0)->metadata, "{}");
    mr_hits_free(&hits);
    asked.metric = MR_METRIC_L2;
    assert_int_equal(mr__mv_hits_read(answer, &asked, &hits, NULL), MR_OK);
    assert_float_equal(mr_hits_at(hits, 0)->score, -0.75, 0);
    assert_float_equal(mr_hits_at(hits, 0)->distance, 0.75, 0);
    mr_hits_free(&hits);

    asked.k = 1; /* more than were asked for */
    assert_int_equal(mr__mv_hits_read(answer, &asked, &hits, NULL), MR_E_ENV);
    asked.k = 2;
    answer->results->n_scores = 1;
    assert_int_equal(mr__mv_hits_read(answer, &asked, &hits, NULL), MR_E_ENV);
    answer->results->n_scores = 2;
    answer->results->topks = tops;
    answer->results->n_topks = 2; /* of two queries */
    assert_int_equal(mr__mv_hits_read(answer, &asked, &hits, NULL), MR_E_ENV);
    answer->results->n_topks = 1;
    assert_int_equal(mr__mv_hits_read(answer, &asked, &hits, NULL), MR_OK);
    mr_hits_free(&hits);
    scores[1] = NAN;
    assert_int_equal(mr__mv_hits_read(answer, &asked, &hits, NULL), MR_E_ENV);
    assert_null(hits);
    answer->results = NULL;
    assert_int_equal(mr__mv_hits_read(answer, &asked, &hits, NULL), MR_OK);
    assert_int_equal(mr_hits_count(hits), 0);
    mr_hits_free(&hits);
}

/* A few bytes that ask for a great many structs are refused, not served. */
static void test_unpacking_is_bounded(void **state)
{
    enum { N = 4 << 20 };
    uint8_t *bytes = malloc(N);
    mr__mv_arena arena;
    size_t i;

    (void)state;
    for (i = 0; i + 1 < N; i += 2) {
        bytes[i] = 0x12; /* an empty FieldData, two bytes each */
        bytes[i + 1] = 0;
    }
    assert_null(mr__mv_unpack(&arena, &mv__query_results__descriptor, bytes, N));
    mr__mv_arena_fini(&arena);
    assert_non_null(mr__mv_unpack(&arena, &mv__query_results__descriptor, bytes, 2000));
    mr__mv_arena_fini(&arena);
    bytes[1] = 0x7f; /* longer than the message */
    assert_null(mr__mv_unpack(&arena, &mv__query_results__descriptor, bytes, 20));
    mr__mv_arena_fini(&arena);
    free(bytes);
}

static void test_about(void **state)
{
    mr__mv_about about;
    char *text;

    (void)state;
    assert_int_equal(mr__mv_about_read("photos of \"cats\"", 16, &about, NULL), MR_OK);
    assert_false(about.ours);
    assert_string_equal(about.description, "photos of \"cats\"");
    assert_string_equal(about.embedder, "");
    mr__mv_about_fini(&about);
    assert_int_equal(mr__mv_about_read("{\"millrace\":9,\"metric\":\"nope\",\"plan\":3,\"new\":[]}",
                                       48, &about, NULL),
                     MR_OK);
    assert_true(about.ours);
    assert_string_equal(about.plan_text, "");
    assert_int_equal(about.metric, MR_METRIC_ANY);
    text = mr__mv_about_print(&about);
    assert_non_null(strstr(text, "\"millrace\":1"));
    free(text);
    mr__mv_about_fini(&about);
    assert_int_equal(mr__mv_about_read(NULL, 0, &about, NULL), MR_OK);
    mr__mv_about_fini(&about);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_id_in_metadata),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_hits),
        cmocka_unit_test(test_unpacking_is_bounded),
        cmocka_unit_test(test_about),
    };

    return cmocka_run_group_tests_name("milvus-parts", tests, NULL, NULL);
}
