/* SPDX-License-Identifier: Apache-2.0 */
/* How wide the stages of a run are. */
#include "pipeline/width.h"

#include "base/error.h"
#include "pipeline/record.h"

enum {
    EMBED_USUAL = 4, /* calls at once, unless somebody asks for more */
    EMBED_MAX = 64,
    SLOTS_USUAL = 4, /* of a stream */
    SLOTS_MAX = 64,
    SLOTS_BESIDE = 2, /* of them for decoding, while the others are embedded */
    STORE_MAX = 16,
    QUEUE_MAX = 1000000,
    RECORDS_MAX = 4096,
    ROWS_MAX = 1000000
};

static uint32_t at_most(uint32_t value, uint32_t most)
{
    return value < most ? value : most;
}

static mr_status check(const mr_pipeline_options *options, mr_error *err)
{
    if (options->embed_workers > EMBED_MAX)
        return mr__error_set(err, MR_E_INVALID, "embed workers: %u, at most %d",
                             options->embed_workers, EMBED_MAX);
    if (options->commit_rows > ROWS_MAX)
        return mr__error_set(err, MR_E_INVALID, "commit rows: %u, at most %d", options->commit_rows,
                             ROWS_MAX);
    if (options->queue_batches > QUEUE_MAX)
        return mr__error_set(err, MR_E_INVALID, "queue: %u batches, at most %d",
                             options->queue_batches, QUEUE_MAX);
    return MR_OK;
}

/* Each call holds a batch slot, and decoding needs some, too. */
static void plan_embedding(const mr_pipeline_options *options, const mr__width_facts *facts,
                           mr__width *out)
{
    uint32_t n = facts->worthwhile ? facts->worthwhile : facts->concurrency, slots;
    uint64_t slot_bytes = facts->row_bytes * options->stream.batch;

    n = options->embed_workers ? at_most(options->embed_workers, facts->concurrency)
                               : at_most(n, EMBED_USUAL);
    n = n ? at_most(n, SLOTS_MAX - SLOTS_BESIDE) : 1;
    slots = options->stream.slots;
    out->slots = slots;
    if (slots > 0) {
        out->embed_threads = at_most(n, slots > 1 ? slots - 1 : 1);
        return;
    }
    /* more slots than usual only where they are a small part of the budget */
    if (n + SLOTS_BESIDE > SLOTS_USUAL &&
        slot_bytes <= options->stream.pool.memory_bytes / 4 / (n + SLOTS_BESIDE))
        out->slots = n + SLOTS_BESIDE;
    out->embed_threads = out->slots ? n : at_most(n, SLOTS_USUAL - SLOTS_BESIDE);
}

static void plan_records(const mr_pipeline_options *options, const mr__width_facts *facts,
                         mr__width *out)
{
    uint32_t batch = options->stream.batch ? options->stream.batch : 1, queue, group;
    uint64_t one = mr__record_bytes(batch, facts->dim), limit;

    if (facts->dim == 0) {
        /* a tensor stays in its slot until it is stored: the stream needs the other slots */
        out->records = 1;
        out->bytes = one;
        return;
    }
    group = out->commit_rows > batch ? (out->commit_rows + batch - 1) / batch : 1;
    queue = options->queue_batches ? options->queue_batches : (out->store_threads + 1) * group;
    out->records = at_most(at_most(queue, RECORDS_MAX) + out->embed_threads, RECORDS_MAX);
    limit = options->stream.pool.memory_bytes / 16 / one;
    if (out->records > limit)
        out->records = limit > out->embed_threads + 1 ? (uint32_t)limit : out->embed_threads + 1;
    out->bytes = one * out->records;
}

mr_status mr__width_plan(const mr_pipeline_options *options, const mr__width_facts *facts,
                         mr__width *out, mr_error *err)
{
    mr_status status = check(options, err);

    if (status != MR_OK)
        return status;
    *out = (mr__width){.embed_threads = 1, .slots = options->stream.slots};
    if (facts->dim > 0)
        plan_embedding(options, facts, out);
    out->store_threads = facts->commits ? at_most(facts->commits, STORE_MAX) : 1;
    out->commit_rows = options->commit_rows ? options->commit_rows : facts->commit_rows;
    plan_records(options, facts, out);
    return MR_OK;
}
