/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collections as a run wants them: found and checked, or made. One that is made by a run has no
 * index while rows come in, and gets it at the end: flushed once, built once, loaded. One that is
 * there already keeps its index and stays loaded, so that it can be searched all the time. Where
 * the server makes the keys the index comes first: finding what is there already needs a loaded
 * collection.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "store/milvus/milvus.h"

#define MAX_DIM 32768u

enum { STAMP_BYTES = 8 };

static mr_status make_stamp(char **out, mr_error *err)
{
    uint64_t number;
    char text[STAMP_BYTES * 2 + 1];

    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return mr__error_set(err, MR_E_ENV, "no random number");
    (void)snprintf(text, sizeof text, "%016" PRIx64, number);
    *out = strdup(text);
    return *out ? MR_OK : mr__error_no_memory(err, "collection");
}

/* The index that is to be built, with its parameters. */
static mr_status plan_index(mr__mv_about *about, const char *index, uint32_t dim,
                            const mr__mv_params *params, mr_error *err)
{
    const char *type;
    mr_status status = mr__mv_index_type(index && *index ? index : "FLAT", &type, err);

    if (status != MR_OK)
        return status;
    free(about->index);
    free(about->index_params);
    about->index = strdup(type);
    about->index_params = NULL;
    if (!about->index)
        return mr__error_no_memory(err, "collection");
    return mr__mv_index_build_params(type, dim, params, &about->index_params, err);
}

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

static mr_status make_about(const mr__collection_spec *spec, const char *description,
                            const mr__mv_params *params, mr__mv_about *out, mr_error *err)
{
    mr_status status;

    *out = (mr__mv_about){.ours = true,
                          .description = copy(description),
                          .plan_name = copy(spec->plan_name),
                          .plan_text = copy(spec->plan_text),
                          .fingerprint = copy(spec->fingerprint),
                          .embedder = copy(spec->embedder),
                          .metric = spec->metric == MR_METRIC_ANY ? MR_METRIC_IP : spec->metric};
    status = plan_index(out, spec->index, spec->dim, params, err);
    if (status == MR_OK)
        status = make_stamp(&out->stamp, err);
    if (status == MR_OK && (!out->description || !out->plan_name || !out->plan_text ||
                            !out->fingerprint || !out->embedder))
        status = mr__error_no_memory(err, "collection");
    return status;
}

/* Makes the collection; another run that makes it at the same time is no failure. */
static mr_status make(mr__mv *self, const mr__collection_spec *spec, const char *description,
                      const mr__mv_params *params, mr_error *err)
{
    mr__mv_about about;
    mr__mv_new wanted = {.name = spec->name, .dim = spec->dim, .params = params, .about = &about};
    mr_status status;

    if (!mr__mv_is_name(spec->name))
        return mr__error_set(err, MR_E_INVALID,
                             "collection %s: a name of Milvus has letters, digits and _, and no "
                             "digit first",
                             spec->name);
    status = make_about(spec, description, params, &about, err);
    if (status == MR_OK)
        status = mr__mv_schema_create(&self->client, &wanted, err);
    mr__mv_about_fini(&about);
    return status;
}

static mr_status differs(const mr__collection_spec *spec, const char *what, const char *has,
                         const char *wants, mr_error *err)
{
    return mr__error_set(err, MR_E_MISMATCH,
                         "collection %s was made with %s %.60s, this run uses %.60s; use another "
                         "collection%s",
                         spec->name, what, has, wants,
                         strcmp(what, "metric") == 0 ? "" : ", or --force-plan");
}

/* Does the collection fit the run? */
static mr_status check(const mr__mv_schema *has, const mr__collection_spec *spec, mr_metric metric,
                       mr_error *err)
{
    const mr__mv_about *about = &has->about;

    if (has->dim != spec->dim)
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s holds vectors of %u dimensions, this run makes %u; "
                             "use another collection",
                             spec->name, has->dim, spec->dim);
    if (has->other_field)
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s wants a field %s, which no run gives; use another "
                             "collection",
                             spec->name, has->other_field);
    if (has->auto_id && !has->has_metadata)
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s makes its own keys and has no JSON field \"metadata\" "
                             "for the items' ids; use another collection",
                             spec->name);
    if (spec->metric != MR_METRIC_ANY && metric != MR_METRIC_ANY && spec->metric != metric)
        return differs(spec, "metric", mr_metric_name(metric), mr_metric_name(spec->metric), err);
    if (spec->force_plan || !about->fingerprint[0])
        return MR_OK;
    if (strcmp(about->fingerprint, spec->fingerprint) != 0)
        return mr__error_set(err, MR_E_MISMATCH,
                             "collection %s was made with plan %.60s (%.20s), this run uses %.60s "
                             "(%.20s); use another collection, or --force-plan",
                             spec->name, about->plan_name, about->fingerprint, spec->plan_name,
                             spec->fingerprint);
    if (strcmp(about->embedder, spec->embedder) != 0)
        return differs(spec, "embedder", about->embedder, spec->embedder, err);
    return MR_OK;
}

static mr_status build_and_load(mr__mv *self, const mr__mv_schema *schema, mr_error *err)
{
    mr_status status = mr__mv_index_create(&self->client, schema, MR__MV_WAIT, err);

    return status == MR_OK ? mr__mv_load(&self->client, schema->name, MR__MV_WAIT, err) : status;
}

/* An empty collection that was made by hand knows no plan, and cannot learn it: it is made anew. */
static mr_status make_again(mr__mv *self, const mr__collection_spec *spec,
                            const mr__mv_params *params, mr_error *err)
{
    mr__collection_spec again = *spec;
    char *description = copy(self->schema.about.description),
         *index = copy(self->schema.about.index);
    char *vector = copy(self->schema.vector_field);
    uint64_t rows = 1;
    mr_status status = MR_OK;

    if (!description || !index || !vector)
        status = mr__error_no_memory(err, "collection");
    else if (mr__mv_count(&self->client, spec->name, "", MR__MV_NOW, &rows, NULL) != MR_OK || rows)
        goto done; /* what it holds was embedded in a way that nobody wrote down */
    again.index = index;
    again.metric = self->schema.about.metric;
    if (status == MR_OK)
        status = mr__mv_drop(&self->base, spec->name, err);
    if (status == MR_OK)
        status = make(self, &again, description, params, err);
    mr__mv_schema_fini(&self->schema);
    if (status == MR_OK)
        status =
            mr__mv_schema_get(&self->client, spec->name, vector, MR__MV_NOW, &self->schema, err);
    if (status == MR_OK)
        status = build_and_load(self, &self->schema, err);
done:
    free(description);
    free(index);
    free(vector);
    return status;
}

/* The collection of the run, found or made; `self->schema` describes it. */
static mr_status find_or_make(mr__mv *self, const mr__collection_spec *spec,
                              const mr__mv_params *params, bool *fresh, mr_error *err)
{
    const char *vector = params->text[MR__MV_VECTOR_FIELD];
    mr_status status =
        mr__mv_schema_get(&self->client, spec->name, vector, MR__MV_NOW, &self->schema, err);
    mr_error failure;

    *fresh = false;
    if (status == MR_OK && self->schema.about.ours && !self->schema.about.fingerprint[0])
        return make_again(self, spec, params, err);
    if (status != MR_E_NOT_FOUND)
        return status;
    *fresh = true;
    status = make(self, spec, "", params, &failure);
    if (status == MR_E_INVALID || status == MR_E_NO_MEMORY) {
        if (err)
            *err = failure;
        return status;
    }
    /* if it could not be made, somebody else may have been faster */
    if (mr__mv_schema_get(&self->client, spec->name, vector, MR__MV_NOW, &self->schema, err) ==
        MR_OK)
        return MR_OK;
    if (status != MR_OK && err)
        *err = failure;
    return status != MR_OK ? status
                           : mr__error_set(err, MR_E_ENV,
                                           "collection %s was made and is "
                                           "not there",
                                           spec->name);
}

/* Which index there is or is to be, and whether rows of before can be found. */
static mr_status settle(mr__mv *self, const mr__collection_spec *spec, const mr__mv_params *params,
                        bool fresh, mr_error *err)
{
    mr__mv_about *about = &self->schema.about;
    mr__mv_index index;
    mr_status status = mr__mv_index_get(&self->client, &self->schema, MR__MV_NOW, &index, err);
    int state = 0;

    if (status == MR_OK)
        status = check(&self->schema, spec,
                       index.metric != MR_METRIC_ANY ? index.metric : about->metric, err);
    if (status != MR_OK)
        return status;
    if (!index.there && !about->index[0]) {
        about->metric = spec->metric == MR_METRIC_ANY ? MR_METRIC_IP : spec->metric;
        status = plan_index(about, spec->index, spec->dim, params, err);
    }
    self->build = !index.there;
    self->look = self->schema.auto_id;
    if (status != MR_OK || !self->schema.auto_id)
        return status;
    if (self->build) {
        self->build = false;
        return build_and_load(self, &self->schema, err);
    }
    status = mr__mv_load_state(&self->client, spec->name, &state, err);
    self->look = state == 3;
    if (status == MR_OK && !self->look && !fresh)
        mr__log(&self->client.logger, MR_LOG_WARN, "store",
                "milvus: collection %s makes its own keys and is not loaded: items of a run that "
                "was interrupted may be stored twice (millrace collection load)",
                spec->name);
    return status;
}

static void set_limits(mr__mv *self)
{
    const mr__mv_params *p = &self->params;
    bool one = self->client.lite || self->schema.auto_id;

    self->batch_bytes =
        p->text[MR__MV_BATCH_BYTES] ? (size_t)p->number[MR__MV_BATCH_BYTES] : (size_t)8 << 20;
    self->batch_rows = p->text[MR__MV_BATCH_ROWS] ? (size_t)p->number[MR__MV_BATCH_ROWS] : 1000;
    self->base.commit_rows = (uint32_t)self->batch_rows;
    self->base.concurrency = one                           ? 1
                             : p->text[MR__MV_CONCURRENCY] ? (uint32_t)p->number[MR__MV_CONCURRENCY]
                                                           : 4;
    atomic_store(&self->max_bytes, (size_t)63 << 20);
}

/* The store's parameters with those of a call over them. */
static mr_status merged(const mr__mv *self, const mr_param *given, size_t n, mr__mv_params *out,
                        mr_error *err)
{
    mr_status status = mr__mv_params_copy(out, &self->params, err);

    if (status == MR_OK)
        status = mr__mv_params_take(out, given, n, MR__MV_SCHEMA | MR__MV_INDEX, err);
    return status;
}

mr_status mr__mv_begin(mr_store *store, const mr__collection_spec *given, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__collection_spec spec = *given;
    mr__mv_params params = {0};
    bool fresh = false;
    mr_status status;

    self->client.stop = store->stop;
    if (self->read_only)
        return mr__error_set(err, MR_E_INVALID, "%s was opened for reading only", self->spec);
    if (spec.dim < 1 || spec.dim > MAX_DIM || spec.row.dtype != MR_DTYPE_F32)
        return mr__error_set(err, MR_E_INVALID,
                             "keeps float32 vectors of 1 to %u numbers, not tensors; name an "
                             "embedder, or write to npy:PATH",
                             MAX_DIM);
    spec.plan_name = spec.plan_name ? spec.plan_name : "";
    spec.plan_text = spec.plan_text ? spec.plan_text : "";
    spec.fingerprint = spec.fingerprint ? spec.fingerprint : "";
    spec.embedder = spec.embedder ? spec.embedder : "";
    self->writing = false;
    mr__mv_schema_fini(&self->schema);
    free(self->fingerprint);
    self->fingerprint = strdup(spec.fingerprint);
    status = self->fingerprint ? MR_OK : mr__error_no_memory(err, "collection");
    if (status == MR_OK)
        status = merged(self, spec.params, spec.n_params, &params, err);
    if (status == MR_OK)
        status = find_or_make(self, &spec, &params, &fresh, err);
    if (status == MR_OK)
        status = settle(self, &spec, &params, fresh, err);
    if (status == MR_OK) {
        set_limits(self);
        self->writing = true;
    }
    mr__mv_params_fini(&params);
    return status;
}

mr_status mr__mv_finish(mr_store *store, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    uint64_t rows;
    int state = 0;
    mr_status status = MR_OK;

    if (!self->writing)
        return MR_OK;
    if (self->build) {
        status = mr__mv_flush(&self->client, self->schema.name, MR__MV_WAIT, err);
        if (status == MR_OK)
            status = build_and_load(self, &self->schema, err);
        self->build = status != MR_OK;
    }
    if (status == MR_OK)
        status = mr__mv_load_state(&self->client, self->schema.name, &state, err);
    /* a strong read: from now on weaker ones see what was written, too */
    if (status == MR_OK && state == 3)
        status = mr__mv_count(&self->client, self->schema.name, "", MR__MV_WAIT, &rows, err);
    return status;
}

mr_status mr__mv_create(mr_store *store, const mr_collection_options *options, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__collection_spec spec = {.name = options->name,
                                .index = options->index,
                                .metric = options->metric,
                                .dim = options->dim};
    mr__mv_schema schema = {0};
    mr__mv_params params = {0};
    mr_status status;

    if (self->read_only)
        return mr__error_set(err, MR_E_INVALID, "%s was opened for reading only", self->spec);
    status = merged(self, options->params, options->n_params, &params, err);
    if (status == MR_OK && mr__mv_schema_get(&self->client, options->name, NULL, MR__MV_NOW,
                                             &schema, NULL) != MR_E_NOT_FOUND)
        status = schema.name ? mr__error_set(err, MR_E_INVALID, "there is a collection %s already",
                                             options->name)
                             : MR_OK;
    mr__mv_schema_fini(&schema);
    if (status == MR_OK)
        status = make(self, &spec, options->description, &params, err);
    if (status == MR_OK)
        status = mr__mv_schema_get(&self->client, options->name, params.text[MR__MV_VECTOR_FIELD],
                                   MR__MV_NOW, &schema, err);
    if (status == MR_OK)
        status = build_and_load(self, &schema, err);
    mr__mv_schema_fini(&schema);
    mr__mv_params_fini(&params);
    return status;
}
