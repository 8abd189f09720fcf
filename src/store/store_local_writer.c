/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches become durable: rows and what happened to every item in one transaction, which under WAL
 * with synchronous = FULL is one fsync. What the caller is told about is on disk; what it is not
 * told about is there whole or not at all, and a repeat replaces it.
 */
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "store/local.h"

/* Why the row's generation is compared: of one id twice in a batch the first wins, while a row of
 * an earlier batch is replaced. */
static const char *const statements[MR__LOCAL_COMMITS] = {
    [MR__LOCAL_BUMP] = "UPDATE collections SET generation = generation + 1, stamp = random()"
                       " WHERE collection = ?1 RETURNING generation",
    /* an item whose id changed (ids made from the bytes): the row under its old id goes */
    [MR__LOCAL_ROW_MOVED] =
        "DELETE FROM rows WHERE collection = ?1 AND key = ?2 AND id <> ?3 AND id ="
        " (SELECT id FROM items WHERE collection = ?1 AND key = ?2)",
    [MR__LOCAL_ROW_INSERT] =
        "INSERT INTO rows (collection, id, key, uri, metadata, fingerprint, generation, vector)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    [MR__LOCAL_ROW_UPDATE] =
        "UPDATE rows SET key = ?3, uri = ?4, metadata = ?5, fingerprint = ?6, generation = ?7,"
        " vector = ?8 WHERE collection = ?1 AND id = ?2 AND generation <> ?7",
    [MR__LOCAL_COUNT] =
        "UPDATE collections SET num_entities = num_entities + ?2 WHERE collection = ?1",
    /* a second mention of a stored item does not make it less stored */
    [MR__LOCAL_ITEM] =
        "INSERT INTO items (collection, key, id, uri, state, stage, code, message, attempts,"
        " ms_fetch, ms_wait, ms_decode, ms_transform, ms_embed, ms_store, bytes, width, height,"
        " format, fingerprint, size, mtime_ns, etag) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
        " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)"
        " ON CONFLICT (collection, key) DO UPDATE SET id = excluded.id, uri = excluded.uri,"
        " state = excluded.state, stage = excluded.stage, code = excluded.code,"
        " message = excluded.message, attempts = excluded.attempts, ms_fetch = excluded.ms_fetch,"
        " ms_wait = excluded.ms_wait, ms_decode = excluded.ms_decode,"
        " ms_transform = excluded.ms_transform, ms_embed = excluded.ms_embed,"
        " ms_store = excluded.ms_store, bytes = excluded.bytes, width = excluded.width,"
        " height = excluded.height, format = excluded.format,"
        " fingerprint = excluded.fingerprint, size = excluded.size,"
        " mtime_ns = excluded.mtime_ns, etag = excluded.etag"
        " WHERE NOT (excluded.state = 'duplicate' AND items.state = 'stored')",
};

static mr_status prepare_all(mr__local *local, mr_error *err)
{
    mr_status status = MR_OK;
    int i;

    for (i = 0; status == MR_OK && i < MR__LOCAL_COMMITS; i++)
        if (!local->stmts[i])
            status =
                mr__local_prepare(local->path, local->writer, statements[i], &local->stmts[i], err);
    return status;
}

/* Runs a statement that answers nothing. */
static mr_status run(mr__local *local, mr__local_stmt which, const char *what, mr_error *err)
{
    sqlite3_stmt *stmt = local->stmts[which];
    mr_status status = MR_OK;

    if (sqlite3_step(stmt) != SQLITE_DONE)
        status = mr__local_fail(local->path, local->writer, what, err);
    (void)sqlite3_reset(stmt);
    return status;
}

/* Makes the collection's next generation, which a vector cache of before does not have. */
static mr_status bump(mr__local *local, int64_t *generation, mr_error *err)
{
    sqlite3_stmt *stmt = local->stmts[MR__LOCAL_BUMP];
    mr_status status = MR_OK;

    (void)sqlite3_bind_int64(stmt, 1, local->collection);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        *generation = sqlite3_column_int64(stmt, 0);
    else
        status = mr__local_fail(local->path, local->writer, "next generation", err);
    (void)sqlite3_reset(stmt);
    return status;
}

static void bind_row(sqlite3_stmt *stmt, const mr__local *local, const mr__row *row,
                     const char *key, int64_t generation)
{
    (void)sqlite3_bind_int64(stmt, 1, local->collection);
    (void)sqlite3_bind_text(stmt, 2, row->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 3, key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 4, row->uri ? row->uri : "", -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 5, row->metadata ? row->metadata : "{}", -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 6, local->fingerprint, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 7, generation);
    if (local->only_ledger)
        (void)sqlite3_bind_zeroblob(stmt, 8, 0);
    else
        (void)sqlite3_bind_blob(stmt, 8, row->data, (int)(local->dim * sizeof(float)),
                                SQLITE_STATIC);
}

static mr_status remove_moved(mr__local *local, const char *key, const char *id, int64_t *added,
                              mr_error *err)
{
    sqlite3_stmt *stmt = local->stmts[MR__LOCAL_ROW_MOVED];
    mr_status status;

    (void)sqlite3_bind_int64(stmt, 1, local->collection);
    (void)sqlite3_bind_text(stmt, 2, key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 3, id, -1, SQLITE_STATIC);
    status = run(local, MR__LOCAL_ROW_MOVED, "remove old row", err);
    if (status == MR_OK)
        *added -= sqlite3_changes(local->writer);
    return status;
}

static mr_status put_row(mr__local *local, const mr__row *row, const char *key, int64_t generation,
                         int64_t *added, mr_error *err)
{
    mr_status status;

    bind_row(local->stmts[MR__LOCAL_ROW_INSERT], local, row, key, generation);
    status = run(local, MR__LOCAL_ROW_INSERT, "insert row", err);
    if (status != MR_OK)
        return status;
    if (sqlite3_changes(local->writer) > 0) {
        *added += 1;
        return MR_OK;
    }
    bind_row(local->stmts[MR__LOCAL_ROW_UPDATE], local, row, key, generation);
    return run(local, MR__LOCAL_ROW_UPDATE, "replace row", err);
}

/* Source key of row `id`: of the entry that says it is stored. Rows and entries come in the same
 * order, so the search goes on where the last one ended. */
static const char *key_of(const mr__commit *commit, const char *id, size_t *at)
{
    size_t tried;

    for (tried = 0; tried < commit->n_entries; tried++) {
        const mr_ledger_entry *entry = &commit->entries[*at];
        *at = *at + 1 < commit->n_entries ? *at + 1 : 0;
        if (strcmp(entry->state, "stored") == 0 && strcmp(entry->id, id) == 0)
            return entry->key ? entry->key : entry->id;
    }
    return NULL;
}

static mr_status put_rows(mr__local *local, const mr__commit *commit, mr_error *err)
{
    sqlite3_stmt *count = local->stmts[MR__LOCAL_COUNT];
    int64_t generation = 0, added = 0;
    uint64_t before = mr__clock_ns();
    mr_status status;
    size_t i, at = 0;

    local->row_ms = 0;
    if (commit->n_rows == 0)
        return MR_OK;
    status = bump(local, &generation, err);
    for (i = 0; status == MR_OK && i < commit->n_rows; i++) {
        const mr__row *row = &commit->rows[i];
        const char *key = key_of(commit, row->id, &at);
        if (key && local->with_ledger)
            status = remove_moved(local, key, row->id, &added, err);
        if (status == MR_OK)
            status = put_row(local, row, key ? key : row->id, generation, &added, err);
    }
    local->row_ms = commit->row_ms;
    if (commit->row_ms <= 0.0f)
        local->row_ms = (float)((double)(mr__clock_ns() - before) / 1e6 / (double)commit->n_rows);
    if (status != MR_OK || added == 0)
        return status;
    (void)sqlite3_bind_int64(count, 1, local->collection);
    (void)sqlite3_bind_int64(count, 2, added);
    return run(local, MR__LOCAL_COUNT, "count rows", err);
}

static mr_status put_entries(mr__local *local, const mr__commit *commit, mr_error *err)
{
    mr_status status = MR_OK;
    size_t i;

    for (i = 0; local->with_ledger && status == MR_OK && i < commit->n_entries; i++) {
        status = mr__local_bind_entry(local, &commit->entries[i], err);
        if (status == MR_OK)
            status = run(local, MR__LOCAL_ITEM, "record item", err);
    }
    return status;
}

typedef mr_status part_fn(mr__local *local, const mr__commit *commit, mr_error *err);

/* One transaction of at most two parts. */
static mr_status transact(mr__local *local, const mr__commit *commit, part_fn *first,
                          part_fn *second, mr_error *err)
{
    mr_status status = mr__local_exec(local->path, local->writer, "BEGIN IMMEDIATE", err);

    if (status != MR_OK)
        return status;
    status = first(local, commit, err);
    if (status == MR_OK && second)
        status = second(local, commit, err);
    if (status == MR_OK) {
        mr__failpoint_die("store.before_commit");
        status = mr__local_exec(local->path, local->writer, "COMMIT", err);
    }
    if (status != MR_OK && !sqlite3_get_autocommit(local->writer))
        (void)sqlite3_exec(local->writer, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

mr_status mr__local_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr_status status;

    if (local->collection == 0)
        return mr__error_set(err, MR_E_INTERNAL, "commit before begin");
    status = prepare_all(local, err);
    if (status != MR_OK)
        return status;
    if (local->ledger_first) {
        status = transact(local, commit, put_entries, NULL, err);
        mr__failpoint_die("store.between");
        if (status == MR_OK)
            status = transact(local, commit, put_rows, NULL, err);
    } else {
        status = transact(local, commit, put_rows, put_entries, err);
    }
    if (status == MR_OK)
        mr__failpoint_die("store.after_commit");
    return status;
}

mr_status mr__local_finish(mr_store *store, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    int rc;

    if (!local->writer)
        return MR_OK;
    rc = sqlite3_wal_checkpoint_v2(local->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    /* a reader that holds the log open costs nothing but its size: everything in it is durable */
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return mr__local_fail(local->path, local->writer, "checkpoint", err);
    return MR_OK;
}
