/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of fetchers: finds the one that a locator is for. */
#include "fetch/fetch.h"

#include <string.h>

#include "fetch/registry.h"

static const mr__fetch_ops *const registry[] = {
    &mr__fetch_file,
    &mr__fetch_http,
};

/* NULL and an error if there is none. */
static const mr__fetch_ops *find(const char *locator, mr_error *err)
{
    size_t i;

    for (i = 0; i < sizeof registry / sizeof registry[0]; i++)
        if (registry[i]->takes(locator))
            return registry[i];
    (void)mr__error_item(err, MR_STAGE_FETCH, MR_CODE_FETCH_REFUSED,
                         "nothing in this build fetches %.*s", (int)strcspn(locator, "/"), locator);
    return NULL;
}

bool mr__version_equal(const mr__version *a, const mr__version *b)
{
    if (a->etag[0] && b->etag[0])
        return strcmp(a->etag, b->etag) == 0;
    /* what is not known is not known to be the same */
    return a->size_known && b->size_known && a->size == b->size && a->mtime_ns != 0 &&
           a->mtime_ns == b->mtime_ns;
}

bool mr__fetch_is_remote(const char *locator)
{
    return mr__fetch_http.takes(locator);
}

mr_status mr__fetch_stat(mr__fetch_context *context, const char *locator, mr__version *out,
                         mr_error *err)
{
    const mr__fetch_ops *ops = find(locator, err);

    return ops ? ops->stat(context, locator, out, err) : MR_E_ITEM;
}

mr_status mr__fetch_open(mr__fetch_context *context, const char *locator, mr__version *version,
                         mr__fetch **out, mr_error *err)
{
    return mr__fetch_open_into(context, locator, NULL, version, out, err);
}

mr_status mr__fetch_open_into(mr__fetch_context *context, const char *locator, mr__fetch_room *room,
                              mr__version *version, mr__fetch **out, mr_error *err)
{
    const mr__fetch_ops *ops = find(locator, err);

    *out = NULL;
    return ops ? ops->open(context, locator, room, version, out, err) : MR_E_ITEM;
}

mr_status mr__fetch_read(mr__fetch *fetch, void *dst, size_t size, size_t *got, mr_error *err)
{
    return fetch->ops->read(fetch, dst, size, got, err);
}

void mr__fetch_close(mr__fetch **fetch)
{
    if (*fetch)
        (*fetch)->ops->close(*fetch);
    *fetch = NULL;
}
