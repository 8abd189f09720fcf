/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's answers as statuses, each with a sentence that says what to do. */
#include <errno.h>

#include "base/buf.h"
#include "store/local.h"

#define SQL_MAX 1000000

mr_status mr__local_fail(const char *path, sqlite3 *db, const char *what, mr_error *err)
{
    int code = sqlite3_extended_errcode(db), sys = sqlite3_system_errno(db);
    const char *text = sqlite3_errmsg(db);

    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return mr__error_set(
            err, MR_E_ENV, "%s is not a millrace store; give another path, or move it away", path);
    case SQLITE_CORRUPT:
        return mr__error_set(err, MR_E_ENV,
                             "%s is damaged (%s: %s); restore a copy, or move it away and ingest "
                             "again",
                             path, what, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return mr__error_set(err, MR_E_BUSY,
                             "%s: another program holds the file (%s); close it and try again",
                             path, what);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return mr__error_set(err, MR_E_ENV,
                             "%s cannot be used (%s: %s); check that the file and its directory "
                             "may be written",
                             path, what, text);
    case SQLITE_FULL:
        return mr__error_errno(err, MR_E_IO, ENOSPC,
                               "%s: %s: free space and run again, nothing stored is lost", path,
                               what);
    case SQLITE_IOERR:
        return mr__error_errno(err, MR_E_IO, sys ? sys : EIO,
                               "%s: %s: is the disk full or failing? run again when it is not, "
                               "nothing stored is lost",
                               path, what);
    case SQLITE_NOMEM:
        return mr__error_no_memory(err, what);
    case SQLITE_ERROR:
        return mr__error_set(err, MR_E_ENV,
                             "%s: %s: %s; the tables are not as millrace made them, restore a copy",
                             path, what, text);
    default:
        return mr__error_set(err, MR_E_INTERNAL, "%s: %s: %s (%d)", path, what, text, code);
    }
}

mr_status mr__local_exec(const char *path, sqlite3 *db, const char *sql, mr_error *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return mr__local_fail(path, db, sql, err);
    return MR_OK;
}

mr_status mr__local_prepare(const char *path, sqlite3 *db, const char *sql, sqlite3_stmt **out,
                            mr_error *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
        return mr__local_fail(path, db, "prepare", err);
    return MR_OK;
}

const char *mr__local_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);

    return text ? (const char *)text : "";
}

mr_status mr__local_number(const char *path, sqlite3 *db, const char *sql, int64_t *out,
                           mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(path, db, sql, &stmt, err);

    if (status != MR_OK)
        return status;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    else
        status = mr__local_fail(path, db, sql, err);
    sqlite3_finalize(stmt);
    return status;
}

mr_status mr__local_damaged(const mr__local *local, const char *what, mr_error *err)
{
    return mr__error_set(err, MR_E_ENV,
                         "%s is damaged (%s); restore a copy, or move it away and ingest again",
                         local->path, what);
}

mr_status mr__local_prepare_filtered(mr__local *local, sqlite3 *db, const mr__local_filtered *parts,
                                     sqlite3_stmt **out, mr_error *err)
{
    const char *filter = parts->filter ? mr__where_sql(parts->filter) : NULL;
    mr_status status = MR_OK;
    mr__buf sql;
    int rc;

    mr__buf_init(&sql, SQL_MAX);
    if (!mr__buf_addf(&sql, "%s%s%s %s", parts->head, filter ? " AND " : "", filter ? filter : "",
                      parts->tail)) {
        mr__buf_fini(&sql);
        return mr__error_no_memory(err, "statement");
    }
    rc = sqlite3_prepare_v2(db, sql.data, -1, out, NULL);
    mr__buf_fini(&sql);
    /* the tables have been read before: what SQLite does not understand now is the filter */
    if (filter && (rc & 0xff) == SQLITE_ERROR)
        return mr__error_set(err, MR_E_INVALID, "filter: too much for SQLite: %s",
                             sqlite3_errmsg(db));
    if (rc != SQLITE_OK)
        return mr__local_fail(local->path, db, "prepare", err);
    if (filter)
        status = mr__where_bind(parts->filter, *out, err);
    if (status != MR_OK) {
        (void)sqlite3_finalize(*out);
        *out = NULL;
    }
    return status;
}

mr_status mr__local_change(mr__local *local, const mr__local_filtered *parts, int64_t collection,
                           int64_t *changed, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare_filtered(local, local->writer, parts, &stmt, err);

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_int64(stmt, 1, collection);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        status = mr__local_fail(local->path, local->writer, "change rows", err);
    else if (changed)
        *changed = sqlite3_changes(local->writer);
    sqlite3_finalize(stmt);
    return status;
}

mr_status mr__local_transaction(mr__local *local, mr_error *err)
{
    if (!local->writer)
        return mr__error_set(err, MR_E_INVALID, "%s was opened for reading only", local->path);
    return mr__local_exec(local->path, local->writer, "BEGIN IMMEDIATE", err);
}

mr_status mr__local_settle(mr__local *local, mr_status status, mr_error *err)
{
    if (status == MR_OK)
        status = mr__local_exec(local->path, local->writer, "COMMIT", err);
    if (status != MR_OK && !sqlite3_get_autocommit(local->writer))
        (void)sqlite3_exec(local->writer, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
