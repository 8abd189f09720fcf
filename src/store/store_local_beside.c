/* SPDX-License-Identifier: Apache-2.0 */
/* A local store's tables as the ledger of another store. */
#include <string.h>

#include "base/text.h"
#include "store/beside.h"

mr_status mr__beside_describe(mr_store *ledger, const char *collection, const char *text,
                              mr_error *err)
{
    mr__local *local = (mr__local *)ledger;
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(
        local->path, local->writer,
        "UPDATE collections SET description = ?2 WHERE name = ?1 AND description <> ?2", &stmt,
        err);

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_text(stmt, 1, collection, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        status = mr__local_fail(local->path, local->writer, "describe ledger", err);
    sqlite3_finalize(stmt);
    return status;
}

mr_status mr__beside_moved(mr_store *ledger, const mr_ledger_entry *entry, char *old, size_t size,
                           mr_error *err)
{
    mr__local *local = (mr__local *)ledger;
    sqlite3_stmt *stmt = local->stmts[MR__LOCAL_MOVED];
    mr_status status = MR_OK;
    int rc;

    old[0] = '\0';
    if (!stmt)
        status = mr__local_prepare(local->path, local->writer,
                                   "SELECT items.id FROM items JOIN rows USING (collection, id)"
                                   " WHERE collection = ?1 AND items.key = ?2 AND id <> ?3"
                                   " AND rows.key = ?2",
                                   &stmt, err);
    if (status != MR_OK)
        return status;
    local->stmts[MR__LOCAL_MOVED] = stmt;
    (void)sqlite3_bind_int64(stmt, 1, local->collection);
    (void)sqlite3_bind_text(stmt, 2, entry->key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 3, entry->id, -1, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        (void)mr__text_copy(old, size, mr__local_text(stmt, 0));
    else if (rc != SQLITE_DONE)
        status = mr__local_fail(local->path, local->writer, "read ledger", err);
    (void)sqlite3_reset(stmt);
    return status;
}
