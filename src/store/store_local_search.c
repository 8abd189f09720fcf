/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact search of a local store. All of it happens in one read transaction: the identity of the
 * collection, the scan and the rows of the hits are of one moment, whatever a writer does.
 *
 * The scan runs over the vector cache. Where that cannot be written, or another process is writing
 * it, the table itself is scanned: slower, the same result.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/local.h"
#include "store/topk.h"

#define SCAN_ROWS 128

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

static mr_status scan_table(mr__local *local, const mr__local_rows *rows, mr__topk *topk,
                            mr_error *err)
{
    gather g = {.topk = topk};
    mr_status status;

    g.data = calloc(SCAN_ROWS, rows->key.dim * sizeof(float));
    if (!g.data)
        return mr__error_no_memory(err, "vectors");
    status = mr__local_each_row(local, rows, add_to_gather, &g, err);
    if (status == MR_OK)
        mr__topk_scan(topk, g.data, g.rows, g.n);
    free(g.data);
    return status;
}

/*
 * The rows of the cache that the filter selects. Both are in the order of the row numbers, so one
 * walk finds them; those that follow each other are scanned together.
 */
static mr_status scan_selected(mr__local *local, const mr__local_rows *rows, mr__topk *topk,
                               mr_error *err)
{
    const mr__vectors *v = &local->vectors;
    sqlite3_stmt *stmt = NULL;
    size_t at = 0, first = 0, n = 0;
    int rc = SQLITE_DONE;
    mr_status status = mr__local_prepare_filtered(
        local, local->reader,
        &(mr__local_filtered){"SELECT row FROM rows NOT INDEXED WHERE collection = ?1",
                              rows->filter, "ORDER BY row"},
        &stmt, err);

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_int64(stmt, 1, rows->key.collection);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t row = sqlite3_column_int64(stmt, 0);

        while (at < v->n && v->rows[at] < row)
            at++;
        if (at == v->n || v->rows[at] != row) {
            status = mr__local_damaged(local, "a row is missing in the vector cache", err);
            break;
        }
        if (n > 0 && first + n != at) {
            mr__topk_scan(topk, v->data + first * topk->dim, v->rows + first, n);
            n = 0;
        }
        if (n++ == 0)
            first = at;
    }
    if (status == MR_OK && rc != SQLITE_DONE)
        status = mr__local_fail(local->path, local->reader, "filter rows", err);
    if (status == MR_OK && n > 0)
        mr__topk_scan(topk, v->data + first * topk->dim, v->rows + first, n);
    sqlite3_finalize(stmt);
    return status;
}

static mr_status scan(mr__local *local, const mr__local_rows *rows, mr__topk *topk, mr_error *err)
{
    mr_error why = {0};

    if (mr__local_have_cache(local, &rows->key, &why) != MR_OK) {
        mr__log(&local->base.logger, MR_LOG_INFO, "store", "searching without vector cache: %s",
                why.message);
        return scan_table(local, rows, topk, err);
    }
    if (rows->filter)
        return scan_selected(local, rows, topk, err);
    mr__topk_scan(topk, local->vectors.data, local->vectors.rows, (size_t)local->vectors.n);
    return MR_OK;
}

static float distance_of(mr_metric metric, float score)
{
    return metric == MR_METRIC_L2 ? 0.0f - score : 1.0f - score;
}

/* One hit: the row that the statement stands at. */
static mr_status add_hit(sqlite3_stmt *stmt, const mr__local_fields *fields, float score,
                         mr_hits *hits, mr_error *err)
{
    mr_hit hit = {.id = mr__local_text(stmt, 0),
                  .uri = mr__local_text(stmt, 1),
                  .metadata = mr__local_text(stmt, 2),
                  .score = score,
                  .distance = distance_of(mr_hits_metric(hits), score)};
    char *text = NULL;
    mr_status status;

    if (fields->wanted) {
        text = mr__local_fields_text(fields, stmt);
        if (!text)
            return mr__error_no_memory(err, "fields");
        hit.fields = text;
    }
    status = mr__hits_add(hits, &hit, err);
    free(text);
    return status;
}

/* The texts of the entries. MR_E_ENV: a row that the table does not have. */
static mr_status fill(mr__local *local, const mr__topk *topk, int64_t collection,
                      const mr__local_fields *fields, mr_hits *hits, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(local->path, local->reader,
                                         "SELECT id, uri, metadata, fingerprint, vector FROM rows"
                                         " WHERE row = ?1 AND collection = ?2",
                                         &stmt, err);
    size_t i;
    int rc;

    for (i = 0; status == MR_OK && i < topk->n; i++) {
        (void)sqlite3_bind_int64(stmt, 1, topk->heap[i].row);
        (void)sqlite3_bind_int64(stmt, 2, collection);
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            status = add_hit(stmt, fields, topk->heap[i].score, hits, err);
        else if (rc == SQLITE_DONE)
            status = mr__local_damaged(local, "a row is missing", err);
        else
            status = mr__local_fail(local->path, local->reader, "read hits", err);
        (void)sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    return status;
}

/* What is looked for, understood before anything is read. */
typedef struct query {
    const float *vector;
    uint32_t dim;
    const mr_search_options *options;
    mr__where *filter;
    mr__local_fields fields;
} query;

/* The part of a search that runs inside the transaction. */
static mr_status search_now(mr__local *local, const query *q, mr_hits **out, mr_error *err)
{
    const char *name = q->options->collection ? q->options->collection : "default";
    mr__local_rows rows = {.filter = q->filter};
    mr_collection collection;
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
    if (collection.dim != q->dim) {
        status = mr__error_set(err, MR_E_MISMATCH,
                               "collection %s holds vectors of %u dimensions, the query has %u",
                               name, collection.dim, q->dim);
        goto done;
    }
    spec = (mr__topk_spec){q->vector, q->options->k, q->dim, collection.metric, local->level};
    status = mr__local_key(local, number, q->dim, &rows.key, err);
    if (status == MR_OK)
        status = mr__topk_init(&topk, &spec, err);
    if (status == MR_OK)
        status = scan(local, &rows, &topk, err);
    if (status != MR_OK)
        goto done;
    mr__topk_sort(&topk);
    status = mr__hits_new(q->options->k, collection.metric, out, err);
    if (status == MR_OK)
        status = fill(local, &topk, number, &q->fields, *out, err);
done:
    mr__topk_fini(&topk);
    mr_collection_fini(&collection);
    return status;
}

static mr_status understand(const mr_search_options *options, query *q, mr_error *err)
{
    mr_status status = MR_OK;

    if (options->n_params > 0)
        return mr__error_set(err, MR_E_INVALID,
                             "search: no parameter %.64s: a local store searches exactly and has "
                             "none",
                             options->params[0].name);
    status = mr__local_fields_init(options, q->dim, &q->fields, err);
    if (status == MR_OK && options->filter && *options->filter)
        status = mr__where_compile(options->filter, MR__LOCAL_FILTER_FIRST, &q->filter, NULL, err);
    return status;
}

mr_status mr__local_search(mr_store *store, const float *vector, uint32_t dim,
                           const mr_search_options *options, mr_hits **out, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    query q = {.vector = vector, .dim = dim, .options = options};
    uint64_t start = mr__clock_ns();
    mr_status status = understand(options, &q, err);

    if (status == MR_OK)
        status = mr__local_exec(local->path, local->reader, "BEGIN", err);
    if (status == MR_OK) {
        status = search_now(local, &q, out, err);
        (void)sqlite3_exec(local->reader, "ROLLBACK", NULL, NULL, NULL);
    }
    mr__where_free(&q.filter);
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
            status = mr__local_damaged(local, "a vector of another length", err);
        else
            memcpy(vector, data, bytes);
    }
    sqlite3_finalize(stmt);
    return status;
}
