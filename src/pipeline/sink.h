/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before the store: records are committed while decoding and embedding go on.
 *
 * Records circle: spare -> filled -> committed -> spare. Their number, and the bytes that they may
 * hold together, bound what is embedded but not yet durable. The writers take them in the order of
 * their batches, whatever the order in which they were put; records that wait anyway go in one
 * commit, up to as many rows as the store likes. Rows of several commits may be under way at once,
 * but what happened to their items is recorded, and counted, in order.
 */
#ifndef MR_PIPELINE_SINK_H
#define MR_PIPELINE_SINK_H

#include <stdbool.h>

#include "pipeline/record.h"

typedef struct mr__sink mr__sink;

typedef struct mr__sink_options {
    mr_store *store;      /* begun; borrowed */
    uint32_t batch, dim;  /* as in mr__record_init */
    uint32_t records;     /* at least 1 */
    uint32_t threads;     /* writers, at least 1: commits that the store takes at once */
    uint32_t commit_rows; /* rows that one commit may gather; it is never less than a batch */
    uint64_t bytes;       /* that records may hold together before more are given out; 0: any */
    bool unordered;       /* in the order in which they are put */
    /* One call at a time: the record is durable; a commit failed and nothing more will be
     * committed (once). On the threads of the sink. */
    void (*committed)(void *cookie, const mr__record *record, double seconds);
    void (*failed)(void *cookie);
    void *cookie;
} mr__sink_options;

mr_status mr__sink_open(const mr__sink_options *options, mr__sink **out, mr_error *err);

/* An empty record to fill; waits for one. Answers the error of the store once it has one. Any
 * thread, several at once. */
mr_status mr__sink_get(mr__sink *sink, mr__record **out, mr_error *err);

/* Hands a filled record over, or gives an unused one back. */
void mr__sink_put(mr__sink *sink, mr__record *record);
void mr__sink_give_back(mr__sink *sink, mr__record *record);

/* Waits until everything that was put is committed, ends the threads; the error of the store if
 * there was one. Nobody puts or gets any more. */
mr_status mr__sink_drain(mr__sink *sink, mr_error *err);

/* Drains and frees. NULL is allowed. */
void mr__sink_close(mr__sink **sink);

#endif
