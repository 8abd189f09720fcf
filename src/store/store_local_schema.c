/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a local store, their version, and the steps from older versions. */
#include "store/local.h"

static const char create_sql[] = "CREATE TABLE collections ("
                                 " collection INTEGER PRIMARY KEY,"
                                 " name TEXT NOT NULL UNIQUE,"
                                 " dim INTEGER NOT NULL,"
                                 " metric TEXT NOT NULL,"
                                 " \"index\" TEXT NOT NULL,"
                                 " description TEXT NOT NULL DEFAULT '',"
                                 " plan_name TEXT NOT NULL,"
                                 " plan_text TEXT NOT NULL,"
                                 " fingerprint TEXT NOT NULL,"
                                 " embedder TEXT NOT NULL,"
                                 " generation INTEGER NOT NULL DEFAULT 0,"
                                 " stamp INTEGER NOT NULL DEFAULT 0,"
                                 " num_entities INTEGER NOT NULL DEFAULT 0);"
                                 "CREATE TABLE rows ("
                                 " row INTEGER PRIMARY KEY,"
                                 " collection INTEGER NOT NULL REFERENCES collections,"
                                 " id TEXT NOT NULL,"
                                 " key TEXT NOT NULL,"
                                 " uri TEXT NOT NULL,"
                                 " metadata TEXT NOT NULL,"
                                 " fingerprint TEXT NOT NULL,"
                                 " generation INTEGER NOT NULL,"
                                 " vector BLOB NOT NULL,"
                                 " UNIQUE (collection, id));"
                                 "CREATE TABLE items ("
                                 " item INTEGER PRIMARY KEY,"
                                 " collection INTEGER NOT NULL REFERENCES collections,"
                                 " key TEXT NOT NULL,"
                                 " id TEXT NOT NULL,"
                                 " uri TEXT NOT NULL,"
                                 " state TEXT NOT NULL,"
                                 " stage TEXT NOT NULL,"
                                 " code TEXT NOT NULL,"
                                 " message TEXT NOT NULL,"
                                 " attempts INTEGER NOT NULL,"
                                 " ms_fetch REAL NOT NULL,"
                                 " ms_wait REAL NOT NULL,"
                                 " ms_decode REAL NOT NULL,"
                                 " ms_transform REAL NOT NULL,"
                                 " ms_embed REAL NOT NULL,"
                                 " ms_store REAL NOT NULL,"
                                 " bytes INTEGER NOT NULL,"
                                 " width INTEGER NOT NULL,"
                                 " height INTEGER NOT NULL,"
                                 " format TEXT NOT NULL,"
                                 " fingerprint TEXT NOT NULL,"
                                 " size INTEGER NOT NULL,"
                                 " mtime_ns INTEGER NOT NULL,"
                                 " etag TEXT NOT NULL DEFAULT '',"
                                 " UNIQUE (collection, key));";

/* steps[v] leads from schema v to v + 1; what it was before is told in docs/store-schema.md */
static const char *const steps[MR__LOCAL_SCHEMA] = {
    [1] = "ALTER TABLE collections ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE collections ADD COLUMN num_entities INTEGER NOT NULL DEFAULT 0;"
          "UPDATE collections SET stamp = random(), num_entities ="
          " (SELECT count(*) FROM rows WHERE rows.collection = collections.collection);"
          "ALTER TABLE items ADD COLUMN etag TEXT NOT NULL DEFAULT '';",
};

mr_status mr__local_classify(const char *path, sqlite3 *db, mr__local_kind *out, mr_error *err)
{
    int64_t application, version, tables;
    mr_status status = mr__local_number(path, db, "PRAGMA application_id", &application, err);

    if (status == MR_OK)
        status = mr__local_number(path, db, "PRAGMA user_version", &version, err);
    if (status == MR_OK)
        status = mr__local_number(path, db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (status != MR_OK)
        return status;
    if (application == 0 && version == 0 && tables == 0) {
        *out = MR__LOCAL_EMPTY;
        return MR_OK;
    }
    if (application != MR__LOCAL_APPLICATION_ID || version < 1)
        return mr__error_set(err, MR_E_ENV,
                             "%s is a database of another program, not a millrace store; give "
                             "another path",
                             path);
    if (version > MR__LOCAL_SCHEMA)
        return mr__error_set(err, MR_E_ENV,
                             "%s has schema %lld, this millrace (%s) knows up to %d; use the "
                             "millrace that wrote it, or a newer one",
                             path, (long long)version, mr_version(), MR__LOCAL_SCHEMA);
    *out = version < MR__LOCAL_SCHEMA ? MR__LOCAL_OLDER : MR__LOCAL_CURRENT;
    return MR_OK;
}

static mr_status change(const char *path, sqlite3 *db, mr__local_kind kind, mr_error *err)
{
    char pragmas[96];
    int64_t version = 0;
    mr_status status;

    if (kind == MR__LOCAL_EMPTY)
        status = mr__local_exec(path, db, create_sql, err);
    else
        status = mr__local_number(path, db, "PRAGMA user_version", &version, err);
    for (; status == MR_OK && kind == MR__LOCAL_OLDER && version < MR__LOCAL_SCHEMA; version++)
        status = mr__local_exec(path, db, steps[version], err);
    if (status != MR_OK)
        return status;
    (void)sqlite3_snprintf(sizeof pragmas, pragmas,
                           "PRAGMA application_id = %d; PRAGMA user_version = %d",
                           MR__LOCAL_APPLICATION_ID, MR__LOCAL_SCHEMA);
    return mr__local_exec(path, db, pragmas, err);
}

mr_status mr__local_schema(const char *path, sqlite3 *db, mr__local_kind kind, mr_error *err)
{
    mr_status status;

    if (kind == MR__LOCAL_CURRENT)
        return MR_OK;
    status = mr__local_exec(path, db, "BEGIN IMMEDIATE", err);
    if (status != MR_OK)
        return status;
    status = change(path, db, kind, err);
    if (status == MR_OK)
        status = mr__local_exec(path, db, "COMMIT", err);
    if (status != MR_OK && !sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
