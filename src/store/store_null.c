/* SPDX-License-Identifier: Apache-2.0 */
/* "null:": takes everything and keeps nothing, to measure what comes before the store. */
#include <stdlib.h>
#include <string.h>

#include "store/backends.h"

typedef struct null_store {
    mr_store base;
} null_store;

static bool null_takes(const char *spec)
{
    return strncmp(spec, "null:", 5) == 0;
}

static mr_status null_open(const char *spec, const mr_store_options *options, mr_store **out,
                           mr_error *err)
{
    null_store *store;

    (void)options;
    if (spec[5] != '\0')
        return mr__error_set(err, MR_E_INVALID, "null: takes nothing after the colon, not %s",
                             spec + 5);
    store = calloc(1, sizeof *store);
    if (!store)
        return mr__error_no_memory(err, "store");
    *out = &store->base;
    return MR_OK;
}

static mr_status null_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err)
{
    (void)store;
    (void)spec;
    (void)err;
    return MR_OK;
}

static mr_status null_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    (void)store;
    (void)commit;
    (void)err;
    return MR_OK;
}

static void null_close(mr_store *store)
{
    free(store);
}

const mr__store_ops mr__store_null = {
    .name = "null",
    .takes = null_takes,
    .open = null_open,
    .begin = null_begin,
    .commit = null_commit,
    .close = null_close,
};
