/* SPDX-License-Identifier: Apache-2.0 */
/* What a model takes and gives: its inputs and outputs, and whether the plan fits them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "embed/onnx/session.h"

const char *mr__onnx_shape_text(const mr__onnx_tensor *tensor, char *text, size_t size)
{
    char one[32];

    (void)mr__text_copy(text, size, mr__ort_type_name(tensor->type));
    (void)mr__text_append(text, size, " [");
    for (size_t i = 0; i < tensor->rank && i < MR__ONNX_RANK_MAX; i++) {
        if (tensor->dim[i] < 0)
            (void)snprintf(one, sizeof one, "%s%s", i > 0 ? "," : "", i > 0 ? "?" : "N");
        else
            (void)snprintf(one, sizeof one, "%s%" PRId64, i > 0 ? "," : "", tensor->dim[i]);
        (void)mr__text_append(text, size, one);
    }
    (void)mr__text_append(text, size, "]");
    return text;
}

mr_status mr__onnx_shape_read(const mr__ort *ort, const mr__ort_shape *shape, mr__onnx_tensor *out,
                              mr_error *err)
{
    const mr__ort_api *api = &ort->api;
    mr_status status;

    out->type = 0;
    out->rank = 0;
    if (!shape)
        return MR_OK;
    status = mr__ort_check(ort, api->element_type(shape, &out->type), "type", err);
    if (status == MR_OK)
        status = mr__ort_check(ort, api->rank(shape, &out->rank), "shape", err);
    if (status == MR_OK && out->rank > MR__ONNX_RANK_MAX)
        out->type = 0; /* nothing that is used here */
    else if (status == MR_OK && out->rank > 0)
        status = mr__ort_check(ort, api->dimensions(shape, out->dim, out->rank), "shape", err);
    return status;
}

/* Input or output `i`: name, type and shape. */
static mr_status describe(const mr__onnx_session *self, bool is_input, size_t i,
                          mr__onnx_tensor *out, mr_error *err)
{
    const mr__ort_api *api = &self->ort.api;
    const mr__ort_shape *shape = NULL;
    mr__ort_allocator *allocator = NULL;
    mr__ort_type *type = NULL;
    char *name = NULL;
    mr_status status;
    bool fits;

    memset(out, 0, sizeof *out);
    status = mr__ort_check(&self->ort, api->default_allocator(&allocator), "allocator", err);
    if (status == MR_OK)
        status = mr__ort_check(
            &self->ort,
            (is_input ? api->input_name : api->output_name)(self->session, i, allocator, &name),
            "name", err);
    if (status != MR_OK)
        return status;
    fits = mr__text_copy(out->name, sizeof out->name, name);
    status = mr__ort_check(&self->ort, api->allocator_free(allocator, name), "name", err);
    if (status == MR_OK && !fits)
        status = mr__error_set(err, MR_E_UNSUPPORTED, "a name of the model has over %zu bytes",
                               sizeof out->name - 1);
    if (status == MR_OK)
        status = mr__ort_check(
            &self->ort, (is_input ? api->input_type : api->output_type)(self->session, i, &type),
            "type", err);
    if (status == MR_OK)
        status = mr__ort_check(&self->ort, api->type_to_shape(type, &shape), "type", err);
    if (status == MR_OK)
        status = mr__onnx_shape_read(&self->ort, shape, out, err);
    if (type)
        api->release_type(type);
    return status;
}

static int type_of(mr_dtype dtype)
{
    static const int types[] = {[MR_DTYPE_F32] = MR__ORT_FLOAT,
                                [MR_DTYPE_U8] = MR__ORT_UINT8,
                                [MR_DTYPE_F16] = MR__ORT_FLOAT16,
                                [MR_DTYPE_BF16] = MR__ORT_BFLOAT16};

    return types[dtype];
}

static size_t size_of(int type)
{
    return type == MR__ORT_UINT8 ? 1 : type == MR__ORT_FLOAT ? 4 : 2;
}

/* Does a declared size admit a real one? */
static bool admits(int64_t declared, int64_t size)
{
    return declared < 0 || declared == size;
}

mr_status mr__onnx_input_choose(mr__onnx_session *self, const mr__plan_spec *spec, mr_error *err)
{
    bool planar = spec->layout == MR_LAYOUT_NCHW;
    mr__onnx_tensor gives = {.type = type_of(spec->dtype),
                             .rank = 4,
                             .dim = {-1, planar ? 3 : spec->out_height,
                                     planar ? spec->out_height : spec->out_width,
                                     planar ? spec->out_width : 3}};
    mr__onnx_tensor *in = &self->input;
    char wanted[128], given[128];
    size_t n = 0;
    bool fits;
    mr_status status =
        mr__ort_check(&self->ort, self->ort.api.input_count(self->session, &n), "inputs", err);

    if (status == MR_OK && n != 1)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "the model has %zu inputs: only models of one input, the pictures, "
                             "can be run; export the part that embeds pictures",
                             n);
    if (status == MR_OK)
        status = describe(self, true, 0, in, err);
    if (status != MR_OK)
        return status;
    self->to_half = in->type == MR__ORT_FLOAT16 && gives.type == MR__ORT_FLOAT;
    fits = (in->type == gives.type || self->to_half) && in->rank == gives.rank;
    for (size_t i = 1; i < gives.rank && fits; i++)
        fits = admits(in->dim[i], gives.dim[i]);
    if (!fits)
        return mr__error_set(err, MR_E_INVALID,
                             "input \"%s\" of the model is %s, the plan makes %s: name a plan that "
                             "fits (--plan)",
                             in->name, mr__onnx_shape_text(in, wanted, sizeof wanted),
                             mr__onnx_shape_text(&gives, given, sizeof given));
    memcpy(in->dim + 1, gives.dim + 1, 3 * sizeof in->dim[0]);
    self->row_elements = (size_t)spec->out_height * spec->out_width * 3;
    if (!mr__size_mul(&self->row_bytes, self->row_elements, size_of(gives.type)))
        return mr__error_no_memory(err, "row");
    if (in->dim[0] == 0 || in->dim[0] > UINT16_MAX)
        return mr__error_set(err, MR_E_UNSUPPORTED, "the model takes batches of %" PRId64,
                             in->dim[0]);
    if (in->dim[0] > 0 && self->batch > 0 && in->dim[0] != self->batch)
        return mr__error_set(err, MR_E_INVALID, "the model takes batches of %" PRId64 ", not %u",
                             in->dim[0], (unsigned)self->batch);
    if (in->dim[0] > 0)
        self->batch = (uint32_t)in->dim[0];
    return MR_OK;
}

/* Could its rows be vectors? [N,D], also with ones behind; [N,T,D] if it is to be pooled. */
static bool could_be_meant(const mr__onnx_tensor *tensor, mr__onnx_pooling pooling)
{
    size_t rank = tensor->rank;

    if (tensor->type != MR__ORT_FLOAT && tensor->type != MR__ORT_FLOAT16)
        return false;
    if (pooling != MR__ONNX_POOL_NONE)
        return rank == 3;
    while (rank > 2 && tensor->dim[rank - 1] == 1)
        rank--;
    return rank == 2;
}

mr_status mr__onnx_output_choose(mr__onnx_session *self, const char *name, mr_error *err)
{
    char shown[300] = "", one[128];
    size_t n = 0, meant = 0;
    mr__onnx_tensor tensor;
    mr_status status =
        mr__ort_check(&self->ort, self->ort.api.output_count(self->session, &n), "outputs", err);

    for (size_t i = 0; i < n && status == MR_OK; i++) {
        status = describe(self, false, i, &tensor, err);
        if (status != MR_OK)
            break;
        if (i > 0)
            (void)mr__text_append(shown, sizeof shown, ", ");
        (void)mr__text_append(shown, sizeof shown, tensor.name);
        (void)mr__text_append(shown, sizeof shown, " ");
        (void)mr__text_append(shown, sizeof shown, mr__onnx_shape_text(&tensor, one, sizeof one));
        if (name[0] ? strcmp(name, tensor.name) == 0
                    : n == 1 || could_be_meant(&tensor, self->pooling)) {
            self->output = tensor;
            meant++;
        }
    }
    if (status != MR_OK || meant == 1)
        return status;
    if (name[0])
        return mr__error_set(err, MR_E_INVALID, "the model has no output \"%s\"; it has %s", name,
                             shown);
    return mr__error_set(err, MR_E_INVALID,
                         "which output? add ?output=NAME to the model; it has %s", shown);
}
