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

/* One block holds the three texts of a hit. */
static char *copy_texts(const mr_hit *hit, size_t *uri, size_t *metadata)
{
    size_t id_size = strlen(hit->id) + 1, uri_size = strlen(hit->uri) + 1,
           metadata_size = strlen(hit->metadata) + 1, size;
    char *block = NULL;

    if (mr__size_add(&size, id_size, uri_size) && mr__size_add(&size, size, metadata_size))
        block = malloc(size);
    if (!block)
        return NULL;
    *uri = id_size;
    *metadata = id_size + uri_size;
    memcpy(block, hit->id, id_size);
    memcpy(block + *uri, hit->uri, uri_size);
    memcpy(block + *metadata, hit->metadata, metadata_size);
    return block;
}

mr_status mr__hits_add(mr_hits *hits, const mr_hit *hit, mr_error *err)
{
    size_t uri, metadata;
    char *block;

    if (hits->n == hits->cap)
        return mr__error_set(err, MR_E_INTERNAL, "search results: more than the %zu asked for",
                             hits->cap);
    block = copy_texts(hit, &uri, &metadata);
    if (!block)
        return mr__error_no_memory(err, "search results");
    hits->texts[hits->n] = block;
    hits->hits[hits->n++] = (mr_hit){.id = block,
                                     .uri = block + uri,
                                     .metadata = block + metadata,
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
