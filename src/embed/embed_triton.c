/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "triton:http://host:8000/model": a model that Triton Inference Server serves, or another server
 * of the Open Inference Protocol v2. embed/triton/ has its parts, embed/triton/options.h its
 * options.
 *
 * HTTP is a part of the library: it needs libcurl, which is loaded when the first request is made,
 * and jansson, which is there anyhow. gRPC is a module (docs/decisions/0009-triton.md).
 *
 * Without a plan only the specification is checked: which preprocessing a model was trained with
 * the server does not know.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "embed/embed.h"
#include "embed/half.h"
#include "embed/triton/client.h"
#include "embed/triton/crew.h"

enum { WORTHWHILE_MAX = 4, IN_FLIGHT_MIN = 2, IN_FLIGHT_MAX = 8, HALVES = 512 };

/* JSON of an answer; and the first one, of which nothing is known */
#define ANSWER_HEAD  ((size_t)64 << 10)
#define ANSWER_FIRST ((size_t)64 << 20)

typedef struct triton {
    mr_embedder base;
    mr__triton_options options;
    mr__triton_client client;
    mr__triton_fit fit;
    mr__crew crew;
    bool ready; /* opened with a plan; crew and connections are there */
    char spec[MR__TRITON_SPEC_SIZE];
} triton;

/* A run: rows in, vectors out, in parts of one request each. */
typedef struct job {
    triton *self;
    const uint8_t *rows;
    float *vectors;
    size_t n, n_parts;
    pthread_mutex_t lock;
    mr_status status; /* of the first part that failed */
    mr_error error;
} job;

/* What becomes of one answer. */
typedef struct part {
    triton *self;
    float *vectors; /* of the rows that count */
    size_t n, skip,
        count;    /* rows of the request; those in front that do not count; those that do */
    uint32_t dim; /* as answered */
    char version[24];
} part;

/* -- one request ------------------------------------------------------------------------------ */

static void widen(const uint8_t *from, size_t n, float *to)
{
    uint16_t halves[HALVES];

    while (n > 0) {
        size_t some = n < HALVES ? n : HALVES;
        memcpy(halves, from, some * sizeof halves[0]); /* what came may lie at an odd address */
        mr__half_to_float(halves, some, to);
        from += some * sizeof halves[0];
        to += some;
        n -= some;
    }
}

static mr_status take(void *cookie, const mr__triton_answer *answer, mr_error *err)
{
    part *p = cookie;
    const uint8_t *from = answer->data;
    mr_status status = mr__triton_output_check(&answer->tensor, answer->bytes, p->n, &p->dim, err);

    if (status != MR_OK)
        return status;
    (void)mr__text_copy(p->version, sizeof p->version, answer->version);
    if (!p->vectors)
        return MR_OK;
    from += p->skip * p->dim * mr__triton_type_bytes(answer->tensor.type);
    if (answer->tensor.type == MR__TRITON_FP16)
        widen(from, p->count * p->dim, p->vectors);
    else
        memcpy(p->vectors, from, p->count * p->dim * sizeof *p->vectors);
    return MR_OK;
}

static mr_status request(triton *self, const void *rows, part *p, mr_error *err)
{
    const mr__triton_fit *fit = &self->fit;
    mr__triton_tensor input = fit->input;
    mr__triton_infer infer = {.model = self->options.model,
                              .version = self->options.version,
                              .input = &input,
                              .output = fit->output.name,
                              .data = rows,
                              .bytes = p->n * fit->row_bytes,
                              .answer_max = p->dim ? ANSWER_HEAD + p->n * p->dim * sizeof(float)
                                                   : ANSWER_FIRST};
    uint16_t *halves = NULL;
    mr_status status;

    input.dim[0] = (int64_t)p->n;
    if (fit->to_half) {
        halves = calloc(p->n, fit->row_elements * sizeof *halves);
        if (!halves)
            return mr__error_no_memory(err, "float16 rows");
        mr__half_from_float(rows, p->n * fit->row_elements, halves);
        infer.data = halves;
        infer.bytes /= 2;
    }
    status = mr__triton_client_infer(&self->client, &infer, take, p, err);
    free(halves);
    return status;
}

/* -- a run ------------------------------------------------------------------------------------ */

/* Parts of about the same size; where the model fixes it, the last overlaps the one before, and
 * fewer rows than that are padded. */
static mr_status run_part(job *j, size_t i, mr_error *err)
{
    triton *self = j->self;
    const mr__triton_fit *fit = &self->fit;
    size_t from = j->n * i / j->n_parts, to = j->n * (i + 1) / j->n_parts, first;
    part p = {.self = self, .dim = self->base.info.dim};
    uint8_t *padded = NULL;
    mr_status status;

    if (fit->exactly) {
        from = i * fit->max_rows;
        to = from + fit->max_rows < j->n ? from + fit->max_rows : j->n;
    }
    p.vectors = j->vectors + from * p.dim;
    p.count = p.n = to - from;
    first = from;
    if (fit->exactly) {
        p.n = fit->max_rows;
        first = to >= p.n ? to - p.n : 0;
        p.skip = from - first;
    }
    if (p.n > j->n) {
        padded = calloc(p.n, fit->row_bytes);
        if (!padded)
            return mr__error_no_memory(err, "batch");
        memcpy(padded, j->rows, j->n * fit->row_bytes);
    }
    status = request(self, padded ? padded : j->rows + first * fit->row_bytes, &p, err);
    free(padded);
    return status;
}

static bool one_part(void *cookie, size_t i)
{
    job *j = cookie;
    mr_error err = {0};
    mr_status status = run_part(j, i, &err);

    if (status == MR_OK)
        return true;
    pthread_mutex_lock(&j->lock);
    if (j->status == MR_OK) {
        j->status = status;
        j->error = err;
    }
    pthread_mutex_unlock(&j->lock);
    return false;
}

static mr_status triton_run(mr_embedder *embedder, const void *rows, size_t n, float *vectors,
                            mr_error *err)
{
    triton *self = (triton *)embedder;
    job j = {.self = self, .rows = rows, .vectors = vectors, .n = n};

    if (!self->ready)
        return mr__error_set(err, MR_E_INVALID, "opened without a plan");
    if (self->options.shm == MR__TRITON_SHM_REQUIRE && !mr__triton_client_shares(&self->client))
        return mr__error_set(err, MR_E_INVALID, "shm=require: the rows are in no shared memory");
    j.n_parts = (n - 1) / self->fit.max_rows + 1;
    (void)pthread_mutex_init(&j.lock, NULL);
    mr__crew_run(&self->crew, j.n_parts, one_part, &j);
    (void)pthread_mutex_destroy(&j.lock);
    if (j.status == MR_OK)
        mr__embed_normalise(vectors, n, embedder->info.dim);
    else if (err)
        *err = j.error;
    return j.status;
}

/* -- opening and closing ---------------------------------------------------------------------- */

static void triton_close(mr_embedder *embedder)
{
    triton *self = (triton *)embedder;

    if (self->ready) {
        mr__log(&self->client.logger, MR_LOG_INFO, "embed",
                "triton: %llu bytes of tensors went over the connection",
                (unsigned long long)atomic_load(&self->client.copied));
        mr__crew_fini(&self->crew);
    }
    mr__triton_client_close(&self->client);
    mr__triton_options_fini(&self->options);
    free(self);
}

/* An empty picture through the model: it tells the dimension and the version that answers. */
static mr_status try_empty(triton *self, mr_error *err)
{
    part p = {.self = self, .n = self->fit.exactly ? self->fit.max_rows : 1};
    void *rows = calloc(p.n, self->fit.row_bytes);
    mr_status status;

    if (!rows)
        return mr__error_no_memory(err, "batch");
    status = request(self, rows, &p, err);
    free(rows);
    if (status == MR_E_ITEM) {
        status = MR_E_ENV; /* here no row is to blame */
        if (err)
            err->status = status;
    }
    if (status != MR_OK)
        return status;
    self->base.info.dim = p.dim;
    if (!self->options.version[0])
        (void)mr__text_copy(self->options.version, sizeof self->options.version, p.version);
    return MR_OK;
}

static uint32_t in_flight_of(const mr__triton_options *options, const mr__triton_model *model)
{
    uint32_t n = 2 * model->instances;

    if (options->in_flight > 0)
        return options->in_flight;
    return n < IN_FLIGHT_MIN ? IN_FLIGHT_MIN : n > IN_FLIGHT_MAX ? IN_FLIGHT_MAX : n;
}

static void settle(triton *self, const mr__triton_model *model)
{
    mr__triton_options *o = &self->options;
    uint32_t in_flight = in_flight_of(o, model);
    char address[MR__TRITON_NAME_SIZE + 16];

    mr__triton_client_widen(&self->client, in_flight);
    mr__crew_init(&self->crew, in_flight - 1);
    self->ready = true;
    self->base.info.concurrency = in_flight;
    self->base.info.worthwhile = in_flight < WORTHWHILE_MAX ? in_flight : WORTHWHILE_MAX;
    self->base.info.named_slots =
        !self->fit.to_half && (o->shm == MR__TRITON_SHM_REQUIRE ||
                               (o->shm == MR__TRITON_SHM_AUTO && mr__triton_is_local(o)));
    mr__log(&self->client.logger, MR_LOG_INFO, "embed",
            "triton: %s/%s at %s (%s, server %s), up to %u rows a request, %u in flight, %u "
            "numbers%s",
            o->model, o->version, mr__triton_address(o, address, sizeof address),
            self->client.transport->name, self->client.server.version, (unsigned)self->fit.max_rows,
            (unsigned)in_flight, (unsigned)self->base.info.dim,
            self->base.info.named_slots ? ", shared memory" : "");
}

static mr_status meet(triton *self, const mr__plan_spec *spec, const mr__embed_context *context,
                      mr_error *err)
{
    mr__triton_options *o = &self->options;
    mr__triton_model *model = calloc(1, sizeof *model);
    mr_status status = MR_OK;

    if (!model)
        return mr__error_no_memory(err, "model");
    status = mr__triton_options_headers(o, err);
    if (status == MR_OK)
        status = mr__triton_client_open(&self->client, o, context, err);
    if (status == MR_OK)
        status = mr__triton_client_meet(&self->client, model, err);
    if (status == MR_OK)
        status = mr__triton_model_fit(model, o, spec, &self->fit, err);
    if (status == MR_OK && self->fit.to_half && o->shm == MR__TRITON_SHM_REQUIRE)
        status = mr__error_set(err, MR_E_INVALID,
                               "shm=require: the model takes FP16, and what is converted is not "
                               "in shared memory; name a plan that makes float16");
    if (status == MR_OK)
        status = try_empty(self, err);
    if (status == MR_OK) {
        (void)mr__text_copy(o->input, sizeof o->input, self->fit.input.name);
        (void)mr__text_copy(o->output, sizeof o->output, self->fit.output.name);
        settle(self, model);
    }
    free(model);
    return status;
}

static mr_status triton_open(const char *rest, const mr__plan_spec *spec,
                             const mr__embed_context *context, mr_embedder **out, mr_error *err)
{
    triton *self = calloc(1, sizeof *self);
    mr_status status;

    if (!self)
        return mr__error_no_memory(err, "embedder triton");
    self->base.ops = &mr__embed_triton;
    self->base.info = (mr_embedder_info){.spec = self->spec, .concurrency = 1};
    status = mr__triton_options_parse(rest, &self->options, err);
    if (status == MR_OK && spec && meet(self, spec, context, err) != MR_OK)
        status = mr__error_wrap(err, "embedder triton: model %s", self->options.model);
    if (status == MR_OK)
        status = mr__triton_options_print(&self->options, self->spec, sizeof self->spec, err);
    if (status != MR_OK) {
        triton_close(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

static mr_status triton_attach(mr_embedder *embedder, const mr__embed_region *region, mr_error *err)
{
    triton *self = (triton *)embedder;

    if (!self->base.info.named_slots)
        return MR_OK;
    if (region->key)
        return mr__triton_client_share(&self->client, region->key, region->base, region->bytes,
                                       err);
    if (self->options.shm == MR__TRITON_SHM_REQUIRE)
        return mr__error_set(err, MR_E_ENV, "shm=require: %s", region->why);
    mr__log(&self->client.logger, MR_LOG_WARN, "embed",
            "triton: no shared memory, tensors go over the connection: %s", region->why);
    return MR_OK;
}

/* The same version of a model, whichever way it is reached. */
static bool triton_same(const mr_embedder *embedder, const char *rest)
{
    const mr__triton_options *own = &((const triton *)embedder)->options;
    mr__triton_options *other = malloc(sizeof *other);
    bool same = other && mr__triton_options_parse(rest, other, NULL) == MR_OK &&
                strcmp(other->model, own->model) == 0 &&
                strcmp(other->version, own->version) == 0 &&
                strcmp(other->input, own->input) == 0 && strcmp(other->output, own->output) == 0;

    free(other);
    return same;
}

const mr__embed_ops mr__embed_triton = {
    .name = "triton",
    .open = triton_open,
    .run = triton_run,
    .close = triton_close,
    .same = triton_same,
    .attach = triton_attach,
};
