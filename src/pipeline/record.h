/* SPDX-License-Identifier: Apache-2.0 */
/* One batch on its way from the embedder to the store: vectors, and what became of every item. */
#ifndef MR_PIPELINE_RECORD_H
#define MR_PIPELINE_RECORD_H

#include "base/buf.h"
#include "millrace/stream.h"
#include "store/store.h"

#define MR__WHY_SIZE 256

typedef struct mr__record {
    float *vectors; /* [batch, dim]; NULL when rows are tensors */
    uint32_t dim;   /* 0: tensors */
    mr_batch *held; /* tensors: their slot, until they are committed */
    mr__row *rows;
    mr_ledger_entry *entries;       /* in the order of the source */
    size_t n_rows, n_entries, room; /* `room` of both arrays */
    mr__buf strings;                /* what rows and entries point into */
    size_t keep;                    /* bytes of strings that are kept for the next batch */
    uint64_t index;                 /* number of the batch */
} mr__record;

/* Bytes of a record with names and metadata of the usual length. */
uint64_t mr__record_bytes(uint32_t batch, uint32_t dim);

/* Bytes that it holds now. */
size_t mr__record_holds(const mr__record *record);

/* Room for batches of `batch` items. Memory of the usual size is reused from batch to batch. */
mr_status mr__record_init(mr__record *record, uint32_t batch, uint32_t dim, mr_error *err);
void mr__record_fini(mr__record *record);

/* Which rows of a batch could not be embedded, and why: "" for those that were. */
typedef struct mr__refusals {
    char (*why)[MR__WHY_SIZE]; /* [room] */
    size_t room;
} mr__refusals;

/* What the results of a batch need besides themselves. */
typedef struct mr__record_facts {
    const char *fingerprint;     /* must outlive the commit */
    float ms_embed;              /* of one row */
    const mr__refusals *refused; /* rows that could not be embedded; NULL: none */
} mr__record_facts;

/*
 * Takes over the results of `batch`. With vectors everything is copied and the batch can be
 * released; without, the record keeps the batch until mr__record_clear.
 */
mr_status mr__record_fill(mr__record *record, mr_batch *batch, const mr__record_facts *facts,
                          mr_error *err);

/* Empties it for the next batch and releases a batch that it holds. */
void mr__record_clear(mr__record *record);

#endif
