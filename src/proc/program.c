/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the workers run: millrace-worker, or a program of somebody else's, which brings its own
 * shape of the rows, is handed data, and may take long to start.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/text.h"
#include "proc/pool.h"

#define DATA_MAX      ((size_t)1 << 30)
#define ROW_MAX       (UINT64_C(1) << 40)
#define START_MAX_MS  3600000
#define START_OWN     10000
#define START_FOREIGN 30000

static mr_status check(mr_pool_options *options, mr_error *err)
{
    if (options->unit_items == 0)
        options->unit_items = 1;
    if (options->unit_items > MR__UNIT_ITEMS)
        return mr__error_set(err, MR_E_INVALID, "items at once: %u, at most %d",
                             options->unit_items, MR__UNIT_ITEMS);
    if (options->worker_start_ms == 0)
        options->worker_start_ms = options->worker_argv ? START_FOREIGN : START_OWN;
    if (options->worker_start_ms > START_MAX_MS)
        return mr__error_set(err, MR_E_INVALID, "start of a worker: %u ms, at most %d",
                             options->worker_start_ms, START_MAX_MS);
    if (options->worker_argv && !options->worker_argv[0])
        return mr__error_set(err, MR_E_INVALID, "the worker program has no name");
    if (options->worker_data_bytes > DATA_MAX)
        return mr__error_set(err, MR_E_INVALID, "data of the worker program: %zu MiB, at most %zu",
                             options->worker_data_bytes >> 20, DATA_MAX >> 20);
    return MR_OK;
}

/* What the program is handed, in memory that it can only read. */
static mr_status open_data(mr_pool *pool, mr_error *err)
{
    size_t n = pool->options.worker_data_bytes;
    mr_status s;

    if (!pool->options.worker_data || n == 0)
        return MR_OK;
    s = mr__area_open(&pool->data_area, "millrace-data", n, err);
    if (s == MR_OK)
        s = mr__area_reserve(&pool->data_area, 0, n, err);
    if (s == MR_OK)
        s = mr__area_seal_writes(&pool->data_area, err);
    if (s == MR_OK)
        memcpy(pool->data_area.base, pool->options.worker_data, n);
    return s;
}

mr_status mr__program_open(mr_pool *pool, mr_error *err)
{
    const char *const *argv = pool->options.worker_argv;
    mr_status s = check(&pool->options, err);

    if (s != MR_OK)
        return s;
    pool->unit_items = pool->unit_items ? pool->unit_items : pool->options.unit_items;
    pool->foreign = argv != NULL;
    pool->confine = argv && (pool->options.worker_sandbox || pool->options.require_sandbox);
    if (!argv)
        s = mr__process_find(pool->options.worker_path, pool->worker_path, sizeof pool->worker_path,
                             err);
    else if (!mr__text_copy(pool->worker_path, sizeof pool->worker_path, argv[0]))
        s = mr__error_set(err, MR_E_INVALID, "the worker program's name is too long");
    else if (access(argv[0], X_OK) != 0)
        s = mr__error_errno(err, MR_E_ENV, errno, "worker %s", argv[0]);
    if (s == MR_OK)
        s = mr__process_env(pool->foreign, &pool->program.env, err);
    if (s == MR_OK && argv)
        s = mr__process_strings(argv, &pool->program.argv, err);
    if (s == MR_OK && argv)
        s = open_data(pool, err);
    pool->program.path = pool->options.worker_path = pool->worker_path;
    /* what the caller lent may be gone once the pool is open */
    pool->options.worker_argv = (const char *const *)pool->program.argv;
    pool->options.worker_data = NULL;
    return s;
}

void mr__program_close(mr_pool *pool)
{
    free(pool->program.argv);
    free(pool->program.env);
    mr__area_close(&pool->data_area);
}

size_t mr_dims_bytes(const mr_dims *dims)
{
    static const size_t element[] = {
        [MR_DTYPE_F32] = 4, [MR_DTYPE_U8] = 1, [MR_DTYPE_F16] = 2, [MR_DTYPE_BF16] = 2};
    size_t bytes;
    uint32_t i;

    if ((uint32_t)dims->dtype >= sizeof element / sizeof element[0] || dims->n == 0 ||
        dims->n > MR_DIMS_MAX)
        return 0;
    bytes = element[dims->dtype];
    for (i = 0; i < dims->n; i++)
        if (!mr__size_mul(&bytes, bytes, dims->dims[i]) || bytes == 0 || bytes > ROW_MAX)
            return 0;
    return bytes;
}

void mr__program_dims_text(const mr_dims *dims, char *out, size_t size)
{
    static const char *const names[] = {"float32", "uint8", "float16", "bfloat16"};
    uint32_t i;

    (void)snprintf(out, size, "%s [",
                   (uint32_t)dims->dtype < 4 ? names[dims->dtype] : "of no known type");
    for (i = 0; i < dims->n && i < MR_DIMS_MAX; i++) {
        char number[16];

        (void)snprintf(number, sizeof number, "%s%u", i > 0 ? "," : "", dims->dims[i]);
        (void)mr__text_append(out, size, number);
    }
    (void)mr__text_append(out, size, "]");
}

static bool same_dims(const mr_dims *a, const mr_dims *b)
{
    return a->dtype == b->dtype && a->n == b->n &&
           memcmp(a->dims, b->dims, a->n * sizeof a->dims[0]) == 0;
}

/* The words of a worker: copied once, then judged. */
mr_status mr__program_ready(mr_pool *pool, const mr__worker *worker, mr_error *err)
{
    char said[160], known[160];
    mr__row_dims row;
    mr_dims dims;

    if (!pool->foreign)
        return MR_OK;
    mr__copy_out(&row, &worker->control->row, sizeof row);
    dims = (mr_dims){.dtype = (mr_dtype)row.dtype, .n = row.n};
    memcpy(dims.dims, row.dims, sizeof dims.dims);
    mr__program_dims_text(&dims, said, sizeof said);
    if (mr_dims_bytes(&dims) == 0)
        return mr__error_set(err, MR_E_ENV, "the worker program (%s) says that its rows are %s",
                             pool->worker_path, said);
    if (!pool->has_dims) {
        pool->dims = dims;
        pool->has_dims = true;
        return MR_OK;
    }
    if (same_dims(&dims, &pool->dims))
        return MR_OK;
    mr__program_dims_text(&pool->dims, known, sizeof known);
    return mr__error_set(err, MR_E_ENV,
                         "the worker program (%s) says that its rows are %s; they were %s before",
                         pool->worker_path, said, known);
}

bool mr__program_trouble(const mr__worker *worker, char *out, size_t size)
{
    char said[MR__TROUBLE_MAX];

    mr__copy_out(said, worker->control->trouble, sizeof said);
    mr__text_escape(out, size, said, strnlen(said, sizeof said));
    return out[0] != '\0';
}

bool mr_pool_dims(mr_pool *pool, mr_dims *out)
{
    bool known;

    mr__pool_lock(pool);
    known = pool->has_dims;
    *out = pool->dims;
    mr__pool_unlock(pool);
    return known;
}

static bool any_ready(const mr_pool *pool)
{
    uint32_t i;

    for (i = 0; i < pool->n_workers; i++)
        if (pool->workers[i].state == MR__WORKER_READY)
            return true;
    return false;
}

mr_status mr_pool_wait(mr_pool *pool, int timeout_ms, mr_error *err)
{
    uint64_t at = mr__clock_ns() + (timeout_ms > 0 ? (uint64_t)timeout_ms * 1000000 : 0);
    const struct timespec until = {.tv_sec = (time_t)(at / 1000000000),
                                   .tv_nsec = (long)(at % 1000000000)};
    mr_status s = MR_OK;

    mr__pool_lock(pool);
    while (s == MR_OK && !pool->failed && !any_ready(pool)) {
        if (timeout_ms < 0)
            (void)pthread_cond_wait(&pool->changed, &pool->lock);
        else if (pthread_cond_timedwait(&pool->changed, &pool->lock, &until) != 0)
            s = any_ready(pool) || pool->failed ? MR_OK : MR_AGAIN;
    }
    if (pool->failed) {
        s = pool->error.status;
        if (err)
            *err = pool->error;
    }
    mr__pool_unlock(pool);
    return s;
}
