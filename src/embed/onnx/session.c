/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One model and its runs.
 *
 * The batch slot is bound in place: its rows are wrapped as the input tensor, and where the model
 * gives float32 [N,D] the caller's vectors are wrapped as the output tensor, so nothing is copied
 * on the way in or out. A copy is made of float16 (either way), of token outputs that are pooled,
 * and of a rest that is smaller than the batch that a model fixes.
 *
 * Where a model fixes its batch, or the user did, rows are taken that many at a time. The last
 * take of a larger number overlaps the one before: it gives the same vectors once more, in place.
 */
#include "embed/onnx/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "embed/half.h"

enum { LEVEL_ERROR = 3, OPTIMISE_ALL = 99, ALLOCATOR_ARENA = 1, DIM_MAX = 32768 };

/* What goes wrong is told by statuses; the library itself prints nothing. */
static void quiet(void *cookie, int severity, const char *category, const char *id,
                  const char *location, const char *message)
{
    (void)cookie;
    (void)severity;
    (void)category;
    (void)id;
    (void)location;
    (void)message;
}

/* Threads that do not spin: the workers need the CPUs that wait. */
static mr_status configure(const mr__ort *ort, const mr__onnx_options *options, mr__ort_options *to,
                           mr_error *err)
{
    const mr__ort_api *api = &ort->api;
    mr__ort_status *failed = api->set_optimisation(to, OPTIMISE_ALL);

    if (!failed)
        failed = api->set_intra_threads(to, (int)options->threads);
    if (!failed)
        failed = api->set_inter_threads(to, 1);
    if (!failed)
        failed = api->add_config(to, "session.intra_op.allow_spinning", "0");
    if (failed)
        return mr__ort_check(ort, failed, "options", err);
    return mr__onnx_provider_add(ort, options, to, err);
}

static mr_status load_model(mr__onnx_session *self, const mr__onnx_options *options, mr_error *err)
{
    const mr__ort_api *api = &self->ort.api;
    mr__ort_options *to = NULL;
    mr_status status;

    status =
        mr__ort_check(&self->ort, api->create_env(quiet, NULL, LEVEL_ERROR, "millrace", &self->env),
                      "environment", err);
    if (status == MR_OK)
        status = mr__ort_check(&self->ort, api->create_memory(ALLOCATOR_ARENA, 0, &self->memory),
                               "memory", err);
    if (status == MR_OK)
        status = mr__ort_check(&self->ort, api->create_options(&to), "options", err);
    if (status == MR_OK)
        status = configure(&self->ort, options, to, err);
    if (status == MR_OK)
        status = mr__ort_check(&self->ort,
                               api->create_session(self->env, options->model, to, &self->session),
                               options->model, err);
    if (to)
        api->release_options(to);
    return status;
}

/* Wraps memory as a tensor: no copy. */
static mr_status wrap(const mr__onnx_session *self, const mr__onnx_tensor *tensor, void *data,
                      size_t bytes, mr__ort_value **out, mr_error *err)
{
    return mr__ort_check(&self->ort,
                         self->ort.api.create_tensor(self->memory, data, bytes, tensor->dim,
                                                     tensor->rank, tensor->type, out),
                         tensor->name, err);
}

/* One run; `*out` NULL: the library makes the output. */
static mr_status run(mr__onnx_session *self, const void *rows, size_t n, mr__ort_value **out,
                     mr_error *err)
{
    const char *input_names[] = {self->input.name}, *output_names[] = {self->output.name};
    mr__onnx_tensor shape = self->input;
    mr__ort_value *input = NULL;
    uint16_t *halves = NULL;
    void *data = (void *)(uintptr_t)rows; /* the C API has no tensor of constant data */
    size_t bytes = n * self->row_bytes;
    mr_status status;

    shape.dim[0] = (int64_t)n;
    if (self->to_half) {
        halves = calloc(n, self->row_elements * sizeof *halves);
        if (!halves)
            return mr__error_no_memory(err, "float16 rows");
        mr__half_from_float(rows, n * self->row_elements, halves);
        data = halves;
        bytes /= 2;
    }
    status = wrap(self, &shape, data, bytes, &input, err);
    if (status == MR_OK) {
        const mr__ort_value *inputs[] = {input};
        mr__ort_status *answer =
            self->ort.api.run(self->session, NULL, input_names, inputs, 1, output_names, 1, out);
        /* an operator that does not take what the rows lead to, such as an index out of range */
        bool refused = answer && self->ort.api.get_error_code(answer) == MR__ORT_INVALID_ARGUMENT;

        status = mr__ort_check(&self->ort, answer, "run", err);
        if (refused) {
            status = MR_E_ITEM;
            if (err)
                err->status = status;
        }
    }
    if (input)
        self->ort.api.release_value(input);
    free(halves);
    return status;
}

/* Type and shape of what a run gave. */
static mr_status look(const mr__onnx_session *self, const mr__ort_value *value,
                      mr__onnx_tensor *out, mr_error *err)
{
    mr__ort_shape *shape = NULL;
    int is_tensor = 0;
    mr_status status =
        mr__ort_check(&self->ort, self->ort.api.is_tensor(value, &is_tensor), "output", err);

    if (status == MR_OK && !is_tensor)
        return mr__error_set(err, MR_E_UNSUPPORTED, "output \"%s\" is no tensor", out->name);
    if (status == MR_OK)
        status = mr__ort_check(&self->ort, self->ort.api.value_shape(value, &shape), "output", err);
    if (status == MR_OK)
        status = mr__onnx_shape_read(&self->ort, shape, out, err);
    if (shape)
        self->ort.api.release_shape(shape);
    return status;
}

/* Row `i` of [n,T,D] becomes one vector: its first token, or the mean of all. */
static void pool(mr__onnx_pooling pooling, const float *tokens, size_t n_tokens, size_t dim,
                 float *vector)
{
    if (pooling != MR__ONNX_POOL_MEAN) {
        memcpy(vector, tokens, dim * sizeof *vector);
        return;
    }
    for (size_t d = 0; d < dim; d++) {
        double sum = 0.0;
        for (size_t t = 0; t < n_tokens; t++)
            sum += (double)tokens[t * dim + d];
        vector[d] = (float)(sum / (double)n_tokens);
    }
}

/* Turns an output that the library made into vectors. */
static mr_status convert(const mr__onnx_session *self, mr__ort_value *value, size_t n,
                         float *vectors, mr_error *err)
{
    mr__onnx_tensor got = self->output;
    char shown[128];
    size_t n_tokens, elements;
    float *floats = NULL;
    void *data = NULL;
    mr_status status = look(self, value, &got, err);

    if (status == MR_OK)
        status = mr__ort_check(&self->ort, self->ort.api.tensor_data(value, &data), "output", err);
    if (status != MR_OK)
        return status;
    n_tokens = self->pooling == MR__ONNX_POOL_NONE ? 1 : (size_t)got.dim[1];
    if (got.type != self->output.type || got.rank != self->output.rank ||
        got.dim[0] != (int64_t)n || n_tokens < 1 ||
        (self->pooling == MR__ONNX_POOL_NONE ? got.dim[1] : got.dim[2]) != (int64_t)self->dim)
        return mr__error_set(err, MR_E_ENV, "output \"%s\" of %zu rows is %s", got.name, n,
                             mr__onnx_shape_text(&got, shown, sizeof shown));
    if (!mr__size_mul(&elements, n_tokens, self->dim) || !mr__size_mul(&elements, elements, n))
        return mr__error_no_memory(err, "output");
    if (got.type == MR__ORT_FLOAT16) {
        floats = calloc(elements, sizeof *floats);
        if (!floats)
            return mr__error_no_memory(err, "output");
        mr__half_to_float(data, elements, floats);
        data = floats;
    }
    for (size_t i = 0; i < n; i++)
        pool(self->pooling, (const float *)data + i * n_tokens * self->dim, n_tokens, self->dim,
             vectors + i * self->dim);
    free(floats);
    return MR_OK;
}

/* `n` rows in one run, into `vectors`: in place where the output allows it. */
static mr_status run_rows(mr__onnx_session *self, const void *rows, size_t n, float *vectors,
                          mr_error *err)
{
    bool in_place = self->pooling == MR__ONNX_POOL_NONE && self->output.type == MR__ORT_FLOAT;
    mr__onnx_tensor shape = self->output;
    mr__ort_value *value = NULL;
    mr_status status = MR_OK;

    shape.dim[0] = (int64_t)n;
    if (in_place)
        status = wrap(self, &shape, vectors, n * self->dim * sizeof *vectors, &value, err);
    if (status == MR_OK)
        status = run(self, rows, n, &value, err);
    if (status == MR_OK && !in_place)
        status = convert(self, value, n, vectors, err);
    if (value)
        self->ort.api.release_value(value);
    return status;
}

/* Fewer rows than a run takes: the rest of it is empty. */
static mr_status run_padded(mr__onnx_session *self, const void *rows, size_t n, float *vectors,
                            mr_error *err)
{
    uint8_t *more = calloc(self->batch, self->row_bytes);
    float *out = calloc(self->batch, self->dim * sizeof *out);
    mr_status status;

    if (more && out) {
        memcpy(more, rows, n * self->row_bytes);
        status = run_rows(self, more, self->batch, out, err);
        if (status == MR_OK)
            memcpy(vectors, out, n * self->dim * sizeof *out);
    } else {
        status = mr__error_no_memory(err, "batch");
    }
    free(more);
    free(out);
    return status;
}

mr_status mr__onnx_session_run(mr__onnx_session *self, const void *rows, size_t n, float *vectors,
                               mr_error *err)
{
    size_t step = self->batch > 0 ? self->batch : n, at = 0;
    mr_status status = MR_OK;

    if (n < step)
        return run_padded(self, rows, n, vectors, err);
    while (at < n && status == MR_OK) {
        size_t from = at + step <= n ? at : n - step;
        status = run_rows(self, (const uint8_t *)rows + from * self->row_bytes, step,
                          vectors + from * self->dim, err);
        at = from + step;
    }
    return status;
}

/* Judges the output of the first run, which was of `n` rows. */
static mr_status judge(mr__onnx_session *self, size_t n, mr_error *err)
{
    mr__onnx_tensor *out = &self->output;
    char shown[128];
    size_t rank = out->rank;
    int64_t dim;

    (void)mr__onnx_shape_text(out, shown, sizeof shown);
    if (out->type != MR__ORT_FLOAT && out->type != MR__ORT_FLOAT16)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "output \"%s\" is %s: float32 or float16 is "
                             "needed",
                             out->name, shown);
    if (self->pooling != MR__ONNX_POOL_NONE && rank != 3)
        return mr__error_set(err, MR_E_INVALID, "output \"%s\" is %s: only [N,T,D] can be pooled",
                             out->name, shown);
    if (self->pooling == MR__ONNX_POOL_NONE && rank == 3 && out->dim[2] > 1)
        return mr__error_set(err, MR_E_INVALID,
                             "output \"%s\" is %s: say how its tokens become a vector, "
                             "?pooling=cls or ?pooling=mean",
                             out->name, shown);
    while (self->pooling == MR__ONNX_POOL_NONE && rank > 2 && out->dim[rank - 1] == 1)
        rank--;
    if (rank < 2 || (self->pooling == MR__ONNX_POOL_NONE && rank > 2) || out->dim[0] != (int64_t)n)
        return mr__error_set(err, MR_E_INVALID, "output \"%s\" of %zu rows is %s: [N,D] is needed",
                             out->name, n, shown);
    dim = out->dim[rank - 1];
    if (dim < 1 || dim > DIM_MAX)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "output \"%s\" is %s: a vector has 1..%d "
                             "numbers",
                             out->name, shown, DIM_MAX);
    self->dim = (uint32_t)dim;
    return MR_OK;
}

/* An empty picture through the model. */
static mr_status try_once(mr__onnx_session *self, mr_error *err)
{
    size_t n = self->batch > 0 ? self->batch : 1;
    mr__ort_value *value = NULL;
    void *rows = calloc(n, self->row_bytes);
    mr_status status;

    if (!rows)
        return mr__error_no_memory(err, "batch");
    status = run(self, rows, n, &value, err);
    if (status == MR_E_ITEM) {
        status = MR_E_ENV; /* here no row is to blame */
        if (err)
            err->status = status;
    }
    if (status == MR_OK)
        status = look(self, value, &self->output, err);
    if (status == MR_OK)
        status = judge(self, n, err);
    if (value)
        self->ort.api.release_value(value);
    free(rows);
    return status;
}

mr_status mr__onnx_session_open(const mr__onnx_options *options, const mr__plan_spec *spec,
                                mr__onnx_session *out, mr_error *err)
{
    mr_status status;

    memset(out, 0, sizeof *out);
    out->pooling = options->pooling;
    out->batch = options->batch;
    status = mr__ort_load(options->runtime, &out->ort, err);
    if (status == MR_OK)
        status = load_model(out, options, err);
    if (status == MR_OK)
        status = mr__onnx_input_choose(out, spec, err);
    if (status == MR_OK)
        status = mr__onnx_output_choose(out, options->output, err);
    if (status == MR_OK)
        status = try_once(out, err);
    return status;
}

void mr__onnx_session_close(mr__onnx_session *self)
{
    if (self->session)
        self->ort.api.release_session(self->session);
    if (self->memory)
        self->ort.api.release_memory(self->memory);
    if (self->env)
        self->ort.api.release_env(self->env);
    memset(self, 0, sizeof *self);
}
