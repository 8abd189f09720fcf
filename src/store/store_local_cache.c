/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of a collection: row by row from the table, or the cache that is made of them. */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "store/local.h"

mr_status mr__local_each_row(mr__local *local, const mr__local_rows *rows, mr__local_row_fn *fn,
                             void *cookie, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc, bytes = (int)(rows->key.dim * sizeof(float));
    mr_status status = mr__local_prepare_filtered(
        local, local->reader,
        &(mr__local_filtered){"SELECT row, vector FROM rows NOT INDEXED WHERE collection = ?1",
                              rows->filter, "ORDER BY row"},
        &stmt, err);

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_int64(stmt, 1, rows->key.collection);
    while (status == MR_OK && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        const void *vector = rc == SQLITE_ROW ? sqlite3_column_blob(stmt, 1) : NULL;
        if (rc != SQLITE_ROW)
            status = mr__local_fail(local->path, local->reader, "read vectors", err);
        else if (!vector || sqlite3_column_bytes(stmt, 1) != bytes)
            status = mr__local_damaged(local, "a vector of another length", err);
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
        status =
            mr__local_each_row(local, &(mr__local_rows){.key = *key}, add_to_cache, &writer, err);
    if (status == MR_OK)
        status = mr__vectors_finish(&writer, err);
    mr__vectors_abandon(&writer);
    return status;
}

/* Name of the cache of collection number `collection`. */
static bool cache_name(const mr__local *local, int64_t collection, const char *ending, mr__buf *out)
{
    mr__buf_init(out, 8192);
    return mr__buf_addf(out, "%s-vec%" PRId64 "%s", local->path, collection, ending);
}

mr_status mr__local_have_cache(mr__local *local, const mr__vectors_key *key, mr_error *err)
{
    const mr__vectors_key *has = &local->vectors.key;
    mr_status status = MR_OK;
    mr__buf path;

    if (local->vectors.map && has->collection == key->collection &&
        has->generation == key->generation && has->stamp == key->stamp)
        return MR_OK;
    mr__vectors_unmap(&local->vectors);
    if (!cache_name(local, key->collection, "", &path)) {
        mr__buf_fini(&path);
        return mr__error_no_memory(err, "path");
    }
    if (mr__vectors_map(path.data, key, &local->vectors))
        goto done;
    status = build_cache(local, path.data, key, err);
    if (status == MR_OK && !mr__vectors_map(path.data, key, &local->vectors))
        status = mr__error_set(err, MR_E_ENV, "vector cache %s cannot be read back", path.data);
done:
    mr__buf_fini(&path);
    return status;
}

mr_status mr__local_drop_cache(mr__local *local, int64_t collection, mr_error *err)
{
    static const char *const endings[] = {"", "-new"};
    mr_status status = MR_OK;
    mr__buf path;
    size_t i;

    if (local->vectors.map && local->vectors.key.collection == collection)
        mr__vectors_unmap(&local->vectors);
    for (i = 0; i < sizeof endings / sizeof endings[0] && status == MR_OK; i++) {
        if (!cache_name(local, collection, endings[i], &path))
            status = mr__error_no_memory(err, "path");
        else if (unlink(path.data) != 0 && errno != ENOENT)
            status = mr__error_errno(err, MR_E_IO, errno, "remove vector cache %s", path.data);
        mr__buf_fini(&path);
    }
    return status;
}

mr_status mr__local_key(mr__local *local, int64_t collection, uint32_t dim, mr__vectors_key *key,
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
