/* SPDX-License-Identifier: Apache-2.0 */
/* Collections of a local store: found, listed, created by a run or checked against it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/failpoint.h"
#include "base/text.h"
#include "store/local.h"

#define MAX_NAME 255
#define MAX_DIM  32768

#define COLUMNS                                                                                    \
    "name, description, \"index\", fingerprint, plan_name, plan_text, embedder, dim, metric, "     \
    "num_entities, collection"

static bool copy_text(sqlite3_stmt *stmt, int column, char **out)
{
    *out = strdup(mr__local_text(stmt, column));
    return *out != NULL;
}

/* Copies a row of COLUMNS. */
static mr_status take(const mr__local *local, sqlite3_stmt *stmt, mr_collection *out,
                      int64_t *number, mr_error *err)
{
    int64_t dim = sqlite3_column_int64(stmt, 7), entities = sqlite3_column_int64(stmt, 9);
    mr_status status = MR_OK;

    *out = (mr_collection){0};
    if (!copy_text(stmt, 0, &out->name) || !copy_text(stmt, 1, &out->description) ||
        !copy_text(stmt, 2, &out->index) || !copy_text(stmt, 3, &out->fingerprint) ||
        !copy_text(stmt, 4, &out->plan_name) || !copy_text(stmt, 5, &out->plan_text) ||
        !copy_text(stmt, 6, &out->embedder)) {
        (void)mr__error_no_memory(err, "collection");
        status = MR_E_NO_MEMORY;
    }
    if (status == MR_OK)
        status = mr_metric_from_name(mr__local_text(stmt, 8), &out->metric, err);
    if (status == MR_OK && (dim < 1 || dim > MAX_DIM || entities < 0))
        status = mr__error_set(err, MR_E_ENV, "%s: collection %s is damaged: dim %" PRId64,
                               local->path, out->name, dim);
    if (status != MR_OK) {
        mr_collection_fini(out);
        return status;
    }
    out->dim = (uint32_t)dim;
    out->num_entities = (uint64_t)entities;
    out->loaded = true; /* a search makes what it lacks */
    if (number)
        *number = sqlite3_column_int64(stmt, 10);
    return MR_OK;
}

/* MR_E_NOT_FOUND with the names that are there. */
static mr_status absent(const mr__local *local, sqlite3 *db, const char *name, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr__buf names;
    mr_status status;
    const char *separator = "";

    mr__buf_init(&names, 240);
    status = mr__local_prepare(local->path, db, "SELECT name FROM collections ORDER BY name", &stmt,
                               err);
    if (status != MR_OK)
        return status;
    while (sqlite3_step(stmt) == SQLITE_ROW &&
           mr__buf_addf(&names, "%s%s", separator, mr__local_text(stmt, 0)))
        separator = ", ";
    sqlite3_finalize(stmt);
    status = mr__error_set(err, MR_E_NOT_FOUND, "no collection %s in %s%s%s", name, local->path,
                           names.len ? "; there are: " : "; it has none yet",
                           names.len ? names.data : "");
    mr__buf_fini(&names);
    return status;
}

mr_status mr__local_find(mr__local *local, sqlite3 *db, const char *name, mr_collection *out,
                         int64_t *number, mr_error *err)
{
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(
        local->path, db, "SELECT " COLUMNS " FROM collections WHERE name = ?1", &stmt, err);

    *out = (mr_collection){0};
    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW:
        status = take(local, stmt, out, number, err);
        break;
    case SQLITE_DONE:
        status = absent(local, db, name, err);
        break;
    default:
        status = mr__local_fail(local->path, db, "read collection", err);
    }
    sqlite3_finalize(stmt);
    return status;
}

mr_status mr__local_collection(mr_store *store, const char *name, mr_collection *out, mr_error *err)
{
    mr__local *local = (mr__local *)store;

    return mr__local_find(local, local->reader, name, out, NULL, err);
}

mr_status mr__local_list(mr_store *store, int (*fn)(void *, const mr_collection *), void *cookie,
                         mr_error *err)
{
    mr__local *local = (mr__local *)store;
    sqlite3_stmt *stmt = NULL;
    mr_collection collection;
    mr_status status =
        mr__local_prepare(local->path, local->reader,
                          "SELECT " COLUMNS " FROM collections ORDER BY name", &stmt, err);
    int rc = SQLITE_DONE, stop = 0;

    if (status != MR_OK)
        return status;
    while (status == MR_OK && !stop && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        status = take(local, stmt, &collection, NULL, err);
        if (status != MR_OK)
            break;
        stop = fn(cookie, &collection);
        mr_collection_fini(&collection);
    }
    if (status == MR_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = mr__local_fail(local->path, local->reader, "list collections", err);
    sqlite3_finalize(stmt);
    return status;
}

static mr_status check_spec(const mr__collection_spec *spec, mr_error *err)
{
    size_t n = spec->name ? strlen(spec->name) : 0, i;

    if (n < 1 || n > MAX_NAME || !mr__text_is_utf8(spec->name, n))
        return mr__error_set(err, MR_E_INVALID, "collection name: UTF-8 of 1..%d bytes is needed",
                             MAX_NAME);
    for (i = 0; i < n; i++)
        if ((unsigned char)spec->name[i] < 0x20 || spec->name[i] == 0x7f)
            return mr__error_set(err, MR_E_INVALID, "collection name: control character");
    if (spec->dim == 0)
        return mr__error_set(err, MR_E_INVALID,
                             "keeps vectors, not tensors; name an embedder, or write to npy:PATH");
    if (spec->dim > MAX_DIM || spec->row.dtype != MR_DTYPE_F32)
        return mr__error_set(err, MR_E_INVALID, "vectors must be float32 [1..%d]", MAX_DIM);
    if (spec->n_params > 0)
        return mr__error_set(err, MR_E_INVALID,
                             "no parameter %.64s: a local collection is searched exactly and has "
                             "none",
                             spec->params[0].name);
    if (spec->index && strcasecmp(spec->index, "FLAT") != 0)
        return mr__error_set(err, MR_E_UNSUPPORTED, "index %s is not in this build; use FLAT",
                             spec->index);
    return MR_OK;
}

static mr_status differs(const mr__collection_spec *spec, const char *what, const char *has,
                         const char *wants, mr_error *err)
{
    return mr__error_set(err, MR_E_MISMATCH,
                         "collection %s was made with %s %s, this run uses %s; use another "
                         "collection, or --force-plan",
                         spec->name, what, has, wants);
}

static bool same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Was it created by hand, so that no run has said yet what goes into it? */
static bool is_blank(const mr_collection *has)
{
    return same_text(has->plan_text, "") && same_text(has->fingerprint, "") &&
           same_text(has->embedder, "");
}

static mr_status check_same(const mr__collection_spec *spec, const mr_collection *has,
                            mr_error *err)
{
    if (spec->only_ledger != same_text(has->index, MR__LOCAL_NO_INDEX))
        return mr__error_set(err, MR_E_INVALID,
                             spec->only_ledger ? "collection %s has rows: this is a store, not the "
                                                 "ledger of one; give another file"
                                               : "collection %s has no rows: this is the ledger of "
                                                 "another store; give another path",
                             spec->name);
    if (has->dim != spec->dim)
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s holds vectors of %u dimensions, this run makes %u; "
                             "use another collection",
                             spec->name, has->dim, spec->dim);
    if (spec->metric != MR_METRIC_ANY && spec->metric != has->metric)
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s was made with metric %s, this run uses %s; use another "
                             "collection",
                             spec->name, mr_metric_name(has->metric), mr_metric_name(spec->metric));
    if (spec->force_plan || is_blank(has))
        return MR_OK;
    if (!same_text(has->fingerprint, spec->fingerprint))
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s was made with plan %s (%.20s), this run uses %s "
                             "(%.20s); use another collection, or --force-plan",
                             spec->name, has->plan_name, has->fingerprint, spec->plan_name,
                             spec->fingerprint);
    if (!same_text(has->embedder, spec->embedder))
        return differs(spec, "embedder", has->embedder, spec->embedder, err);
    return MR_OK;
}

static mr_status create(mr__local *local, const mr__collection_spec *spec, mr_error *err)
{
    const char *text[] = {spec->name,
                          mr_metric_name(spec->metric),
                          spec->only_ledger ? MR__LOCAL_NO_INDEX : "FLAT",
                          spec->plan_name,
                          spec->plan_text,
                          spec->fingerprint,
                          spec->embedder};
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(
        local->path, local->writer,
        "INSERT INTO collections (name, metric, \"index\", plan_name, plan_text, fingerprint,"
        " embedder, dim, stamp) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, random())",
        &stmt, err);
    int i;

    if (status != MR_OK)
        return status;
    for (i = 0; i < 7; i++)
        (void)sqlite3_bind_text(stmt, i + 1, text[i], -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 8, spec->dim);
    if (sqlite3_step(stmt) == SQLITE_DONE)
        local->collection = sqlite3_last_insert_rowid(local->writer);
    else
        status = mr__local_fail(local->path, local->writer, "create collection", err);
    sqlite3_finalize(stmt);
    return status;
}

/* The first run into a collection that was created by hand says what it is of. */
static mr_status adopt(mr__local *local, const mr__collection_spec *spec, mr_error *err)
{
    const char *text[] = {spec->plan_name, spec->plan_text, spec->fingerprint, spec->embedder};
    sqlite3_stmt *stmt = NULL;
    mr_status status = mr__local_prepare(local->path, local->writer,
                                         "UPDATE collections SET plan_name = ?2, plan_text = ?3,"
                                         " fingerprint = ?4, embedder = ?5 WHERE collection = ?1",
                                         &stmt, err);
    int i;

    if (status != MR_OK)
        return status;
    (void)sqlite3_bind_int64(stmt, 1, local->collection);
    for (i = 0; i < 4; i++)
        (void)sqlite3_bind_text(stmt, i + 2, text[i], -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        status = mr__local_fail(local->path, local->writer, "describe collection", err);
    sqlite3_finalize(stmt);
    return status;
}

mr_status mr__local_begin(mr_store *store, const mr__collection_spec *given, mr_error *err)
{
    mr__local *local = (mr__local *)store;
    mr__collection_spec spec = *given;
    mr_collection has = {0};
    mr_status status;

    spec.plan_name = spec.plan_name ? spec.plan_name : "";
    spec.plan_text = spec.plan_text ? spec.plan_text : "";
    spec.fingerprint = spec.fingerprint ? spec.fingerprint : "";
    spec.embedder = spec.embedder ? spec.embedder : "";
    if (!local->writer)
        return mr__error_set(err, MR_E_INVALID, "%s was opened for reading only", local->path);
    status = check_spec(&spec, err);
    if (status != MR_OK)
        return status;
    status = mr__local_find(local, local->writer, spec.name, &has, &local->collection, err);
    if (status == MR_E_NOT_FOUND && spec.metric == MR_METRIC_ANY)
        spec.metric = MR_METRIC_IP;
    if (status == MR_E_NOT_FOUND)
        status = create(local, &spec, err);
    else if (status == MR_OK)
        status = check_same(&spec, &has, err);
    if (status == MR_OK && has.name && is_blank(&has))
        status = adopt(local, &spec, err);
    mr_collection_fini(&has);
    if (status != MR_OK) {
        local->collection = 0;
        return status;
    }
    local->dim = spec.dim;
    local->with_ledger = spec.with_ledger;
    local->only_ledger = spec.only_ledger;
    local->ledger_first = mr__failpoint_hit("store.ledger_first");
    (void)mr__text_copy(local->fingerprint, sizeof local->fingerprint, spec.fingerprint);
    pthread_mutex_lock(&local->fact_lock);
    local->fact_collection = local->collection;
    pthread_mutex_unlock(&local->fact_lock);
    return MR_OK;
}
