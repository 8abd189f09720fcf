/* SPDX-License-Identifier: Apache-2.0 */
/* The vector cache: derived, of one generation, made anew when it is not exactly what it must be.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "store/lock.h"
#include "store/vectors.h"

#define DIM 16u

/* Searches for the vector of item `number` and checks that it is found. */
static void check_found(mr_store *store, uint64_t number, size_t expected_count)
{
    char id[32];
    float query[DIM];
    mr_search_options options;
    mr_hits *hits;
    mr_error err = {0};
    double self = 0;
    uint32_t j;

    for (j = 0; j < DIM; j++) {
        query[j] = fixture_component(number, j);
        self += (double)query[j] * (double)query[j];
    }
    (void)snprintf(id, sizeof id, "i%llu", (unsigned long long)number);
    mr_search_options_init(&options);
    options.k = 1000;
    assert_ok(mr_search_vector(store, query, DIM, &options, &hits, &err), err);
    assert_int_equal(mr_hits_count(hits), expected_count);
    for (j = 0; j < expected_count; j++)
        if (strcmp(mr_hits_at(hits, j)->id, id) == 0)
            break;
    assert_true(j < expected_count);
    assert_true((double)mr_hits_at(hits, j)->score > self * 0.9999);
    assert_true((double)mr_hits_at(hits, j)->score < self * 1.0001);
    mr_hits_free(&hits);
}

static ino_t inode_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void cache_name(const char *path, char *out, size_t size)
{
    (void)snprintf(out, size, "%s-vec1", path);
}

static void test_generations(void **state)
{
    char path[300], cache[320];
    mr_store *store, *reader;
    ino_t first;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    cache_name(path, cache, sizeof cache);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 100, DIM);
    assert_true(inode_of(cache) == 0);
    check_found(store, 7, 100);
    first = inode_of(cache);
    assert_true(first != 0);
    check_found(store, 8, 100);
    assert_true(inode_of(cache) == first); /* used again */
    reader = fixture_reader(path);
    check_found(reader, 9, 100);
    assert_true(inode_of(cache) == first); /* by others too */

    fixture_commit(store, 100, 1, DIM);
    check_found(store, 100, 101);
    assert_true(inode_of(cache) != first); /* made anew: renamed, not rewritten */
    check_found(reader, 100, 101);
    mr_store_close(&reader);
    mr_store_close(&store);
    fixture_remove(path);
}

/* A store of the same name and generation that was made again: only the stamp tells it. */
static void test_another_history(void **state)
{
    char path[300], cache[320];
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    cache_name(path, cache, sizeof cache);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 10, DIM);
    check_found(store, 3, 10);
    mr_store_close(&store);
    assert_int_equal(unlink(path), 0);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 50, 10, DIM);
    assert_true(inode_of(cache) != 0);
    check_found(store, 53, 10);
    mr_store_close(&store);
    fixture_remove(path);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[1 << 16];
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    size_t n;

    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

/* A store that was restored from a copy and went on differently: the same generation again. */
static void test_restored(void **state)
{
    char path[300], copy[320];
    mr_store *store;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    (void)snprintf(copy, sizeof copy, "%s.copy", path);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 10, DIM);
    mr_store_close(&store);
    copy_file(path, copy);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 10, 5, DIM);
    check_found(store, 12, 15);
    mr_store_close(&store);
    copy_file(copy, path);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 20, 5, DIM);
    check_found(store, 22, 15);
    mr_store_close(&store);
    fixture_remove(path);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    assert_int_equal(close(fd), 0);
}

static void flip(const char *path, off_t at)
{
    unsigned char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    assert_int_equal(close(fd), 0);
    byte ^= 0x40;
    overwrite(path, at, &byte, 1);
}

static void test_corrupt_cache_is_made_anew(void **state)
{
    /* of the header, of the row numbers, of the vectors, the last byte */
    const off_t places[] = {
        0, 8, 24, 32, 44, 48, 56, 64, 4096, 4100, 4096 + 50 * 8 + 3, 4096 + 50 * 8 + 50 * 64 - 1};
    char path[300], cache[320];
    mr_store *store;
    struct stat st;
    size_t i;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    cache_name(path, cache, sizeof cache);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 50, DIM);
    check_found(store, 7, 50);
    mr_store_close(&store);
    for (i = 0; i < sizeof places / sizeof places[0]; i++) {
        ino_t before = inode_of(cache);
        flip(cache, places[i]);
        store = fixture_reader(path);
        check_found(store, 7, 50);
        mr_store_close(&store);
        assert_true(inode_of(cache) != before);
    }
    for (i = 0; i < 4; i++) {
        static const off_t sizes[] = {0, 100, 4096, 5000};
        assert_int_equal(truncate(cache, sizes[i]), 0);
        store = fixture_reader(path);
        check_found(store, 7, 50);
        mr_store_close(&store);
    }
    assert_int_equal(stat(cache, &st), 0);
    assert_int_equal(st.st_size, 4096 + 50 * 8 + 50 * 64);
    /* longer than its header says */
    assert_int_equal(truncate(cache, st.st_size + 1), 0);
    store = fixture_reader(path);
    check_found(store, 7, 50);
    mr_store_close(&store);
    assert_int_equal(stat(cache, &st), 0);
    assert_int_equal(st.st_size, 4096 + 50 * 8 + 50 * 64);
    fixture_remove(path);
}

/* While another process fills the cache, and where its name is taken, the table is searched. */
static void test_without_cache(void **state)
{
    char path[300], cache[320], other[330];
    mr_store *store;
    int lock = -1;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    cache_name(path, cache, sizeof cache);
    (void)snprintf(other, sizeof other, "%s-new", cache);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(mr__lock_file(other, false, &lock),
                     ELOOP); /* a derived name is never a link */
    assert_int_equal(unlink(other), 0);
    assert_int_equal(mr__lock_file(other, false, &lock), 0);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 300, DIM);
    check_found(store, 77, 300);
    assert_true(inode_of(cache) == 0);
    assert_int_equal(close(lock), 0); /* left behind by a process that died: taken over */
    check_found(store, 78, 300);
    assert_true(inode_of(cache) != 0);
    assert_true(inode_of(other) == 0);
    mr_store_close(&store);
    fixture_remove(path);
}

/* Cache and table give the same hits, scores to the bit and order. */
static void test_cache_equals_table(void **state)
{
    char path[300], cache[320];
    mr_store *store;
    mr_search_options options;
    mr_hits *with, *without;
    mr_error err = {0};
    size_t i;

    (void)state;
    fixture_path(path, sizeof path, "a.mill");
    cache_name(path, cache, sizeof cache);
    store = fixture_writer(path, DIM);
    fixture_commit(store, 0, 500, DIM);
    fixture_commit(store, 100, 20, DIM);
    mr_search_options_init(&options);
    options.k = 500;
    assert_ok(mr_search_id(store, "i9", &options, &with, &err), err);
    mr_store_close(&store);
    assert_int_equal(unlink(cache), 0);
    assert_int_equal(mkdir(cache, 0755), 0);
    store = fixture_reader(path);
    assert_ok(mr_search_id(store, "i9", &options, &without, &err), err);
    assert_int_equal(mr_hits_count(with), 500);
    assert_int_equal(mr_hits_count(without), 500);
    for (i = 0; i < 500; i++) {
        assert_string_equal(mr_hits_at(with, i)->id, mr_hits_at(without, i)->id);
        assert_memory_equal(&mr_hits_at(with, i)->score, &mr_hits_at(without, i)->score,
                            sizeof(float));
    }
    mr_hits_free(&with);
    mr_hits_free(&without);
    mr_store_close(&store);
    assert_int_equal(rmdir(cache), 0);
    fixture_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generations),   cmocka_unit_test(test_another_history),
        cmocka_unit_test(test_restored),      cmocka_unit_test(test_corrupt_cache_is_made_anew),
        cmocka_unit_test(test_without_cache), cmocka_unit_test(test_cache_equals_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
