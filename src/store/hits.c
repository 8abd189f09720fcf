/* SPDX-License-Identifier: Apache-2.0 */
/* The result of a search: hits, nearest first, with strings of their own. */
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

struct mr_hits {
    mr_hit *hits;
    size_t n, cap;
    double ms;
    mr_metric metric;
};

mr_status mr__hits_new(uint32_t k, mr_metric metric, mr_hits **out, mr_error *err)
{
    mr_hits *hits = calloc(1, sizeof *hits);

    *out = NULL;
    if (hits)
        hits->hits = calloc(k ? k : 1, sizeof *hits->hits);
    if (!hits || !hits->hits) {
        free(hits);
        return mr__error_no_memory(err, "search results");
    }
    hits->cap = k;
    hits->metric = metric;
    *out = hits;
    return MR_OK;
}

static void hit_fini(mr_hit *hit)
{
    /* the copies were made by mr__hits_add: const is for the callers */
    free((char *)(uintptr_t)hit->id);
    free((char *)(uintptr_t)hit->uri);
    free((char *)(uintptr_t)hit->metadata);
}

mr_status mr__hits_add(mr_hits *hits, const mr_hit *hit, mr_error *err)
{
    mr_hit copy = *hit;

    if (hits->n == hits->cap)
        return mr__error_set(err, MR_E_INTERNAL, "search results: more than the %zu asked for",
                             hits->cap);
    copy.id = strdup(hit->id);
    copy.uri = strdup(hit->uri);
    copy.metadata = strdup(hit->metadata);
    if (!copy.id || !copy.uri || !copy.metadata) {
        hit_fini(&copy);
        return mr__error_no_memory(err, "search results");
    }
    hits->hits[hits->n++] = copy;
    return MR_OK;
}

void mr__hits_set_ms(mr_hits *hits, double ms)
{
    hits->ms = ms;
}

size_t mr_hits_count(const mr_hits *hits)
{
    return hits ? hits->n : 0;
}

const mr_hit *mr_hits_at(const mr_hits *hits, size_t index)
{
    return hits && index < hits->n ? &hits->hits[index] : NULL;
}

double mr_hits_ms(const mr_hits *hits)
{
    return hits->ms;
}

mr_metric mr_hits_metric(const mr_hits *hits)
{
    return hits->metric;
}

void mr_hits_free(mr_hits **hits)
{
    size_t i;

    if (!hits || !*hits)
        return;
    for (i = 0; i < (*hits)->n; i++)
        hit_fini(&(*hits)->hits[i]);
    free((*hits)->hits);
    free(*hits);
    *hits = NULL;
}
