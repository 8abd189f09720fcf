/* SPDX-License-Identifier: Apache-2.0 */
/* Collections of a local store: made, dropped, loaded, released, flushed; rows that are deleted;
 * searches with filters and output fields. */
#include "fixture.h"

#include <sys/stat.h>

#define DIM  8u
#define ROWS 200

static bool there(const char *path, const char *ending)
{
    char name[400];
    struct stat st;

    (void)snprintf(name, sizeof name, "%s%s", path, ending);
    return stat(name, &st) == 0;
}

static uint64_t entities(mr_store *store, const char *name)
{
    mr_collection collection;
    mr_error err = {0};
    uint64_t n;

    assert_ok(mr_store_collection(store, name, &collection, &err), err);
    n = collection.num_entities;
    mr_collection_fini(&collection);
    return n;
}

/* Items 0..ROWS-1 with metadata {"n": number, "even": truth value, "name": text}. */
static mr_store *numbered(const char *path)
{
    static char metadata[ROWS][64];
    mr_store *store = fixture_writer(path, DIM);
    batch *b = fixture_batch(0, ROWS, DIM);
    mr_error err = {0};
    int i;

    for (i = 0; i < ROWS; i++) {
        (void)snprintf(metadata[i], sizeof metadata[i], "{\"n\":%d,\"even\":%s,\"name\":\"x%d\"}",
                       i, i % 2 ? "false" : "true", i % 10);
        b->rows[i].metadata = metadata[i];
    }
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    fixture_batch_free(b);
    return store;
}

/* The numbers of the hits, nearest first. */
static size_t search(mr_store *store, const char *filter, uint32_t k, int *out)
{
    mr_search_options options;
    float query[DIM];
    mr_hits *hits = NULL;
    mr_error err = {0};
    size_t n, i;

    for (i = 0; i < DIM; i++)
        query[i] = fixture_component(7, (uint32_t)i);
    mr_search_options_init(&options);
    options.k = k;
    options.filter = filter;
    assert_ok(mr_search_vector(store, query, DIM, &options, &hits, &err), err);
    n = mr_hits_count(hits);
    for (i = 0; i < n; i++)
        out[i] = (int)strtol(mr_hits_at(hits, i)->id + 1, NULL, 10);
    mr_hits_free(&hits);
    return n;
}

/* Filtering before choosing is choosing among all and filtering then. */
static void check_filter(mr_store *store, const char *filter, bool (*wanted)(int))
{
    int all[ROWS], got[ROWS];
    size_t n = search(store, NULL, ROWS, all), kept = 0, i, found;

    for (i = 0; i < n; i++)
        if (wanted(all[i]))
            all[kept++] = all[i];
    for (i = 1; i <= kept + 5; i += kept < 12 ? 1 : kept / 4) {
        found = search(store, filter, (uint32_t)i, got);
        assert_int_equal(found, i < kept ? i : kept);
        assert_memory_equal(got, all, found * sizeof *got);
    }
}

static bool even(int i)
{
    return i % 2 == 0;
}

static bool middle(int i)
{
    return i >= 50 && i < 120 && i % 10 != 3;
}

static bool nobody(int i)
{
    return i < 0;
}

static bool one(int i)
{
    return i == 42;
}

static void test_filters_come_before_the_nearest(void **state)
{
    char path[300], cache[330];
    mr_store *store;
    int pass;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = numbered(path);
    /* the second time the cache cannot be made: the table is scanned, the answers are the same */
    for (pass = 0; pass < 2; pass++) {
        check_filter(store, "metadata[\"even\"] == true", even);
        check_filter(store, "50 <= metadata[\"n\"] < 120 and metadata[\"name\"] != 'x3'", middle);
        check_filter(store, "metadata[\"n\"] > 1000", nobody);
        check_filter(store, "id in ['i42', 'nobody']", one);
        assert_int_equal(there(path, "-vec1"), pass == 0);
        mr_store_close(&store);
        (void)snprintf(cache, sizeof cache, "%s-vec1", path);
        (void)unlink(cache);
        (void)snprintf(cache, sizeof cache, "%s-vec1-new", path);
        assert_int_equal(pass == 0 ? mkdir(cache, 0700) : rmdir(cache), 0);
        store = fixture_reader(path);
    }
    mr_store_close(&store);
    fixture_remove(path);
}

static void test_search_mistakes(void **state)
{
    const char *fields[] = {"uri", "vecto"};
    const mr_param param = {"nprobe", "3"};
    char path[300];
    mr_store *store;
    mr_search_options options;
    float query[DIM] = {1};
    mr_hits *hits;
    mr_error err = {0};

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = numbered(path);
    mr_search_options_init(&options);
    options.filter = "id == ";
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_INVALID);
    assert_string_equal(err.message, "store local: filter: character 7: wanted a field or a value, "
                                     "found the end");
    options.filter = NULL;
    options.output_fields = fields;
    options.n_output_fields = 2;
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_INVALID);
    assert_contains(err.message, "no field vecto; there are id, uri, metadata, fingerprint, vector "
                                 "and *; did you mean vector?");
    options.n_output_fields = 0;
    options.params = &param;
    options.n_params = 1;
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_INVALID);
    assert_contains(err.message, "no parameter nprobe");
    mr_store_close(&store);
    fixture_remove(path);
}

static void test_output_fields(void **state)
{
    const char *fields[] = {"fingerprint", "vector"}, *all[] = {"*"};
    char path[300], expected[400];
    mr_store *store;
    mr_search_options options;
    float query[DIM];
    mr_hits *hits;
    mr_error err = {0};
    size_t i;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = numbered(path);
    for (i = 0; i < DIM; i++)
        query[i] = fixture_component(7, (uint32_t)i);
    mr_search_options_init(&options);
    options.k = 1;
    options.filter = "id == \"i7\"";
    assert_ok(mr_search_vector(store, query, DIM, &options, &hits, &err), err);
    assert_string_equal(mr_hits_at(hits, 0)->fields, "{}");
    mr_hits_free(&hits);
    options.output_fields = fields;
    options.n_output_fields = 2;
    assert_ok(mr_search_vector(store, query, DIM, &options, &hits, &err), err);
    (void)snprintf(expected, sizeof expected, "{\"fingerprint\":\"" FP "\",\"vector\":[%.3f,",
                   (double)query[0]);
    assert_memory_equal(mr_hits_at(hits, 0)->fields, expected, strlen(expected) - 2);
    assert_null(strstr(mr_hits_at(hits, 0)->fields, "metadata"));
    mr_hits_free(&hits);
    options.output_fields = all;
    options.n_output_fields = 1;
    assert_ok(mr_search_vector(store, query, DIM, &options, &hits, &err), err);
    assert_contains(mr_hits_at(hits, 0)->fields,
                    "{\"id\":\"i7\",\"uri\":\"k7\",\"metadata\":{\"n\":7,\"even\":false,"
                    "\"name\":\"x7\"},\"fingerprint\":\"");
    mr_hits_free(&hits);
    mr_store_close(&store);
    fixture_remove(path);
}

static int count_entry(void *cookie, const mr_ledger_entry *entry)
{
    (void)entry;
    *(int *)cookie += 1;
    return 0;
}

static int ledger_size(mr_store *store)
{
    mr_error err = {0};
    int n = 0;

    assert_ok(mr_store_report(store, NULL, false, count_entry, &n, &err), err);
    return n;
}

static void test_delete(void **state)
{
    static const char *const ids[] = {"i3", "nobody", "i4", "i3"};
    char path[300];
    mr_store *store, *other;
    mr__ledger_fact fact;
    uint64_t deleted = 99;
    mr_error err = {0};
    int got[ROWS];

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = numbered(path);
    other = fixture_reader(path);
    assert_int_equal(search(other, NULL, ROWS, got), ROWS);
    assert_ok(mr_store_delete(store, NULL, ids, 4, &deleted, &err), err);
    assert_int_equal(deleted, 2);
    assert_int_equal(entities(store, NULL), ROWS - 2);
    assert_int_equal(ledger_size(store), ROWS - 2);
    /* both see it although both had a vector cache of before */
    assert_int_equal(search(other, NULL, ROWS, got), ROWS - 2);
    assert_int_equal(search(store, NULL, ROWS, got), ROWS - 2);
    assert_ok(mr__store_fact(store, "k3", &fact, &err), err);
    assert_false(fact.found);
    assert_ok(mr__store_fact(store, "k5", &fact, &err), err);
    assert_true(fact.found);

    assert_ok(mr_store_delete_where(store, "default", "metadata[\"n\"] < 20 and not id == 'i7'",
                                    &deleted, &err),
              err);
    assert_int_equal(deleted, 17);
    assert_int_equal(entities(store, NULL), ROWS - 19);
    assert_int_equal(ledger_size(store), ROWS - 19);
    assert_int_equal(search(other, "metadata[\"n\"] <= 20", ROWS, got), 2);
    assert_int_equal(got[0], 7);
    assert_int_equal(got[1], 20);
    assert_ok(mr_store_delete_where(store, NULL, "id == 'nobody'", &deleted, &err), err);
    assert_int_equal(deleted, 0);

    assert_int_equal(mr_store_delete_where(store, NULL, "id ==", &deleted, &err), MR_E_INVALID);
    assert_contains(err.message, "character 6");
    assert_int_equal(mr_store_delete_where(store, NULL, "", &deleted, &err), MR_E_INVALID);
    assert_int_equal(mr_store_delete_where(store, "none", "id == 'a'", &deleted, &err),
                     MR_E_NOT_FOUND);
    assert_int_equal(mr_store_delete(store, "none", ids, 1, &deleted, &err), MR_E_NOT_FOUND);
    assert_int_equal(mr_store_delete(other, NULL, ids, 1, &deleted, &err), MR_E_INVALID);
    assert_contains(err.message, "opened for reading only");
    assert_int_equal(entities(other, NULL), ROWS - 19);
    /* what was deleted can be stored again */
    fixture_commit(store, 3, 2, DIM);
    assert_int_equal(entities(store, NULL), ROWS - 17);
    mr_store_close(&store);
    mr_store_close(&other);
    fixture_remove(path);
}

static int name_of(void *cookie, const mr_collection *collection)
{
    char *names = cookie;

    (void)snprintf(names + strlen(names), 100, "%s;", collection->name);
    return 0;
}

static void test_create(void **state)
{
    mr_collection_options options;
    const mr_param param = {"nlist", "128"};
    mr_collection collection;
    mr_store *store;
    char path[300], names[200] = "";
    mr_error err = {0};

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    assert_ok(mr_store_open(path, NULL, &store, &err), err);
    mr_collection_options_init(&options);
    options.name = "faces";
    assert_int_equal(mr_store_create(store, &options, &err), MR_E_INVALID); /* no dimension */
    options.dim = DIM;
    options.metric = MR_METRIC_L2;
    options.description = "of people";
    assert_ok(mr_store_create(store, &options, &err), err);
    assert_int_equal(mr_store_create(store, &options, &err), MR_E_INVALID);
    assert_contains(err.message, "there is a collection faces already");
    options.name = NULL;
    options.params = &param;
    options.n_params = 1;
    assert_int_equal(mr_store_create(store, &options, &err), MR_E_INVALID);
    assert_contains(err.message, "no parameter nlist");
    options.n_params = 0;
    options.index = "HNSW";
    assert_int_equal(mr_store_create(store, &options, &err), MR_E_UNSUPPORTED);
    options.index = "flat";
    assert_ok(mr_store_create(store, &options, &err), err);
    assert_ok(mr_store_list(store, name_of, names, &err), err);
    assert_string_equal(names, "default;faces;");

    assert_ok(mr_store_collection(store, "faces", &collection, &err), err);
    assert_string_equal(collection.description, "of people");
    assert_string_equal(collection.embedder, "");
    assert_int_equal(collection.metric, MR_METRIC_L2);
    assert_true(collection.loaded);
    mr_collection_fini(&collection);

    mr_store_close(&store);
    fixture_remove(path);
}

static void test_first_run_and_drop(void **state)
{
    mr_collection_options options;
    mr__collection_spec spec = fixture_spec(DIM);
    mr_collection collection;
    mr_store *store;
    char path[300];
    mr_error err = {0};

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    assert_ok(mr_store_open(path, NULL, &store, &err), err);
    mr_collection_options_init(&options);
    options.name = "faces";
    options.dim = DIM;
    options.metric = MR_METRIC_L2;
    assert_ok(mr_store_create(store, &options, &err), err);

    /* the first run into it says what it is of, the next one is held to that */
    spec.name = "faces";
    spec.dim = DIM + 1;
    assert_int_equal(mr__store_begin(store, &spec, &err), MR_E_MISMATCH);
    spec.dim = DIM;
    assert_int_equal(mr__store_begin(store, &spec, &err), MR_E_MISMATCH); /* IP, not L2 */
    spec.metric = MR_METRIC_ANY;
    assert_ok(mr__store_begin(store, &spec, &err), err);
    fixture_commit(store, 0, 5, DIM);
    assert_ok(mr_store_collection(store, "faces", &collection, &err), err);
    assert_string_equal(collection.embedder, "fake:8");
    assert_string_equal(collection.fingerprint, FP);
    assert_int_equal(collection.num_entities, 5);
    mr_collection_fini(&collection);
    spec.embedder = "fake:9";
    assert_int_equal(mr__store_begin(store, &spec, &err), MR_E_MISMATCH);

    assert_ok(mr_store_load(store, "faces", &err), err);
    assert_true(there(path, "-vec1"));
    assert_int_equal(mr_store_drop(store, "fases", &err), MR_E_NOT_FOUND);
    assert_contains(err.message, "there are: faces");
    assert_ok(mr_store_drop(store, "faces", &err), err);
    assert_false(there(path, "-vec1"));
    assert_int_equal(mr_store_collection(store, "faces", &collection, &err), MR_E_NOT_FOUND);
    assert_int_equal(mr_store_drop(store, "faces", &err), MR_E_NOT_FOUND);
    mr_store_close(&store);
    fixture_remove(path);
}

/* A collection's rows, ledger and cache are its own, whatever happens to the others. */
static void test_collections_of_one_file(void **state)
{
    mr__collection_spec spec = fixture_spec(DIM);
    mr_store *store;
    char path[300];
    uint64_t deleted;
    mr_error err = {0};
    int got[ROWS];

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = numbered(path);
    spec.name = "second";
    assert_ok(mr__store_begin(store, &spec, &err), err);
    fixture_commit(store, 0, 30, DIM);
    assert_int_equal(search(store, NULL, ROWS, got), ROWS);
    assert_ok(mr_store_delete_where(store, "second", "id < \"i2\"", &deleted, &err), err);
    assert_int_equal(deleted, 12);
    assert_int_equal(entities(store, "second"), 18);
    assert_int_equal(entities(store, NULL), ROWS);
    assert_int_equal(ledger_size(store), ROWS);
    assert_ok(mr_store_drop(store, "default", &err), err);
    assert_int_equal(entities(store, "second"), 18);
    fixture_commit(store, 50, 2, DIM);
    assert_int_equal(entities(store, "second"), 20);
    mr_store_close(&store);
    fixture_remove(path);
}

static void test_load_release_flush_health(void **state)
{
    mr_store *store;
    char path[300], text[400];
    struct stat st;
    mr_error err = {0};
    int got[ROWS];

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = numbered(path);
    assert_false(there(path, "-vec1"));
    assert_ok(mr_store_load(store, NULL, &err), err);
    assert_true(there(path, "-vec1"));
    assert_ok(mr_store_load(store, NULL, &err), err);
    assert_ok(mr_store_release(store, NULL, &err), err);
    assert_false(there(path, "-vec1"));
    assert_ok(mr_store_release(store, NULL, &err), err);
    assert_int_equal(search(store, NULL, ROWS, got), ROWS);
    assert_int_equal(mr_store_load(store, "none", &err), MR_E_NOT_FOUND);
    assert_int_equal(mr_store_release(store, "none", &err), MR_E_NOT_FOUND);
    assert_int_equal(mr_store_flush(store, "none", &err), MR_E_NOT_FOUND);

    (void)snprintf(text, sizeof text, "%s-wal", path);
    assert_int_equal(stat(text, &st), 0);
    assert_true(st.st_size > 0);
    assert_ok(mr_store_flush(store, NULL, &err), err);
    assert_int_equal(stat(text, &st), 0);
    assert_int_equal(st.st_size, 0);

    assert_ok(mr_store_health(store, text, sizeof text, &err), err);
    assert_contains(text, "schema 2, collections: 1, rows: 200");
    mr_store_close(&store);
    store = fixture_reader(path);
    assert_ok(mr_store_load(store, NULL, &err), err);
    assert_ok(mr_store_flush(store, NULL, &err), err);
    assert_ok(mr_store_health(store, text, sizeof text, &err), err);
    mr_store_close(&store);
    fixture_remove(path);
}

static void test_stores_without(void **state)
{
    mr_collection_options options;
    const char *id = "a";
    mr_store *store;
    char text[8];
    uint64_t deleted;
    mr_error err = {0};

    (void)state;
    assert_ok(mr_store_open("null:", NULL, &store, &err), err);
    mr_collection_options_init(&options);
    options.dim = 3;
    assert_int_equal(mr_store_create(store, &options, &err), MR_E_UNSUPPORTED);
    assert_int_equal(mr_store_drop(store, "a", &err), MR_E_UNSUPPORTED);
    assert_int_equal(mr_store_load(store, "a", &err), MR_E_UNSUPPORTED);
    assert_int_equal(mr_store_release(store, "a", &err), MR_E_UNSUPPORTED);
    assert_int_equal(mr_store_flush(store, "a", &err), MR_E_UNSUPPORTED);
    assert_int_equal(mr_store_delete(store, "a", &id, 1, &deleted, &err), MR_E_UNSUPPORTED);
    assert_int_equal(mr_store_delete_where(store, "a", "x", &deleted, &err), MR_E_UNSUPPORTED);
    assert_int_equal(mr_store_health(store, text, sizeof text, &err), MR_E_UNSUPPORTED);
    mr_store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters_come_before_the_nearest),
        cmocka_unit_test(test_search_mistakes),
        cmocka_unit_test(test_output_fields),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_first_run_and_drop),
        cmocka_unit_test(test_collections_of_one_file),
        cmocka_unit_test(test_load_release_flush_health),
        cmocka_unit_test(test_stores_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
