/* SPDX-License-Identifier: Apache-2.0 */
/* npy: files, read back by a reader of their format, at the end and in the middle of a run. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define DIM 12u

typedef struct array {
    unsigned char *file;
    size_t size, data; /* bytes of the file; where the rows begin */
    char dict[256];
} array;

/* NPY format 1.0, checked strictly. */
static array load(const char *path)
{
    array a = {0};
    struct stat st;
    size_t length;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    a.size = (size_t)st.st_size;
    a.file = malloc(a.size + 1);
    assert_non_null(a.file);
    assert_int_equal(read(fd, a.file, a.size), a.size);
    assert_int_equal(close(fd), 0);
    a.file[a.size] = '\0';
    assert_true(a.size >= 10);
    assert_memory_equal(a.file, "\x93NUMPY\x01\x00", 8);
    length = a.file[8] | (size_t)a.file[9] << 8;
    a.data = 10 + length;
    assert_int_equal(a.data % 64, 0);
    assert_true(a.data <= a.size && length < sizeof a.dict);
    assert_int_equal(a.file[a.data - 1], '\n');
    memcpy(a.dict, a.file + 10, length);
    a.dict[strcspn(a.dict, "}") + 1] = '\0';
    return a;
}

static void text_equals(const char *path, const char *expected)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, text, sizeof text - 1);
    assert_true(n >= 0);
    assert_int_equal(close(fd), 0);
    text[n] = '\0';
    assert_string_equal(text, expected);
}

static mr_store *open_npy(const char *path, const mr__collection_spec *spec)
{
    char name[320];
    mr_store *store;
    mr_error err = {0};

    (void)snprintf(name, sizeof name, "npy:%s", path);
    assert_ok(mr_store_open(name, NULL, &store, &err), err);
    assert_ok(mr__store_begin(store, spec, &err), err);
    return store;
}

static void check_rows(const array *a, size_t n)
{
    size_t i;

    assert_true(a->size >= a->data + n * DIM * sizeof(float));
    for (i = 0; i < n * DIM; i++) {
        float value;
        memcpy(&value, a->file + a->data + i * sizeof value, sizeof value);
        assert_true(value == fixture_component(i / DIM, (uint32_t)(i % DIM)));
    }
}

static void test_vectors(void **state)
{
    mr__collection_spec spec = fixture_spec(DIM);
    char path[300], ids[320];
    mr_store *store;
    mr_error err = {0};
    batch *b;
    array a;

    (void)state;
    fixture_path(path, sizeof path, "v.npy");
    (void)snprintf(ids, sizeof ids, "%s.ids.jsonl", path);
    store = open_npy(path, &spec);
    assert_false(mr__store_has_ledger(store));
    a = load(path);
    assert_string_equal(a.dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 12), }");
    assert_int_equal(a.size, a.data);
    free(a.file);

    b = fixture_batch(0, 4, DIM);
    b->commit.n_rows = 2;
    b->rows[1].uri = "q\"\\\x01\xc3\xa9";
    b->entries[2].state = "failed";
    b->entries[2].code = MR_CODE_TRUNCATED;
    b->entries[3].state = "duplicate";
    b->entries[3].code = MR_CODE_DUPLICATE_ID;
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    fixture_batch_free(b);
    a = load(path); /* in the middle of the run */
    assert_string_equal(a.dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 12), }");
    check_rows(&a, 2);
    free(a.file);
    fixture_commit(store, 2, 1, DIM);
    assert_ok(mr__store_finish(store, &err), err);
    mr_store_close(&store);
    a = load(path);
    assert_string_equal(a.dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 12), }");
    assert_int_equal(a.size, a.data + 3 * DIM * sizeof(float));
    check_rows(&a, 3);
    free(a.file);
    text_equals(ids, "{\"row\":0,\"id\":\"i0\",\"uri\":\"k0\"}\n"
                     "{\"row\":1,\"id\":\"i1\",\"uri\":\"q\\\"\\\\\\u0001\xc3\xa9\"}\n"
                     "{\"row\":null,\"id\":\"i2\",\"code\":\"truncated\"}\n"
                     "{\"row\":null,\"id\":\"i3\",\"code\":\"duplicate_id\"}\n"
                     "{\"row\":2,\"id\":\"i2\",\"uri\":\"k2\"}\n");
    fixture_remove(path);
}

static void check_shape(mr_row_shape row, const char *expected)
{
    mr__collection_spec spec = fixture_spec(DIM);
    char path[300];
    mr_store *store;
    array a;

    fixture_path(path, sizeof path, "t.npy");
    spec.dim = 0;
    spec.row = row;
    store = open_npy(path, &spec);
    mr_store_close(&store);
    a = load(path);
    assert_string_equal(a.dict, expected);
    free(a.file);
    fixture_remove(path);
}

static void test_shapes(void **state)
{
    mr_row_shape row = {MR_DTYPE_F32, MR_LAYOUT_NCHW, 3, 224, 160, 3 * 224 * 160 * 4};
    mr__collection_spec spec = fixture_spec(DIM);
    char path[300], name[320];
    mr_store *store;
    mr_error err = {0};

    (void)state;
    check_shape(row, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3, 224, 160), }");
    row.dtype = MR_DTYPE_U8;
    row.layout = MR_LAYOUT_NHWC;
    check_shape(row, "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 224, 160, 3), }");
    row.dtype = MR_DTYPE_F16;
    check_shape(row, "{'descr': '<f2', 'fortran_order': False, 'shape': (0, 224, 160, 3), }");
    row.dtype = MR_DTYPE_BF16;
    spec.dim = 0;
    spec.row = row;
    fixture_path(path, sizeof path, "t.npy");
    (void)snprintf(name, sizeof name, "npy:%s", path);
    assert_ok(mr_store_open(name, NULL, &store, &err), err);
    assert_int_equal(mr__store_begin(store, &spec, &err), MR_E_UNSUPPORTED);
    assert_contains(err.message, "bfloat16");
    mr_store_close(&store);
    fixture_remove(path);
}

static void test_overwriting(void **state)
{
    mr__collection_spec spec = fixture_spec(DIM);
    char path[300], name[320], ids[320];
    mr_store *store, *second;
    mr_error err = {0};
    array a;

    (void)state;
    fixture_path(path, sizeof path, "v.npy");
    (void)snprintf(name, sizeof name, "npy:%s", path);
    (void)snprintf(ids, sizeof ids, "%s.ids.jsonl", path);
    store = open_npy(path, &spec);
    fixture_commit(store, 0, 100, DIM);
    assert_ok(mr_store_open(name, NULL, &second, &err), err);
    assert_int_equal(mr__store_begin(second, &spec, &err), MR_E_BUSY);
    assert_contains(err.message, "another process is writing");
    mr_store_close(&second);
    mr_store_close(&store);
    a = load(path);
    check_rows(&a, 100);
    free(a.file);
    store = open_npy(path, &spec);
    fixture_commit(store, 0, 2, DIM);
    mr_store_close(&store);
    a = load(path);
    assert_int_equal(a.size, a.data + 2 * DIM * sizeof(float));
    free(a.file);
    text_equals(ids, "{\"row\":0,\"id\":\"i0\",\"uri\":\"k0\"}\n"
                     "{\"row\":1,\"id\":\"i1\",\"uri\":\"k1\"}\n");
    (void)snprintf(name, sizeof name, "%s.link", path); /* the user's own link is followed */
    assert_int_equal(symlink(path, name), 0);
    store = open_npy(name, &spec);
    fixture_commit(store, 0, 3, DIM);
    mr_store_close(&store);
    a = load(path);
    check_rows(&a, 3);
    free(a.file);
    assert_int_equal(mr_store_open("npy:", NULL, &store, &err), MR_E_INVALID);
    assert_ok(mr_store_open("npy:/dev/null", NULL, &store, &err), err);
    assert_int_equal(mr__store_begin(store, &spec, &err), MR_E_INVALID);
    assert_contains(err.message, "not a regular file");
    mr_store_close(&store);
    fixture_remove(path);
}

static void test_disk_full(void **state)
{
    mr__collection_spec spec = fixture_spec(DIM);
    struct rlimit old, tight;
    char path[300];
    mr_store *store;
    mr_error err = {0};
    batch *b;
    array a;

    (void)state;
    fixture_path(path, sizeof path, "v.npy");
    store = open_npy(path, &spec);
    fixture_commit(store, 0, 10, DIM);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 1000;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    b = fixture_batch(10, 10, DIM);
    assert_int_equal(mr__store_commit(store, &b->commit, &err), MR_E_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_contains(err.message, "free space");
    assert_int_not_equal(err.sys_errno, 0);
    a = load(path);
    assert_string_equal(a.dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 12), }");
    assert_int_equal(a.size, a.data + 10 * DIM * sizeof(float));
    free(a.file);
    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    fixture_batch_free(b);
    mr_store_close(&store);
    a = load(path);
    check_rows(&a, 20);
    free(a.file);
    fixture_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_overwriting),
        cmocka_unit_test(test_disk_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
