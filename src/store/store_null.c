/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "null:": takes everything and keeps nothing, to measure what comes before the store.
 * "null:?delay=20ms": each commit takes so long, to measure what overlaps with it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/backends.h"

typedef struct null_store {
    mr_store base;
    uint64_t delay_ms;
} null_store;

static bool null_takes(const char *spec)
{
    return strncmp(spec, "null:", 5) == 0;
}

static mr_status null_open(const char *spec, const mr_store_options *options, mr_store **out,
                           mr_error *err)
{
    null_store *store;
    uint64_t delay_ms = 0;

    (void)options;
    if (spec[5] != '\0' && (spec[5] != '?' || !mr__text_delay_ms(spec + 6, &delay_ms)))
        return mr__error_set(err, MR_E_INVALID,
                             "null: takes nothing after the colon but ?delay=TIME, not %s",
                             spec + 5);
    store = calloc(1, sizeof *store);
    if (!store)
        return mr__error_no_memory(err, "store");
    store->delay_ms = delay_ms;
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
    (void)commit;
    (void)err;
    if (((null_store *)store)->delay_ms > 0)
        mr__clock_sleep_ms(((null_store *)store)->delay_ms);
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
