/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact search of a local store. All of it happens in one read transaction: the identity of the
 * collection, the scan and the rows of the hits are of one moment, whatever a writer does.
 *
 * The scan runs over the vector cache. Where that cannot be written, or another process is writing
 * it, the table itself is scanned: slower, the same result.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/local.h"
#include "store/topk.h"

#define SCAN_ROWS 128

static mr_status damaged(const mr__local *local, const char *what, mr_error *err)
{
    return mr__error_set(err, MR_E_ENV,
                         "%s is damaged (%s); restore a copy, or move it away and ingest again",
                         local->path, what);
}

/* Calls `fn` with each row of the collection, in the order of the row numbers. */
static mr_status each_row(mr__local *local, const mr__vectors_key *key,
                          mr_status (*fn)(void *, int64_t, const float *, mr_error *), void *cookie,
                          mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc, bytes = (int)(key->dim * sizeof(float));
    mr_status status = mr__local_prepare(
        local->path, local->reader,
        "SELECT row, vector FROM rows NOT INDEXED WHERE collection = ?1 ORDER BY row", &stmt, err);

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_int64(stmt, 1, key->collection);
    while (status == MR_OK && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        const void *vector = rc == SQLITE_ROW ? sqlite3_column_blob(stmt, 1) : NULL;
        if (rc != SQLITE_ROW)
            status = mr__local_fail(local->path, local->reader, "read vectors", err);
        else if (!vector || sqlite3_column_bytes(stmt, 1) != bytes)
            status = damaged(local, "a vector of another length", err);
        else
            status = fn(cookie, sqlite3_column_int64(stmt, 0), vector, err);
    }
    sqlite3_finalize(stmt);
    return status;
}

static mr_status add_to_cache(void *cookie, int64_t row, const float *vector, mr_error *err)
{
    return mr__vectors_add(cookie, row, vector, err);
}

static mr_status build_cache(mr__local *local, const char *path, const mr__vectors_key *key,
                             mr_error *err)
{
    mr__vectors_writer writer;
    sqlite3_stmt *stmt = NULL;
    uint64_t n = 0;
    mr_status status = mr__local_prepare(
        local->path, local->reader, "SELECT count(*) FROM rows WHERE collection = ?1", &stmt, err);

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_int64(stmt, 1, key->collection);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        n = (uint64_t)sqlite3_column_int64(stmt, 0);
    else
        status = mr__local_fail(local->path, local->reader, "count rows", err);
    sqlite3_finalize(stmt);
    if (status != MR_OK)
        return status;
    status = mr__vectors_create(&writer, path, key, n, err);
    if (status == MR_OK)
        status = each_row(local, key, add_to_cache, &writer, err);
    if (status == MR_OK)
        status = mr__vectors_finish(&writer, err);
    mr__vectors_abandon(&writer);
    return status;
}

/* Makes local->vectors the cache of `key`; false if there can be none now. */
static bool have_cache(mr__local *local, const mr__vectors_key *key)
{
    const mr__vectors_key *has = &local->vectors.key;
    mr_error err = {0};
    mr__buf path;
    bool ok = local->vectors.map && has->collection == key->collection &&
              has->generation == key->generation && has->stamp == key->stamp;

    if (ok)
        return true;
    mr__vectors_unmap(&local->vectors);
    mr__buf_init(&path, 8192);
    if (!mr__buf_addf(&path, "%s-vec%" PRId64, local->path, key->collection))
        goto done;
    ok = mr__vectors_map(path.data, key, &local->vectors);
    if (ok)
        goto done;
    if (build_cache(local, path.data, key, &err) == MR_OK)
        ok = mr__vectors_map(path.data, key, &local->vectors);
    else
        mr__log(&local->base.logger, MR_LOG_INFO, "store", "searching without vector cache: %s",
                err.message);
done:
    mr__buf_fini(&path);
    return ok;
}

/* Rows gathered until a scan of them pays. */
typedef struct gather {
    mr__topk *topk;
    float *data; /* [SCAN_ROWS, dim] */
    int64_t rows[SCAN_ROWS];
    size_t n;
} gather;

static mr_status add_to_gather(void *cookie, int64_t row, const float *vector, mr_error *err)
{
    gather *g = cookie;

    (void)err;
    memcpy(g->data + g->n * g->topk->dim, vector, g->topk->dim * sizeof(float));
    g->rows[g->n++] = row;
    if (g->n == SCAN_ROWS) {
        mr__topk_scan(g->topk, g->data, g->rows, g->n);
        g->n = 0;
    }
    return MR_OK;
}

static mr_status scan_table(mr__local *local, const mr__vectors_key *key, mr__topk *topk,
                            mr_error *err)
{
    gather g = {.topk = topk};
    mr_status status;

    g.data = calloc(SCAN_ROWS, key->dim * sizeof(float));
    if (!g.data)
        return mr__error_no_memory(err, "vectors");
    status = each_row(local, key, add_to_gather, &g, err);
    if (status == MR_OK)
        mr__topk_scan(topk, g.data, g.rows, g.n);
    free(g.data);
    return status;
}

static float distance_of(mr_metric metric, float score)
{
    return metric == MR_METRIC_L2 ? 0.0f - score : 1.0f - score;
}

/* The texts of the entries. MR_E_NOT_FOUND: a row that the table does not have. */
static mr_status fill(mr__local *local, const mr__topk *topk, int64_t collection, mr_hits *hits,
                      mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(
        local->path, local->reader,
        "SELECT id, uri, metadata FROM rows WHERE row = ?1 AND collection = ?2", &stmt, err);
    size_t i;
    int rc;

    for (i = 0; status == MR_OK && i < topk->n; i++) {
        float score = topk->heap[i].score;
        (void)sqlite3_bind_int64(stmt, 1, topk->heap[i].row);
        (void)sqlite3_bind_int64(stmt, 2, collection);
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            mr_hit hit = {.id = mr__local_text(stmt, 0),
                          .uri = mr__local_text(stmt, 1),
                          .metadata = mr__local_text(stmt, 2),
                          .score = score,
                          .distance = distance_of(topk->metric, score)};
            status = mr__hits_add(hits, &hit, err);
        } else if (rc == SQLITE_DONE) {
            status = damaged(local, "a row is missing", err);
        } else {
            status = mr__local_fail(local->path, local->reader, "read hits", err);
        }
        (void)sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    return status;
}

static mr_status key_of(mr__local *local, int64_t collection, uint32_t dim, mr__vectors_key *key,
                        mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(
        local->path, local->reader,
        "SELECT generation, stamp FROM collections WHERE collection = ?1", &stmt, err);

    if (status != MR_OK)
        return status;
    *key = (mr__vectors_key){.collection = collection, .dim = dim};
    (void)sqlite3_bind_int64(stmt, 1, collection);
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        key->generation = sqlite3_column_int64(stmt, 0);
        key->stamp = sqlite3_column_int64(stmt, 1);
    } else {
        status = mr__local_fail(local->path, local->reader, "read generation", err);
    }
    sqlite3_finalize(stmt);
    return status;
}

/* The part of a search that runs inside the transaction. */
static mr_status search_now(mr__local *local, const float *vector, uint32_t dim,
                            const mr_search_options *options, mr_hits **out, mr_error *err)
{
    const char *name = options->collection ? options->collection : "default";
    mr_collection collection;
    mr__vectors_key key;
    mr__topk_spec spec;
    mr__topk topk = {0};
    int64_t number;
    mr_status status = mr__local_find(local, local->reader, name, &collection, &number, err);

    if (status != MR_OK)
        return status;
    if (strcmp(collection.index, MR__LOCAL_NO_INDEX) == 0) {
        status =
            mr__error_set(err, MR_E_INVALID,
                          "%s is the ledger of another store: search in that one", local->path);
        goto done;
    }
    if (collection.dim != dim) {
        status = mr__error_set(err, MR_E_MISMATCH,
                               "collection %s holds vectors of %u dimensions, the query has %u",
                               name, collection.dim, dim);
        goto done;
    }
    spec = (mr__topk_spec){vector, options->k, dim, collection.metric, local->level};
    status = key_of(local, number, dim, &key, err);
    if (status == MR_OK)
        status = mr__topk_init(&topk, &spec, err);
    if (status != MR_OK)
        goto done;
    if (have_cache(local, &key))
        mr__topk_scan(&topk, local->vectors.data, local->vectors.rows, (size_t)local->vectors.n);
    else
        status = scan_table(local, &key, &topk, err);
    if (status != MR_OK)
        goto done;
    mr__topk_sort(&topk);
    status = mr__hits_new(options->k, collection.metric, out, err);
    if (status == MR_OK)
        status = fill(local, &topk, number, *out, err);
done:
    mr__topk_fini(&topk);
    mr_collection_fini(&collection);
    return status;
}

mr_status mr__local_search(mr_store *store, const float *vector, uint32_t dim,
                           const mr_search_options *options, mr_hits **out, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    uint64_t start = mr__clock_ns();
    mr_status status;

    if (options->filter)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "search: filter expressions are not in this build");
    status = mr__local_exec(local->path, local->reader, "BEGIN", err);
    if (status != MR_OK)
        return status;
    status = search_now(local, vector, dim, options, out, err);
    (void)sqlite3_exec(local->reader, "ROLLBACK", NULL, NULL, NULL);
    if (status == MR_OK)
        mr__hits_set_ms(*out, (double)(mr__clock_ns() - start) / 1e6);
    else
        mr_hits_free(out);
    return status;
}

mr_status mr__local_vector(mr_store *store, const char *collection, const char *id, float *vector,
                           uint32_t dim, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    size_t bytes = dim * sizeof(float);
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(local->path, local->reader,
                                         "SELECT vector FROM rows WHERE id = ?2 AND collection ="
                                         " (SELECT collection FROM collections WHERE name = ?1)",
                                         &stmt, err);
    int rc;

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_text(stmt, 1, collection, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE) {
        status = mr__error_set(err, MR_E_NOT_FOUND, "no row %s in collection %s", id, collection);
    } else if (rc != SQLITE_ROW) {
        status = mr__local_fail(local->path, local->reader, "read vector", err);
    } else {
        const void *data = sqlite3_column_blob(stmt, 0);
        if (!data || (size_t)sqlite3_column_bytes(stmt, 0) != bytes)
            status = damaged(local, "a vector of another length", err);
        else
            memcpy(vector, data, bytes);
    }
    sqlite3_finalize(stmt);
    return status;
}
