/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: a newer one is refused, an older one migrated; and files that are no store at all. */
#include "fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define DIM 4u

/* Schema 1, as the first stores had it: no stamp, no count of rows, no ETag. */
static const char schema_1[] =
    "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL;"
    "CREATE TABLE collections (collection INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " dim INTEGER NOT NULL, metric TEXT NOT NULL, \"index\" TEXT NOT NULL,"
    " description TEXT NOT NULL DEFAULT '', plan_name TEXT NOT NULL, plan_text TEXT NOT NULL,"
    " fingerprint TEXT NOT NULL, embedder TEXT NOT NULL, generation INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE rows (row INTEGER PRIMARY KEY,"
    " collection INTEGER NOT NULL REFERENCES collections, id TEXT NOT NULL, key TEXT NOT NULL,"
    " uri TEXT NOT NULL, metadata TEXT NOT NULL, fingerprint TEXT NOT NULL,"
    " generation INTEGER NOT NULL, vector BLOB NOT NULL, UNIQUE (collection, id));"
    "CREATE TABLE items (item INTEGER PRIMARY KEY,"
    " collection INTEGER NOT NULL REFERENCES collections, key TEXT NOT NULL, id TEXT NOT NULL,"
    " uri TEXT NOT NULL, state TEXT NOT NULL, stage TEXT NOT NULL, code TEXT NOT NULL,"
    " message TEXT NOT NULL, attempts INTEGER NOT NULL, ms_fetch REAL NOT NULL,"
    " ms_wait REAL NOT NULL, ms_decode REAL NOT NULL, ms_transform REAL NOT NULL,"
    " ms_embed REAL NOT NULL, ms_store REAL NOT NULL, bytes INTEGER NOT NULL,"
    " width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL,"
    " fingerprint TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " UNIQUE (collection, key));"
    "PRAGMA application_id = 0x4d696c6c; PRAGMA user_version = 1;"
    "INSERT INTO collections VALUES (1, 'default', 4, 'IP', 'FLAT', '', 'raw', 'engine=raw',"
    " '" FP "', 'fake:8', 9);"
    "INSERT INTO rows VALUES (1, 1, 'a', 'ka', 'u', '{}', '" FP "', 8,"
    " x'0000803f000000400000404000008040');"
    "INSERT INTO rows VALUES (5, 1, 'b', 'kb', 'u', '{\"x\":2}', '" FP "', 9,"
    " x'000080bf000000000000000000000000');"
    "INSERT INTO items VALUES (1, 1, 'ka', 'a', 'u', 'stored', 'store', 'none', '', 1,"
    " 0, 0, 1, 0, 0, 0, 10, 2, 2, 'png', '" FP "', 10, 5);";

static void make_file(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t number_of(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t number;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    number = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return number;
}

static void open_fails(const char *path, bool read_only, mr_status expected, const char *part)
{
    mr_store_options options;
    mr_store *store = NULL;
    mr_error err = {0};

    mr_store_options_init(&options);
    options.read_only = read_only;
    assert_int_equal(mr_store_open(path, &options, &store, &err), expected);
    assert_null(store);
    assert_contains(err.message, "store local: ");
    assert_contains(err.message, part);
}

static void check_migrated(mr_store *store)
{
    mr_collection collection;
    mr_hits *hits;
    mr_error err = {0};
    const float query[DIM] = {1, 0, 0, 0};

    assert_ok(mr_store_collection(store, NULL, &collection, &err), err);
    assert_int_equal(collection.num_entities, 2);
    mr_collection_fini(&collection);
    assert_ok(mr_search_vector(store, query, DIM, NULL, &hits, &err), err);
    assert_int_equal(mr_hits_count(hits), 2);
    assert_string_equal(mr_hits_at(hits, 0)->id, "a");
    assert_true(mr_hits_at(hits, 0)->score == 1.0f);
    assert_string_equal(mr_hits_at(hits, 1)->metadata, "{\"x\":2}");
    mr_hits_free(&hits);
}

static void test_older_schema_is_migrated(void **state)
{
    mr__ledger_fact fact;
    char path[300];
    mr_store *store;
    mr_error err = {0};
    batch *b;

    (void)state;
    fixture_path(path, sizeof path, "old.mill");
    make_file(path, schema_1);
    store = fixture_writer(path, DIM);
    check_migrated(store);
    assert_ok(mr__store_fact(store, "ka", &fact, &err), err);
    assert_true(fact.stored);
    assert_string_equal(fact.version.etag, "");
    b = fixture_batch(7, 1, DIM);
    b->entries[0].version_etag = "\"tag\"";
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    fixture_batch_free(b);
    assert_ok(mr__store_fact(store, "k7", &fact, &err), err);
    assert_string_equal(fact.version.etag, "\"tag\"");
    mr_store_close(&store);
    assert_int_equal(number_of(path, "PRAGMA user_version"), 2);
    assert_int_equal(number_of(path, "SELECT num_entities FROM collections"), 3);
    assert_int_equal(number_of(path, "SELECT generation FROM collections"), 10);
    fixture_remove(path);
}

static void test_reader_migrates_too(void **state)
{
    char path[300];
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "old.mill");
    make_file(path, schema_1);
    store = fixture_reader(path);
    check_migrated(store);
    mr_store_close(&store);
    assert_int_equal(number_of(path, "PRAGMA user_version"), 2);
    fixture_remove(path);
}

/* A migration that cannot be finished leaves the file as it was. */
static void test_failed_migration_changes_nothing(void **state)
{
    char path[300];

    (void)state;
    fixture_path(path, sizeof path, "old.mill");
    make_file(path, schema_1);
    make_file(path, "ALTER TABLE items ADD COLUMN etag TEXT");
    open_fails(path, false, MR_E_ENV, "duplicate column");
    assert_int_equal(number_of(path, "PRAGMA user_version"), 1);
    assert_int_equal(number_of(path, "SELECT count(*) FROM pragma_table_info('collections')"
                                     " WHERE name IN ('stamp', 'num_entities')"),
                     0);
    fixture_remove(path);
}

static void test_newer_schema_is_refused(void **state)
{
    char path[300];
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "new.mill");
    store = fixture_writer(path, DIM);
    mr_store_close(&store);
    make_file(path, "PRAGMA user_version = 7");
    open_fails(path, false, MR_E_ENV, "schema 7");
    open_fails(path, true, MR_E_ENV, "knows up to 2; use the millrace that wrote it");
    fixture_remove(path);
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(close(fd), 0);
}

static void test_not_a_store(void **state)
{
    char path[300], junk[8192];
    mr_store *store;
    mr_store_options options;
    mr_error err = {0};

    (void)state;
    fixture_path(path, sizeof path, "x.mill");
    open_fails(path, true, MR_E_NOT_FOUND, "no store at");
    mr_store_options_init(&options);
    options.must_exist = true;
    assert_int_equal(mr_store_open(path, &options, &store, &err), MR_E_NOT_FOUND);
    assert_int_not_equal(access(path, F_OK), 0);

    memset(junk, 'j', sizeof junk);
    write_bytes(path, junk, sizeof junk);
    open_fails(path, false, MR_E_ENV, "not a millrace store");
    open_fails(path, true, MR_E_ENV, "not a millrace store");
    assert_int_equal(unlink(path), 0);

    make_file(path, "CREATE TABLE t (a)");
    open_fails(path, false, MR_E_ENV, "another program");
    assert_int_equal(number_of(path, "SELECT count(*) FROM sqlite_master"), 1);
    assert_int_equal(unlink(path), 0);

    write_bytes(path, "", 0);
    open_fails(path, true, MR_E_ENV, "empty");
    store = fixture_writer(path, DIM); /* an empty file may become a store */
    mr_store_close(&store);
    open_fails("/", false, MR_E_ENV, "not a regular file");
    open_fails("/nowhere/at/all/x.mill", false, MR_E_ENV, "create it first");
    fixture_remove(path);
}

static void test_truncated(void **state)
{
    char path[300];
    mr_store *store;
    struct stat st;
    int i;

    (void)state;
    fixture_path(path, sizeof path, "x.mill");
    store = fixture_writer(path, 64);
    for (i = 0; i < 4; i++)
        fixture_commit(store, 300u * (uint64_t)i, 300, 64);
    mr_store_close(&store);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    open_fails(path, false, MR_E_ENV, "damaged");
    open_fails(path, true, MR_E_ENV, "restore a copy");
    assert_int_equal(truncate(path, 50), 0);
    open_fails(path, true, MR_E_ENV, "damaged");
    fixture_remove(path);
}

/* Vectors of a wrong length in the file are an error, never read beyond. */
static void test_damaged_vector(void **state)
{
    const float query[DIM] = {1, 0, 0, 0};
    char path[300];
    mr_store *store;
    mr_hits *hits;
    mr_error err = {0};
    float vector[DIM];

    (void)state;
    fixture_path(path, sizeof path, "x.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 4, DIM);
    mr_store_close(&store);
    make_file(path, "UPDATE rows SET vector = x'00' WHERE id = 'i2'");
    store = fixture_reader(path);
    assert_int_equal(mr_search_vector(store, query, DIM, NULL, &hits, &err), MR_E_ENV);
    assert_contains(err.message, "damaged");
    assert_int_equal(mr__store_vector(store, NULL, "i2", vector, DIM, &err), MR_E_ENV);
    mr_store_close(&store);
    fixture_remove(path);
}

/* A directory in which this user may not write: searching works, writing says what is wrong. Runs
 * as another user where the test is root, whom permissions do not bind. */
static void in_read_only_directory(const char *path)
{
    const float query[DIM] = {1, 0, 0, 0};
    mr_store *store;
    mr_hits *hits;
    mr_error err = {0};
    mr_store_options options;

    mr_store_options_init(&options);
    if (mr_store_open(path, &options, &store, &err) != MR_E_ENV ||
        !strstr(err.message, "cannot be written"))
        _exit(10);
    options.read_only = true;
    if (mr_store_open(path, &options, &store, &err) != MR_OK)
        _exit(11);
    if (mr_search_vector(store, query, DIM, NULL, &hits, &err) != MR_OK)
        _exit(12);
    if (mr_hits_count(hits) != 10)
        _exit(13);
    mr_hits_free(&hits);
    mr_store_close(&store);
    _exit(0);
}

static void test_read_only_directory(void **state)
{
    char path[300], dir[300];
    mr_store *store;
    int status;
    pid_t pid;

    (void)state;
    fixture_path(path, sizeof path, "x.mill");
    (void)snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = '\0';
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 12, DIM);
    mr_store_close(&store);
    assert_int_equal(chmod(dir, 0555), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(9);
        in_read_only_directory(path);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    fixture_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_older_schema_is_migrated),
        cmocka_unit_test(test_reader_migrates_too),
        cmocka_unit_test(test_failed_migration_changes_nothing),
        cmocka_unit_test(test_newer_schema_is_refused),
        cmocka_unit_test(test_not_a_store),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged_vector),
        cmocka_unit_test(test_read_only_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
