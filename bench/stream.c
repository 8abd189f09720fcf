/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream alone, from C: what bench/python.py compares the Python package with.
 *
 *     stream-loop WORKERS PLAN FOLDER
 *
 * Prints {"items":N,"seconds":S,"items_per_s":R,"cpu_s":C}, from before the stream is opened to its
 * end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "millrace/millrace.h"

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* CPU seconds of this process and of those that it has waited for. */
static double cpu(void)
{
    const int who[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double sum = 0;
    int k;

    for (k = 0; k < 2; k++) {
        struct rusage used = {0};
        (void)getrusage(who[k], &used);
        sum += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    }
    return sum;
}

/* All batches; the last status. */
static mr_status drain(mr_stream *stream, unsigned long long *items, mr_error *err)
{
    mr_batch *batch = NULL;
    mr_status status;

    while ((status = mr_stream_next(stream, -1, &batch, err)) == MR_OK) {
        *items += batch->n_ok;
        mr_batch_release(&batch);
    }
    return status;
}

static mr_status run(const char *const *argv, unsigned long long *items, mr_error *err)
{
    mr_stream_options options;
    mr_source_options source_options;
    mr_source *source = NULL;
    mr_stream *stream = NULL;
    mr_plan *plan = NULL;
    mr_status status;

    mr_stream_options_init(&options);
    mr_source_options_init(&source_options);
    options.pool.workers = (uint32_t)strtoul(argv[1], NULL, 10);
    status = mr_plan_open(argv[2], &plan, err);
    if (status == MR_OK)
        status = mr_source_open(&argv[3], 1, &source_options, &source, err);
    if (status == MR_OK)
        status = mr_stream_open(source, plan, NULL, &options, &stream, err);
    if (status == MR_OK)
        status = drain(stream, items, err);
    mr_stream_close(&stream);
    mr_source_close(&source);
    mr_plan_close(&plan);
    return status;
}

int main(int argc, char **argv)
{
    unsigned long long items = 0;
    mr_error err = {0};
    double from = now(), seconds;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: stream-loop WORKERS PLAN FOLDER\n");
        return 2;
    }
    if (run((const char *const *)argv, &items, &err) != MR_EOF) {
        (void)fprintf(stderr, "stream-loop: %s\n", err.message);
        return 1;
    }
    seconds = now() - from;
    printf("{\"items\":%llu,\"seconds\":%.4f,\"items_per_s\":%.1f,\"cpu_s\":%.4f}\n", items,
           seconds, (double)items / seconds, cpu());
    return 0;
}
