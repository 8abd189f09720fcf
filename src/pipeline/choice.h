/* SPDX-License-Identifier: Apache-2.0 */
/* Which plan and which embedder a run uses. */
#ifndef MR_PIPELINE_CHOICE_H
#define MR_PIPELINE_CHOICE_H

#include "millrace/pipeline.h"
#include "store/store.h"

typedef struct mr__choice {
    const mr__stop *stop; /* the run's */
    mr_plan *plan;
    mr_embedder *embedder; /* NULL: rows of the plan are stored as they are */
    mr_embedder_info info; /* of the embedder; all zero without one */
    char plan_name[256];   /* as the user or the collection names it */
    char *remembered; /* how the collection spells the same embedder; `info.spec` points here */
} mr__choice;

/* Opens what the caller named, as far as it can be without the rest: mistakes are found before
 * anything is created. On failure too it wants mr__choice_close. `stop` outlives it. */
mr_status mr__choice_named(const mr_pipeline_options *options, const mr__stop *stop,
                           mr__choice *out, mr_error *err);

/*
 * Adds what mr__choice_named left open. In this order. Embedder: named, remembered by the
 * collection, "builtin". Plan: named, the default one if the embedder leaves the choice,
 * remembered, what the embedder needs. `store` is asked what it remembers.
 */
mr_status mr__choice_open(const mr_pipeline_options *options, mr_store *store, mr__choice *out,
                          mr_error *err);
void mr__choice_close(mr__choice *choice);

#endif
