/* SPDX-License-Identifier: Apache-2.0 */
/* A local store: what goes in comes out, replaced where it must be, refused where it must be. */
#include "fixture.h"

#include <math.h>

#define DIM 8u

static void open_error(const char *spec, mr_status expected, const char *part)
{
    mr_store *store = NULL;
    mr_error err = {0};

    assert_int_equal(mr_store_open(spec, NULL, &store, &err), expected);
    assert_null(store);
    assert_int_equal(err.status, expected);
    assert_contains(err.message, part);
}

static void test_registry(void **state)
{
    mr__collection_spec spec = fixture_spec(DIM);
    mr_search_options options;
    mr_store *store;
    mr_hits *hits;
    mr_metric metric;
    mr_error err = {0};
    float query[DIM] = {0};

    (void)state;
    open_error("nul:", MR_E_INVALID, "did you mean null:");
    open_error("zzzzzz:x", MR_E_INVALID, "no such kind");
    open_error("jsonl:x", MR_E_UNSUPPORTED, "not in this build");
    open_error("null:x", MR_E_INVALID, "store null: ");
    open_error("null:?delay=1h", MR_E_INVALID, "store null: ");
    open_error("null:?pause=1ms", MR_E_INVALID, "?delay=TIME");
    open_error("", MR_E_INVALID, "no path");
    assert_ok(mr_store_open("null:", NULL, &store, &err), err);
    assert_false(mr__store_has_ledger(store));
    assert_ok(mr__store_begin(store, &spec, &err), err);
    fixture_commit(store, 0, 4, DIM);
    assert_ok(mr__store_finish(store, &err), err);
    mr_search_options_init(&options);
    assert_int_equal(options.k, 10);
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_UNSUPPORTED);
    assert_null(hits);
    mr_store_close(&store);
    assert_null(store);
    mr_store_close(&store);
    assert_ok(mr_metric_from_name("cosine", &metric, &err), err);
    assert_int_equal(metric, MR_METRIC_COSINE);
    assert_int_equal(mr_metric_from_name("HAMMING", &metric, &err), MR_E_INVALID);
    assert_string_equal(mr_metric_name(MR_METRIC_L2), "L2");
}

static void check_fact(mr_store *store, const char *key, bool found, bool stored)
{
    mr__ledger_fact fact;
    mr_error err = {0};

    assert_ok(mr__store_fact(store, key, &fact, &err), err);
    assert_int_equal(fact.found, found);
    assert_int_equal(fact.stored, stored);
}

static void check_owner(mr_store *store, const char *id, const char *expected)
{
    char key[64];
    mr_error err = {0};

    assert_ok(mr__store_id_owner(store, id, key, sizeof key, &err), err);
    assert_string_equal(key, expected);
}

static void test_round_trip(void **state)
{
    char path[300];
    mr_store *store;
    mr_collection collection;
    mr__ledger_fact fact;
    float vector[DIM];
    mr_error err = {0};
    uint32_t j;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 40, DIM);
    fixture_commit(store, 40, 7, DIM);
    check_fact(store, "k46", true, true);
    check_fact(store, "k47", false, false);
    check_owner(store, "i3", "k3");
    check_owner(store, "i99", "");
    assert_ok(mr__store_finish(store, &err), err);
    mr_store_close(&store);

    store = fixture_reader(path);
    assert_ok(mr_store_collection(store, NULL, &collection, &err), err);
    assert_string_equal(collection.name, "default");
    assert_int_equal(collection.num_entities, 47);
    assert_int_equal(collection.dim, DIM);
    assert_string_equal(collection.fingerprint, FP);
    assert_string_equal(collection.plan_text, "engine=raw\n");
    assert_string_equal(collection.embedder, "fake:8");
    assert_string_equal(collection.index, "FLAT");
    mr_collection_fini(&collection);
    assert_null(collection.name);
    assert_ok(mr__store_vector(store, NULL, "i41", vector, DIM, &err), err);
    for (j = 0; j < DIM; j++)
        assert_true(vector[j] == fixture_component(41, j));
    assert_int_equal(mr__store_vector(store, NULL, "i47", vector, DIM, &err), MR_E_NOT_FOUND);
    assert_int_equal(mr_store_collection(store, "other", &collection, &err), MR_E_NOT_FOUND);
    assert_contains(err.message, "there are: default");
    mr_store_close(&store);

    store = fixture_writer(path, DIM);
    assert_ok(mr__store_fact(store, "k41", &fact, &err), err);
    assert_true(fact.stored);
    assert_string_equal(fact.fingerprint, FP);
    assert_int_equal(fact.version.size, 1041);
    assert_int_equal(fact.version.mtime_ns, 77);
    assert_int_equal(fact.attempts, 1);
    mr_store_close(&store);
    fixture_remove(path);
}

/* Nothing but the store and its vector cache is left of a closed store. */
static void test_at_rest(void **state)
{
    char path[300], beside[320];
    const char *const suffixes[] = {"-lock", "-wal", "-shm"};
    mr_store *store;
    size_t i;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 4, DIM);
    for (i = 0; i < 3; i++) {
        (void)snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]);
        assert_int_equal(access(beside, F_OK), 0);
    }
    mr_store_close(&store);
    for (i = 0; i < 3; i++) {
        (void)snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]);
        assert_int_not_equal(access(beside, F_OK), 0);
    }
    store = fixture_reader(path);
    mr_store_close(&store);
    for (i = 0; i < 3; i++) {
        (void)snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]);
        assert_int_not_equal(access(beside, F_OK), 0);
    }
    fixture_remove(path);
}

static uint64_t entities(mr_store *store)
{
    mr_collection collection;
    mr_error err = {0};
    uint64_t n;

    assert_ok(mr_store_collection(store, NULL, &collection, &err), err);
    n = collection.num_entities;
    mr_collection_fini(&collection);
    return n;
}

static void test_upsert(void **state)
{
    char path[300];
    mr_store *store;
    float vector[DIM];
    mr_error err = {0};
    batch *b;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 10, DIM);
    fixture_commit(store, 5, 10, DIM);
    assert_int_equal(entities(store), 15);

    /* one id twice in a batch: the first wins, and it replaces the row of before */
    b = fixture_batch(100, 3, DIM);
    (void)snprintf(b->ids[0], sizeof b->ids[0], "i4");
    (void)snprintf(b->ids[2], sizeof b->ids[2], "i4");
    b->entries[2].state = "duplicate";
    b->entries[2].code = MR_CODE_DUPLICATE_ID;
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    fixture_batch_free(b);
    assert_int_equal(entities(store), 16);
    assert_ok(mr__store_vector(store, NULL, "i4", vector, DIM, &err), err);
    assert_true(vector[0] == fixture_component(100, 0));
    check_owner(store, "i4", "k100");
    check_fact(store, "k102", true, false);
    mr_store_close(&store);
    fixture_remove(path);
}

/* Ids made from the bytes: the item of a changed file gets another id, and its old row goes. */
static void test_item_moves_to_another_id(void **state)
{
    char path[300];
    mr_store *store;
    float vector[DIM];
    mr_error err = {0};
    batch *b;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 4, DIM);
    b = fixture_batch(2, 1, DIM);
    (void)snprintf(b->ids[0], sizeof b->ids[0], "new");
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    fixture_batch_free(b);
    assert_int_equal(entities(store), 4);
    assert_int_equal(mr__store_vector(store, NULL, "i2", vector, DIM, &err), MR_E_NOT_FOUND);
    assert_ok(mr__store_vector(store, NULL, "new", vector, DIM, &err), err);
    check_owner(store, "new", "k2");
    check_owner(store, "i2", "");
    mr_store_close(&store);
    fixture_remove(path);
}

/* An item that was stored and now fails: the ledger says so, the old vector stays. */
static void test_stored_then_failed(void **state)
{
    char path[300];
    mr_store *store;
    float vector[DIM];
    mr_error err = {0};
    batch *b;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 4, DIM);
    b = fixture_batch(1, 2, DIM);
    b->entries[0].state = "failed";
    b->entries[0].code = MR_CODE_TRUNCATED;
    b->entries[1].state = "duplicate"; /* a second mention does not undo the first */
    b->commit.n_rows = 0;
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    fixture_batch_free(b);
    check_fact(store, "k1", true, false);
    check_fact(store, "k2", true, true);
    assert_int_equal(entities(store), 4);
    assert_ok(mr__store_vector(store, NULL, "i1", vector, DIM, &err), err);
    mr_store_close(&store);
    fixture_remove(path);
}

static void begin_error(mr_store *store, const mr__collection_spec *spec, mr_status expected,
                        const char *part, const char *other)
{
    mr_error err = {0};

    assert_int_equal(mr__store_begin(store, spec, &err), expected);
    assert_contains(err.message, "store local: ");
    assert_contains(err.message, part);
    assert_contains(err.message, other);
}

static void test_disagreement(void **state)
{
    mr__collection_spec spec = fixture_spec(DIM);
    char path[300];
    mr_store *store;
    mr_error err = {0};

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    spec.fingerprint = "mr1:ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    spec.plan_name = "letterbox";
    begin_error(store, &spec, MR_E_MISMATCH, "raw (mr1:0123456789", "letterbox (mr1:ffff456789");
    spec.force_plan = true;
    assert_ok(mr__store_begin(store, &spec, &err), err);
    spec = fixture_spec(DIM);
    spec.embedder = "builtin";
    begin_error(store, &spec, MR_E_MISMATCH, "embedder fake:8", "builtin");
    spec = fixture_spec(DIM * 2);
    spec.force_plan = true;
    begin_error(store, &spec, MR_E_MISMATCH, "8 dimensions", "makes 16");
    spec = fixture_spec(DIM);
    spec.index = "HNSW";
    begin_error(store, &spec, MR_E_UNSUPPORTED, "HNSW", "FLAT");
    spec.index = "flat";
    spec.dim = 0;
    begin_error(store, &spec, MR_E_INVALID, "tensors", "npy:");
    spec = fixture_spec(DIM);
    spec.name = "a\nb";
    begin_error(store, &spec, MR_E_INVALID, "control", "");
    mr_store_close(&store);
    fixture_remove(path);
}

typedef struct walk {
    int n;
    char text[512];
} walk;

static int walk_entry(void *cookie, const mr_ledger_entry *entry)
{
    walk *w = cookie;
    size_t at = strlen(w->text);

    (void)snprintf(w->text + at, sizeof w->text - at, "%s %s %s %s %u;", entry->key, entry->state,
                   mr_stage_name(entry->stage), mr_code_name(entry->code), entry->attempts);
    return ++w->n == 4;
}

static void test_report(void **state)
{
    char path[300];
    walk all = {0}, failed = {0};
    mr_store *store;
    mr_error err = {0};
    batch *b = fixture_batch(0, 5, DIM);

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    b->entries[1].state = "failed";
    b->entries[1].stage = MR_STAGE_DECODE;
    b->entries[1].code = MR_CODE_TRUNCATED;
    b->entries[1].ms_decode = NAN;
    b->entries[3].state = "quarantined";
    b->entries[3].stage = MR_STAGE_DECODE;
    b->entries[3].code = MR_CODE_CRASHED;
    b->entries[3].attempts = 2;
    b->rows[1] = b->rows[2];
    b->rows[2] = b->rows[4];
    b->commit.n_rows = 3;
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    check_owner(store, "i4", "k4");
    assert_ok(mr_store_report(store, NULL, false, walk_entry, &all, &err), err);
    assert_string_equal(all.text, "k0 stored store none 1;k1 failed decode truncated 1;"
                                  "k2 stored store none 1;k3 quarantined decode crashed 2;");
    assert_ok(mr_store_report(store, NULL, true, walk_entry, &failed, &err), err);
    assert_string_equal(failed.text,
                        "k1 failed decode truncated 1;k3 quarantined decode crashed 2;");
    assert_int_equal(mr_store_report(store, "no", true, walk_entry, &failed, &err), MR_E_NOT_FOUND);
    fixture_batch_free(b);
    mr_store_close(&store);
    fixture_remove(path);
}

static int walk_collection(void *cookie, const mr_collection *collection)
{
    walk *w = cookie;
    size_t at = strlen(w->text);

    (void)snprintf(w->text + at, sizeof w->text - at, "%s %llu;", collection->name,
                   (unsigned long long)collection->num_entities);
    return 0;
}

static void test_collections_are_apart(void **state)
{
    mr__collection_spec spec = fixture_spec(DIM);
    mr_search_options options;
    char path[300];
    walk list = {0};
    mr_store *store;
    mr_hits *hits;
    mr_error err = {0};

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 6, DIM);
    spec.name = "another";
    spec.metric = MR_METRIC_L2;
    assert_ok(mr__store_begin(store, &spec, &err), err);
    fixture_commit(store, 3, 4, DIM);
    check_fact(store, "k0", false, false);
    check_fact(store, "k6", true, true);
    assert_ok(mr_store_list(store, walk_collection, &list, &err), err);
    assert_string_equal(list.text, "another 4;default 6;");
    mr_search_options_init(&options);
    options.collection = "another";
    assert_ok(mr_search_id(store, "i5", &options, &hits, &err), err);
    assert_int_equal(mr_hits_count(hits), 4);
    assert_int_equal(mr_hits_metric(hits), MR_METRIC_L2);
    assert_string_equal(mr_hits_at(hits, 0)->id, "i5");
    assert_string_equal(mr_hits_at(hits, 0)->metadata, "{\"a\":1}");
    assert_true(mr_hits_at(hits, 0)->distance == 0.0f);
    assert_true(mr_hits_at(hits, 3)->distance > 0.0f);
    assert_null(mr_hits_at(hits, 4));
    mr_hits_free(&hits);
    assert_int_equal(mr_search_id(store, "i0", &options, &hits, &err), MR_E_NOT_FOUND);
    mr_store_close(&store);
    fixture_remove(path);
}

static void test_search_refusals(void **state)
{
    mr_search_options options;
    float query[DIM + 1] = {1.0f};
    char path[300];
    mr_store *store;
    mr_hits *hits;
    mr_error err = {0};

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    mr_search_options_init(&options);
    assert_ok(mr_search_vector(store, query, DIM, &options, &hits, &err), err);
    assert_int_equal(mr_hits_count(hits), 0);
    mr_hits_free(&hits);
    assert_int_equal(mr_search_vector(store, query, DIM + 1, &options, &hits, &err), MR_E_MISMATCH);
    assert_contains(err.message, "8 dimensions, the query has 9");
    options.k = 0;
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_INVALID);
    options.k = 16385;
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_INVALID);
    options.k = 16384;
    options.filter = "a > 1";
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_INVALID);
    options.filter = NULL;
    query[3] = NAN;
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_INVALID);
    assert_contains(err.message, "component 3");
    options.collection = "no";
    query[3] = 0;
    assert_int_equal(mr_search_vector(store, query, DIM, &options, &hits, &err), MR_E_NOT_FOUND);
    mr_store_close(&store);
    fixture_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_at_rest),
        cmocka_unit_test(test_upsert),
        cmocka_unit_test(test_item_moves_to_another_id),
        cmocka_unit_test(test_stored_then_failed),
        cmocka_unit_test(test_disagreement),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_collections_are_apart),
        cmocka_unit_test(test_search_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
