/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of a store: checked arguments, then the store's own operation. */
#include <string.h>

#include "base/text.h"
#include "store/ledger.h"
#include "store/store.h"

#define MAX_DIM      32768u
#define MAX_NAME     255u
#define MAX_ID_BYTES 512u

static const char *or_default(const char *name)
{
    return name ? name : "default";
}

/* Names cross into SQL, file names and other servers' grammars: letters, digits and a few signs. */
static mr_status check_name(const char *name, mr_error *err)
{
    size_t n = strlen(name);
    char shown[64];

    if (n >= 1 && n <= MAX_NAME && mr__text_is_utf8(name, n))
        return MR_OK;
    mr__text_escape(shown, sizeof shown, name, n);
    return mr__error_set(err, MR_E_INVALID, "collection '%s': a name has 1 to %u bytes of UTF-8",
                         shown, MAX_NAME);
}

mr_status mr_store_create(mr_store *store, const mr_collection_options *options, mr_error *err)
{
    mr_collection_options checked = *options;
    mr_status status;

    if (!store->ops->create)
        return mr__store_lacking(store, "collections that can be created", err);
    checked.name = or_default(options->name);
    status = check_name(checked.name, err);
    if (status == MR_OK && (options->dim < 1 || options->dim > MAX_DIM))
        status = mr__error_set(err, MR_E_INVALID, "collection %s: dimension %u is not within 1..%u",
                               checked.name, options->dim, MAX_DIM);
    if (status == MR_OK)
        status = store->ops->create(store, &checked, err);
    return mr__store_told(store->ops, status, err);
}

mr_status mr_store_drop(mr_store *store, const char *name, mr_error *err)
{
    mr_status status;

    if (!store->ops->drop)
        return mr__store_lacking(store, "collections that can be dropped", err);
    status = mr__ledger_forget(store, or_default(name), err);
    if (status == MR_OK)
        status = store->ops->drop(store, or_default(name), err);
    return mr__store_told(store->ops, status, err);
}

mr_status mr_store_load(mr_store *store, const char *collection, mr_error *err)
{
    if (!store->ops->load)
        return mr__store_lacking(store, "collections that can be loaded", err);
    return mr__store_told(store->ops, store->ops->load(store, or_default(collection), err), err);
}

mr_status mr_store_release(mr_store *store, const char *collection, mr_error *err)
{
    if (!store->ops->release)
        return mr__store_lacking(store, "collections that can be released", err);
    return mr__store_told(store->ops, store->ops->release(store, or_default(collection), err), err);
}

mr_status mr_store_flush(mr_store *store, const char *collection, mr_error *err)
{
    if (!store->ops->flush)
        return mr__store_lacking(store, "collections that can be flushed", err);
    return mr__store_told(store->ops, store->ops->flush(store, or_default(collection), err), err);
}

mr_status mr_store_delete(mr_store *store, const char *collection, const char *const *ids,
                          size_t n_ids, uint64_t *deleted, mr_error *err)
{
    mr_status status;
    size_t i;

    *deleted = 0;
    if (!store->ops->remove)
        return mr__store_lacking(store, "rows that can be deleted", err);
    for (i = 0; i < n_ids; i++) {
        size_t n = strlen(ids[i]);

        if (n < 1 || n > MAX_ID_BYTES || !mr__text_is_utf8(ids[i], n))
            return mr__error_set(err, MR_E_INVALID, "delete: id %zu is not 1 to %u bytes of UTF-8",
                                 i, MAX_ID_BYTES);
    }
    if (n_ids == 0)
        return MR_OK;
    status = mr__ledger_forget_ids(store, or_default(collection), ids, n_ids, err);
    if (status == MR_OK)
        status = store->ops->remove(store, or_default(collection), ids, n_ids, deleted, err);
    return mr__store_told(store->ops, status, err);
}

mr_status mr_store_delete_where(mr_store *store, const char *collection, const char *filter,
                                uint64_t *deleted, mr_error *err)
{
    mr_status status;

    *deleted = 0;
    if (!store->ops->remove_where)
        return mr__store_lacking(store, "rows that can be deleted by a filter", err);
    if (!filter || !*filter)
        return mr__error_set(err, MR_E_INVALID, "delete: the filter is empty");
    status = mr__ledger_forget_where(store, or_default(collection), filter, err);
    if (status == MR_OK)
        status = store->ops->remove_where(store, or_default(collection), filter, deleted, err);
    return mr__store_told(store->ops, status, err);
}

mr_status mr_store_health(mr_store *store, char *state, size_t size, mr_error *err)
{
    if (!store->ops->health)
        return mr__store_lacking(store, "way to be asked for its health", err);
    return mr__store_told(store->ops, store->ops->health(store, state, size, err), err);
}
