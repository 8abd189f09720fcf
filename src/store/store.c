/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of stores, and the public calls: checked arguments, then the store's own operation.
 */
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/size.h"
#include "base/text.h"
#include "module/module.h"
#include "store/backends.h"
#include "store/ledger.h"

#define MAX_K 16384u

/* Asked in this order; the last takes everything that is not an unknown scheme. */
static const mr__store_ops *const stores[] = {&mr__store_npy, &mr__store_null, &mr__store_local};

/* Schemes that a module has; NULL: none of this version does. */
static const struct {
    const char *name, *module;
} modules[] = {{"milvus", "store-milvus"}, {"jsonl", NULL}};

enum { N_MODULES = sizeof modules / sizeof modules[0] };

void mr_store_options_init(mr_store_options *options)
{
    *options = (mr_store_options){0};
}

void mr_collection_options_init(mr_collection_options *options)
{
    *options = (mr_collection_options){.metric = MR_METRIC_IP, .index = "FLAT", .description = ""};
}

void mr_search_options_init(mr_search_options *options)
{
    *options = (mr_search_options){.k = 10};
}

/* Length of "name" in "name:rest", 0 if `spec` is a plain path. */
static size_t scheme_length(const char *spec)
{
    size_t n = strspn(spec, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+");

    return n >= 2 && spec[n] == ':' ? n : 0;
}

static mr_status load_module(const char *name, const char *file, const mr__store_ops **out,
                             mr_error *err)
{
    const mr__module *module = NULL;
    mr_status status;

    if (!file)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "store %s: not in this build; use a path, milvus://HOST:PORT, "
                             "npy:PATH or null:",
                             name);
    status = mr__module_load(file, "store", &module, err);
    if (status != MR_OK)
        return mr__error_wrap(err, "store %s", name);
    *out = module->ops;
    return MR_OK;
}

/* A scheme that is not built in: a module's, or a mistake, and then the nearest is named. */
static mr_status pick_elsewhere(const char *spec, size_t n, const mr__store_ops **out,
                                mr_error *err)
{
    char name[64];
    const char *nearest = NULL;
    size_t i, best = 3;

    mr__text_escape(name, sizeof name, spec, n);
    for (i = 0; i < N_MODULES; i++)
        if (strcmp(name, modules[i].name) == 0)
            return load_module(name, modules[i].module, out, err);
    for (i = 0; i + 1 < sizeof stores / sizeof stores[0]; i++) {
        size_t d = mr__text_distance(name, stores[i]->name);
        if (d < best) {
            best = d;
            nearest = stores[i]->name;
        }
    }
    for (i = 0; i < N_MODULES; i++) {
        size_t d = mr__text_distance(name, modules[i].name);
        if (modules[i].module && d < best) {
            best = d;
            nearest = modules[i].name;
        }
    }
    if (nearest)
        return mr__error_set(err, MR_E_INVALID,
                             "store %s:: no such kind; did you mean %s: (a path: ./%s:...)", name,
                             nearest, name);
    return mr__error_set(err, MR_E_INVALID,
                         "store %s:: no such kind; use a path, milvus://HOST:PORT, npy:PATH or "
                         "null: (a path: ./%s:...)",
                         name, name);
}

static mr_status pick(const char *spec, const mr__store_ops **out, mr_error *err)
{
    size_t i, n;

    if (!spec || !*spec)
        return mr__error_set(err, MR_E_INVALID, "store: no path given");
    for (i = 0; i + 1 < sizeof stores / sizeof stores[0]; i++)
        if (stores[i]->takes(spec)) {
            *out = stores[i];
            return MR_OK;
        }
    n = scheme_length(spec);
    if (n > 0)
        return pick_elsewhere(spec, n, out, err);
    *out = stores[i];
    return MR_OK;
}

mr_status mr__store_told(const mr__store_ops *ops, mr_status status, mr_error *err)
{
    if (status < 0 && err)
        (void)mr__error_wrap(err, "store %s", ops->name);
    return status;
}

mr_status mr__store_lacking(const mr_store *store, const char *what, mr_error *err)
{
    return mr__error_set(err, MR_E_UNSUPPORTED, "store %s: %s has no %s", store->ops->name,
                         store->spec, what);
}

/* Test builds can take the ledger of a local store out of it, and so see one beside a store. */
static bool keeps_beside(const mr__store_ops *ops)
{
    return ops->ledger_beside ||
           (ops == &mr__store_local && mr__failpoint_hit("store.ledger_beside"));
}

/* What the registry adds to a store that its implementation has opened. */
static mr_status adopt(mr_store *store, const char *spec, const mr_store_options *options,
                       mr_error *err)
{
    store->logger = options->logger;
    store->spec = strdup(spec);
    store->ledger_given = options->ledger != NULL;
    if (options->ledger)
        store->ledger_file = strdup(options->ledger);
    if (!store->spec || (store->ledger_given && !store->ledger_file))
        return mr__error_no_memory(err, "specification");
    return MR_OK;
}

mr_status mr_store_open(const char *spec, const mr_store_options *options, mr_store **out,
                        mr_error *err)
{
    mr_store_options defaults;
    const mr__store_ops *ops = &mr__store_local;
    mr_status status;
    bool beside;

    *out = NULL;
    if (!options) {
        mr_store_options_init(&defaults);
        options = &defaults;
    }
    status = pick(spec, &ops, err);
    if (status != MR_OK)
        return status;
    beside = keeps_beside(ops);
    if (options->ledger && !beside)
        status =
            mr__error_set(err, MR_E_INVALID, "%s %s, so there is none to be put into %s", spec,
                          ops->fact ? "has its ledger inside" : "keeps no ledger", options->ledger);
    if (status == MR_OK)
        status = ops->open(spec, options, out, err);
    if (status == MR_OK) {
        (*out)->ops = ops;
        (*out)->ledger_beside = beside;
        status = adopt(*out, spec, options, err);
        if (status != MR_OK)
            mr_store_close(out);
    }
    if (status != MR_OK)
        *out = NULL;
    return mr__store_told(ops, status, err);
}

void mr_store_close(mr_store **store)
{
    char *spec, *ledger_file;

    if (!store || !*store)
        return;
    spec = (*store)->spec;
    ledger_file = (*store)->ledger_file;
    mr_store_close(&(*store)->ledger);
    (*store)->ops->close(*store);
    free(spec);
    free(ledger_file);
    *store = NULL;
}

mr_status mr__store_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err)
{
    mr__collection_spec inside = *spec;
    bool beside = spec->with_ledger && store->ledger_beside;
    mr_status status = MR_OK;

    if (!store->ops->begin)
        return mr__store_lacking(store, "way to be written", err);
    inside.with_ledger = spec->with_ledger && !beside;
    if (beside) /* first, since it can be held by another run */
        status = mr__ledger_open(store, err);
    if (status == MR_OK)
        status = store->ops->begin(store, &inside, err);
    if (status == MR_OK && beside)
        status = mr__ledger_begin(store, spec, err);
    return mr__store_told(store->ops, status, err);
}

/* Says which batch it was. */
static mr_status told_batch(const mr_store *store, const mr__commit *commit, mr_status status,
                            mr_error *err)
{
    if (status < 0 && err)
        (void)mr__error_wrap(err, "batch %llu", (unsigned long long)commit->batch);
    return mr__store_told(store->ops, status, err);
}

mr_status mr__store_write(mr_store *store, const mr__commit *commit, mr_error *err)
{
    if (!store->ops->commit)
        return mr__store_lacking(store, "way to be written", err);
    return told_batch(store, commit, store->ops->commit(store, commit, err), err);
}

mr_status mr__store_record(mr_store *store, const mr__commit *commit, mr_error *err)
{
    if (!store->ledger)
        return MR_OK;
    mr__failpoint_die("store.rows_written");
    return told_batch(store, commit, mr__ledger_record(store, commit, err), err);
}

mr_status mr__store_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    mr_status status = mr__store_write(store, commit, err);

    return status == MR_OK ? mr__store_record(store, commit, err) : status;
}

mr_status mr__store_finish(mr_store *store, mr_error *err)
{
    mr_status status = MR_OK;

    if (store->ops->finish)
        status = store->ops->finish(store, err);
    if (status == MR_OK && store->ledger)
        status = mr__ledger_finish(store, err);
    return mr__store_told(store->ops, status, err);
}

bool mr__store_has_ledger(const mr_store *store)
{
    return store->ops->fact || store->ledger_beside;
}

/* Whose tables are asked: the store's own, or those beside it. */
static mr_store *ledger_of(mr_store *store)
{
    return store->ledger_beside ? store->ledger : store;
}

mr_status mr__store_fact(mr_store *store, const char *key, mr__ledger_fact *out, mr_error *err)
{
    mr_store *ledger = ledger_of(store);

    if (!ledger || !ledger->ops->fact)
        return mr__store_lacking(store, "ledger", err);
    return mr__store_told(store->ops, ledger->ops->fact(ledger, key, out, err), err);
}

mr_status mr__store_id_owner(mr_store *store, const char *id, char *key, size_t size, mr_error *err)
{
    mr_store *ledger = ledger_of(store);

    if (!ledger || !ledger->ops->id_owner)
        return mr__store_lacking(store, "ledger", err);
    return mr__store_told(store->ops, ledger->ops->id_owner(ledger, id, key, size, err), err);
}

mr_status mr__store_vector(mr_store *store, const char *collection, const char *id, float *vector,
                           uint32_t dim, mr_error *err)
{
    if (!store->ops->vector)
        return mr__store_lacking(store, "search", err);
    return mr__store_told(
        store->ops,
        store->ops->vector(store, collection ? collection : "default", id, vector, dim, err), err);
}

mr_status mr_store_report(mr_store *store, const char *collection, bool failed_only,
                          int (*fn)(void *cookie, const mr_ledger_entry *entry), void *cookie,
                          mr_error *err)
{
    mr_store *ledger = store, *opened = NULL;
    mr_status status = MR_OK;

    if (!mr__store_has_ledger(store))
        return mr__store_lacking(store, "ledger", err);
    if (store->ledger_beside && !store->ledger)
        status = mr__ledger_look(store, &opened, err);
    if (store->ledger_beside)
        ledger = store->ledger ? store->ledger : opened;
    if (status == MR_OK)
        status = ledger->ops->report(ledger, collection ? collection : "default", failed_only, fn,
                                     cookie, err);
    mr_store_close(&opened);
    return mr__store_told(store->ops, status, err);
}

mr_status mr_store_collection(mr_store *store, const char *name, mr_collection *out, mr_error *err)
{
    memset(out, 0, sizeof *out);
    if (!store->ops->collection)
        return mr__store_lacking(store, "collections", err);
    return mr__store_told(store->ops,
                          store->ops->collection(store, name ? name : "default", out, err), err);
}

mr_status mr_store_list(mr_store *store, int (*fn)(void *cookie, const mr_collection *collection),
                        void *cookie, mr_error *err)
{
    if (!store->ops->list)
        return mr__store_lacking(store, "collections", err);
    return mr__store_told(store->ops, store->ops->list(store, fn, cookie, err), err);
}

/* What every search checks, whatever the store. */
static mr_status check_search(const mr_store *store, const mr_search_options *options,
                              mr_error *err)
{
    if (!store->ops->search)
        return mr__store_lacking(store, "search", err);
    if (options->k < 1 || options->k > MAX_K)
        return mr__error_set(err, MR_E_INVALID, "search: k = %u is not within 1..%u", options->k,
                             MAX_K);
    return MR_OK;
}

mr_status mr_search_vector(mr_store *store, const float *vector, uint32_t dim,
                           const mr_search_options *options, mr_hits **out, mr_error *err)
{
    mr_search_options defaults;
    mr_status status;
    uint32_t i;

    *out = NULL;
    mr_search_options_init(&defaults);
    if (!options)
        options = &defaults;
    status = check_search(store, options, err);
    if (status != MR_OK)
        return status;
    for (i = 0; i < dim; i++)
        if (!isfinite(vector[i]))
            return mr__error_set(err, MR_E_INVALID,
                                 "search: component %u of the query is not finite", i);
    return mr__store_told(store->ops, store->ops->search(store, vector, dim, options, out, err),
                          err);
}

mr_status mr_search_id(mr_store *store, const char *id, const mr_search_options *options,
                       mr_hits **out, mr_error *err)
{
    mr_search_options defaults;
    mr_collection collection = {0};
    float *vector = NULL;
    mr_status status;

    *out = NULL;
    mr_search_options_init(&defaults);
    if (!options)
        options = &defaults;
    status = check_search(store, options, err);
    if (status != MR_OK)
        return status;
    status = mr_store_collection(store, options->collection, &collection, err);
    if (status != MR_OK)
        return status;
    vector = calloc(collection.dim ? collection.dim : 1, sizeof *vector);
    if (!vector) {
        status = mr__error_no_memory(err, "query vector");
        goto done;
    }
    status = mr__store_vector(store, options->collection, id, vector, collection.dim, err);
    if (status == MR_OK)
        status = mr__store_told(
            store->ops, store->ops->search(store, vector, collection.dim, options, out, err), err);
done:
    free(vector);
    mr_collection_fini(&collection);
    return status;
}
