/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of a store that has none inside. See ledger.h. */
#include "store/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/backends.h"
#include "store/beside.h"

#define MAX_IDENTITY 256
#define ID_SIZE      (512 + 1)

/* Puts "ledger: " before the message of a failure. */
static mr_status told(mr_status status, mr_error *err)
{
    if (status < 0 && err)
        (void)mr__error_wrap(err, "ledger");
    return status;
}

static mr_status open_file(mr_store *store, bool read_only, mr_store **out, mr_error *err)
{
    mr_store_options options;
    mr_status status;

    mr_store_options_init(&options);
    options.read_only = read_only;
    options.logger = store->logger;
    status = mr__store_local.open(store->ledger_file, &options, out, err);
    if (status != MR_OK)
        return told(status, err);
    (*out)->ops = &mr__store_local;
    (*out)->logger = store->logger;
    return MR_OK;
}

mr_status mr__ledger_open(mr_store *store, mr_error *err)
{
    mr_status status;

    if (store->ledger)
        return MR_OK;
    status = mr__ledger_file(store, err);
    if (status == MR_OK && !store->ledger_given)
        status = mr__ledger_folder(store->ledger_file, err);
    return status == MR_OK ? open_file(store, false, &store->ledger, err) : told(status, err);
}

mr_status mr__ledger_look(mr_store *store, mr_store **out, mr_error *err)
{
    mr_status status = mr__ledger_file(store, err);

    *out = NULL;
    if (status != MR_OK)
        return told(status, err);
    if (!mr__ledger_exists(store->ledger_file))
        return mr__error_set(err, MR_E_NOT_FOUND,
                             "there is no ledger at %s; ingest something first, or name the file "
                             "with --ledger",
                             store->ledger_file);
    return open_file(store, true, out, err);
}

/* "NAME IDENTITY": whose ledger of `collection` it is. */
static mr_status owner_of(mr_store *store, const char *collection, mr__buf *out, mr_error *err)
{
    char identity[MAX_IDENTITY] = "";
    mr_status status = MR_OK;

    if (store->ops->identity)
        status = store->ops->identity(store, collection, identity, sizeof identity, err);
    if (status != MR_OK)
        return status;
    if (!mr__ledger_name(store->spec, out) || !mr__buf_addf(out, " %s", identity))
        return mr__error_no_memory(err, "ledger");
    return MR_OK;
}

/* Does the ledger go on (MR_OK), or does it begin anew (MR_AGAIN)? */
static mr_status compare(const mr_store *store, const char *has, const char *wants, mr_error *err)
{
    const char *has_identity = strchr(has, ' '), *wants_identity = strchr(wants, ' ');
    bool same_name, same_identity, known;

    if (!has_identity || strcmp(has, wants) == 0)
        return MR_OK;
    same_name = has_identity - has == wants_identity - wants &&
                strncmp(has, wants, (size_t)(has_identity - has)) == 0;
    same_identity = strcmp(has_identity, wants_identity) == 0;
    known = has_identity[1] && wants_identity[1];
    if (same_name && known)
        return MR_AGAIN;
    if (same_name || (same_identity && known))
        return MR_OK;
    return mr__error_set(
        err, MR_E_MISMATCH, "%s is the ledger of %.*s, this run writes to %.*s; give another file",
        store->ledger_file, (int)(has_identity - has), has, (int)(wants_identity - wants), wants);
}

/* Forgets what is known of a collection that is no more. */
static mr_status check_owner(mr_store *store, const char *collection, const char *owner,
                             mr_error *err)
{
    mr_collection has = {0};
    mr_error none = {0};
    mr_status status = mr__local_collection(store->ledger, collection, &has, &none);

    if (status == MR_E_NOT_FOUND)
        return MR_OK;
    if (status != MR_OK) {
        if (err)
            *err = none;
        return status;
    }
    status = compare(store, has.description, owner, err);
    mr_collection_fini(&has);
    if (status != MR_AGAIN)
        return status;
    mr__log(&store->logger, MR_LOG_WARN, "store",
            "collection %s is not the one that %s knows: its ledger begins anew", collection,
            store->ledger_file);
    return mr__local_drop(store->ledger, collection, err);
}

mr_status mr__ledger_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err)
{
    mr__collection_spec beside = *spec;
    mr_status status;
    mr__buf owner;

    mr__buf_init(&owner, 4096);
    status = owner_of(store, spec->name, &owner, err);
    if (status == MR_OK)
        status = check_owner(store, spec->name, owner.data, err);
    /* metric and index are the store's own, which has compared them */
    beside.metric = MR_METRIC_ANY;
    beside.index = NULL;
    beside.only_ledger = true;
    if (status == MR_OK)
        status = mr__local_begin(store->ledger, &beside, err);
    if (status == MR_OK)
        status = mr__beside_describe(store->ledger, spec->name, owner.data, err);
    (void)mr__text_copy(store->ledger_collection, sizeof store->ledger_collection, spec->name);
    mr__buf_fini(&owner);
    return told(status, err);
}

/* The rows under the old ids of items whose id has changed leave the store. */
static mr_status remove_moved(mr_store *store, const mr__commit *commit, mr_error *err)
{
    mr_status status = MR_OK;
    uint64_t deleted;
    size_t i;

    for (i = 0; store->ops->remove && status == MR_OK && i < commit->n_entries; i++) {
        const mr_ledger_entry *entry = &commit->entries[i];
        char old[ID_SIZE];
        const char *ids[] = {old};

        if (strcmp(entry->state, "stored") != 0)
            continue;
        status = mr__beside_moved(store->ledger, entry, old, sizeof old, err);
        if (status == MR_OK && *old)
            status = store->ops->remove(store, store->ledger_collection, ids, 1, &deleted, err);
    }
    return status;
}

mr_status mr__ledger_record(mr_store *store, const mr__commit *commit, mr_error *err)
{
    mr_status status = remove_moved(store, commit, err);

    if (status != MR_OK)
        return status;
    return told(mr__local_commit(store->ledger, commit, err), err);
}

mr_status mr__ledger_finish(mr_store *store, mr_error *err)
{
    return told(mr__local_finish(store->ledger, err), err);
}

/* Opens for writing what is there; `*there` says whether anything is. */
static mr_status open_to_forget(mr_store *store, bool *there, mr_error *err)
{
    mr_status status;

    *there = false;
    if (!store->ledger_beside)
        return MR_OK;
    status = mr__ledger_file(store, err);
    if (status != MR_OK || !mr__ledger_exists(store->ledger_file))
        return told(status, err);
    *there = true;
    return mr__ledger_open(store, err);
}

/* What was never there is forgotten already. */
static mr_status forgotten(mr_status status, const mr_error *why, mr_error *err)
{
    if (status == MR_OK || status == MR_E_NOT_FOUND)
        return MR_OK;
    if (err)
        *err = *why;
    return told(status, err);
}

mr_status mr__ledger_forget(mr_store *store, const char *collection, mr_error *err)
{
    mr_error why = {0};
    bool there;
    mr_status status = open_to_forget(store, &there, err);

    if (status != MR_OK || !there)
        return status;
    return forgotten(mr__local_drop(store->ledger, collection, &why), &why, err);
}

mr_status mr__ledger_forget_ids(mr_store *store, const char *collection, const char *const *ids,
                                size_t n_ids, mr_error *err)
{
    mr_error why = {0};
    uint64_t rows;
    bool there;
    mr_status status = open_to_forget(store, &there, err);

    if (status != MR_OK || !there)
        return status;
    status = mr__local_remove(store->ledger, collection, ids, n_ids, &rows, &why);
    return forgotten(status, &why, err);
}

typedef struct forgetting {
    mr_store *store;
    const char *collection;
} forgetting;

static mr_status forget_one(void *cookie, const char *id, mr_error *err)
{
    const forgetting *f = cookie;

    return mr__ledger_forget_ids(f->store, f->collection, &id, 1, err);
}

mr_status mr__ledger_forget_where(mr_store *store, const char *collection, const char *filter,
                                  mr_error *err)
{
    forgetting f = {.store = store, .collection = collection};
    bool there;
    mr_status status = open_to_forget(store, &there, err);

    if (status != MR_OK || !there)
        return status;
    if (store->ops->select)
        return store->ops->select(store, collection, filter, forget_one, &f, err);
    return mr__ledger_forget(store, collection, err);
}
