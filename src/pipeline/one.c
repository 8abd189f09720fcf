/* SPDX-License-Identifier: Apache-2.0 */
/* One picture through one worker. */
#include "pipeline/one.h"

#include <string.h>

#include "base/text.h"
#include "fetch/fetch.h"

#define SLAB_MIN (UINT64_C(8) << 20)
#define SLAB_MAX (UINT64_C(256) << 20)
#define SLAB_URL (UINT64_C(64) << 20)

typedef struct once {
    const mr__one_options *options;
    bool given;
} once;

static mr_status give(void *cookie, mr_item *item, mr_error *err)
{
    once *o = cookie;

    (void)err;
    if (o->given)
        return MR_EOF;
    o->given = true;
    item->id = "query";
    item->key = "query";
    item->uri = "query";
    item->locator = o->options->uri;
    item->bytes = o->options->uri ? NULL : o->options->bytes;
    item->n_bytes = o->options->uri ? 0 : o->options->n_bytes;
    return MR_OK;
}

/* An input slab of which half holds the picture: no more, since it is reserved at open. */
static mr_status slab_bytes(const mr__one_options *options, uint64_t *out, mr_error *err)
{
    uint64_t size = options->n_bytes;
    mr__version version;

    if (options->uri && mr__text_has_scheme(options->uri)) {
        size = SLAB_URL / 2 - 1; /* known when it has been fetched, not before */
    } else if (options->uri) {
        mr_status status;

        memset(&version, 0, sizeof version);
        status = mr__fetch_stat(NULL, options->uri, &version, err);
        if (status != MR_OK)
            return status;
        size = version.size_known ? version.size : SLAB_MAX / 2;
    }
    *out = SLAB_MIN;
    while (*out / 2 <= size && *out < SLAB_MAX)
        *out *= 2;
    return MR_OK;
}

static mr_status take(mr_stream *stream, const mr__one_options *options,
                      mr_status (*use)(void *, const mr_batch *, mr_pool *, mr_error *),
                      void *cookie, mr_error *err)
{
    mr_batch *batch = NULL;
    mr_status status = mr_stream_next(stream, options->timeout_ms, &batch, err);

    if (status == MR_AGAIN)
        return mr__error_set(err, MR_E_ENV, "the worker did not answer within %d ms",
                             options->timeout_ms);
    if (status == MR_EOF)
        return mr__error_set(err, MR_E_INTERNAL, "the stream ended without its item");
    if (status != MR_OK)
        return status;
    if (batch->n_ok == 1)
        status = use(cookie, batch, mr_stream_pool(stream), err);
    else if (batch->n_failed > 0)
        status = mr__error_item(err, batch->failures[0].stage, batch->failures[0].code, "%s: %s",
                                mr_code_name(batch->failures[0].code), batch->failures[0].message);
    else
        status = mr__error_set(err, MR_E_INTERNAL, "an empty batch");
    mr_batch_release(&batch);
    return status;
}

mr_status mr__one_run(const mr__one_options *options, const mr_plan *plan,
                      mr_status (*use)(void *cookie, const mr_batch *batch, mr_pool *pool,
                                       mr_error *err),
                      void *cookie, mr_error *err)
{
    mr_stream_options stream_options;
    mr_source *source = NULL;
    mr_stream *stream = NULL;
    once state = {.options = options};
    mr_status status;

    mr_stream_options_init(&stream_options);
    stream_options.batch = 1;
    stream_options.slots = 2;
    stream_options.fetch_threads = 1;
    stream_options.pool.workers = 1;
    stream_options.pool.worker_path = options->worker_path;
    stream_options.allow_private = options->allow_private;
    stream_options.pool.require_sandbox = options->require_sandbox;
    stream_options.pool.logger = options->logger;
    status = slab_bytes(options, &stream_options.pool.slab_bytes, err);
    if (status != MR_OK)
        return status;
    status = mr_source_from_callback(give, NULL, NULL, &state, &source, err);
    if (status == MR_OK)
        status = mr_stream_open(source, plan, NULL, &stream_options, &stream, err);
    if (status == MR_OK)
        status = take(stream, options, use, cookie, err);
    if (stream)
        mr_stream_close(&stream);
    mr_source_close(&source);
    return status;
}
