/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collections of a local store as things: made, dropped, got ready, written out. All of them live
 * in one file; "loaded" means that the vector cache of the rows as they are now exists, which a
 * search would otherwise make first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "store/local.h"

static mr_status insert(mr__local *local, const mr_collection_options *options, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(
        local->path, local->writer,
        "INSERT INTO collections (name, description, metric, \"index\", plan_name, plan_text,"
        " fingerprint, embedder, dim, stamp) VALUES (?1, ?2, ?3, 'FLAT', '', '', '', '', ?4,"
        " random())",
        &stmt, err);

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_text(stmt, 1, options->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 2, options->description ? options->description : "", -1,
                            SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 3, mr_metric_name(options->metric), -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 4, options->dim);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        status = mr__local_fail(local->path, local->writer, "create collection", err);
    sqlite3_finalize(stmt);
    return status;
}

static mr_status check_options(const mr_collection_options *options, mr_error *err)
{
    mr_metric metric;

    if (options->n_params > 0)
        return mr__error_set(err, MR_E_INVALID,
                             "collection %s: no parameter %.64s: a local collection is searched "
                             "exactly and has none",
                             options->name, options->params[0].name);
    if (options->index && strcasecmp(options->index, "FLAT") != 0)
        return mr__error_set(err, MR_E_UNSUPPORTED, "index %s is not in this build; use FLAT",
                             options->index);
    return mr_metric_from_name(mr_metric_name(options->metric), &metric, err);
}

mr_status mr__local_create(mr_store *store, const mr_collection_options *options, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr_collection has = {0};
    mr_error absent = {0};
    int64_t number;
    mr_status status = check_options(options, err);

    if (status == MR_OK)
        status = mr__local_transaction(local, err);
    if (status != MR_OK)
        return status;
    status = mr__local_find(local, local->writer, options->name, &has, &number, &absent);
    if (status == MR_OK)
        status = mr__error_set(err, MR_E_INVALID, "there is a collection %s already in %s",
                               options->name, local->path);
    else if (status == MR_E_NOT_FOUND)
        status = insert(local, options, err);
    else if (err)
        *err = absent;
    mr_collection_fini(&has);
    return mr__local_settle(local, status, err);
}

mr_status mr__local_drop(mr_store *store, const char *name, mr_error *err)
{
    static const char *const tables[] = {"DELETE FROM rows WHERE collection = ?1",
                                         "DELETE FROM items WHERE collection = ?1",
                                         "DELETE FROM collections WHERE collection = ?1"};
    mr__local *local = (mr__local *)store;
    mr_collection has = {0};
    int64_t number = 0;
    mr_status status = mr__local_transaction(local, err);
    size_t i;

    if (status != MR_OK)
        return status;
    status = mr__local_find(local, local->writer, name, &has, &number, err);
    for (i = 0; status == MR_OK && i < sizeof tables / sizeof tables[0]; i++)
        status =
            mr__local_change(local, &(mr__local_filtered){tables[i], NULL, ""}, number, NULL, err);
    mr_collection_fini(&has);
    status = mr__local_settle(local, status, err);
    if (status != MR_OK)
        return status;
    if (local->collection == number)
        local->collection = 0;
    return mr__local_drop_cache(local, number, err);
}

static mr_status load_now(mr__local *local, const char *name, mr_error *err)
{
    mr_collection collection;
    mr__vectors_key key;
    int64_t number;
    mr_status status = mr__local_find(local, local->reader, name, &collection, &number, err);

    if (status != MR_OK)
        return status;
    status = mr__local_key(local, number, collection.dim, &key, err);
    if (status == MR_OK)
        status = mr__local_have_cache(local, &key, err);
    mr_collection_fini(&collection);
    return status;
}

mr_status mr__local_load(mr_store *store, const char *name, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr_status status = mr__local_exec(local->path, local->reader, "BEGIN", err);

    if (status != MR_OK)
        return status;
    status = load_now(local, name, err);
    (void)sqlite3_exec(local->reader, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

mr_status mr__local_release(mr_store *store, const char *name, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr_collection collection;
    int64_t number;
    mr_status status = mr__local_find(local, local->reader, name, &collection, &number, err);

    if (status != MR_OK)
        return status;
    mr_collection_fini(&collection);
    return mr__local_drop_cache(local, number, err);
}

/* What was committed is on disk already, in the log; this puts it into the file itself. */
mr_status mr__local_flush(mr_store *store, const char *name, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr_collection collection;
    int rc;
    mr_status status = mr__local_find(local, local->reader, name, &collection, NULL, err);

    if (status != MR_OK)
        return status;
    mr_collection_fini(&collection);
    if (!local->writer)
        return MR_OK;
    rc = sqlite3_wal_checkpoint_v2(local->writer, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    /* a reader that is at work keeps the log from being emptied, not from being on disk */
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return mr__local_fail(local->path, local->writer, "checkpoint", err);
    return MR_OK;
}

mr_status mr__local_health(mr_store *store, char *state, size_t size, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    int64_t collections = 0, rows = 0;
    mr_status status = mr__local_number(local->path, local->reader,
                                        "SELECT count(*) FROM collections", &collections, err);

    if (status == MR_OK)
        status =
            mr__local_number(local->path, local->reader,
                             "SELECT ifnull(sum(num_entities), 0) FROM collections", &rows, err);
    if (status != MR_OK)
        return status;
    (void)snprintf(state, size, "SQLite %s, schema %d, collections: %" PRId64 ", rows: %" PRId64,
                   sqlite3_libversion(), MR__LOCAL_SCHEMA, collections, rows);
    return MR_OK;
}
