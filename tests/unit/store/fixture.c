/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of stores share. */
#include "fixture.h"

#include <dirent.h>
#include <inttypes.h>

void fixture_path(char *path, size_t size, const char *name)
{
    const char *tmp = getenv("TMPDIR");
    char dir[256];

    (void)snprintf(dir, sizeof dir, "%s/mill-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, size, "%s/%s", dir, name);
}

void fixture_remove(const char *path)
{
    char dir[512], file[1024];
    struct dirent *entry;
    DIR *d;

    (void)snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = '\0';
    d = opendir(dir);
    assert_non_null(d);
    while ((entry = readdir(d))) {
        (void)snprintf(file, sizeof file, "%s/%s", dir, entry->d_name);
        (void)unlink(file);
    }
    (void)closedir(d);
    (void)rmdir(dir);
}

mr__collection_spec fixture_spec(uint32_t dim)
{
    mr__collection_spec spec = {.name = "default",
                                .plan_name = "raw",
                                .plan_text = "engine=raw\n",
                                .fingerprint = FP,
                                .embedder = "fake:8",
                                .index = "FLAT",
                                .metric = MR_METRIC_IP,
                                .row = {.dtype = MR_DTYPE_F32,
                                        .layout = MR_LAYOUT_NCHW,
                                        .channels = dim,
                                        .height = 1,
                                        .width = 1,
                                        .bytes = dim * sizeof(float)},
                                .dim = dim,
                                .with_ledger = true};
    return spec;
}

float fixture_component(uint64_t number, uint32_t j)
{
    uint64_t x = (number * 1000003u + j + 1) * UINT64_C(0x9e3779b97f4a7c15);

    x ^= x >> 31;
    return (float)(x % 2001) / 1000.0f - 1.0f;
}

batch *fixture_batch(uint64_t first, size_t n, uint32_t dim)
{
    batch *b = calloc(1, sizeof *b);
    size_t i;
    uint32_t j;

    assert_non_null(b);
    assert_true(n <= MAX_TEST_ROWS);
    b->vectors = calloc(n * dim + 1, sizeof(float));
    assert_non_null(b->vectors);
    for (i = 0; i < n; i++) {
        (void)snprintf(b->ids[i], sizeof b->ids[i], "i%" PRIu64, first + i);
        (void)snprintf(b->keys[i], sizeof b->keys[i], "k%" PRIu64, first + i);
        for (j = 0; j < dim; j++)
            b->vectors[i * dim + j] = fixture_component(first + i, j);
        b->rows[i] = (mr__row){.id = b->ids[i],
                               .uri = b->keys[i],
                               .metadata = "{\"a\":1}",
                               .data = b->vectors + i * dim};
        b->entries[i] = (mr_ledger_entry){.key = b->keys[i],
                                          .id = b->ids[i],
                                          .uri = b->keys[i],
                                          .state = "stored",
                                          .stage = MR_STAGE_STORE,
                                          .message = "",
                                          .attempts = 1,
                                          .ms_decode = 1.5f,
                                          .bytes = 1000 + first + i,
                                          .width = 640,
                                          .height = 480,
                                          .format = "jpeg",
                                          .fingerprint = FP,
                                          .version_size = 1000 + first + i,
                                          .version_mtime_ns = 77,
                                          .version_etag = ""};
    }
    b->dim = dim;
    b->commit = (mr__commit){
        .rows = b->rows, .n_rows = n, .entries = b->entries, .n_entries = n, .batch = first / 32};
    return b;
}

void fixture_batch_free(batch *b)
{
    free(b->vectors);
    free(b);
}

mr_store *fixture_writer(const char *path, uint32_t dim)
{
    mr__collection_spec spec = fixture_spec(dim);
    mr_store *store;
    mr_error err = {0};

    assert_ok(mr_store_open(path, NULL, &store, &err), err);
    assert_ok(mr__store_begin(store, &spec, &err), err);
    return store;
}

mr_store *fixture_reader(const char *path)
{
    mr_store_options options;
    mr_store *store;
    mr_error err = {0};

    mr_store_options_init(&options);
    options.read_only = true;
    assert_ok(mr_store_open(path, &options, &store, &err), err);
    return store;
}

void fixture_commit(mr_store *store, uint64_t first, size_t n, uint32_t dim)
{
    batch *b = fixture_batch(first, n, dim);
    mr_error err = {0};

    assert_ok(mr__store_commit(store, &b->commit, &err), err);
    fixture_batch_free(b);
}
