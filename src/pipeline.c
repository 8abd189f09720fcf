/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole flow, on one screen: source -> admission -> stream (fetch, workers, batches) -> embed
 * -> store and ledger.
 *
 *   feeder thread (of the stream)   mr__admit_next: what enters
 *   the caller's thread and more    mr__embedding_run: batch -> vectors -> record
 *   store threads (mr__sink)        records -> rows, then ledger entries in order
 *   meter thread                    progress, peak memory
 *
 * An item counts once its batch is acknowledged by the store, never before.
 */
#include "millrace/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "embed/embed.h"
#include "pipeline/embedding.h"
#include "pipeline/run.h"
#include "proc/named.h"
#include "source/source.h"
#include "stream/fetching.h"

void mr_pipeline_options_init(mr_pipeline_options *options)
{
    *options = (mr_pipeline_options){
        .collection = "default",
        .metric = MR_METRIC_ANY,
        .index = "FLAT",
        .refresh = MR_REFRESH_AUTO,
        .budget = {.kind = MR_BUDGET_PERCENT, .value = 1},
    };
    mr_stream_options_init(&options->stream);
}

static void on_committed(void *cookie, const mr__record *record, double seconds)
{
    mr_pipeline *p = cookie;
    size_t i;

    mr__tally_committed(&p->tally, record, seconds);
    for (i = 0; p->failed && i < record->n_entries; i++)
        if (strcmp(record->entries[i].state, "stored") != 0)
            p->failed(p->failed_cookie, &record->entries[i]);
}

/* Embedder or store are broken: nothing more needs to be decoded. */
static void on_failed(void *cookie)
{
    mr_pipeline *p = cookie;

    mr__admit_stop(&p->admit);
}

static mr_status begin_store(mr_pipeline *p, const mr_pipeline_options *options, mr_error *err)
{
    const mr_plan *plan = p->choice.plan;
    mr__collection_spec spec = {
        .name = options->collection ? options->collection : "default",
        .plan_name = p->choice.plan_name,
        .plan_text = mr_plan_text(plan),
        .fingerprint = mr_plan_fingerprint(plan),
        .embedder = p->choice.embedder ? p->choice.info.spec : "none",
        .index = options->index,
        .metric = options->metric,
        .row = mr_plan_row_shape(plan),
        .dim = p->choice.info.dim,
        .force_plan = options->force_plan,
        .with_ledger = !options->no_ledger && mr__store_has_ledger(p->store),
    };

    if (p->choice.embedder)
        spec.row = (mr_row_shape){.dtype = MR_DTYPE_F32,
                                  .channels = spec.dim,
                                  .height = 1,
                                  .width = 1,
                                  .bytes = spec.dim * sizeof(float)};
    return mr__store_begin(p->store, &spec, err);
}

static mr_status open_store(mr_pipeline *p, const mr_pipeline_options *options, mr_error *err)
{
    mr_store_options store;
    mr_status status;

    mr_store_options_init(&store);
    store.ledger = options->no_ledger ? NULL : options->ledger;
    store.params = options->store_params;
    store.n_params = options->n_store_params;
    store.logger = options->stream.pool.logger;
    status = mr_store_open(options->store, &store, &p->store, err);
    if (status == MR_OK)
        p->store->stop = &p->interrupted;
    if (status == MR_OK)
        status = mr__choice_open(options, p->store, &p->choice, err);
    if (status == MR_OK)
        status = begin_store(p, options, err);
    return status;
}

static mr_status open_admission(mr_pipeline *p, const mr_pipeline_options *options, mr_error *err)
{
    bool ledger = !options->no_ledger && mr__store_has_ledger(p->store);
    mr__fetch_options fetch;
    mr__admit_options admit = {
        .source = p->source,
        .store = ledger ? p->store : NULL,
        .fingerprint = mr_plan_fingerprint(p->choice.plan),
        .refresh = options->refresh,
        .ids = MR__ADMIT_IDS,
    };
    mr_status status;

    mr__stream_fetch_options(&options->stream, &fetch);
    fetch.concurrency = MR__AHEAD_ASKERS;
    status = mr__fetch_context_open(&fetch, &p->fetch, err);
    admit.fetch = p->fetch;
    if (status == MR_OK)
        status = mr__admit_init(&p->admit, &admit, err);
    if (status == MR_OK)
        status = mr_source_from_callback(mr__admit_next, mr__admit_stop, NULL, &p->admit,
                                         &p->admitted, err);
    return status;
}

static mr_status open_sink(mr_pipeline *p, const mr_pipeline_options *options, mr_error *err)
{
    const mr__width_facts facts = {
        .dim = p->choice.info.dim,
        .concurrency = p->choice.info.concurrency,
        .worthwhile = p->choice.info.worthwhile,
        .commits = p->store->concurrency,
        .commit_rows = p->store->commit_rows,
        .row_bytes = mr_plan_row_shape(p->choice.plan).bytes,
    };
    mr_status status = mr__width_plan(options, &facts, &p->width, err);
    mr__sink_options sink = {
        .store = p->store,
        .batch = options->stream.batch ? options->stream.batch : 32,
        .dim = p->choice.info.dim,
        .unordered = options->stream.unordered,
        .committed = on_committed,
        .failed = on_failed,
        .cookie = p,
    };

    if (status != MR_OK)
        return status;
    sink.records = p->width.records;
    sink.threads = p->width.store_threads;
    sink.commit_rows = p->width.commit_rows;
    sink.bytes = p->width.bytes;
    return mr__sink_open(&sink, &p->sink, err);
}

/* Opens the stream, and tells the embedder where its batches will lie. */
static mr_status open_stream(mr_pipeline *p, const mr_pipeline_options *options, mr_error *err)
{
    mr_stream_options stream = options->stream;
    mr__slots_region slots;
    mr__embed_region region;
    mr_status status;

    stream.slots = p->width.slots;
    stream.pool.held_bytes += p->width.bytes;
    stream.pool.named_slots = p->choice.info.named_slots;
    status = mr_stream_open(p->admitted, p->choice.plan, NULL, &stream, &p->stream, err);
    if (status != MR_OK)
        return status;
    p->workers = (uint32_t)mr_pool_pids(mr_stream_pool(p->stream), NULL, 0);
    if (!p->choice.embedder)
        return MR_OK;
    mr__pool_slots_region(mr_stream_pool(p->stream), &slots);
    region = (mr__embed_region){
        .key = slots.key, .why = slots.why, .base = slots.base, .bytes = slots.bytes};
    return mr__embed_attach(p->choice.embedder, &region, err);
}

mr_status mr_pipeline_open(mr_source *source, const mr_pipeline_options *options, mr_pipeline **out,
                           mr_error *err)
{
    mr_pipeline *p;
    mr_status status;

    *out = NULL;
    if (!source || !options->store)
        return mr__error_set(err, MR_E_INVALID, "pipeline: a source and a store are needed");
    p = calloc(1, sizeof *p);
    if (!p)
        return mr__error_no_memory(err, "pipeline");
    p->source = source;
    p->progress = options->progress;
    p->progress_cookie = options->progress_cookie;
    p->failed = options->failed;
    p->failed_cookie = options->failed_cookie;
    p->logger = options->stream.pool.logger;
    p->opened_ns = mr__clock_ns();
    p->process_start_ms = mr__process_start_ms();
    mr__tally_init(&p->tally);
    if (mr__source_is_remote(source))
        mr__fetch_preload_begin(&p->preload);

    status = mr__budget_init(&p->budget, &options->budget, err);
    if (status == MR_OK)
        status = mr__choice_named(options, &p->interrupted, &p->choice, err);
    if (status == MR_OK)
        status = open_store(p, options, err);
    if (status == MR_OK)
        status = open_admission(p, options, err);
    if (status == MR_OK)
        status = open_sink(p, options, err);
    if (status == MR_OK)
        status = open_stream(p, options, err);
    if (status != MR_OK)
        mr_pipeline_close(&p);
    *out = p;
    return status;
}

static void on_handed_out(void *cookie)
{
    mr_pipeline *p = cookie;

    if (p->first_batch_ms <= 0)
        p->first_batch_ms = mr__boot_ms() - p->process_start_ms;
}

/* Counts the batch against the budget; a budget in items ends the source once it is spent. */
static void on_embedded(void *cookie, const mr__record *record, double seconds)
{
    mr_pipeline *p = cookie;
    size_t i;

    for (i = 0; i < record->n_entries; i++) {
        const char *state = record->entries[i].state;
        mr__budget_note(&p->budget,
                        strcmp(state, "stored") != 0 && strcmp(state, "duplicate") != 0);
    }
    if (mr__budget_spent(&p->budget))
        mr__admit_stop(&p->admit);
    mr__tally_embedded(&p->tally, seconds);
}

static mr_status embed_all(mr_pipeline *p, mr_error *err)
{
    const mr__embedding_options options = {
        .stream = p->stream,
        .sink = p->sink,
        .embedder = p->choice.embedder,
        .dim = p->choice.info.dim,
        .threads = p->width.embed_threads,
        .fingerprint = mr_plan_fingerprint(p->choice.plan),
        .handed_out = on_handed_out,
        .embedded = on_embedded,
        .failed = on_failed,
        .cookie = p,
    };

    return mr__embedding_run(&options, err);
}

/* Who was told to stop, and stopped waiting for a server, has not failed: what was under way there
 * is not acknowledged, and the next run does it. */
static mr_status unless_stopped(const mr_pipeline *p, mr_status status, const mr_error *err)
{
    if (status != MR_E_INTERRUPTED || !mr__stop_raised(&p->interrupted))
        return status;
    mr__log(&p->logger, MR_LOG_INFO, "run", "%s", err ? err->message : "interrupted");
    return MR_OK;
}

mr_status mr_pipeline_run(mr_pipeline *p, mr_summary *out, mr_error *err)
{
    mr_error stored = {0};
    mr_status status, drained;

    *out = (mr_summary){0};
    if (p->ran)
        return mr__error_set(err, MR_E_INVALID, "pipeline: it runs once");
    p->ran = true;
    mr__meter_start(p);
    status = unless_stopped(p, embed_all(p, err), err);

    /* what was embedded before an error is still worth storing */
    drained = mr__sink_drain(p->sink, &stored);
    if (drained == MR_OK)
        drained = mr__store_finish(p->store, &stored);
    drained = unless_stopped(p, drained, &stored);
    mr__meter_stop(p);
    mr__run_summary(p, out);
    if (status != MR_OK)
        return status;
    if (drained != MR_OK && err)
        *err = stored;
    return drained;
}

void mr_pipeline_stop(mr_pipeline *p)
{
    atomic_store(&p->interrupted, true);
    mr__admit_stop(&p->admit);
}

void mr_pipeline_close(mr_pipeline **pipeline)
{
    mr_pipeline *p = *pipeline;

    if (!p)
        return;
    if (p->admit.seen)
        mr__admit_stop(&p->admit);
    mr__sink_close(&p->sink); /* before the stream: it may hold a batch */
    if (p->stream)
        mr_stream_close(&p->stream);
    mr_source_close(&p->admitted);
    mr__admit_fini(&p->admit);
    mr__fetch_context_close(&p->fetch);
    mr__fetch_preload_end(&p->preload);
    mr__choice_close(&p->choice);
    if (p->store)
        mr_store_close(&p->store);
    mr__tally_fini(&p->tally);
    free(p);
    *pipeline = NULL;
}
