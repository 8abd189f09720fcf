/* SPDX-License-Identifier: Apache-2.0 */
/* A store and more than one party: a second writer, readers, a feeder beside the store thread, the
 * disk. */
#include "fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DIM 64u

/* The flushes of this process, SQLite's among them: these definitions come before the library's. */
static _Atomic int flushes;
/* While set, a flush waits for `flush_gate`. */
static _Atomic bool hold_flush;
static sem_t flush_held;
static pthread_mutex_t flush_gate = PTHREAD_MUTEX_INITIALIZER;

static void on_flush(void)
{
    atomic_fetch_add(&flushes, 1);
    if (!atomic_load(&hold_flush))
        return;
    (void)sem_post(&flush_held);
    pthread_mutex_lock(&flush_gate);
    pthread_mutex_unlock(&flush_gate);
}

int fdatasync(int fd)
{
    on_flush();
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    on_flush();
    return (int)syscall(SYS_fsync, fd);
}

static void test_one_flush_a_batch(void **state)
{
    char path[300];
    mr_store *store;
    int i, before;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 32, DIM); /* starts the log: its header is flushed too */
    for (i = 1; i <= 20; i++) {
        before = atomic_load(&flushes);
        fixture_commit(store, 32u * (uint64_t)i, 32, DIM);
        assert_int_equal(atomic_load(&flushes) - before, 1);
    }
    mr_store_close(&store);
    fixture_remove(path);
}

static void second_writer_is_refused(const char *path, long pid)
{
    char expected[64];
    mr_store *store = NULL;
    mr_error err = {0};

    (void)snprintf(expected, sizeof expected, "another process (pid %ld) is writing to", pid);
    assert_int_equal(mr_store_open(path, NULL, &store, &err), MR_E_BUSY);
    assert_null(store);
    assert_contains(err.message, expected);
    assert_contains(err.message, "try again");
}

static void test_second_writer(void **state)
{
    char path[300], alias[320];
    mr_store *store;
    int ready[2], status;
    char byte;
    pid_t pid;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    (void)snprintf(alias, sizeof alias, "%s.link", path);
    store = fixture_writer(path, DIM);
    second_writer_is_refused(path, (long)getpid());
    assert_int_equal(symlink(path, alias), 0);
    second_writer_is_refused(alias, (long)getpid());
    mr_store_close(&store);

    /* the lock of another process goes with it, however it dies */
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (mr_store_open(path, NULL, &store, NULL) != MR_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(close(ready[1]), 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    second_writer_is_refused(path, (long)pid);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    store = fixture_writer(path, DIM);
    mr_store_close(&store);
    assert_int_equal(close(ready[0]), 0);
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

static void test_reader_beside_writer(void **state)
{
    char path[300];
    mr_store *writer, *reader;
    mr_search_options options;
    mr_hits *hits;
    mr_error err = {0};
    uint64_t i;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    writer = fixture_writer(path, DIM);
    reader = fixture_reader(path);
    mr_search_options_init(&options);
    options.k = 1000;
    for (i = 0; i < 5; i++) {
        fixture_commit(writer, 32 * i, 32, DIM);
        assert_int_equal(entities(reader), 32 * (i + 1));
        assert_ok(mr_search_id(reader, "i3", &options, &hits, &err), err);
        assert_int_equal(mr_hits_count(hits), 32 * (i + 1));
        mr_hits_free(&hits);
    }
    mr_store_close(&writer);
    assert_int_equal(entities(reader), 160);
    mr_store_close(&reader);
    fixture_remove(path);
}

static void *commit_batch(void *cookie)
{
    fixture_commit(cookie, 32, 32, DIM);
    return NULL;
}

/* The ledger answers while a commit waits for the disk: the flush is held until it has. */
static void test_facts_do_not_wait_for_the_disk(void **state)
{
    char path[300], key[64];
    mr_store *store;
    mr__ledger_fact fact;
    mr_error err = {0};
    pthread_t thread;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 32, DIM);
    assert_int_equal(sem_init(&flush_held, 0, 0), 0);
    pthread_mutex_lock(&flush_gate);
    atomic_store(&hold_flush, true);
    assert_int_equal(pthread_create(&thread, NULL, commit_batch, store), 0);
    assert_int_equal(sem_wait(&flush_held), 0);
    assert_ok(mr__store_fact(store, "k5", &fact, &err), err);
    assert_true(fact.stored);
    assert_ok(mr__store_fact(store, "k40", &fact, &err), err);
    assert_false(fact.found); /* not acknowledged yet */
    assert_ok(mr__store_id_owner(store, "i7", key, sizeof key, &err), err);
    assert_string_equal(key, "k7");
    atomic_store(&hold_flush, false);
    pthread_mutex_unlock(&flush_gate);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ok(mr__store_fact(store, "k40", &fact, &err), err);
    assert_true(fact.stored);
    mr_store_close(&store);
    fixture_remove(path);
}

typedef struct asker {
    mr_store *store;
    _Atomic bool stop;
    int bad, asked;
} asker;

static void *ask(void *cookie)
{
    asker *a = cookie;
    char name[32], key[64];
    mr__ledger_fact fact;
    uint64_t i;

    for (i = 0; !atomic_load(&a->stop) || a->asked == 0; i = (i + 1) % 1280) {
        (void)snprintf(name, sizeof name, "k%llu", (unsigned long long)i);
        a->bad += mr__store_fact(a->store, name, &fact, NULL) != MR_OK;
        name[0] = 'i';
        a->bad += mr__store_id_owner(a->store, name, key, sizeof key, NULL) != MR_OK;
        /* rows and ledger are seen together: owned at the second question if stored at the first */
        a->bad += fact.found && key[0] == '\0';
        a->asked++;
    }
    return NULL;
}

static void test_feeder_beside_store_thread(void **state)
{
    char path[300];
    asker a = {0};
    pthread_t thread;
    uint64_t i;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    a.store = fixture_writer(path, DIM);
    assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
    for (i = 0; i < 40; i++)
        fixture_commit(a.store, 32 * i, 32, DIM);
    atomic_store(&a.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(a.bad, 0);
    assert_true(a.asked > 0);
    assert_int_equal(entities(a.store), 1280);
    mr_store_close(&a.store);
    fixture_remove(path);
}

/* A limit on the size of files stands for a full disk. */
static void test_disk_full(void **state)
{
    struct rlimit old, tight;
    char path[300];
    mr_store *store;
    mr__ledger_fact fact;
    mr_error err = {0};
    batch *b;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 32, DIM);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 160 << 10;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    b = fixture_batch(32, 500, DIM);
    assert_int_equal(mr__store_commit(store, &b->commit, &err), MR_E_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_contains(err.message, "store local: batch 1: ");
    assert_contains(err.message, "nothing stored is lost");
    assert_int_not_equal(err.sys_errno, 0);
    /* nothing of the batch is there, and the same batch goes in when there is room */
    assert_int_equal(entities(store), 32);
    assert_ok(mr__store_fact(store, "k40", &fact, &err), err);
    assert_false(fact.found);
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    assert_int_equal(entities(store), 532);
    fixture_batch_free(b);
    mr_store_close(&store);
    fixture_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_flush_a_batch),
        cmocka_unit_test(test_second_writer),
        cmocka_unit_test(test_reader_beside_writer),
        cmocka_unit_test(test_facts_do_not_wait_for_the_disk),
        cmocka_unit_test(test_feeder_beside_store_thread),
        cmocka_unit_test(test_disk_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
