/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a source to its end and keeps what it said. */
#ifndef TEST_COLLECT_H
#define TEST_COLLECT_H

#include <stdlib.h>
#include <string.h>

#include "millrace/source.h"

typedef struct collected {
    char *id, *key, *uri, *locator;
    mr_code code;
    char message[160];
} collected;

typedef struct collection {
    collected *items;
    size_t n, cap;
    uint64_t ignored;
    mr_status end;
} collection;

static inline char *collect_dup(const char *text)
{
    return text ? strdup(text) : NULL;
}

static inline void collect_rest(mr_source *source, collection *out)
{
    mr_error err;
    mr_item item;

    while ((out->end = mr_source_next(source, &item, &err)) == MR_OK) {
        if (out->n == out->cap) {
            out->cap = out->cap ? 2 * out->cap : 64;
            out->items = reallocarray(out->items, out->cap, sizeof *out->items);
            if (!out->items)
                abort();
        }
        out->items[out->n] = (collected){collect_dup(item.id),
                                         collect_dup(item.key),
                                         collect_dup(item.uri),
                                         collect_dup(item.locator),
                                         item.code,
                                         ""};
        memcpy(out->items[out->n].message, item.message, sizeof item.message);
        out->n++;
    }
    out->ignored = mr_source_ignored(source);
}

static inline collection collect_specs(const char *const *specs, size_t n,
                                       const mr_source_options *options)
{
    collection out = {0};
    mr_source *source;
    mr_error err;

    if (mr_source_open(specs, n, options, &source, &err) != MR_OK)
        abort();
    collect_rest(source, &out);
    mr_source_close(&source);
    return out;
}

static inline collection collect_one(const char *spec, const mr_source_options *options)
{
    return collect_specs(&spec, 1, options);
}

static inline void collect_free(collection *c)
{
    size_t i;

    for (i = 0; i < c->n; i++) {
        free(c->items[i].id);
        free(c->items[i].key);
        free(c->items[i].uri);
        free(c->items[i].locator);
    }
    free(c->items);
    *c = (collection){0};
}

/* Item `index`, which must be there. */
static inline const collected *collect_at(const collection *c, size_t index)
{
    if (index >= c->n)
        abort();
    return &c->items[index];
}

/* Are the ids those of `want`, separated by blanks? For names without blanks. */
static inline int collect_is(const collection *c, const char *want)
{
    size_t i;

    for (i = 0; i < c->n; i++) {
        size_t n = strlen(c->items[i].id);

        if (strncmp(want, c->items[i].id, n) != 0 || (want[n] != ' ' && want[n] != '\0'))
            return 0;
        want += n + (want[n] == ' ');
    }
    return *want == '\0';
}

#endif
