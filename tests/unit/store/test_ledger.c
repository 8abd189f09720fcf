/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger beside a store that has none inside: where it lies, whose it is, what it knows. */
#include "fixture.h"

#include <sys/stat.h>

#include "store/ledger.h"

#define DIM   4u
#define ROOM  64
#define THERE "milvus://there:1"

/* A store elsewhere: a set of ids, and what the test decides. */
typedef struct elsewhere {
    mr_store base;
    char spec[64];
    char ids[ROOM][32];
    size_t n;
    char identity[32];
    bool broken;
    mr__collection_spec begun;
} elsewhere;

static mr_status elsewhere_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err)
{
    (void)err;
    ((elsewhere *)store)->begun = *spec;
    return MR_OK;
}

static size_t find(const elsewhere *e, const char *id)
{
    size_t i = 0;

    while (i < e->n && strcmp(e->ids[i], id) != 0)
        i++;
    return i;
}

static mr_status elsewhere_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    elsewhere *e = (elsewhere *)store;
    size_t i, at;

    if (e->broken)
        return mr__error_set(err, MR_E_ENV, "nobody answers");
    for (i = 0; i < commit->n_rows; i++) {
        at = find(e, commit->rows[i].id);
        assert_true(at < ROOM);
        (void)snprintf(e->ids[at], sizeof e->ids[at], "%s", commit->rows[i].id);
        e->n += at == e->n;
    }
    return MR_OK;
}

static mr_status elsewhere_identity(mr_store *store, const char *name, char *out, size_t size,
                                    mr_error *err)
{
    (void)err;
    assert_string_equal(name, "default");
    (void)snprintf(out, size, "%s", ((elsewhere *)store)->identity);
    return MR_OK;
}

static mr_status elsewhere_remove(mr_store *store, const char *name, const char *const *ids,
                                  size_t n_ids, uint64_t *deleted, mr_error *err)
{
    elsewhere *e = (elsewhere *)store;
    size_t i, at;

    (void)err;
    assert_string_equal(name, "default");
    for (i = 0; i < n_ids; i++) {
        at = find(e, ids[i]);
        if (at == e->n)
            continue;
        memcpy(e->ids[at], e->ids[--e->n], sizeof e->ids[at]);
        *deleted += 1;
    }
    return MR_OK;
}

/* The filter is the id of one row. */
static mr_status elsewhere_remove_where(mr_store *store, const char *name, const char *filter,
                                        uint64_t *deleted, mr_error *err)
{
    return elsewhere_remove(store, name, &filter, 1, deleted, err);
}

static mr_status elsewhere_select(mr_store *store, const char *name, const char *filter,
                                  mr_status (*fn)(void *, const char *, mr_error *), void *cookie,
                                  mr_error *err)
{
    (void)store;
    assert_string_equal(name, "default");
    return fn(cookie, filter, err);
}

static mr_status elsewhere_drop(mr_store *store, const char *name, mr_error *err)
{
    (void)name;
    (void)err;
    ((elsewhere *)store)->n = 0;
    return MR_OK;
}

static void elsewhere_close(mr_store *store)
{
    (void)store; /* the test's own */
}

static const mr__store_ops elsewhere_ops = {
    .name = "elsewhere",
    .ledger_beside = true,
    .begin = elsewhere_begin,
    .commit = elsewhere_commit,
    .identity = elsewhere_identity,
    .select = elsewhere_select,
    .remove = elsewhere_remove,
    .remove_where = elsewhere_remove_where,
    .drop = elsewhere_drop,
    .close = elsewhere_close,
};

/* The same without what is optional. */
static const mr__store_ops plain_ops = {
    .name = "plain",
    .ledger_beside = true,
    .begin = elsewhere_begin,
    .commit = elsewhere_commit,
    .remove_where = elsewhere_remove_where,
    .close = elsewhere_close,
};

/* Opens as the registry does: the rows stay what they are. `file` NULL: the default place. */
static mr_store *open_there(elsewhere *e, const char *spec, const char *file)
{
    e->base = (mr_store){.ops = e->base.ops ? e->base.ops : &elsewhere_ops,
                         .ledger_beside = true,
                         .ledger_given = file != NULL};
    e->base.spec = strdup(spec);
    e->base.ledger_file = file ? strdup(file) : NULL;
    assert_non_null(e->base.spec);
    return &e->base;
}

static mr_status begin(mr_store *store, mr_error *err)
{
    mr__collection_spec spec = fixture_spec(DIM);

    return mr__store_begin(store, &spec, err);
}

static mr_store *begun(elsewhere *e, const char *file)
{
    mr_store *store = open_there(e, THERE, file);
    mr_error err = {0};

    assert_ok(begin(store, &err), err);
    return store;
}

static bool is_stored(mr_store *store, const char *key)
{
    mr__ledger_fact fact;
    mr_error err = {0};

    assert_ok(mr__store_fact(store, key, &fact, &err), err);
    return fact.found && fact.stored;
}

static int count(void *cookie, const mr_ledger_entry *entry)
{
    unsigned *n = cookie;

    assert_true(entry->ms_store > 0);
    *n += 1;
    return 0;
}

static unsigned reported(mr_store *store)
{
    mr_error err = {0};
    unsigned n = 0;

    assert_ok(mr_store_report(store, NULL, false, count, &n, &err), err);
    return n;
}

static void test_what_it_knows(void **state)
{
    elsewhere e = {0};
    char path[300], owner[64];
    mr_error err = {0};
    mr_store *store, *second;
    elsewhere other = {0};
    batch *b = fixture_batch(0, 3, DIM);

    (void)state;
    fixture_path(path, sizeof path, "a.ledger");
    store = begun(&e, path);
    assert_true(mr__store_has_ledger(store));
    assert_false(e.begun.with_ledger); /* it is not asked to keep one itself */
    b->entries[2].state = "failed";
    b->commit.n_rows = 2;
    b->commit.row_ms = 2.5f;
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    assert_int_equal(e.n, 2);
    assert_true(is_stored(store, "k0"));
    assert_false(is_stored(store, "k2"));
    assert_ok(mr__store_id_owner(store, "i1", owner, sizeof owner, &err), err);
    assert_string_equal(owner, "k1");
    assert_ok(mr__store_id_owner(store, "i2", owner, sizeof owner, &err), err);
    assert_string_equal(owner, "");
    /* as of any store: one writer at a time, and whoever only reads is let in */
    second = open_there(&other, THERE, path);
    assert_int_equal(begin(second, &err), MR_E_BUSY);
    assert_contains(err.message, "store elsewhere: ledger: another process");
    mr_store_close(&second);
    other = (elsewhere){0};
    second = open_there(&other, THERE, path);
    b->entries[2].ms_store = 1;
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    assert_int_equal(reported(second), 3);
    mr_store_close(&second);
    assert_ok(mr__store_finish(store, &err), err);
    mr_store_close(&store);
    /* and it is still there */
    store = begun(&e, path);
    assert_true(is_stored(store, "k1"));
    assert_int_equal(reported(store), 3);
    mr_store_close(&store);
    fixture_batch_free(b);
    fixture_remove(path);
}

/* What the store did not acknowledge is not recorded. */
static void test_rows_first(void **state)
{
    elsewhere e = {.broken = true};
    char path[300];
    mr_error err = {0};
    batch *b = fixture_batch(0, 3, DIM);
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "a.ledger");
    store = begun(&e, path);
    assert_int_equal(mr__store_commit(store, &b->commit, &err), MR_E_ENV);
    assert_contains(err.message, "store elsewhere: batch 0: nobody answers");
    assert_false(is_stored(store, "k0"));
    e.broken = false;
    assert_ok(mr__store_write(store, &b->commit, &err), err);
    assert_false(is_stored(store, "k0"));
    assert_ok(mr__store_record(store, &b->commit, &err), err);
    assert_true(is_stored(store, "k0"));
    mr_store_close(&store);
    fixture_batch_free(b);
    fixture_remove(path);
}

/* Both of the default places below `home`, and `home`. */
static void remove_state(const char *home)
{
    static const char *const below[] = {"/.local/state", "/.local", ""};
    char path[400];
    size_t i;

    (void)snprintf(path, sizeof path, "%s/millrace/x", home);
    fixture_remove(path);
    (void)snprintf(path, sizeof path, "%s/.local/state/millrace/x", home);
    fixture_remove(path);
    for (i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s%s", home, below[i]);
        assert_int_equal(rmdir(path), 0);
    }
}

static void test_default_place(void **state)
{
    elsewhere e = {0};
    char path[300], home[300], folder[400], expected[700];
    mr_error err = {0};
    struct stat st;
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "x");
    (void)snprintf(home, sizeof home, "%.*s", (int)(strlen(path) - 2), path);
    (void)snprintf(folder, sizeof folder, "%s/.local/state/millrace", home);
    (void)snprintf(expected, sizeof expected, "%s/milvus%%3A%%2F%%2Fthere%%3A1.ledger", folder);
    assert_int_equal(setenv("HOME", home, 1), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", "not/from/the/root", 1), 0); /* so it is none */
    /* whoever reads is told which file was looked for, and makes none */
    store = open_there(&e, "milvus://user:secret@there:1", NULL);
    assert_int_equal(mr_store_report(store, NULL, false, count, NULL, &err), MR_E_NOT_FOUND);
    assert_contains(err.message, expected);
    assert_null(strstr(err.message, "secret"));
    assert_int_not_equal(stat(folder, &st), 0);
    mr_store_close(&store);
    store = begun(&e, NULL);
    fixture_commit(store, 0, 2, DIM);
    mr_store_close(&store);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    store = open_there(&e, "milvus://user:secret@there:1", NULL);
    assert_int_equal(reported(store), 2);
    mr_store_close(&store);
    assert_int_equal(unsetenv("HOME"), 0);
    store = open_there(&e, THERE, NULL);
    assert_int_equal(begin(store, &err), MR_E_ENV);
    assert_contains(err.message, "--ledger");
    mr_store_close(&store);
    assert_int_equal(setenv("XDG_STATE_HOME", home, 1), 0);
    store = begun(&e, NULL);
    assert_false(is_stored(store, "k0")); /* another place, another ledger */
    mr_store_close(&store);
    remove_state(home);
}

static void test_whose_it_is(void **state)
{
    elsewhere e = {.identity = "c1"};
    char path[300];
    mr_error err = {0};
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "a.ledger");
    store = begun(&e, path);
    fixture_commit(store, 0, 2, DIM);
    mr_store_close(&store);
    /* of another server */
    (void)snprintf(e.identity, sizeof e.identity, "c7");
    store = open_there(&e, "milvus://elsewhere:1", path);
    assert_int_equal(begin(store, &err), MR_E_MISMATCH);
    assert_contains(err.message, "there");
    assert_contains(err.message, "elsewhere");
    mr_store_close(&store);
    /* the same collection, reached by another name */
    (void)snprintf(e.identity, sizeof e.identity, "c1");
    store = open_there(&e, "milvus://elsewhere:1", path);
    assert_ok(begin(store, &err), err);
    assert_true(is_stored(store, "k0"));
    mr_store_close(&store);
    /* dropped and made again by somebody else: nothing of it is stored any more */
    (void)snprintf(e.identity, sizeof e.identity, "c2");
    store = open_there(&e, "milvus://elsewhere:1", path);
    assert_ok(begin(store, &err), err);
    assert_false(is_stored(store, "k0"));
    assert_int_equal(reported(store), 0);
    mr_store_close(&store);
    fixture_remove(path);
}

/* An id made from the bytes changes with them: the row under the old one goes. */
static void test_an_id_that_changes(void **state)
{
    elsewhere e = {0};
    char path[300];
    mr_error err = {0};
    batch *b = fixture_batch(0, 2, DIM);
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "a.ledger");
    store = begun(&e, path);
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    (void)snprintf(b->ids[0], sizeof b->ids[0], "new");
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    assert_int_equal(e.n, 2);
    assert_int_equal(find(&e, "i0"), e.n);
    assert_int_not_equal(find(&e, "new"), e.n);
    assert_int_equal(reported(store), 2);
    mr_store_close(&store);
    fixture_batch_free(b);
    fixture_remove(path);
}

static void test_what_is_deleted_is_forgotten(void **state)
{
    const char *const ids[] = {"i0", "i9"};
    elsewhere e = {0};
    char path[300];
    mr_error err = {0};
    uint64_t deleted;
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "a.ledger");
    store = open_there(&e, THERE, path);
    assert_ok(mr_store_delete(store, NULL, ids, 2, &deleted, &err), err); /* there is none yet */
    assert_int_equal(access(path, F_OK), -1);
    assert_ok(begin(store, &err), err);
    fixture_commit(store, 0, 4, DIM);
    assert_ok(mr_store_delete(store, NULL, ids, 2, &deleted, &err), err);
    assert_int_equal(deleted, 1);
    assert_false(is_stored(store, "k0"));
    assert_true(is_stored(store, "k1"));
    assert_ok(mr_store_delete_where(store, NULL, "i1", &deleted, &err), err);
    assert_int_equal(deleted, 1);
    assert_false(is_stored(store, "k1"));
    assert_true(is_stored(store, "k2"));
    mr_store_close(&store);
    /* without a way to ask what a filter selects, all is forgotten, and so written again */
    e.base.ops = &plain_ops;
    store = begun(&e, path);
    assert_true(is_stored(store, "k3"));
    assert_ok(mr_store_delete_where(store, NULL, "i2", &deleted, &err), err);
    assert_false(is_stored(store, "k3"));
    mr_store_close(&store);
    e.base.ops = &elsewhere_ops;
    store = begun(&e, path);
    fixture_commit(store, 0, 4, DIM);
    mr_store_close(&store);
    store = open_there(&e, THERE, path);
    assert_ok(mr_store_drop(store, NULL, &err), err);
    mr_store_close(&store);
    store = begun(&e, path);
    assert_false(is_stored(store, "k3"));
    mr_store_close(&store);
    fixture_remove(path);
}

/* A ledger is no store, and a store is no ledger. */
static void test_mistaken(void **state)
{
    elsewhere e = {0};
    char path[300];
    float query[DIM] = {1};
    mr__collection_spec spec = fixture_spec(DIM);
    mr_store_options options;
    mr_error err = {0};
    mr_hits *hits;
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "a.ledger");
    store = begun(&e, path);
    fixture_commit(store, 0, 2, DIM);
    mr_store_close(&store);
    assert_ok(mr_store_open(path, NULL, &store, &err), err);
    assert_int_equal(mr__store_begin(store, &spec, &err), MR_E_INVALID);
    assert_contains(err.message, "the ledger of another store");
    assert_int_equal(mr_search_vector(store, query, DIM, NULL, &hits, &err), MR_E_INVALID);
    assert_contains(err.message, "the ledger of another store");
    assert_int_equal(reported(store), 2); /* which can be read without its store */
    mr_store_close(&store);
    fixture_remove(path);

    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    mr_store_close(&store);
    store = open_there(&e, THERE, path);
    assert_int_equal(begin(store, &err), MR_E_INVALID);
    assert_contains(err.message, "this is a store");
    mr_store_close(&store);
    /* and what has its ledger inside, or none, takes none */
    mr_store_options_init(&options);
    options.ledger = path;
    assert_int_equal(mr_store_open(path, &options, &store, &err), MR_E_INVALID);
    assert_contains(err.message, "has its ledger inside");
    assert_int_equal(mr_store_open("null:", &options, &store, &err), MR_E_INVALID);
    assert_contains(err.message, "keeps no ledger");
    fixture_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_knows),
        cmocka_unit_test(test_rows_first),
        cmocka_unit_test(test_default_place),
        cmocka_unit_test(test_whose_it_is),
        cmocka_unit_test(test_an_id_that_changes),
        cmocka_unit_test(test_what_is_deleted_is_forgotten),
        cmocka_unit_test(test_mistaken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
