/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that go, by id or by filter. A row and the ledger's entry of the item that it came from go
 * in one transaction: the item is then unknown, and the next run that meets it stores it again. The
 * collection's generation moves on, so that no vector cache of before is used.
 */
#include <string.h>

#include "base/failpoint.h"
#include "store/local.h"

static mr_status find_number(mr__local *local, const char *name, int64_t *number, mr_error *err)
{
    mr_collection collection;
    mr_status status = mr__local_find(local, local->writer, name, &collection, number, err);

    if (status == MR_OK)
        mr_collection_fini(&collection);
    return status;
}

typedef struct id_list {
    const char *const *ids;
    size_t n;
} id_list;

/* Runs a statement of (collection, id), once for each id; `*changed` counts the rows. */
static mr_status for_ids(mr__local *local, const char *sql, int64_t collection, const id_list *list,
                         int64_t *changed, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(local->path, local->writer, sql, &stmt, err);
    size_t i;

    *changed = 0;
    for (i = 0; status == MR_OK && i < list->n; i++) {
        (void)sqlite3_bind_int64(stmt, 1, collection);
        (void)sqlite3_bind_text(stmt, 2, list->ids[i], -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) != SQLITE_DONE)
            status = mr__local_fail(local->path, local->writer, "delete row", err);
        else
            *changed += sqlite3_changes(local->writer);
        (void)sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    return status;
}

/* The collection without `gone` rows: its count and its next generation. */
static mr_status count_down(mr__local *local, int64_t collection, int64_t gone, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = MR_OK;

    if (gone == 0)
        return MR_OK;
    status = mr__local_prepare(local->path, local->writer,
                               "UPDATE collections SET num_entities = num_entities - ?2,"
                               " generation = generation + 1, stamp = random()"
                               " WHERE collection = ?1",
                               &stmt, err);
    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_int64(stmt, 1, collection);
    (void)sqlite3_bind_int64(stmt, 2, gone);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        status = mr__local_fail(local->path, local->writer, "count rows", err);
    sqlite3_finalize(stmt);
    mr__failpoint_die("store.before_delete");
    return status;
}

mr_status mr__local_remove(mr_store *store, const char *name, const char *const *ids, size_t n_ids,
                           uint64_t *deleted, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    const id_list list = {ids, n_ids};
    int64_t collection = 0, gone = 0, forgotten = 0;
    mr_status status = mr__local_transaction(local, err);

    if (status != MR_OK)
        return status;
    status = find_number(local, name, &collection, err);
    if (status == MR_OK)
        status = for_ids(local,
                         "DELETE FROM items WHERE collection = ?1 AND key ="
                         " (SELECT key FROM rows WHERE collection = ?1 AND id = ?2)",
                         collection, &list, &forgotten, err);
    if (status == MR_OK)
        status = for_ids(local, "DELETE FROM rows WHERE collection = ?1 AND id = ?2", collection,
                         &list, &gone, err);
    if (status == MR_OK)
        status = count_down(local, collection, gone, err);
    status = mr__local_settle(local, status, err);
    if (status == MR_OK)
        *deleted = (uint64_t)gone;
    return status;
}

static mr_status remove_selected(mr__local *local, const mr__where *filter, int64_t collection,
                                 int64_t *gone, mr_error *err)
{
    mr_status status = mr__local_change(
        local,
        &(mr__local_filtered){"DELETE FROM items WHERE collection = ?1 AND key IN"
                              " (SELECT key FROM rows NOT INDEXED WHERE collection = ?1",
                              filter, ")"},
        collection, NULL, err);

    if (status == MR_OK)
        status = mr__local_change(
            local,
            &(mr__local_filtered){"DELETE FROM rows NOT INDEXED WHERE collection = ?1", filter, ""},
            collection, gone, err);
    return status;
}

mr_status mr__local_remove_where(mr_store *store, const char *name, const char *filter,
                                 uint64_t *deleted, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr__where *compiled = NULL;
    int64_t collection = 0, gone = 0;
    mr_status status = mr__where_compile(filter, MR__LOCAL_FILTER_FIRST, &compiled, NULL, err);

    if (status != MR_OK)
        return status;
    status = mr__local_transaction(local, err);
    if (status != MR_OK)
        goto done;
    status = find_number(local, name, &collection, err);
    if (status == MR_OK)
        status = remove_selected(local, compiled, collection, &gone, err);
    if (status == MR_OK)
        status = count_down(local, collection, gone, err);
    status = mr__local_settle(local, status, err);
    if (status == MR_OK)
        *deleted = (uint64_t)gone;
done:
    mr__where_free(&compiled);
    return status;
}
