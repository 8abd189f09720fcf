/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the store's file: the settings of its connections, and how a reader finds its way in. */
#include <sys/stat.h>

#include "base/buf.h"
#include "store/local.h"

#define BUSY_MS 5000

/* The file may come from anywhere: nothing that it carries is ever executed. */
static void harden(sqlite3 *db)
{
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, BUSY_MS);
}

static mr_status connect_as(const char *path, const char *name, int flags, sqlite3 **out,
                            mr_error *err)
{
    mr_status status;

    if (sqlite3_open_v2(name, out, flags | SQLITE_OPEN_EXRESCODE, NULL) == SQLITE_OK) {
        harden(*out);
        return MR_OK;
    }
    if (!*out)
        return mr__error_no_memory(err, "database connection");
    status = mr__local_fail(path, *out, "open", err);
    (void)sqlite3_close(*out);
    *out = NULL;
    return status;
}

/* WAL is refused where there is no shared memory for it (some network file systems). */
static mr_status use_wal(const char *path, sqlite3 *db, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(path, db, "PRAGMA journal_mode = WAL", &stmt, err);

    if (status != MR_OK)
        return status;
    if (sqlite3_step(stmt) != SQLITE_ROW)
        status = mr__local_fail(path, db, "journal_mode = WAL", err);
    else if (sqlite3_stricmp(mr__local_text(stmt, 0), "wal") != 0)
        status = mr__error_set(
            err, MR_E_ENV, "%s: its file system cannot hold a write-ahead log; use a local disk",
            path);
    sqlite3_finalize(stmt);
    return status;
}

/* synchronous = FULL: under WAL a commit is one fsync. 2048 pages of 16 KiB between checkpoints. */
static const char writer_settings[] = "PRAGMA synchronous = FULL;"
                                      "PRAGMA wal_autocheckpoint = 2048;"
                                      "PRAGMA journal_size_limit = 67108864;"
                                      "PRAGMA cache_size = -16384;"
                                      "PRAGMA temp_store = MEMORY;"
                                      "PRAGMA cell_size_check = ON";

mr_status mr__local_connect_writer(const char *path, sqlite3 **out, mr_error *err)
{
    mr__local_kind kind = MR__LOCAL_CURRENT;
    mr_status status = connect_as(
        path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, out, err);

    if (status != MR_OK)
        return status;
    /* nothing is changed before it is known whose file this is */
    status = mr__local_classify(path, *out, &kind, err);
    /* two float32 [512] rows do not fit into a page of 4 KiB: half of it would be lost */
    if (status == MR_OK && kind == MR__LOCAL_EMPTY)
        status = mr__local_exec(path, *out, "PRAGMA page_size = 16384", err);
    if (status == MR_OK)
        status = use_wal(path, *out, err);
    if (status == MR_OK)
        status = mr__local_exec(path, *out, writer_settings, err);
    if (status == MR_OK)
        status = mr__local_schema(path, *out, kind, err);
    if (status == MR_OK)
        return MR_OK;
    (void)sqlite3_close(*out);
    *out = NULL;
    return status;
}

/* A reader met an older schema: it becomes a writer for the moment that the migration takes. */
static mr_status migrate(const char *path, mr_error *err)
{
    sqlite3 *db = NULL;
    int lock = -1;
    mr_status status = mr__local_lock(path, &lock, err);

    if (status == MR_OK)
        status = mr__local_connect_writer(path, &db, err);
    (void)sqlite3_close(db);
    mr__local_unlock(path, &lock);
    if (status != MR_OK && err)
        (void)mr__error_wrap(err, "%s has an older schema that must be brought up to %d first",
                             path, MR__LOCAL_SCHEMA);
    return status;
}

/* "file:PATH?immutable=1" with everything but plain characters escaped. */
static bool immutable_uri(const char *path, mr__buf *uri)
{
    const unsigned char *p;
    bool ok = mr__buf_addf(uri, "file:");

    for (p = (const unsigned char *)path; ok && *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '/' || *p == '.' || *p == '-' || *p == '_';
        ok = plain ? mr__buf_add(uri, p, 1) : mr__buf_addf(uri, "%%%02X", *p);
    }
    return ok && mr__buf_addf(uri, "?immutable=1");
}

static bool has_log(const char *path)
{
    struct stat st;
    mr__buf name;
    bool has = true;

    mr__buf_init(&name, 8192);
    if (mr__buf_addf(&name, "%s-wal", path))
        has = stat(name.data, &st) == 0 && st.st_size > 0;
    mr__buf_fini(&name);
    return has;
}

/* Open for writing where that is allowed, although nothing is written: the last connection of a
 * store, which may be this one, puts the log into the file and removes it. */
static mr_status connect_read(const char *path, sqlite3 **out, mr__local_kind *kind, mr_error *err)
{
    mr_status status =
        connect_as(path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, out, err);

    if (status != MR_OK)
        return status;
    status = mr__local_classify(path, *out, kind, err);
    if (status == MR_OK)
        return MR_OK;
    (void)sqlite3_close(*out);
    *out = NULL;
    return status;
}

/*
 * A file at rest in a directory where nothing may be written: SQLite cannot make the shared memory
 * of its log there, but with no log there is nothing to share. The file is read as it is.
 */
static mr_status connect_at_rest(const char *path, sqlite3 **out, mr__local_kind *kind,
                                 mr_error *err)
{
    mr_status status = MR_E_NO_MEMORY;
    mr__buf uri;

    mr__buf_init(&uri, 32768);
    if (!immutable_uri(path, &uri)) {
        status = mr__error_set(err, MR_E_INVALID, "path too long");
        goto done;
    }
    status = connect_as(path, uri.data,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_FULLMUTEX, out, err);
    if (status == MR_OK)
        status = mr__local_classify(path, *out, kind, err);
    if (status != MR_OK) {
        (void)sqlite3_close(*out);
        *out = NULL;
    }
done:
    mr__buf_fini(&uri);
    return status;
}

mr_status mr__local_connect_reader(const char *path, sqlite3 **out, mr_error *err)
{
    mr__local_kind kind = MR__LOCAL_CURRENT;
    mr_status status = connect_read(path, out, &kind, err);

    if (status == MR_E_ENV && !has_log(path))
        status = connect_at_rest(path, out, &kind, err);
    if (status == MR_OK && kind == MR__LOCAL_OLDER) {
        (void)sqlite3_close(*out);
        *out = NULL;
        status = migrate(path, err);
        if (status == MR_OK)
            status = connect_read(path, out, &kind, err);
    }
    if (status == MR_OK && kind == MR__LOCAL_EMPTY) {
        (void)sqlite3_close(*out);
        *out = NULL;
        return mr__error_set(err, MR_E_ENV, "%s is empty; ingest something into it first", path);
    }
    if (status == MR_OK)
        status = mr__local_exec(path, *out,
                                "PRAGMA query_only = ON; PRAGMA cache_size = -8192;"
                                "PRAGMA cell_size_check = ON",
                                err);
    if (status == MR_OK)
        return MR_OK;
    (void)sqlite3_close(*out);
    *out = NULL;
    return status;
}
