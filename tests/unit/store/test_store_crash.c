/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that is killed while it stores: afterwards vectors and ledger agree, what was
 * acknowledged is there, and a repeat completes the set. This program runs itself as the process to
 * be killed: "test-store-crash write PATH" stores batches 0..5 and writes a byte to descriptor 1
 * after each acknowledgement; "test-store-crash delete PATH" deletes the first batch and does so.
 */
#include "fixture.h"

#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>

#define DIM     32u
#define PER     16u
#define BATCHES 6u

extern char **environ;

static int write_role(const char *path)
{
    mr_store *store = fixture_writer(path, DIM);
    uint64_t i;

    for (i = 0; i < BATCHES; i++) {
        fixture_commit(store, i * PER, PER, DIM);
        if (write(1, "a", 1) != 1)
            return 1;
    }
    mr_store_close(&store);
    return 0;
}

static int delete_role(const char *path)
{
    mr_store *store;
    uint64_t deleted = 0;
    mr_error err = {0};

    assert_ok(mr_store_open(path, NULL, &store, &err), err);
    assert_ok(mr_store_delete_where(store, NULL, "uri <= 'k9' and not uri < 'k0'", &deleted, &err),
              err);
    if (deleted == 0 || write(1, "a", 1) != 1)
        return 1;
    mr_store_close(&store);
    return 0;
}

/* Runs the writer with `failpoints`; `*acknowledged` is how many batches it was told of. Returns
 * the wait status. */
static int run_role(const char *name, const char *path, const char *failpoints,
                    unsigned *acknowledged)
{
    char setting[160], self[] = "/proc/self/exe", role[16], file[300], byte;
    char *argv[] = {self, role, file, NULL}, *envp[] = {setting, NULL};
    posix_spawn_file_actions_t actions;
    int out[2], status;
    pid_t pid;

    (void)snprintf(setting, sizeof setting, "MILLRACE_FAILPOINTS=%s", failpoints);
    (void)snprintf(role, sizeof role, "%s", name);
    (void)snprintf(file, sizeof file, "%s", path);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 1), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&actions, out[0]), 0);
    assert_int_equal(posix_spawn(&pid, self, &actions, NULL, argv, envp), 0);
    assert_int_equal(close(out[1]), 0);
    *acknowledged = 0;
    while (read(out[0], &byte, 1) == 1)
        *acknowledged += 1;
    assert_int_equal(close(out[0]), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)posix_spawn_file_actions_destroy(&actions);
    return status;
}

static int run_writer(const char *path, const char *failpoints, unsigned *acknowledged)
{
    return run_role("write", path, failpoints, acknowledged);
}

typedef struct tally {
    mr_store *store;
    unsigned stored, lost; /* ledger rows that say stored; those of them without their vector */
} tally;

static int count_entry(void *cookie, const mr_ledger_entry *entry)
{
    tally *t = cookie;
    float vector[DIM];

    if (strcmp(entry->state, "stored") != 0)
        return 0;
    t->stored++;
    if (mr__store_vector(t->store, NULL, entry->id, vector, DIM, NULL) != MR_OK ||
        vector[3] != fixture_component(strtoull(entry->id + 1, NULL, 10), 3))
        t->lost++;
    return 0;
}

/* What a reader finds: ledger rows, vectors, and ledger rows without vector. */
static tally look(const char *path, uint64_t *vectors)
{
    tally t = {.store = fixture_reader(path)};
    mr_collection collection;
    mr_error err = {0};

    assert_ok(mr_store_report(t.store, NULL, false, count_entry, &t, &err), err);
    assert_ok(mr_store_collection(t.store, NULL, &collection, &err), err);
    *vectors = collection.num_entities;
    mr_collection_fini(&collection);
    mr_store_close(&t.store);
    return t;
}

/* The count that the collection keeps is that of the table. */
static void check_count(const char *path, uint64_t expected)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM rows", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(stmt, 0), (int64_t)expected);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
}

/* Kills at the nth pass of `point`, looks, and lets the same run go through. */
static void kill_at(const char *point, unsigned nth, unsigned committed)
{
    char path[300], failpoints[64];
    unsigned acknowledged;
    uint64_t vectors;
    tally t;
    int status;

    fixture_path(path, sizeof path, "a.mill");
    (void)snprintf(failpoints, sizeof failpoints, "%s:%u", point, nth);
    status = run_writer(path, failpoints, &acknowledged);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(acknowledged, nth - 1);
    t = look(path, &vectors);
    assert_int_equal(t.stored, committed * PER);
    assert_int_equal(vectors, committed * PER);
    assert_int_equal(t.lost, 0);
    assert_true(t.stored >= acknowledged * PER);
    check_count(path, vectors);

    status = run_writer(path, "", &acknowledged);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(acknowledged, BATCHES);
    t = look(path, &vectors);
    assert_int_equal(t.stored, BATCHES * PER);
    assert_int_equal(vectors, BATCHES * PER);
    assert_int_equal(t.lost, 0);
    check_count(path, vectors);
    fixture_remove(path);
}

static void test_killed_before_commit(void **state)
{
    unsigned nth;

    (void)state;
    for (nth = 1; nth <= BATCHES; nth++)
        kill_at("store.before_commit", nth, nth - 1);
}

/* Durable, but the caller was never told: there once, and the repeat does no harm. */
static void test_killed_after_commit(void **state)
{
    unsigned nth;

    (void)state;
    for (nth = 1; nth <= BATCHES; nth++)
        kill_at("store.after_commit", nth, nth);
}

/* The control: a build that records items before their vectors loses rows, and these tests see
 * it. */
static void test_ledger_first_would_be_seen(void **state)
{
    char path[300], failpoints[64];
    unsigned acknowledged, nth;
    uint64_t vectors;
    tally t;

    (void)state;
    for (nth = 1; nth <= 3; nth++) {
        fixture_path(path, sizeof path, "a.mill");
        (void)snprintf(failpoints, sizeof failpoints, "store.ledger_first:1,store.between:%u", nth);
        assert_true(WIFSIGNALED(run_writer(path, failpoints, &acknowledged)));
        t = look(path, &vectors);
        assert_int_equal(t.stored, nth * PER);
        assert_int_equal(vectors, (nth - 1) * PER);
        assert_int_equal(t.lost, PER);
        fixture_remove(path);
    }
}

/* Rows and their ledger entries go together or stay together. */
static void test_killed_while_deleting(void **state)
{
    char path[300];
    unsigned acknowledged, pass;
    uint64_t vectors;
    tally t;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    assert_true(WIFEXITED(run_writer(path, "", &acknowledged)));
    for (pass = 0; pass < 2; pass++) {
        int status =
            run_role("delete", path, pass == 0 ? "store.before_delete:1" : "", &acknowledged);
        assert_int_equal(WIFSIGNALED(status), pass == 0);
        assert_int_equal(acknowledged, pass);
        t = look(path, &vectors);
        /* k0..k9 and k10..k89 are between the two, k90..k95 are not */
        assert_int_equal(vectors, pass == 0 ? BATCHES * PER : 6);
        assert_int_equal(t.stored, vectors);
        assert_int_equal(t.lost, 0);
        check_count(path, vectors);
    }
    fixture_remove(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_before_commit),
        cmocka_unit_test(test_killed_after_commit),
        cmocka_unit_test(test_ledger_first_would_be_seen),
        cmocka_unit_test(test_killed_while_deleting),
    };

    if (argc == 3 && strcmp(argv[1], "write") == 0)
        return write_role(argv[2]);
    if (argc == 3 && strcmp(argv[1], "delete") == 0)
        return delete_role(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
