/* SPDX-License-Identifier: Apache-2.0 */
/* How wide the stages of a run are, and how much may wait between them. */
#ifndef MR_PIPELINE_WIDTH_H
#define MR_PIPELINE_WIDTH_H

#include "millrace/pipeline.h"

/* What embedder, store and plan say. */
typedef struct mr__width_facts {
    uint32_t dim;         /* 0: rows are tensors, and there is no embedder */
    uint32_t concurrency; /* calls that the embedder takes at once, */
    uint32_t worthwhile;  /* and those of them that help; 0: all */
    uint32_t commits;     /* that the store takes at once; 0: one */
    uint32_t commit_rows; /* that it likes; 0: it does not matter */
    uint64_t row_bytes;   /* of a row of the plan */
} mr__width_facts;

typedef struct mr__width {
    uint32_t embed_threads, store_threads;
    uint32_t commit_rows; /* that one commit may gather */
    uint32_t records;     /* batches that are being embedded, or wait to be durable */
    uint32_t slots;       /* for the stream; 0: its own choice */
    uint64_t bytes;       /* that the records may hold: part of the budget */
} mr__width;

/*
 * Stages that wait for others (a model server, a store across the network) get as many threads as
 * can be under way at once. Between embedding and storing there is room for what is being
 * committed and for as much again, so that neither waits for the other; less where that would be
 * more than a sixteenth of the budget. MR_E_INVALID: an option out of range.
 */
mr_status mr__width_plan(const mr_pipeline_options *options, const mr__width_facts *facts,
                         mr__width *out, mr_error *err);

#endif
