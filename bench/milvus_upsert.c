/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milvus-upsert URL COLLECTION FIRST ROWS DIM BATCH IN_FLIGHT: upserts rows through the store, as a
 * pipeline does, and prints what it took: {"rows":…,"seconds":…,"cpu_seconds":…}. The rows are made
 * before the clock starts. bench/milvus.py runs it beside the official client.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/size.h"
#include "store/store.h"

enum { ID_SIZE = 16, JSON_SIZE = 48, MAX_THREADS = 16 };

typedef struct work {
    mr_store *store;
    mr__row *rows;
    size_t n_rows, batch;
    atomic_size_t next;
    atomic_int failed;
} work;

static double cpu_seconds(void)
{
    struct rusage use;

    (void)getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_utime.tv_usec / 1e6 +
           (double)use.ru_stime.tv_sec + (double)use.ru_stime.tv_usec / 1e6;
}

static void *write_batches(void *arg)
{
    work *w = arg;
    mr_error err = {0};
    size_t at;

    while ((at = atomic_fetch_add(&w->next, w->batch)) < w->n_rows) {
        size_t left = w->n_rows - at;
        mr__commit commit = {.rows = w->rows + at,
                             .n_rows = left < w->batch ? left : w->batch,
                             .batch = at / w->batch};

        if (mr__store_write(w->store, &commit, &err) != MR_OK) {
            fprintf(stderr, "%s\n", err.message);
            atomic_store(&w->failed, 1);
            break;
        }
    }
    return NULL;
}

/* Rows with vectors that lie one after the other, as those of a batch do. */
static mr__row *make_rows(size_t first, size_t n, size_t dim)
{
    size_t numbers = 0, i, d;
    uint64_t state = first * UINT64_C(0x9e3779b97f4a7c15) + 1;
    mr__row *rows;
    float *vectors;
    char *text;

    if (!mr__size_mul(&numbers, n, dim))
        return NULL;
    rows = calloc(n, sizeof *rows);
    vectors = calloc(numbers, sizeof *vectors);
    text = calloc(n, ID_SIZE + JSON_SIZE);
    if (!rows || !vectors || !text) {
        free(rows);
        free(vectors);
        free(text);
        return NULL;
    }
    for (i = 0; i < n; i++) {
        char *id = text + i * (ID_SIZE + JSON_SIZE), *json = id + ID_SIZE;

        (void)snprintf(id, ID_SIZE, "row-%09zu", first + i);
        (void)snprintf(json, JSON_SIZE, "{\"n\":%zu,\"label\":\"cat\"}", first + i);
        for (d = 0; d < dim; d++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            vectors[i * dim + d] = (float)(int32_t)(state >> 32) / 2147483648.0F;
        }
        rows[i] = (mr__row){.id = id, .uri = id, .metadata = json, .data = vectors + i * dim};
    }
    return rows;
}

static mr_status begin(mr_store *store, const char *collection, uint32_t dim, mr_error *err)
{
    const mr__collection_spec spec = {.name = collection,
                                      .plan_name = "bench",
                                      .plan_text = "bench",
                                      .fingerprint = "bench",
                                      .embedder = "bench",
                                      .index = "FLAT",
                                      .metric = MR_METRIC_IP,
                                      .row = {.dtype = MR_DTYPE_F32,
                                              .channels = dim,
                                              .height = 1,
                                              .width = 1,
                                              .bytes = dim * sizeof(float)},
                                      .dim = dim};

    return mr__store_begin(store, &spec, err);
}

int main(int argc, char **argv)
{
    pthread_t threads[MAX_THREADS];
    mr_param in_flight = {.name = "concurrency"};
    mr_store_options options;
    mr_error err = {0};
    work w = {.store = NULL};
    double cpu, seconds;
    uint64_t start;
    size_t dim, n, i;

    if (argc != 8)
        return 2;
    in_flight.value = argv[7];
    w.n_rows = strtoul(argv[4], NULL, 10);
    dim = strtoul(argv[5], NULL, 10);
    w.batch = strtoul(argv[6], NULL, 10);
    w.rows = make_rows(strtoul(argv[3], NULL, 10), w.n_rows, dim);
    mr_store_options_init(&options);
    options.params = &in_flight;
    options.n_params = 1;
    if (!w.rows || mr_store_open(argv[1], &options, &w.store, &err) != MR_OK ||
        begin(w.store, argv[2], (uint32_t)dim, &err) != MR_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    n = w.store->concurrency ? w.store->concurrency : 1;
    cpu = cpu_seconds();
    start = mr__clock_ns();
    for (i = 0; i < n && i < MAX_THREADS; i++)
        if (pthread_create(&threads[i], NULL, write_batches, &w) != 0)
            return 1;
    for (i = 0; i < n && i < MAX_THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    seconds = (double)(mr__clock_ns() - start) / 1e9;
    cpu = cpu_seconds() - cpu;
    printf("{\"rows\":%zu,\"seconds\":%.4f,\"cpu_seconds\":%.4f,\"in_flight\":%zu}\n", w.n_rows,
           seconds, cpu, n);
    mr_store_close(&w.store);
    return atomic_load(&w.failed);
}
