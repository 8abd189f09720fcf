/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's answers as statuses, each with a sentence that says what to do. */
#include <errno.h>

#include "store/local.h"

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
