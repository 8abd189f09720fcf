/* SPDX-License-Identifier: Apache-2.0 */
/* The k best of a scan. */
#include "store/topk.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

#define CHUNK 256

/* Is `a` a nearer neighbour than `b`? A total order: numbers differ. */
static bool nearer(const mr__topk_entry *a, const mr__topk_entry *b)
{
    return a->score > b->score || (a->score == b->score && a->row < b->row);
}

static void sift_down(mr__topk_entry *heap, size_t n, size_t at)
{
    mr__topk_entry entry = heap[at];
    size_t child;

    while ((child = 2 * at + 1) < n) {
        if (child + 1 < n && nearer(&heap[child], &heap[child + 1]))
            child++;
        if (!nearer(&entry, &heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
}

static void sift_up(mr__topk_entry *heap, size_t at)
{
    mr__topk_entry entry = heap[at];

    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (!nearer(&heap[parent], &entry))
            break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = entry;
}

static void offer(mr__topk *topk, float score, int64_t row)
{
    mr__topk_entry entry = {score, row};

    if (isnan(score))
        return;
    if (topk->n < topk->k) {
        topk->heap[topk->n] = entry;
        sift_up(topk->heap, topk->n++);
    } else if (nearer(&entry, &topk->heap[0])) {
        topk->heap[0] = entry;
        sift_down(topk->heap, topk->n, 0);
    }
}

mr_status mr__topk_init(mr__topk *topk, const mr__topk_spec *spec, mr_error *err)
{
    float norm;

    *topk = (mr__topk){.kernels = mr__score_kernels_get(spec->level),
                       .query = spec->query,
                       .k = spec->k,
                       .metric = spec->metric,
                       .dim = spec->dim};
    topk->heap = calloc(spec->k ? spec->k : 1, sizeof *topk->heap);
    if (!topk->heap)
        return mr__error_no_memory(err, "nearest rows");
    topk->kernels->ip(spec->query, spec->query, 1, spec->dim, &norm);
    topk->query_norm = sqrt((double)norm);
    return MR_OK;
}

void mr__topk_fini(mr__topk *topk)
{
    free(topk->heap);
    topk->heap = NULL;
    topk->n = 0;
}

/* Scores of at most CHUNK rows. */
static void score(const mr__topk *topk, const float *rows, size_t n, float *out)
{
    float norms[CHUNK];
    size_t i;

    switch (topk->metric) {
    case MR_METRIC_IP:
        topk->kernels->ip(topk->query, rows, n, topk->dim, out);
        break;
    case MR_METRIC_L2:
        topk->kernels->l2(topk->query, rows, n, topk->dim, out);
        for (i = 0; i < n; i++)
            out[i] = 0.0f - out[i]; /* no -0 for what is equal */
        break;
    case MR_METRIC_COSINE:
        topk->kernels->ip_norm(topk->query, rows, n, topk->dim, out, norms);
        for (i = 0; i < n; i++) {
            double length = topk->query_norm * sqrt((double)norms[i]);
            out[i] = length == 0.0 ? 0.0f : (float)((double)out[i] / length);
        }
        break;
    }
}

void mr__topk_scan(mr__topk *topk, const float *rows, const int64_t *numbers, size_t n)
{
    float scores[CHUNK];
    size_t at, i;

    if (topk->k == 0)
        return;
    for (at = 0; at < n; at += CHUNK) {
        size_t part = n - at < CHUNK ? n - at : CHUNK;
        score(topk, rows + at * topk->dim, part, scores);
        for (i = 0; i < part; i++)
            offer(topk, scores[i], numbers[at + i]);
    }
}

void mr__topk_sort(mr__topk *topk)
{
    size_t n;

    for (n = topk->n; n > 1; n--) {
        mr__topk_entry worst = topk->heap[0];
        topk->heap[0] = topk->heap[n - 1];
        sift_down(topk->heap, n - 1, 0);
        topk->heap[n - 1] = worst;
    }
}
