/* SPDX-License-Identifier: Apache-2.0 */
/* Which plan and which embedder a run uses. */
#ifndef MR_PIPELINE_CHOICE_H
#define MR_PIPELINE_CHOICE_H

#include "millrace/pipeline.h"
#include "store/store.h"

typedef struct mr__choice {
    mr_plan *plan;
    mr_embedder *embedder; /* NULL: rows of the plan are stored as they are */
    mr_embedder_info info; /* of the embedder; all zero without one */
    char plan_name[256];   /* as the user or the collection names it */
} mr__choice;

/* Finds mistakes in what the caller named, before anything is created. */
mr_status mr__choice_check(const mr_pipeline_options *options, mr_error *err);

/*
 * In this order. Embedder: named, remembered by the collection, "builtin". Plan: named, remembered,
 * what the embedder needs. `store` is asked what it remembers.
 */
mr_status mr__choice_open(const mr_pipeline_options *options, mr_store *store, mr__choice *out,
                          mr_error *err);
void mr__choice_close(mr__choice *choice);

#endif
