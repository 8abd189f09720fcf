/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the last few pictures: the next one often has the same size. */
#include <stdlib.h>

#include "transform/coeffs.h"

#define CACHE_TABLES 32u

typedef struct entry {
    mr__coeffs *table; /* NULL: free */
    size_t bytes;
    uint64_t used;
} entry;

struct mr__coeffs_cache {
    size_t max_bytes, bytes;
    uint64_t clock;
    entry entries[CACHE_TABLES];
};

mr__coeffs_cache *mr__coeffs_cache_open(size_t max_bytes)
{
    mr__coeffs_cache *cache = calloc(1, sizeof *cache);

    if (cache != NULL)
        cache->max_bytes = max_bytes;
    return cache;
}

static void entry_drop(mr__coeffs_cache *cache, entry *e)
{
    cache->bytes -= e->bytes;
    free(e->table);
    *e = (entry){0};
}

void mr__coeffs_cache_close(mr__coeffs_cache **cache)
{
    if (*cache == NULL)
        return;
    for (size_t i = 0; i < CACHE_TABLES; i++)
        entry_drop(*cache, &(*cache)->entries[i]);
    free(*cache);
    *cache = NULL;
}

/* The least recently used table that is older than `before`, NULL if there is none. */
static entry *oldest(mr__coeffs_cache *cache, uint64_t before)
{
    entry *best = NULL;

    for (size_t i = 0; i < CACHE_TABLES; i++) {
        entry *e = &cache->entries[i];

        if (e->table != NULL && e->used < before && (best == NULL || e->used < best->used))
            best = e;
    }
    return best;
}

void mr__coeffs_cache_trim(mr__coeffs_cache *cache)
{
    entry *e;

    while (cache->bytes > cache->max_bytes && (e = oldest(cache, UINT64_MAX)) != NULL)
        entry_drop(cache, e);
}

static bool same_key(const mr__coeffs_key *a, const mr__coeffs_key *b)
{
    return a->n == b->n && a->m == b->m && a->filter == b->filter && a->from == b->from &&
           a->count == b->count && a->form == b->form &&
           !(a->begin < b->begin || a->begin > b->begin) && !(a->end < b->end || a->end > b->end);
}

static entry *free_entry(mr__coeffs_cache *cache)
{
    for (size_t i = 0; i < CACHE_TABLES; i++)
        if (cache->entries[i].table == NULL)
            return &cache->entries[i];
    return NULL;
}

const mr__coeffs *mr__coeffs_get(mr__coeffs_cache *cache, const mr__coeffs_key *key)
{
    entry *e;

    cache->clock++;
    for (size_t i = 0; i < CACHE_TABLES; i++) {
        e = &cache->entries[i];
        if (e->table != NULL && same_key(&e->table->key, key)) {
            e->used = cache->clock;
            return e->table;
        }
    }
    /* the table of the get before this one must stay */
    e = free_entry(cache);
    if (e == NULL) {
        e = oldest(cache, cache->clock - 1);
        entry_drop(cache, e);
    }
    e->table = mr__coeffs_make(key, &e->bytes);
    if (e->table == NULL)
        return NULL;
    e->used = cache->clock;
    cache->bytes += e->bytes;
    for (entry *old; cache->bytes > cache->max_bytes;) {
        old = oldest(cache, cache->clock - 1);
        if (old == NULL)
            break;
        entry_drop(cache, old);
    }
    return e->table;
}
