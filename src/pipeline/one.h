/* SPDX-License-Identifier: Apache-2.0 */
/* One picture through one worker: what a query and the doctor need. */
#ifndef MR_PIPELINE_ONE_H
#define MR_PIPELINE_ONE_H

#include "base/error.h"
#include "millrace/stream.h"

typedef struct mr__one_options {
    const char *uri;   /* locator of the picture, or NULL */
    const void *bytes; /* the picture itself when `uri` is NULL */
    size_t n_bytes;
    int timeout_ms;          /* negative: none */
    const char *worker_path; /* as in mr_pool_options */
    bool require_sandbox;
    bool allow_private; /* as in mr_stream_options */
    mr_logger logger;
} mr__one_options;

/*
 * Opens a pool of one worker, puts the picture through `plan` and calls `use` with the batch of one
 * row and the pool, which both end when it returns. MR_E_ITEM: the picture is bad. MR_E_ENV: no
 * answer within the time.
 */
mr_status mr__one_run(const mr__one_options *options, const mr_plan *plan,
                      mr_status (*use)(void *cookie, const mr_batch *batch, mr_pool *pool,
                                       mr_error *err),
                      void *cookie, mr_error *err);

#endif
