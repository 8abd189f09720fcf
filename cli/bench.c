/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench: the stages on this machine, with the caller's pictures. Every figure is measured in this
 * run; the pictures are read once before, so that it is the processing that is measured and not the
 * disk.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "console.h"
#include "corpus.h"
#include "firstbatch.h"
#include "out.h"
#include "planfile.h"
#include "settings.h"
#include "run.h"
#include "text.h"

#define FIRST_BATCH_RUNS 20
#define SEARCHES         100
#define DEFAULT_CORPUS   "build/corpus" /* where `make corpus` puts it */

struct figures {
    struct cli_corpus corpus;
    mr_doctor machine;
    uint32_t workers, batch;
    char plan[256], embedder[128];
    double first_batch_ms;
    /* stream alone */
    double stream_per_s, stream_mb_s, fetch_ms, decode_ms, transform_ms;
    uint64_t ok, bad;
    double embed_ms;
    /* the whole pipeline into a temporary store */
    double ingest_per_s;
    char bottleneck[16];
    uint64_t peak_memory_bytes;
    double search_ms;
    uint64_t rows;
};

struct bench {
    const struct cli_args *args;
    mr_plan *plan;
    mr_embedder *embedder;
    uint32_t dim;
    struct figures figures;
};

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Opens plan and embedder as an ingest with the same options would. */
static mr_status open_parts(struct bench *b, mr_error *err)
{
    const char *embed =
        cli_given(b->args, OPT_EMBEDDER) ? cli_text(b->args, OPT_EMBEDDER) : "builtin";
    const char *name = cli_text(b->args, OPT_PLAN);
    char section[CLI_PLAN_MAX];
    const mr_logger logger = cli_console_logger();
    mr_embedder *facts = NULL;
    mr_embedder_info info;
    char *text = NULL;
    mr_status status = mr_embedder_open(embed, NULL, &logger, &facts, err);

    if (status != MR_OK)
        return status;
    mr_embedder_info_get(facts, &info);
    status = cli_plan_argument(name, &text, err);
    if (!name && !info.plan && cli_settings_plan(b->args, section, sizeof section))
        name = section;
    if (status == MR_OK && !name && !info.plan) {
        (void)snprintf(err->message, sizeof err->message,
                       "embedder %s needs a plan to be named (--plan NAME)", embed);
        status = MR_E_INVALID;
    }
    if (status == MR_OK)
        status = text ? mr_plan_parse(text, &b->plan, err)
                      : mr_plan_open(name ? name : info.plan, &b->plan, err);
    if (status == MR_OK)
        status = mr_embedder_open(embed, b->plan, &logger, &b->embedder, err);
    if (status == MR_OK) {
        mr_embedder_info_get(b->embedder, &info);
        b->dim = info.dim;
        (void)snprintf(b->figures.embedder, sizeof b->figures.embedder, "%s", info.spec);
        (void)snprintf(b->figures.plan, sizeof b->figures.plan, "%s", mr_plan_name(b->plan));
    }
    mr_embedder_close(&facts);
    free(text);
    return status;
}

/* Reads a stream to its end; with vectors each batch is embedded and the time added up. */
static mr_status drain(struct bench *b, mr_stream *stream, float *vectors, double *embed_s,
                       mr_error *err)
{
    mr_batch *batch = NULL;
    mr_status status;

    *embed_s = 0;
    while ((status = mr_stream_next(stream, -1, &batch, err)) == MR_OK) {
        double before = now_s();

        if (vectors && batch->n_ok > 0)
            status = mr_embedder_run(b->embedder, batch->data, batch->n_ok, vectors, err);
        *embed_s += now_s() - before;
        mr_batch_release(&batch);
        if (status != MR_OK)
            return status;
    }
    return status == MR_EOF ? MR_OK : status;
}

static void note_stream(struct figures *f, const mr_stream_stats *stats, double seconds)
{
    double ok = stats->ok > 0 ? (double)stats->ok : 1;

    f->ok = stats->ok;
    f->bad = stats->failed + stats->quarantined;
    f->stream_per_s = (double)stats->taken / seconds;
    f->stream_mb_s = (double)stats->bytes / 1e6 / seconds;
    f->fetch_ms = stats->fetch_s * 1e3 / ok;
    f->decode_ms = stats->decode_s * 1e3 / ok;
    f->transform_ms = stats->transform_s * 1e3 / ok;
}

/* One pass of the stream over everything. */
static mr_status stream_pass(struct bench *b, bool embed, mr_error *err)
{
    mr_source_options source_options;
    mr_stream_options options;
    mr_stream_stats stats;
    mr_pool_stats pool;
    mr_source *source = NULL;
    mr_stream *stream = NULL;
    float *vectors = NULL;
    double before = now_s(), embed_s = 0;
    mr_status status;

    cli_source_options(b->args, &source_options);
    cli_stream_options(b->args, &options);
    if (embed) {
        vectors = calloc((size_t)options.batch * b->dim, sizeof *vectors);
        if (!vectors)
            return MR_E_NO_MEMORY;
    }
    status = mr_source_open(b->args->names, b->args->n_names, &source_options, &source, err);
    if (status == MR_OK)
        status = mr_stream_open(source, b->plan, NULL, &options, &stream, err);
    if (status == MR_OK)
        status = drain(b, stream, vectors, &embed_s, err);
    if (status == MR_OK) {
        mr_stream_stats_get(stream, &stats);
        mr_pool_stats_get(mr_stream_pool(stream), &pool);
        b->figures.workers = pool.workers;
        b->figures.batch = options.batch;
        if (embed && stats.ok > 0)
            b->figures.embed_ms = embed_s * 1e3 / (double)stats.ok;
        else if (!embed)
            note_stream(&b->figures, &stats, now_s() - before);
    }
    if (stream)
        mr_stream_close(&stream);
    mr_source_close(&source);
    free(vectors);
    return status;
}

static mr_status ingest_pass(struct bench *b, const char *store, mr_error *err)
{
    mr_source_options source_options;
    mr_pipeline_options options;
    mr_pipeline *pipeline = NULL;
    mr_source *source = NULL;
    mr_summary summary;
    mr_status status;

    cli_source_options(b->args, &source_options);
    mr_pipeline_options_init(&options);
    cli_stream_options(b->args, &options.stream);
    options.store = store;
    options.embed = cli_text(b->args, OPT_EMBEDDER);
    options.plan_text = mr_plan_text(b->plan);
    options.budget = (mr_error_budget){.kind = MR_BUDGET_NONE};
    status = mr_source_open(b->args->names, b->args->n_names, &source_options, &source, err);
    if (status == MR_OK)
        status = mr_pipeline_open(source, &options, &pipeline, err);
    if (status == MR_OK)
        status = mr_pipeline_run(pipeline, &summary, err);
    if (status == MR_OK) {
        b->figures.ingest_per_s = summary.items_per_s;
        b->figures.peak_memory_bytes = summary.peak_memory_bytes;
        (void)snprintf(b->figures.bottleneck, sizeof b->figures.bottleneck, "%s",
                       summary.bottleneck);
    }
    mr_pipeline_close(&pipeline);
    mr_source_close(&source);
    return status;
}

struct ids {
    char *ids[SEARCHES];
    size_t n;
};

static int take_id(void *cookie, const mr_ledger_entry *entry)
{
    struct ids *ids = cookie;

    if (strcmp(entry->state, "stored") == 0)
        ids->ids[ids->n++] = strdup(entry->id);
    return ids->n == SEARCHES;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median of searches for the 10 nearest rows, the cache being warm. */
static mr_status search_pass(struct bench *b, const char *spec, mr_error *err)
{
    mr_store_options store_options;
    mr_search_options options;
    mr_collection collection = {0};
    mr_store *store = NULL;
    struct ids ids = {.n = 0};
    double ms[SEARCHES];
    size_t i, n = 0;
    mr_status status;

    mr_store_options_init(&store_options);
    store_options.read_only = true;
    mr_search_options_init(&options);
    status = mr_store_open(spec, &store_options, &store, err);
    if (status == MR_OK)
        status = mr_store_report(store, NULL, false, take_id, &ids, err);
    for (i = 0; i < ids.n && status == MR_OK; i++) {
        mr_hits *hits = NULL;

        status = mr_search_id(store, ids.ids[i] ? ids.ids[i] : "", &options, &hits, err);
        if (status == MR_OK && i > 0)
            ms[n++] = mr_hits_ms(hits);
        mr_hits_free(&hits);
    }
    if (n > 0) {
        qsort(ms, n, sizeof ms[0], by_value);
        b->figures.search_ms = ms[n / 2];
    }
    if (status == MR_OK && mr_store_collection(store, NULL, &collection, err) == MR_OK)
        b->figures.rows = collection.num_entities;
    mr_collection_fini(&collection);
    for (i = 0; i < ids.n; i++)
        free(ids.ids[i]);
    if (store)
        mr_store_close(&store);
    return status;
}

/* Removes a folder that this program made, and the files that the store made in it. */
static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
    (void)rmdir(folder);
}

static mr_status store_passes(struct bench *b, mr_error *err)
{
    const char *base = getenv("TMPDIR");
    char folder[512], store[600];
    mr_status status;

    (void)snprintf(folder, sizeof folder, "%s/millrace-bench-XXXXXX",
                   base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) {
        (void)snprintf(err->message, sizeof err->message, "no temporary folder in %.300s",
                       base && *base ? base : "/tmp");
        return MR_E_IO;
    }
    (void)snprintf(store, sizeof store, "%s/bench.mill", folder);
    status = ingest_pass(b, store, err);
    if (status == MR_OK)
        status = search_pass(b, store, err);
    remove_folder(folder);
    return status;
}

static mr_status measure(struct bench *b, mr_error *err)
{
    struct figures *f = &b->figures;
    mr_status status = cli_corpus_open(b->args, &f->corpus, err);

    if (status != MR_OK)
        return status;
    if (f->corpus.count == 0) {
        (void)snprintf(err->message, sizeof err->message, "no picture to measure with");
        return MR_E_INVALID;
    }
    status = mr_doctor_run(NULL, &f->machine, err);
    if (status == MR_OK)
        status = open_parts(b, err);
    if (status == MR_OK)
        status = stream_pass(b, true, err); /* also what brings the files into memory */
    if (status == MR_OK)
        status = stream_pass(b, false, err);
    if (status == MR_OK)
        status = store_passes(b, err);
    if (status == MR_OK)
        f->first_batch_ms = cli_first_batch_ms(b->args, &f->corpus, FIRST_BATCH_RUNS);
    return status;
}

static void print_text(const struct figures *f)
{
    char bytes[32], peak[32];

    cli_text_bytes(bytes, sizeof bytes, f->corpus.bytes);
    cli_text_bytes(peak, sizeof peak, f->peak_memory_bytes);
    printf("%zu pictures, %s; %u workers, %u cores, kernels %s; batch %u; %s; %s\n\n",
           f->corpus.count, bytes, f->workers, f->machine.cores, f->machine.cpu_level, f->batch,
           f->plan, f->embedder);
    printf("first batch   %8.1f ms      from process start, 32 smallest pictures, median of %d\n",
           f->first_batch_ms, FIRST_BATCH_RUNS);
    printf("stream        %8.1f /s      %.1f MB/s; %llu ok, %llu bad\n", f->stream_per_s,
           f->stream_mb_s, (unsigned long long)f->ok, (unsigned long long)f->bad);
    printf("  fetch       %8.3f ms      a picture\n", f->fetch_ms);
    printf("  decode      %8.3f ms      a picture, in one worker\n", f->decode_ms);
    printf("  transform   %8.3f ms      a picture, in one worker\n", f->transform_ms);
    printf("embed         %8.3f ms      a picture\n", f->embed_ms);
    printf("ingest        %8.1f /s      into a new store; bottleneck %s; peak memory %s\n",
           f->ingest_per_s, f->bottleneck, peak);
    printf("search        %8.3f ms      10 nearest of %llu rows, median\n", f->search_ms,
           (unsigned long long)f->rows);
}

static double rounded(double value)
{
    return round(value * 1000) / 1000;
}

static void print_json(const struct figures *f)
{
    json_t *stream =
        json_pack("{s:f,s:f,s:I,s:I,s:f,s:f,s:f}", "items_per_s", rounded(f->stream_per_s),
                  "mb_per_s", rounded(f->stream_mb_s), "ok", (json_int_t)f->ok, "bad",
                  (json_int_t)f->bad, "fetch_ms", rounded(f->fetch_ms), "decode_ms",
                  rounded(f->decode_ms), "transform_ms", rounded(f->transform_ms));
    json_t *ingest =
        json_pack("{s:f,s:s,s:I}", "items_per_s", rounded(f->ingest_per_s), "bottleneck",
                  f->bottleneck, "peak_memory_bytes", (json_int_t)f->peak_memory_bytes);

    (void)cli_out_json(json_pack("{s:I,s:I,s:i,s:i,s:s,s:i,s:s,s:s,s:f,s:o,s:f,s:o,s:f,s:I}",
                                 "files", (json_int_t)f->corpus.count, "bytes",
                                 (json_int_t)f->corpus.bytes, "workers", (int)f->workers, "cores",
                                 (int)f->machine.cores, "cpu", f->machine.cpu_level, "batch",
                                 (int)f->batch, "plan", f->plan, "embedder", f->embedder,
                                 "first_batch_ms", rounded(f->first_batch_ms), "stream", stream,
                                 "embed_ms", rounded(f->embed_ms), "ingest", ingest, "search_ms",
                                 rounded(f->search_ms), "rows", (json_int_t)f->rows),
                       12);
}

int cli_bench(const struct cli_args *given)
{
    const char *corpus[] = {DEFAULT_CORPUS};
    struct cli_args args = *given;
    struct bench b = {.args = &args};
    mr_error err = {0};
    mr_status status;
    int rc = CLI_OK;

    if (args.n_names == 0) {
        if (access(DEFAULT_CORPUS, R_OK) != 0)
            return cli_usage(args.verb, "no SOURCE, and no folder %s", DEFAULT_CORPUS);
        args.names = corpus;
        args.n_names = 1;
    }
    status = measure(&b, &err);
    if (status != MR_OK)
        rc = cli_fail_error(args.verb, status, &err);
    else if (b.figures.first_batch_ms < 0)
        rc = cli_fail(args.verb, CLI_INTERNAL, "a run for the first batch failed");
    else if (cli_given(&args, OPT_JSON))
        print_json(&b.figures);
    else
        print_text(&b.figures);
    mr_embedder_close(&b.embedder);
    mr_plan_close(&b.plan);
    cli_corpus_fini(&b.figures.corpus);
    return rc == CLI_OK ? cli_out_finish(args.verb, CLI_OK) : rc;
}
