/* SPDX-License-Identifier: Apache-2.0 */
/* The border behind which stores live: one file and one table line each. */
#ifndef MR_STORE_STORE_H
#define MR_STORE_STORE_H

#include "base/log.h"
#include "base/stop.h"
#include "fetch/fetch.h"
#include "millrace/store.h"

/* One row to write. `data` is row_bytes long: a float32 [dim] vector, or a tensor for array stores.
 */
typedef struct mr__row {
    const char *id;
    const char *uri;
    const char *metadata; /* JSON object */
    const void *data;
} mr__row;

/* Batches to make durable: rows first, then what happened to every item of them, as one unit where
 * the store can. */
typedef struct mr__commit {
    const mr__row *rows;
    size_t n_rows;
    const mr_ledger_entry *entries; /* every item, in the order of the source */
    size_t n_entries;
    uint64_t batch; /* number of the first one, for messages */
    float row_ms;   /* writing one row took so long; 0: not known */
} mr__commit;

/* What a run wants of its collection. */
typedef struct mr__collection_spec {
    const char *name;
    const char *plan_name, *plan_text, *fingerprint, *embedder;
    const char *index;
    mr_metric metric;       /* MR_METRIC_ANY: not asked for */
    const mr_param *params; /* of a new collection's index and schema */
    size_t n_params;
    mr_row_shape
        row; /* of what is stored: float32 [dim] as channels=dim, height=width=1, or a tensor */
    uint32_t dim; /* 0 for tensors */
    bool force_plan;
    bool with_ledger; /* record entries */
    bool only_ledger; /* of another store's ledger: rows say who owns an id, and have no data */
} mr__collection_spec;

/* What the ledger knows of one source key. */
typedef struct mr__ledger_fact {
    bool found;
    bool stored;
    mr__version version;
    char fingerprint[80];
    uint32_t attempts;
} mr__ledger_fact;

typedef struct mr__store_ops {
    const char *name;
    bool (*takes)(const char *spec);
    mr_status (*open)(const char *spec, const mr_store_options *options, mr_store **out,
                      mr_error *err);
    /* Creates the collection or checks it: MR_E_MISMATCH names both sides. Later commits go there.
     */
    mr_status (*begin)(mr_store *store, const mr__collection_spec *spec, mr_error *err);
    /* Returns only when the rows are durable. On an error nothing of them is acknowledged; a repeat
     * is harmless. At most `concurrency` calls at once. */
    mr_status (*commit)(mr_store *store, const mr__commit *commit, mr_error *err);
    /* Everything committed is complete on disk (headers, index); called once at the end of a run.
     */
    mr_status (*finish)(mr_store *store, mr_error *err);
    /* Rows are upserts, and there is no ledger inside: one is kept in a file beside it (ledger.h).
     * Then `fact`, `id_owner` and `report` are NULL. */
    bool ledger_beside;
    /* Of such a store: what tells the collection from another one that had its name before or gets
     * it later. Called after `begin`; NULL: nothing tells. */
    mr_status (*identity)(mr_store *store, const char *name, char *out, size_t size, mr_error *err);
    /* Of such a store: calls `fn` for each id that `filter` selects, until it answers something
     * else than MR_OK, which is then the answer. NULL: when rows are deleted by a filter the whole
     * ledger of the collection is forgotten. */
    mr_status (*select)(mr_store *store, const char *name, const char *filter,
                        mr_status (*fn)(void *cookie, const char *id, mr_error *err), void *cookie,
                        mr_error *err);
    /* Ledger of the collection of `begin`. NULL in stores without one. `fact` and `id_owner` may
     * run on one thread while another one commits. */
    mr_status (*fact)(mr_store *store, const char *key, mr__ledger_fact *out, mr_error *err);
    /* Source key under which `id` is stored, "" if it is not. */
    mr_status (*id_owner)(mr_store *store, const char *id, char *key, size_t size, mr_error *err);
    mr_status (*report)(mr_store *store, const char *collection, bool failed_only,
                        int (*fn)(void *, const mr_ledger_entry *), void *cookie, mr_error *err);
    mr_status (*collection)(mr_store *store, const char *name, mr_collection *out, mr_error *err);
    mr_status (*list)(mr_store *store, int (*fn)(void *, const mr_collection *), void *cookie,
                      mr_error *err);
    mr_status (*vector)(mr_store *store, const char *collection, const char *id, float *vector,
                        uint32_t dim, mr_error *err);
    mr_status (*search)(mr_store *store, const float *vector, uint32_t dim,
                        const mr_search_options *options, mr_hits **out, mr_error *err);
    void (*close)(mr_store *store);
    /* Administration: what the public calls of the same names say. `name` is never NULL. */
    mr_status (*create)(mr_store *store, const mr_collection_options *options, mr_error *err);
    mr_status (*drop)(mr_store *store, const char *name, mr_error *err);
    mr_status (*load)(mr_store *store, const char *name, mr_error *err);
    mr_status (*release)(mr_store *store, const char *name, mr_error *err);
    mr_status (*flush)(mr_store *store, const char *name, mr_error *err);
    mr_status (*remove)(mr_store *store, const char *name, const char *const *ids, size_t n_ids,
                        uint64_t *deleted, mr_error *err);
    mr_status (*remove_where)(mr_store *store, const char *name, const char *filter,
                              uint64_t *deleted, mr_error *err);
    mr_status (*health)(mr_store *store, char *state, size_t size, mr_error *err);
} mr__store_ops;

/* Every implementation's struct starts with this. NULL operations answer MR_E_UNSUPPORTED. */
struct mr_store {
    const mr__store_ops *ops;
    char *spec; /* for messages */
    mr_logger logger;
    /* Set by the implementation's `open` or `begin`. */
    uint32_t concurrency; /* commits that may run at once; 0: one */
    uint32_t commit_rows; /* rows that a commit had best have; 0: it does not matter */
    /* A run's, set before `begin`: raised, who waits for a server gives up (MR_E_INTERRUPTED).
     * NULL: nobody raises it. */
    const mr__stop *stop;
    /* The registry's. */
    bool ledger_beside;          /* the operations' */
    bool ledger_given;           /* by name; else it has its default place */
    char *ledger_file;           /* NULL: not looked for yet */
    mr_store *ledger;            /* open for writing; NULL before `begin` */
    char ledger_collection[256]; /* of `begin` */
};

/* Wrappers that check for NULL operations and put "store NAME: " before errors. */
mr_status mr__store_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err);
/* Both of the next two. */
mr_status mr__store_commit(mr_store *store, const mr__commit *commit, mr_error *err);
/* The rows, and the entries where the ledger is inside. At most `concurrency` threads. */
mr_status mr__store_write(mr_store *store, const mr__commit *commit, mr_error *err);
/* The entries where the ledger is beside: what they say is stored was written. One thread at a
 * time. */
mr_status mr__store_record(mr_store *store, const mr__commit *commit, mr_error *err);
mr_status mr__store_finish(mr_store *store, mr_error *err);
mr_status mr__store_fact(mr_store *store, const char *key, mr__ledger_fact *out, mr_error *err);
mr_status mr__store_id_owner(mr_store *store, const char *id, char *key, size_t size,
                             mr_error *err);
/* Does it keep a ledger, inside or beside it? */
bool mr__store_has_ledger(const mr_store *store);
mr_status mr__store_vector(mr_store *store, const char *collection, const char *id, float *vector,
                           uint32_t dim, mr_error *err);

/* Puts "store NAME: " before the message of a failure; returns `status`. */
mr_status mr__store_told(const mr__store_ops *ops, mr_status status, mr_error *err);
/* MR_E_UNSUPPORTED: "NAME has no WHAT". */
mr_status mr__store_lacking(const mr_store *store, const char *what, mr_error *err);

/* Building results: `mr__hits_new` makes room for k; strings are copied by add. */
mr_status mr__hits_new(uint32_t k, mr_metric metric, mr_hits **out, mr_error *err);
mr_status mr__hits_add(mr_hits *hits, const mr_hit *hit, mr_error *err);
void mr__hits_set_ms(mr_hits *hits, double ms);

#endif
