/* SPDX-License-Identifier: Apache-2.0 */
/* What ingest, embed and preprocess have in common: a pipeline, watched. */
#include "run.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "milvusparams.h"
#include "out.h"
#include "planfile.h"
#include "progress.h"
#include "settings.h"
#include "signals.h"
#include "summary.h"

void cli_source_options(const struct cli_args *args, mr_source_options *out)
{
    mr_source_options_init(out);
    out->all_files = cli_given(args, OPT_ALL_FILES);
    out->follow = cli_given(args, OPT_FOLLOW);
    out->nul_separated = cli_given(args, OPT_NUL);
    out->id_from = (mr_id_from)cli_number(args, OPT_ID_FROM, out->id_from);
}

void cli_stream_options(const struct cli_args *args, mr_stream_options *out)
{
    mr_stream_options_init(out);
    out->batch = (uint32_t)cli_number(args, OPT_BATCH, out->batch);
    out->batch_wait_ms = (uint32_t)cli_number(args, OPT_BATCH_WAIT, out->batch_wait_ms);
    out->max_pixels = cli_number(args, OPT_MAX_PIXELS, out->max_pixels);
    out->max_bytes = cli_number(args, OPT_MAX_BYTES, out->max_bytes);
    out->fetch_threads = (uint32_t)cli_number(args, OPT_FETCH_THREADS, out->fetch_threads);
    out->allow_private = cli_given(args, OPT_ALLOW_PRIVATE);
    out->fetch_timeout_ms = (uint32_t)cli_number(args, OPT_FETCH_TIMEOUT, out->fetch_timeout_ms);
    out->fetch_idle_ms = (uint32_t)cli_number(args, OPT_FETCH_IDLE, out->fetch_idle_ms);
    out->unordered = cli_given(args, OPT_UNORDERED);
    out->pool.workers = (uint32_t)cli_number(args, OPT_WORKERS, out->pool.workers);
    out->pool.memory_bytes = cli_number(args, OPT_MEMORY, out->pool.memory_bytes);
    out->pool.item_timeout_ms =
        (uint32_t)cli_number(args, OPT_ITEM_TIMEOUT, out->pool.item_timeout_ms);
    out->pool.require_sandbox = cli_given(args, OPT_REQUIRE_SANDBOX);
    out->pool.logger = cli_console_logger();
}

bool cli_out_spec(const struct cli_args *args, char *spec, size_t size, int *status)
{
    const char *out = cli_text(args, OPT_OUT), *path = out, *ending;
    int n;

    *status = CLI_USAGE;
    if (!out) {
        *status = cli_usage(args->verb, "--out is missing: a file NAME.npy, or null:");
        return false;
    }
    if (strcmp(out, "null:") == 0) {
        (void)snprintf(spec, size, "null:");
        return true;
    }
    if (strncmp(path, "npy:", 4) == 0)
        path += 4;
    ending = strrchr(path, '.');
    if (path == out && ending && strcmp(ending, ".jsonl") == 0) {
        *status =
            cli_fail(args->verb, CLI_ENVIRONMENT,
                     "--out %s: JSON lines are not in this build; use a name ending in .npy", out);
        return false;
    }
    if (!*path || (path == out && (!ending || strcmp(ending, ".npy") != 0))) {
        *status = cli_usage(args->verb, "--out %s: wanted a name ending in .npy, or null:", out);
        return false;
    }
    n = snprintf(spec, size, "npy:%s", path);
    if (n < 0 || (size_t)n >= size) {
        *status = cli_usage(args->verb, "--out: the name is too long");
        return false;
    }
    return true;
}

void cli_pipeline_options(const struct cli_args *args, const struct cli_run *run,
                          mr_pipeline_options *out)
{
    mr_pipeline_options_init(out);
    cli_stream_options(args, &out->stream);
    out->store = run->store;
    out->embed = run->embed;
    out->plan = run->plan;
    out->no_ledger = run->no_ledger;
    out->collection =
        cli_given(args, OPT_COLLECTION) ? cli_text(args, OPT_COLLECTION) : out->collection;
    out->index = cli_given(args, OPT_INDEX) ? cli_text(args, OPT_INDEX) : out->index;
    if (cli_given(args, OPT_METRIC))
        out->metric = (mr_metric)cli_number(args, OPT_METRIC, MR_METRIC_IP);
    out->embed_workers = (uint32_t)cli_number(args, OPT_EMBED_WORKERS, out->embed_workers);
    out->commit_rows = (uint32_t)cli_number(args, OPT_COMMIT_ROWS, out->commit_rows);
    out->queue_batches = (uint32_t)cli_number(args, OPT_QUEUE, out->queue_batches);
    out->ledger = cli_text(args, OPT_LEDGER);
    out->force_plan = cli_given(args, OPT_FORCE_PLAN);
    out->refresh = (mr_refresh)cli_number(args, OPT_REFRESH, out->refresh);
    if (cli_given(args, OPT_ERROR_BUDGET))
        out->budget = args->budget;
}

/* Opens, runs and closes the pipeline; `*summary` says how far it came. */
static mr_status run_pipeline(mr_source *source, const mr_pipeline_options *options,
                              mr_summary *summary, mr_error *err)
{
    mr_pipeline *pipeline = NULL;
    mr_status status = mr_pipeline_open(source, options, &pipeline, err);

    if (status != MR_OK)
        return status;
    cli_signals_watch(pipeline);
    status = mr_pipeline_run(pipeline, summary, err);
    cli_signals_watch(NULL);
    mr_pipeline_close(&pipeline);
    return status;
}

static int outcome(const struct cli_args *args, const struct cli_run *run,
                   const mr_summary *summary)
{
    unsigned long long bad = summary->failed + summary->quarantined, items = summary->items;
    int status = CLI_OK;

    if (summary->budget_exceeded)
        status = CLI_OVER_BUDGET;
    if (summary->interrupted && cli_signals_caught())
        status = 128 + cli_signals_caught();
    if (cli_given(args, OPT_JSON))
        cli_summary_json(summary, run->store_name);
    else
        cli_summary_text(summary, run->store_name, !run->no_ledger);
    if (summary->budget_exceeded)
        (void)cli_fail(args->verb, 0, "%llu of %llu items are bad: more than the error budget", bad,
                       items);
    return cli_out_finish(args->verb, status);
}

int cli_run(const struct cli_args *args, const struct cli_run *run)
{
    struct cli_progress *progress = NULL;
    char default_plan[CLI_PLAN_MAX];
    mr_param params[CLI_MILVUS_PARAMS_MAX];
    mr_pipeline_options options;
    mr_source_options source_options;
    mr_source *source = NULL;
    mr_summary summary = {0};
    char *plan_text = NULL;
    mr_error err = {0};
    mr_status status;

    if (args->n_names == 0)
        return cli_usage(args->verb,
                         "no SOURCE: a file, a directory, a URL, @list.txt, or - for stdin");
    cli_pipeline_options(args, run, &options);
    options.store_params = params;
    options.n_store_params = cli_milvus_params(args, run->store, params);
    cli_source_options(args, &source_options);
    if (cli_settings_plan(args, default_plan, sizeof default_plan))
        options.default_plan = default_plan;
    status = cli_plan_argument(cli_text(args, OPT_PLAN), &plan_text, &err);
    if (status != MR_OK)
        return cli_fail_error(args->verb, status, &err);
    if (cli_given(args, OPT_PLAN)) {
        options.plan = plan_text ? NULL : cli_text(args, OPT_PLAN);
        options.plan_text = plan_text;
    }
    if (!run->source)
        status = mr_source_open(args->names, args->n_names, &source_options, &source, &err);
    if (status != MR_OK)
        goto done;
    progress = cli_progress_open(args->names, args->n_names, &source_options);
    options.progress = progress ? cli_progress_show : NULL;
    options.progress_cookie = progress;
    status = run_pipeline(run->source ? run->source : source, &options, &summary, &err);
    cli_progress_close(&progress);
done:
    mr_source_close(&source);
    free(plan_text);
    if (status != MR_OK) {
        if (summary.items > 0)
            (void)cli_fail(args->verb, 0,
                           "%llu items were stored before:", (unsigned long long)summary.ok);
        return cli_fail_error(args->verb, status, &err);
    }
    return outcome(args, run, &summary);
}
