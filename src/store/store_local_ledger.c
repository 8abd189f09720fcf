/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of a local store: what is known of a source key, who owns an id, the report. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/local.h"

static int64_t fits(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

mr_status mr__local_bind_entry(mr__local *local, const mr_ledger_entry *entry, mr_error *err)
{
    const char *id = entry->id ? entry->id : "";
    const char *head[] = {entry->key ? entry->key : id,
                          id,
                          entry->uri,
                          entry->state,
                          mr_stage_name(entry->stage),
                          mr_code_name(entry->code),
                          entry->message};
    /* the caller cannot know yet how long storing takes: its row was written a moment ago */
    bool ask = entry->ms_store <= 0.0f && entry->state && strcmp(entry->state, "stored") == 0;
    const float ms[] = {entry->ms_fetch,  entry->ms_wait,
                        entry->ms_decode, entry->ms_transform,
                        entry->ms_embed,  ask ? local->row_ms : entry->ms_store};
    sqlite3_stmt *stmt = local->stmts[MR__LOCAL_ITEM];
    int i;

    if (!entry->state || !*head[0])
        return mr__error_set(err, MR_E_INTERNAL, "item without state or source key");
    (void)sqlite3_bind_int64(stmt, 1, local->collection);
    for (i = 0; i < 7; i++)
        (void)sqlite3_bind_text(stmt, i + 2, head[i] ? head[i] : "", -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 9, entry->attempts);
    /* SQLite keeps a NaN as NULL, which the column refuses */
    for (i = 0; i < 6; i++)
        (void)sqlite3_bind_double(stmt, i + 10, ms[i] >= 0.0f ? (double)ms[i] : 0.0);
    (void)sqlite3_bind_int64(stmt, 16, fits(entry->bytes));
    (void)sqlite3_bind_int64(stmt, 17, entry->width);
    (void)sqlite3_bind_int64(stmt, 18, entry->height);
    (void)sqlite3_bind_text(stmt, 19, entry->format ? entry->format : "", -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 20, entry->fingerprint ? entry->fingerprint : local->fingerprint,
                            -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 21, fits(entry->version_size));
    (void)sqlite3_bind_int64(stmt, 22, entry->version_mtime_ns);
    (void)sqlite3_bind_text(stmt, 23, entry->version_etag ? entry->version_etag : "", -1,
                            SQLITE_STATIC);
    return MR_OK;
}

/* Both statements are made at the first use, under the lock. */
static mr_status prepare_facts(mr__local *local, mr_error *err)
{
    mr_status status = MR_OK;

    if (local->fact_collection == 0)
        return mr__error_set(err, MR_E_INTERNAL, "ledger asked before begin");
    if (!local->fact)
        status = mr__local_prepare(local->path, local->reader,
                                   "SELECT state, fingerprint, size, mtime_ns, etag, attempts"
                                   " FROM items WHERE collection = ?1 AND key = ?2",
                                   &local->fact, err);
    if (status == MR_OK && !local->owner)
        status = mr__local_prepare(local->path, local->reader,
                                   "SELECT key FROM rows WHERE collection = ?1 AND id = ?2",
                                   &local->owner, err);
    return status;
}

static uint32_t count_column(sqlite3_stmt *stmt, int column)
{
    int64_t value = sqlite3_column_int64(stmt, column);

    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint64_t size_column(sqlite3_stmt *stmt, int column)
{
    int64_t value = sqlite3_column_int64(stmt, column);

    return value < 0 ? 0 : (uint64_t)value;
}

static void take_fact(sqlite3_stmt *stmt, mr__ledger_fact *out)
{
    out->found = true;
    out->stored = strcmp(mr__local_text(stmt, 0), "stored") == 0;
    /* a cut copy equals nothing that a caller compares it with: the item is done again */
    (void)mr__text_copy(out->fingerprint, sizeof out->fingerprint, mr__local_text(stmt, 1));
    out->version.size = size_column(stmt, 2);
    out->version.size_known = true;
    out->version.mtime_ns = sqlite3_column_int64(stmt, 3);
    (void)mr__text_copy(out->version.etag, sizeof out->version.etag, mr__local_text(stmt, 4));
    out->attempts = count_column(stmt, 5);
}

mr_status mr__local_fact(mr_store *store, const char *key, mr__ledger_fact *out, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr_status status;

    *out = (mr__ledger_fact){0};
    pthread_mutex_lock(&local->fact_lock);
    status = prepare_facts(local, err);
    if (status != MR_OK)
        goto done;
    (void)sqlite3_bind_int64(local->fact, 1, local->fact_collection);
    (void)sqlite3_bind_text(local->fact, 2, key, -1, SQLITE_STATIC);
    switch (sqlite3_step(local->fact)) {
    case SQLITE_ROW:
        take_fact(local->fact, out);
        break;
    case SQLITE_DONE:
        break;
    default:
        status = mr__local_fail(local->path, local->reader, "read ledger", err);
    }
    (void)sqlite3_reset(local->fact);
done:
    pthread_mutex_unlock(&local->fact_lock);
    return status;
}

mr_status mr__local_id_owner(mr_store *store, const char *id, char *key, size_t size, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr_status status;

    key[0] = '\0';
    pthread_mutex_lock(&local->fact_lock);
    status = prepare_facts(local, err);
    if (status != MR_OK)
        goto done;
    (void)sqlite3_bind_int64(local->owner, 1, local->fact_collection);
    (void)sqlite3_bind_text(local->owner, 2, id, -1, SQLITE_STATIC);
    switch (sqlite3_step(local->owner)) {
    case SQLITE_ROW:
        (void)mr__text_copy(key, size, mr__local_text(local->owner, 0));
        break;
    case SQLITE_DONE:
        break;
    default:
        status = mr__local_fail(local->path, local->reader, "read owner of id", err);
    }
    (void)sqlite3_reset(local->owner);
done:
    pthread_mutex_unlock(&local->fact_lock);
    return status;
}

/* The states that there are: text of a foreign file is shown only as one of them. */
static const char *state_of(const char *text)
{
    static const char *const states[] = {"stored", "failed", "quarantined", "duplicate"};
    size_t i;

    for (i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(text, states[i]) == 0)
            return states[i];
    return "failed";
}

static void take_entry(sqlite3_stmt *stmt, mr_ledger_entry *out)
{
    float *ms[] = {&out->ms_fetch,     &out->ms_wait,  &out->ms_decode,
                   &out->ms_transform, &out->ms_embed, &out->ms_store};
    mr_stage stage = mr_stage_from_name(mr__local_text(stmt, 4));
    mr_code code = mr_code_from_name(mr__local_text(stmt, 5));
    int i;

    *out = (mr_ledger_entry){.key = mr__local_text(stmt, 0),
                             .id = mr__local_text(stmt, 1),
                             .uri = mr__local_text(stmt, 2),
                             .state = state_of(mr__local_text(stmt, 3)),
                             .stage = stage < MR_STAGE_COUNT ? stage : MR_STAGE_NONE,
                             .code = code < MR_CODE_COUNT ? code : MR_CODE_NONE,
                             .message = mr__local_text(stmt, 6),
                             .attempts = count_column(stmt, 7),
                             .bytes = size_column(stmt, 14),
                             .width = count_column(stmt, 15),
                             .height = count_column(stmt, 16),
                             .format = mr__local_text(stmt, 17),
                             .fingerprint = mr__local_text(stmt, 18),
                             .version_size = size_column(stmt, 19),
                             .version_mtime_ns = sqlite3_column_int64(stmt, 20),
                             .version_etag = mr__local_text(stmt, 21)};
    for (i = 0; i < 6; i++)
        *ms[i] = (float)sqlite3_column_double(stmt, 8 + i);
}

mr_status mr__local_report(mr_store *store, const char *collection, bool failed_only,
                           int (*fn)(void *, const mr_ledger_entry *), void *cookie, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr_collection found;
    mr_ledger_entry entry;
    sqlite3_stmt *stmt = NULL;
    int64_t number;
    int rc, stop = 0;
    mr_status status = mr__local_find(local, local->reader, collection, &found, &number, err);

    if (status != MR_OK)
        return status;
    mr_collection_fini(&found);
    status = mr__local_prepare(
        local->path, local->reader,
        "SELECT key, id, uri, state, stage, code, message, attempts, ms_fetch, ms_wait, ms_decode,"
        " ms_transform, ms_embed, ms_store, bytes, width, height, format, fingerprint, size,"
        " mtime_ns, etag FROM items NOT INDEXED"
        " WHERE collection = ?1 AND (?2 = 0 OR state <> 'stored') ORDER BY item",
        &stmt, err);
    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_int64(stmt, 1, number);
    (void)sqlite3_bind_int(stmt, 2, failed_only);
    while (!stop && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW) {
            status = mr__local_fail(local->path, local->reader, "read ledger", err);
            break;
        }
        take_entry(stmt, &entry);
        stop = fn(cookie, &entry);
    }
    sqlite3_finalize(stmt);
    return status;
}
