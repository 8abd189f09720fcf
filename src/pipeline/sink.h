/* SPDX-License-Identifier: Apache-2.0 */
/* The store thread: commits records in the order in which they are put, while decoding goes on. */
#ifndef MR_PIPELINE_SINK_H
#define MR_PIPELINE_SINK_H

#include "pipeline/record.h"

typedef struct mr__sink mr__sink;

typedef struct mr__sink_options {
    mr_store *store;     /* begun; borrowed */
    uint32_t batch, dim; /* as in mr__record_init */
    /* the record is durable; called on the store thread */
    void (*committed)(void *cookie, const mr__record *record, double seconds);
    /* a commit failed and nothing more will be committed; called on the store thread, once */
    void (*failed)(void *cookie);
    void *cookie;
} mr__sink_options;

mr_status mr__sink_open(const mr__sink_options *options, mr__sink **out, mr_error *err);

/* An empty record to fill; waits for one. Answers the error of the store thread once it has one. */
mr_status mr__sink_get(mr__sink *sink, mr__record **out, mr_error *err);

/* Hands a filled record over, or gives an unused one back. */
void mr__sink_put(mr__sink *sink, mr__record *record);
void mr__sink_give_back(mr__sink *sink, mr__record *record);

/* Waits until everything that was put is committed, ends the thread; the error of the store if
 * there was one. */
mr_status mr__sink_drain(mr__sink *sink, mr_error *err);

/* Drains and frees. NULL is allowed. */
void mr__sink_close(mr__sink **sink);

#endif
