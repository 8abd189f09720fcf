/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline: stream + embedder + store + ledger. What `millrace ingest`, `embed` and `preprocess`
 * run. */
#ifndef MILLRACE_PIPELINE_H
#define MILLRACE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/embed.h"
#include "millrace/store.h"
#include "millrace/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_pipeline mr_pipeline;

/** Failures that a run may have and still count as a success. */
typedef struct mr_error_budget {
    enum { MR_BUDGET_PERCENT = 0, MR_BUDGET_COUNT, MR_BUDGET_NONE } kind;
    double value; /**< per cent of the items, or a number of items; ignored for MR_BUDGET_NONE */
} mr_error_budget;

typedef enum mr_refresh { MR_REFRESH_AUTO = 0, MR_REFRESH_ALWAYS, MR_REFRESH_NEVER } mr_refresh;

/** What a run is at, handed to the progress callback about five times a second. */
typedef struct mr_progress {
    uint64_t items, ok, failed, quarantined, duplicate, skipped, ignored;
    double seconds;
    double items_per_s;     /**< over the last few seconds */
    const char *bottleneck; /**< "source", "fetch", "decode", "embed", "store", or "" */
} mr_progress;

typedef struct mr_pipeline_options {
    mr_stream_options stream;
    const char *
        plan; /**< preset name; NULL: what the collection remembers, else what the embedder needs */
    const char *plan_text; /**< canonical text, instead of `plan`; default NULL */
    const char
        *embed; /**< "builtin", "onnx:MODEL", "fake:DIM", or "none": rows of the plan go to the
                   store as they are; default NULL: what the collection remembers, else "builtin" */
    const char *store;            /**< specification; required */
    const char *collection;       /**< default "default" */
    const char *ledger;           /**< see mr_store_options */
    const mr_param *store_params; /**< see mr_store_options; default none */
    size_t n_store_params;
    mr_metric metric;  /**< of the collection; another one than it has is MR_E_MISMATCH; default
                          MR_METRIC_ANY */
    const char *index; /**< of a new collection; default "FLAT" */
    bool force_plan;   /**< go on although the collection has another plan; default false */
    bool
        no_ledger; /**< `embed` and `preprocess`: nothing is remembered or skipped; default false */
    mr_refresh refresh;     /**< default MR_REFRESH_AUTO: again what has changed */
    mr_error_budget budget; /**< default 1 % */
    void (*progress)(void *cookie,
                     const mr_progress *progress); /**< may be NULL; one thread at a time */
    void *progress_cookie;
    void (*failed)(void *cookie,
                   const mr_ledger_entry *entry); /**< each item that did not become a row, once
                                                     that is recorded, in the order of the batches;
                                                     may be NULL; one thread at a time */
    void *failed_cookie;
    /* Stages overlap, whatever these say; they trade waiting for memory. */
    uint32_t embed_workers; /**< batches embedded at once, at most what the embedder allows, 1..64;
                               default 0: as many as help */
    uint32_t commit_rows;   /**< rows that one commit may gather from batches that wait anyway,
                               1..1000000, never less than a batch; default 0: what the store likes */
    uint32_t
        queue_batches;        /**< batches that may be embedded and not yet stored, fewer if
                                 memory_bytes is small; 1..1000000; default 0: what the store can use */
    const char *default_plan; /**< preset name, where `plan` and `plan_text` are NULL and the
                                 embedder has no plan of its own; default NULL: one must be named,
                                 or remembered by the collection */
    unsigned char reserved[32];
} mr_pipeline_options;

/** Fills in the defaults. The single source of them. */
MR_API void mr_pipeline_options_init(mr_pipeline_options *options);

/** How a run ended. */
typedef struct mr_summary {
    uint64_t items; /**< = ok + failed + quarantined + duplicate + skipped */
    uint64_t ok, failed, quarantined, duplicate, skipped, ignored;
    uint64_t by_code[MR_CODE_COUNT];
    double seconds;
    double items_per_s;
    double first_batch_ms; /**< from the start of the process to the first batch handed out; 0: none
                              was */
    uint32_t workers;
    uint64_t worker_restarts;
    uint64_t peak_memory_bytes;
    char bottleneck[16];
    char fingerprint[80];
    bool budget_exceeded;
    bool interrupted; /**< mr_pipeline_stop ended it */
} mr_summary;

/**
 * Opens everything that a run needs. `source` is borrowed and must outlive the pipeline.
 * MR_E_MISMATCH: the collection has another plan, embedder or dimension (both are named).
 */
MR_API MR_MUST_CHECK mr_status mr_pipeline_open(mr_source *source,
                                                const mr_pipeline_options *options,
                                                mr_pipeline **out, mr_error *err);

/**
 * Runs to the end of the source. Blocks. MR_OK also when items failed: see `out`. On an error `out`
 * still says how far it came; what was acknowledged stays.
 */
MR_API MR_MUST_CHECK mr_status mr_pipeline_run(mr_pipeline *pipeline, mr_summary *out,
                                               mr_error *err);

/** Takes nothing more, delivers and records what was taken. Any thread, async-signal-safe. */
MR_API void mr_pipeline_stop(mr_pipeline *pipeline);

/** Frees the pipeline, after its run has returned, and sets `*pipeline` to NULL. NULL is allowed.
 */
MR_API void mr_pipeline_close(mr_pipeline **pipeline);

#ifdef __cplusplus
}
#endif
#endif
