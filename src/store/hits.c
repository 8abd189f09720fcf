/* SPDX-License-Identifier: Apache-2.0 */
/* The result of a search: hits, nearest first, with strings of their own. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "store/store.h"

struct mr_hits {
    mr_hit *hits;
    char **texts; /* [n] what the strings of each hit point into */
    size_t n, cap;
    double ms;
    mr_metric metric;
};

mr_status mr__hits_new(uint32_t k, mr_metric metric, mr_hits **out, mr_error *err)
{
    mr_hits *hits = calloc(1, sizeof *hits);

    *out = NULL;
    if (!hits)
        return mr__error_no_memory(err, "search results");
    hits->hits = calloc(k ? k : 1, sizeof *hits->hits);
    hits->texts = calloc(k ? k : 1, sizeof *hits->texts);
    if (!hits->hits || !hits->texts) {
        mr_hits_free(&hits);
        return mr__error_no_memory(err, "search results");
    }
    hits->cap = k;
    hits->metric = metric;
    *out = hits;
    return MR_OK;
}

enum { ID, URI, METADATA, FIELDS, N_TEXTS };

/* One block holds the texts of a hit, one after the other; `at` says where each begins. */
static char *copy_texts(const mr_hit *hit, size_t at[N_TEXTS])
{
    const char *texts[N_TEXTS] = {hit->id, hit->uri, hit->metadata,
                                  hit->fields ? hit->fields : "{}"};
    size_t sizes[N_TEXTS], total = 0;
    char *block;
    int i;

    for (i = 0; i < N_TEXTS; i++) {
        sizes[i] = strlen(texts[i]) + 1;
        at[i] = total;
        if (!mr__size_add(&total, total, sizes[i]))
            return NULL;
    }
    block = malloc(total);
    for (i = 0; block && i < N_TEXTS; i++)
        memcpy(block + at[i], texts[i], sizes[i]);
    return block;
}

mr_status mr__hits_add(mr_hits *hits, const mr_hit *hit, mr_error *err)
{
    size_t at[N_TEXTS];
    char *block;

    if (hits->n == hits->cap)
        return mr__error_set(err, MR_E_INTERNAL, "search results: more than the %zu asked for",
                             hits->cap);
    block = copy_texts(hit, at);
    if (!block)
        return mr__error_no_memory(err, "search results");
    hits->texts[hits->n] = block;
    hits->hits[hits->n++] = (mr_hit){.id = block + at[ID],
                                     .uri = block + at[URI],
                                     .metadata = block + at[METADATA],
                                     .fields = block + at[FIELDS],
                                     .score = hit->score,
                                     .distance = hit->distance};
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
        free((*hits)->texts[i]);
    free((*hits)->texts);
    free((*hits)->hits);
    free(*hits);
    *hits = NULL;
}
