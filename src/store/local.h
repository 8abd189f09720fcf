/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local store: one SQLite file is the truth, everything beside it is derived.
 *
 * Two connections. `writer` belongs to the thread that calls begin, commit and finish; it exists
 * only where the store was opened for writing. `reader` serves everything that reads. Under WAL a
 * reader is never held up by a commit, so the facts that a feeder asks for do not wait for the
 * disk. `fact` and `id_owner` may run beside a commit; their prepared statements are guarded by
 * `fact_lock`. All other reading operations follow the public rule: one thread at a time.
 *
 * docs/store-schema.md describes the tables, the lock and the vector cache.
 */
#ifndef MR_STORE_LOCAL_H
#define MR_STORE_LOCAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/machine.h"
#include "store/filter.h"
#include "store/store.h"
#include "store/vectors.h"

/* "Mill" in ASCII: bytes 68..71 of the file */
#define MR__LOCAL_APPLICATION_ID 0x4d696c6c
#define MR__LOCAL_SCHEMA         2

/* The "index" of a collection whose rows are in another store: this is its ledger. */
#define MR__LOCAL_NO_INDEX "LEDGER"

typedef enum mr__local_stmt {
    MR__LOCAL_BUMP,
    MR__LOCAL_ROW_MOVED,
    MR__LOCAL_ROW_INSERT,
    MR__LOCAL_ROW_UPDATE,
    MR__LOCAL_COUNT,
    MR__LOCAL_ITEM,
    MR__LOCAL_COMMITS, /* those before are made for the first commit */
    MR__LOCAL_MOVED = MR__LOCAL_COMMITS,
    MR__LOCAL_STMTS
} mr__local_stmt;

typedef struct mr__local {
    mr_store base;
    char *path;  /* absolute */
    int lock_fd; /* -1: not a writer */
    mr__cpu_level level;

    sqlite3 *writer;
    sqlite3_stmt *stmts[MR__LOCAL_STMTS];
    int64_t collection; /* of begin; 0: none yet */
    uint32_t dim;
    char fingerprint[80];
    bool with_ledger;
    bool only_ledger;  /* of another store: rows have no data */
    float row_ms;      /* writing one row of the batch at hand took, without the sync at its end */
    bool ledger_first; /* test builds: the order that loses rows, to prove that tests see it */

    sqlite3 *reader;
    mr__vectors vectors; /* the cache that was mapped last */

    pthread_mutex_t fact_lock;
    sqlite3_stmt *fact, *owner;
    int64_t fact_collection;
} mr__local;

/* sql: errors become statuses with a sentence that says what to do. `what` is what was tried. */
mr_status mr__local_fail(const char *path, sqlite3 *db, const char *what, mr_error *err);
mr_status mr__local_exec(const char *path, sqlite3 *db, const char *sql, mr_error *err);
mr_status mr__local_prepare(const char *path, sqlite3 *db, const char *sql, sqlite3_stmt **out,
                            mr_error *err);
/* A text column, "" for NULL. */
const char *mr__local_text(sqlite3_stmt *stmt, int column);
mr_status mr__local_number(const char *path, sqlite3 *db, const char *sql, int64_t *out,
                           mr_error *err);
/* A statement on `rows`: "HEAD AND FILTER TAIL". ?1 is the caller's, the filter's begin at ?2. */
typedef struct mr__local_filtered {
    const char *head;
    const mr__where *filter; /* NULL: none */
    const char *tail;
} mr__local_filtered;
mr_status mr__local_prepare_filtered(mr__local *local, sqlite3 *db, const mr__local_filtered *parts,
                                     sqlite3_stmt **out, mr_error *err);
#define MR__LOCAL_FILTER_FIRST 2
/* MR_E_ENV: what the tables hold cannot be. */
mr_status mr__local_damaged(const mr__local *local, const char *what, mr_error *err);
/* Prepares, binds the collection's number to ?1 and runs; `*changed` (may be NULL): rows. */
mr_status mr__local_change(mr__local *local, const mr__local_filtered *parts, int64_t collection,
                           int64_t *changed, mr_error *err);
/* BEGIN IMMEDIATE; then COMMIT if `status` is MR_OK, else ROLLBACK. */
mr_status mr__local_transaction(mr__local *local, mr_error *err);
mr_status mr__local_settle(mr__local *local, mr_status status, mr_error *err);

/* lock: MR_E_BUSY names the process that holds it. */
mr_status mr__local_lock(const char *path, int *fd, mr_error *err);
void mr__local_unlock(const char *path, int *fd);

/* schema: what is in the file that was opened, and making it what this build writes. */
typedef enum mr__local_kind { MR__LOCAL_EMPTY, MR__LOCAL_OLDER, MR__LOCAL_CURRENT } mr__local_kind;
/* MR_E_ENV: not a store, or of a newer schema. */
mr_status mr__local_classify(const char *path, sqlite3 *db, mr__local_kind *out, mr_error *err);
/* Creates or migrates, in one transaction. */
mr_status mr__local_schema(const char *path, sqlite3 *db, mr__local_kind kind, mr_error *err);

/* connection */
mr_status mr__local_connect_writer(const char *path, sqlite3 **out, mr_error *err);
mr_status mr__local_connect_reader(const char *path, sqlite3 **out, mr_error *err);

/* collection: `*number` is its key in the other tables. */
mr_status mr__local_find(mr__local *local, sqlite3 *db, const char *name, mr_collection *out,
                         int64_t *number, mr_error *err);
mr_status mr__local_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err);
mr_status mr__local_collection(mr_store *store, const char *name, mr_collection *out,
                               mr_error *err);
mr_status mr__local_list(mr_store *store, int (*fn)(void *, const mr_collection *), void *cookie,
                         mr_error *err);

/* writer */
mr_status mr__local_commit(mr_store *store, const mr__commit *commit, mr_error *err);
mr_status mr__local_finish(mr_store *store, mr_error *err);

/* ledger */
mr_status mr__local_bind_entry(mr__local *local, const mr_ledger_entry *entry, mr_error *err);
mr_status mr__local_fact(mr_store *store, const char *key, mr__ledger_fact *out, mr_error *err);
mr_status mr__local_id_owner(mr_store *store, const char *id, char *key, size_t size,
                             mr_error *err);
mr_status mr__local_report(mr_store *store, const char *collection, bool failed_only,
                           int (*fn)(void *, const mr_ledger_entry *), void *cookie, mr_error *err);

/* cache: the vectors of a collection, as of the read transaction that is open */
typedef struct mr__local_rows {
    mr__vectors_key key;
    const mr__where *filter; /* NULL: all */
} mr__local_rows;
typedef mr_status mr__local_row_fn(void *cookie, int64_t row, const float *vector, mr_error *err);
mr_status mr__local_key(mr__local *local, int64_t collection, uint32_t dim, mr__vectors_key *key,
                        mr_error *err);
/* In the order of the row numbers. */
mr_status mr__local_each_row(mr__local *local, const mr__local_rows *rows, mr__local_row_fn *fn,
                             void *cookie, mr_error *err);
/* Makes local->vectors the cache of `key`; on a failure the table must be read instead. */
mr_status mr__local_have_cache(mr__local *local, const mr__vectors_key *key, mr_error *err);
/* Forgets the cache, mapped and on disk. */
mr_status mr__local_drop_cache(mr__local *local, int64_t collection, mr_error *err);

/* search */
mr_status mr__local_vector(mr_store *store, const char *collection, const char *id, float *vector,
                           uint32_t dim, mr_error *err);
mr_status mr__local_search(mr_store *store, const float *vector, uint32_t dim,
                           const mr_search_options *options, mr_hits **out, mr_error *err);

/* fields: what a hit shows besides id, uri and metadata */
typedef struct mr__local_fields {
    unsigned wanted; /* a bit each, in the order of the table */
    uint32_t dim;
} mr__local_fields;
/* MR_E_INVALID: a field that there is not. */
mr_status mr__local_fields_init(const mr_search_options *options, uint32_t dim,
                                mr__local_fields *out, mr_error *err);
/* A JSON object of the wanted ones of the row at hand: id, uri, metadata, fingerprint, vector. */
char *mr__local_fields_text(const mr__local_fields *fields, sqlite3_stmt *row);

/* remove */
mr_status mr__local_remove(mr_store *store, const char *name, const char *const *ids, size_t n_ids,
                           uint64_t *deleted, mr_error *err);
mr_status mr__local_remove_where(mr_store *store, const char *name, const char *filter,
                                 uint64_t *deleted, mr_error *err);

/* admin */
mr_status mr__local_create(mr_store *store, const mr_collection_options *options, mr_error *err);
mr_status mr__local_drop(mr_store *store, const char *name, mr_error *err);
mr_status mr__local_load(mr_store *store, const char *name, mr_error *err);
mr_status mr__local_release(mr_store *store, const char *name, mr_error *err);
mr_status mr__local_flush(mr_store *store, const char *name, mr_error *err);
mr_status mr__local_health(mr_store *store, char *state, size_t size, mr_error *err);

#endif
