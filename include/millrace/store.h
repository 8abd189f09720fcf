/* SPDX-License-Identifier: Apache-2.0 */
/* Collections of vectors, and the ledger of what happened to every item. */
#ifndef MILLRACE_STORE_H
#define MILLRACE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/log.h"
#include "millrace/status.h"
#include "millrace/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_store mr_store;

typedef enum mr_metric { MR_METRIC_IP = 0, MR_METRIC_L2 = 1, MR_METRIC_COSINE = 2 } mr_metric;

/** In the options of a run: the metric that the collection has, IP for a new one. */
#define MR_METRIC_ANY ((mr_metric)-1)

/** "IP", "L2", "COSINE". Never NULL. */
MR_API const char *mr_metric_name(mr_metric metric);
/** Metric of a name, case-insensitive. MR_E_INVALID for others. */
MR_API MR_MUST_CHECK mr_status mr_metric_from_name(const char *name, mr_metric *out, mr_error *err);

/** One named value: what only some stores know, checked by the store that gets it. */
typedef struct mr_param {
    const char *name;
    const char *value;
} mr_param;

typedef struct mr_store_options {
    bool read_only;     /**< search and report: no writer's lock is taken; default false */
    bool must_exist;    /**< MR_E_NOT_FOUND instead of creating it; default false */
    const char *ledger; /**< ledger file of a store that has none inside; NULL: the default place */
    const mr_param *params; /**< of the store itself ("token", "tls_ca", "timeout"); an unknown name
                               is MR_E_INVALID; borrowed for the call; default none */
    size_t n_params;
    mr_logger logger;
    unsigned char reserved[48];
} mr_store_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_store_options_init(mr_store_options *options);

/**
 * Opens a store by its specification: a path (one SQLite file), "milvus://HOST[:PORT][/DATABASE]",
 * "npy:PATH", "null:".
 * MR_E_BUSY: another process writes to it. MR_E_ENV: not a store, a newer schema, unreadable; the
 * message says what to do. On success the caller owns `*out`. Any thread; the store is then used by
 * one thread at a time.
 */
MR_API MR_MUST_CHECK mr_status mr_store_open(const char *spec, const mr_store_options *options,
                                             mr_store **out, mr_error *err);

/** Closes the store, gives up the writer's lock and sets `*store` to NULL. NULL is allowed. */
MR_API void mr_store_close(mr_store **store);

/** A collection as the store remembers it. Strings are owned by the struct's user: see
 * mr_collection_fini. */
typedef struct mr_collection {
    char *name;
    char *description;
    char *index;       /**< "FLAT" */
    char *fingerprint; /**< of the plan */
    char *plan_name;
    char *plan_text; /**< canonical text */
    char *embedder;  /**< specification: "builtin" */
    uint64_t num_entities;
    uint32_t dim;
    mr_metric metric;
    bool loaded; /**< ready to be searched */
} mr_collection;

/** Frees the strings and zeroes the struct. */
MR_API void mr_collection_fini(mr_collection *collection);

/** The collection `name` (NULL: "default"). MR_E_NOT_FOUND names those that are there. */
MR_API MR_MUST_CHECK mr_status mr_store_collection(mr_store *store, const char *name,
                                                   mr_collection *out, mr_error *err);

/** Calls `fn` for each collection, by name. A non-zero answer of `fn` ends the walk with MR_OK. */
MR_API MR_MUST_CHECK mr_status mr_store_list(mr_store *store,
                                             int (*fn)(void *cookie,
                                                       const mr_collection *collection),
                                             void *cookie, mr_error *err);

/** What a new collection is to be. */
typedef struct mr_collection_options {
    const char *name;        /**< default NULL: "default" */
    const char *description; /**< free text; default "" */
    uint32_t dim;            /**< length of a vector, 1..32768; required */
    mr_metric metric;        /**< default MR_METRIC_IP */
    const char *index;       /**< default "FLAT" */
    const mr_param *params;  /**< of the index and the schema ("nlist", "M", "vector_field"); an
                                unknown name is MR_E_INVALID; default none */
    size_t n_params;
    unsigned char reserved[64];
} mr_collection_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_collection_options_init(mr_collection_options *options);

/** Creates an empty collection. MR_E_INVALID: there is one of that name. */
MR_API MR_MUST_CHECK mr_status mr_store_create(mr_store *store,
                                               const mr_collection_options *options, mr_error *err);

/** Removes the collection `name` with its rows, its index and its ledger. MR_E_NOT_FOUND names
 * those that are there. */
MR_API MR_MUST_CHECK mr_status mr_store_drop(mr_store *store, const char *name, mr_error *err);

/** Makes `collection` (NULL: "default") ready to be searched; returns when it is. */
MR_API MR_MUST_CHECK mr_status mr_store_load(mr_store *store, const char *collection,
                                             mr_error *err);

/** Gives back the memory that mr_store_load took; nothing stored is lost. */
MR_API MR_MUST_CHECK mr_status mr_store_release(mr_store *store, const char *collection,
                                                mr_error *err);

/** Returns when everything written to `collection` so far is durable and counted. */
MR_API MR_MUST_CHECK mr_status mr_store_flush(mr_store *store, const char *collection,
                                              mr_error *err);

/**
 * Deletes the rows with these ids, and what the ledger says of them; ids that are not there are no
 * error. `*deleted`: rows that are gone, as far as the store counts them.
 */
MR_API MR_MUST_CHECK mr_status mr_store_delete(mr_store *store, const char *collection,
                                               const char *const *ids, size_t n_ids,
                                               uint64_t *deleted, mr_error *err);

/** Deletes the rows that `filter` selects (see mr_search_options). MR_E_INVALID: its syntax. */
MR_API MR_MUST_CHECK mr_status mr_store_delete_where(mr_store *store, const char *collection,
                                                     const char *filter, uint64_t *deleted,
                                                     mr_error *err);

/**
 * Is `filter` one that a local store understands? MR_E_INVALID: what was wanted and what was found;
 * `*at` (may be NULL) is the byte of the mistake. Other stores may understand more. Any thread.
 */
MR_API MR_MUST_CHECK mr_status mr_filter_check(const char *filter, size_t *at, mr_error *err);

/** Asks the store whether it is well: MR_OK, and in `state` what it is ("Milvus 2.3.5"); else the
 * error says what is wrong and what to do. */
MR_API MR_MUST_CHECK mr_status mr_store_health(mr_store *store, char *state, size_t size,
                                               mr_error *err);

/** One neighbour. Strings live as long as the result. */
typedef struct mr_hit {
    const char *id;
    const char *uri;
    const char *metadata; /**< JSON object */
    float score;          /**< larger is nearer for IP and COSINE; for L2 the negative distance */
    float distance;       /**< 1 - score for IP and COSINE; squared Euclidean distance for L2 */
    const char *fields;   /**< JSON object of the output fields that were asked for, or "{}" */
} mr_hit;

typedef struct mr_hits mr_hits;

typedef struct mr_search_options {
    const char *collection; /**< default NULL: "default" */
    uint32_t k;             /**< neighbours wanted, 1..16384; default 10 */
    const char *filter;     /**< expression in the grammar of Milvus, applied before the nearest
                               are chosen; NULL: none. MR_E_INVALID: its syntax */
    const char *const *output_fields; /**< further fields of the rows wanted in mr_hit.fields; "*":
                                         all; default none */
    size_t n_output_fields;
    const mr_param *params; /**< of the search ("nprobe", "ef", "consistency"); an unknown name is
                               MR_E_INVALID; default none */
    size_t n_params;
    bool force_plan;         /**< search although the fingerprint differs; default false */
    const char *worker_path; /**< as in mr_pool_options */
    bool require_sandbox;    /**< as in mr_pool_options */
    bool allow_private;      /**< as in mr_stream_options, for a picture at a URL; default false */
    mr_logger logger;
    unsigned char reserved[32];
} mr_search_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_search_options_init(mr_search_options *options);

/** Nearest rows to `vector`, float32 [dim]. MR_E_MISMATCH: another dimension. The caller owns
 * `*out`. */
MR_API MR_MUST_CHECK mr_status mr_search_vector(mr_store *store, const float *vector, uint32_t dim,
                                                const mr_search_options *options, mr_hits **out,
                                                mr_error *err);

/** Nearest rows to the row `id`, itself included. MR_E_NOT_FOUND: no such row. */
MR_API MR_MUST_CHECK mr_status mr_search_id(mr_store *store, const char *id,
                                            const mr_search_options *options, mr_hits **out,
                                            mr_error *err);

/**
 * Nearest rows to a picture, embedded the way the collection remembers. MR_E_ITEM: the picture is
 * bad. Starts a worker: use mr_pipeline for many.
 */
MR_API MR_MUST_CHECK mr_status mr_search_image(mr_store *store, const char *uri,
                                               const mr_search_options *options, mr_hits **out,
                                               mr_error *err);

/** Number of hits, at most the k that was asked for. */
MR_API size_t mr_hits_count(const mr_hits *hits);
/** Hit `index`, nearest first; NULL past the end. */
MR_API const mr_hit *mr_hits_at(const mr_hits *hits, size_t index);
/** Milliseconds that the search itself took. */
MR_API double mr_hits_ms(const mr_hits *hits);
/** Metric of the collection that was searched: what `score` and `distance` mean. */
MR_API mr_metric mr_hits_metric(const mr_hits *hits);
/** Frees the result with all of its strings and sets `*hits` to NULL. NULL is allowed. */
MR_API void mr_hits_free(mr_hits **hits);

/** One row of the ledger. Strings are borrowed for the duration of the call that shows them. */
typedef struct mr_ledger_entry {
    const char *key, *id, *uri;
    const char *state; /**< "stored", "failed", "quarantined", "duplicate" */
    mr_stage stage;
    mr_code code;
    const char *message;
    uint32_t attempts;
    float ms_fetch, ms_wait, ms_decode, ms_transform, ms_embed, ms_store;
    uint64_t bytes;
    uint32_t width, height;
    const char *format;
    const char *fingerprint;
    uint64_t version_size;
    int64_t version_mtime_ns;
    const char *version_etag;
} mr_ledger_entry;

/**
 * Calls `fn` for every item of `collection` (NULL: "default") in the order in which they were
 * recorded; `failed_only` leaves out what is stored. MR_E_NOT_FOUND: no ledger (the message names
 * the file looked for).
 */
MR_API MR_MUST_CHECK mr_status
mr_store_report(mr_store *store, const char *collection, bool failed_only,
                int (*fn)(void *cookie, const mr_ledger_entry *entry), void *cookie, mr_error *err);

#ifdef __cplusplus
}
#endif
#endif
