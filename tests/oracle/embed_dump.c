/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a plan on stdin, vectors on stdout: `embed-dump EMBEDDER PLAN BATCH`. For tests that look
 * at an embedder without files, workers or a store. With --time as a fourth argument it prints the
 * microseconds of the fastest of 20 passes per row instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "millrace/embed.h"
#include "millrace/plan.h"

static void die(const char *what)
{
    (void)fprintf(stderr, "embed-dump: %s\n", what);
    exit(2);
}

/* All of stdin; the caller frees it. */
static unsigned char *read_all(size_t *n)
{
    size_t cap = (size_t)1 << 20, got;
    unsigned char *data = malloc(cap);

    *n = 0;
    while (data && (got = fread(data + *n, 1, cap - *n, stdin)) > 0) {
        *n += got;
        if (*n == cap)
            data = realloc(data, cap *= 2);
    }
    if (!data)
        die("out of memory");
    return data;
}

static void run(mr_embedder *embedder, const unsigned char *rows, size_t n, size_t row_bytes,
                size_t batch, float *vectors)
{
    mr_embedder_info info;
    mr_error err;

    mr_embedder_info_get(embedder, &info);
    for (size_t at = 0; at < n; at += batch) {
        size_t count = n - at < batch ? n - at : batch;
        if (mr_embedder_run(embedder, rows + at * row_bytes, count, vectors + at * info.dim,
                            &err) != MR_OK)
            die(err.message);
    }
}

int main(int argc, char **argv)
{
    mr_embedder *embedder = NULL;
    mr_embedder_info info;
    mr_plan *plan = NULL;
    size_t bytes, row_bytes, n;
    uint64_t best = UINT64_MAX;
    unsigned char *rows;
    float *vectors;
    mr_error err;

    if (argc < 4)
        die("usage: embed-dump EMBEDDER PLAN BATCH [--time]");
    if (mr_plan_open(argv[2], &plan, &err) != MR_OK ||
        mr_embedder_open(argv[1], plan, NULL, &embedder, &err) != MR_OK)
        die(err.message);
    mr_embedder_info_get(embedder, &info);
    row_bytes = mr_plan_row_shape(plan).bytes;
    rows = read_all(&bytes);
    n = bytes / row_bytes;
    vectors = calloc(n ? n : 1, info.dim * sizeof *vectors);
    if (bytes % row_bytes != 0 || !vectors)
        die("stdin is not whole rows, or out of memory");
    for (int pass = 0; pass < (argc > 4 ? 20 : 1); pass++) {
        uint64_t start = mr__clock_ns();
        run(embedder, rows, n, row_bytes, strtoul(argv[3], NULL, 10), vectors);
        uint64_t took = mr__clock_ns() - start;
        best = took < best ? took : best;
    }
    if (argc > 4)
        (void)printf("%.1f us per row\n", (double)best / 1e3 / (double)n);
    else if (fwrite(vectors, info.dim * sizeof *vectors, n, stdout) != n)
        die("stdout");
    free(vectors);
    free(rows);
    mr_embedder_close(&embedder);
    mr_plan_close(&plan);
    return 0;
}
