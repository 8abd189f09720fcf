/* SPDX-License-Identifier: Apache-2.0 */
/* A local store's tables as the ledger of another store. */
#include <string.h>

#include "base/text.h"
#include "store/beside.h"

/* Runs one statement on the writer, with up to three texts. */
static mr_status run(mr__local *local, const char *sql, const char *const texts[3], mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(local->path, local->writer, sql, &stmt, err);
    int i;

    if (status != MR_OK)
        return status;
    for (i = 0; i < 3 && texts[i]; i++)
        (void)sqlite3_bind_text(stmt, i + 1, texts[i], -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        status = mr__local_fail(local->path, local->writer, "change ledger", err);
    sqlite3_finalize(stmt);
    return status;
}

/* The statements in one transaction. */
static mr_status run_all(mr__local *local, const char *const *sql, size_t n,
                         const char *const texts[3], mr_error *err)
{
    mr_status status = mr__local_exec(local->path, local->writer, "BEGIN IMMEDIATE", err);
    size_t i;

    if (status != MR_OK)
        return status;
    for (i = 0; status == MR_OK && i < n; i++)
        status = run(local, sql[i], texts, err);
    if (status == MR_OK)
        status = mr__local_exec(local->path, local->writer, "COMMIT", err);
    if (status != MR_OK && !sqlite3_get_autocommit(local->writer))
        (void)sqlite3_exec(local->writer, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

mr_status mr__beside_describe(mr_store *ledger, const char *collection, const char *text,
                              mr_error *err)
{
    const char *const texts[3] = {collection, text};

    return run((mr__local *)ledger,
               "UPDATE collections SET description = ?2 WHERE name = ?1 AND description <> ?2",
               texts, err);
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

#define COLLECTION " (SELECT collection FROM collections WHERE name = ?1)"

mr_status mr__beside_erase(mr_store *ledger, const char *collection, mr_error *err)
{
    static const char *const sql[] = {"DELETE FROM rows WHERE collection =" COLLECTION,
                                      "DELETE FROM items WHERE collection =" COLLECTION,
                                      "DELETE FROM collections WHERE name = ?1"};
    const char *const texts[3] = {collection};

    return run_all((mr__local *)ledger, sql, sizeof sql / sizeof sql[0], texts, err);
}

mr_status mr__beside_forget(mr_store *ledger, const char *collection, const char *id, mr_error *err)
{
    static const char *const sql[] = {
        "DELETE FROM items WHERE collection =" COLLECTION
        " AND key = (SELECT key FROM rows WHERE collection =" COLLECTION " AND id = ?2)",
        "DELETE FROM rows WHERE collection =" COLLECTION " AND id = ?2"};
    const char *const texts[3] = {collection, id};

    return run_all((mr__local *)ledger, sql, sizeof sql / sizeof sql[0], texts, err);
}
