/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact nearest neighbours by scanning: scores of float32 [n, dim] rows against one query, and the
 * k best of them.
 *
 * Every kernel level sums in the same order, so scores are the same to the bit: term j goes to lane
 * j mod 32 by a separate multiplication and addition (no fused one), tail terms included, and the
 * lanes are added pairwise: 16 + 16, 8 + 8, ... The order of the terms of a lane is ascending.
 */
#ifndef MR_STORE_TOPK_H
#define MR_STORE_TOPK_H

#include "base/machine.h"
#include "millrace/store.h"

#define MR__LANES 32

/* Inner products and, where the metric needs it, squared lengths of `n` rows. */
typedef struct mr__score_kernels {
    void (*ip)(const float *query, const float *rows, size_t n, uint32_t dim, float *out);
    void (*l2)(const float *query, const float *rows, size_t n, uint32_t dim, float *out);
    /* out[i] = query . row, norms[i] = row . row */
    void (*ip_norm)(const float *query, const float *rows, size_t n, uint32_t dim, float *out,
                    float *norms);
} mr__score_kernels;

/* The kernels of a level: the best that is compiled in and not above it. */
const mr__score_kernels *mr__score_kernels_get(mr__cpu_level level);

/* Adds up the lanes: shared by all levels. */
static inline float mr__lanes_sum(float lanes[MR__LANES])
{
    int width, j;

    for (width = MR__LANES / 2; width > 0; width /= 2)
        for (j = 0; j < width; j++)
            lanes[j] += lanes[j + width];
    return lanes[0];
}

typedef struct mr__topk_entry {
    float score; /* larger is nearer; for L2 the negative squared distance */
    int64_t row;
} mr__topk_entry;

/* The k best so far, as a heap with the worst on top. */
typedef struct mr__topk {
    const mr__score_kernels *kernels;
    const float *query; /* borrowed */
    mr__topk_entry *heap;
    size_t n, k;
    double query_norm;
    mr_metric metric;
    uint32_t dim;
} mr__topk;

/* What is looked for. */
typedef struct mr__topk_spec {
    const float *query; /* float32 [dim], borrowed */
    size_t k;
    uint32_t dim;
    mr_metric metric;
    mr__cpu_level level;
} mr__topk_spec;

mr_status mr__topk_init(mr__topk *topk, const mr__topk_spec *spec, mr_error *err);
void mr__topk_fini(mr__topk *topk);

/*
 * Takes `n` rows, float32 [n, dim], with their numbers. Of equal scores the lower number wins. A
 * row whose score is not a number is never a result; COSINE with a vector of length 0 scores 0.
 */
void mr__topk_scan(mr__topk *topk, const float *rows, const int64_t *numbers, size_t n);

/* Sorts the entries, nearest first: heap[0..n). Scanning is over after it. */
void mr__topk_sort(mr__topk *topk);

#endif
