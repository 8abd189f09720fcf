/* SPDX-License-Identifier: Apache-2.0 */
/* What a served model takes and gives, and whether the plan fits it: see model.h. */
#include "embed/triton/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"

enum { ROWS_MAX = 65535 };

static const struct {
    const char *name;
    size_t bytes;
} types[] = {
    [MR__TRITON_OTHER] = {"another type", 0}, [MR__TRITON_UINT8] = {"UINT8", 1},
    [MR__TRITON_FP16] = {"FP16", 2},          [MR__TRITON_BF16] = {"BF16", 2},
    [MR__TRITON_FP32] = {"FP32", 4},
};

mr__triton_type mr__triton_type_of(const char *name)
{
    for (size_t i = MR__TRITON_UINT8; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0)
            return (mr__triton_type)i;
    return MR__TRITON_OTHER;
}

const char *mr__triton_type_name(mr__triton_type type)
{
    return types[type].name;
}

size_t mr__triton_type_bytes(mr__triton_type type)
{
    return types[type].bytes;
}

const char *mr__triton_shape_text(const mr__triton_tensor *tensor, char *text, size_t size)
{
    char one[32];

    (void)mr__text_copy(text, size, types[tensor->type].name);
    (void)mr__text_append(text, size, " [");
    for (uint32_t i = 0; i < tensor->rank; i++) {
        if (tensor->dim[i] < 0)
            (void)snprintf(one, sizeof one, "%s%s", i > 0 ? "," : "", i > 0 ? "?" : "N");
        else
            (void)snprintf(one, sizeof one, "%s%" PRId64, i > 0 ? "," : "", tensor->dim[i]);
        (void)mr__text_append(text, size, one);
    }
    (void)mr__text_append(text, size, "]");
    return text;
}

/* "a FP32 [N,2], b FP32 [N,4]" */
static const char *list(const mr__triton_tensor *tensors, uint32_t n, char *text, size_t size)
{
    char one[160];

    text[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        (void)mr__text_append(text, size, i > 0 ? ", " : "");
        (void)mr__text_append(text, size, tensors[i].name);
        (void)mr__text_append(text, size, " ");
        (void)mr__text_append(text, size, mr__triton_shape_text(&tensors[i], one, sizeof one));
    }
    return text;
}

static const mr__triton_tensor *named(const mr__triton_tensor *tensors, uint32_t n,
                                      const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(tensors[i].name, name) == 0)
            return &tensors[i];
    return NULL;
}

/* Every input of a request must be given: only models of one can be asked. */
static mr_status choose_input(const mr__triton_model *model, const char *name,
                              mr__triton_tensor *out, mr_error *err)
{
    const mr__triton_tensor *found =
        name[0] ? named(model->inputs, model->n_inputs, name) : &model->inputs[0];
    char shown[300];

    (void)list(model->inputs, model->n_inputs, shown, sizeof shown);
    if (model->n_inputs != 1)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "the model has %u inputs (%s): only models of one input, the "
                             "pictures, can be asked; serve the part that embeds pictures",
                             (unsigned)model->n_inputs, shown);
    if (!found)
        return mr__error_set(err, MR_E_INVALID, "the model has no input \"%s\"; it has %s", name,
                             shown);
    *out = *found;
    return MR_OK;
}

/* Could its rows be vectors: [N,D], also with ones behind? */
static bool could_be_meant(const mr__triton_tensor *tensor)
{
    uint32_t rank = tensor->rank;

    while (rank > 2 && tensor->dim[rank - 1] == 1)
        rank--;
    return (tensor->type == MR__TRITON_FP32 || tensor->type == MR__TRITON_FP16) && rank == 2;
}

static mr_status choose_output(const mr__triton_model *model, const char *name,
                               mr__triton_tensor *out, mr_error *err)
{
    const mr__triton_tensor *found = NULL;
    uint32_t meant = 0;
    char shown[300];

    (void)list(model->outputs, model->n_outputs, shown, sizeof shown);
    for (uint32_t i = 0; i < model->n_outputs; i++) {
        const mr__triton_tensor *one = &model->outputs[i];
        if (name[0] ? strcmp(one->name, name) != 0 : model->n_outputs > 1 && !could_be_meant(one))
            continue;
        found = one;
        meant++;
    }
    if (meant == 0 && name[0])
        return mr__error_set(err, MR_E_INVALID, "the model has no output \"%s\"; it has %s", name,
                             shown);
    if (meant != 1)
        return mr__error_set(err, MR_E_INVALID,
                             "which output? add ?output=NAME to the model; it has %s", shown);
    if (found->type != MR__TRITON_FP32 && found->type != MR__TRITON_FP16)
        return mr__error_set(err, MR_E_UNSUPPORTED, "output \"%s\" is %s: FP32 or FP16 is needed",
                             found->name, mr__triton_shape_text(found, shown, sizeof shown));
    *out = *found;
    return MR_OK;
}

static bool admits(int64_t declared, int64_t size)
{
    return declared < 0 || declared == size;
}

static mr_status fit_input(mr__triton_fit *fit, const mr__plan_spec *spec, mr_error *err)
{
    static const mr__triton_type of_dtype[] = {[MR_DTYPE_F32] = MR__TRITON_FP32,
                                               [MR_DTYPE_U8] = MR__TRITON_UINT8,
                                               [MR_DTYPE_F16] = MR__TRITON_FP16,
                                               [MR_DTYPE_BF16] = MR__TRITON_BF16};
    bool planar = spec->layout == MR_LAYOUT_NCHW;
    mr__triton_tensor gives = {.type = of_dtype[spec->dtype],
                               .rank = 4,
                               .dim = {-1, planar ? 3 : spec->out_height,
                                       planar ? spec->out_height : spec->out_width,
                                       planar ? spec->out_width : 3}};
    mr__triton_tensor *in = &fit->input;
    char wanted[160], given[160];
    bool fits;

    fit->to_half = in->type == MR__TRITON_FP16 && gives.type == MR__TRITON_FP32;
    fits = (in->type == gives.type || fit->to_half) && in->rank == gives.rank;
    for (uint32_t i = 1; i < gives.rank && fits; i++)
        fits = admits(in->dim[i], gives.dim[i]);
    if (!fits)
        return mr__error_set(err, MR_E_INVALID,
                             "input \"%s\" of the model is %s, the plan makes %s: name a plan that "
                             "fits (--plan)",
                             in->name, mr__triton_shape_text(in, wanted, sizeof wanted),
                             mr__triton_shape_text(&gives, given, sizeof given));
    memcpy(in->dim + 1, gives.dim + 1, 3 * sizeof in->dim[0]);
    if (!mr__size_mul(&fit->row_elements, spec->out_height, spec->out_width) ||
        !mr__size_mul(&fit->row_elements, fit->row_elements, 3) ||
        !mr__size_mul(&fit->row_bytes, fit->row_elements, types[gives.type].bytes))
        return mr__error_no_memory(err, "row");
    return MR_OK;
}

/* How many rows one request may have. */
static mr_status fit_batch(mr__triton_fit *fit, const mr__triton_model *model, uint32_t asked,
                           mr_error *err)
{
    int64_t first = fit->input.dim[0];

    if (model->max_batch < 0 || model->max_batch > INT32_MAX || first == 0 || first > ROWS_MAX)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "the model takes batches of %" PRId64 " (max_batch_size %" PRId64 ")",
                             first, model->max_batch);
    fit->max_rows =
        model->max_batch > 0 && model->max_batch < ROWS_MAX ? (uint32_t)model->max_batch : ROWS_MAX;
    if (first > 0) {
        /* a model without max_batch_size whose shape says how many rows there are */
        if (asked > 0 && first != asked)
            return mr__error_set(err, MR_E_INVALID,
                                 "the model takes batches of %" PRId64 ", not %u", first,
                                 (unsigned)asked);
        fit->max_rows = (uint32_t)first;
        fit->exactly = true;
    }
    if (asked > 0 && asked < fit->max_rows)
        fit->max_rows = asked;
    return MR_OK;
}

mr_status mr__triton_model_fit(const mr__triton_model *model, const mr__triton_options *options,
                               const mr__plan_spec *spec, mr__triton_fit *out, mr_error *err)
{
    mr_status status;

    memset(out, 0, sizeof *out);
    if (model->decoupled)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "the model answers a request any number of times (decoupled)");
    status = choose_input(model, options->input, &out->input, err);
    if (status == MR_OK)
        status = choose_output(model, options->output, &out->output, err);
    if (status == MR_OK)
        status = fit_input(out, spec, err);
    if (status == MR_OK)
        status = fit_batch(out, model, options->batch, err);
    return status;
}

mr_status mr__triton_output_check(const mr__triton_tensor *got, size_t bytes, size_t n,
                                  uint32_t *dim, mr_error *err)
{
    uint32_t rank = got->rank;
    size_t wanted;
    char shown[160];

    (void)mr__triton_shape_text(got, shown, sizeof shown);
    while (rank > 2 && got->dim[rank - 1] == 1)
        rank--;
    if ((got->type != MR__TRITON_FP32 && got->type != MR__TRITON_FP16) || rank != 2 ||
        got->dim[0] < 0 || (uint64_t)got->dim[0] != n || got->dim[1] < 1 ||
        got->dim[1] > MR__TRITON_DIM_MAX)
        return mr__error_set(err, MR_E_ENV,
                             "output \"%s\" of %zu rows is %s: [N,D] of FP32 or FP16 with D 1..%d "
                             "is needed",
                             got->name, n, shown, MR__TRITON_DIM_MAX);
    if (*dim != 0 && got->dim[1] != *dim)
        return mr__error_set(err, MR_E_ENV,
                             "output \"%s\" is %s, it was of %u numbers before: another model has "
                             "taken its place",
                             got->name, shown, (unsigned)*dim);
    if (!mr__size_mul(&wanted, n, (size_t)got->dim[1] * types[got->type].bytes) || wanted != bytes)
        return mr__error_set(err, MR_E_ENV, "output \"%s\" is %s, and came with %zu bytes",
                             got->name, shown, bytes);
    *dim = (uint32_t)got->dim[1];
    return MR_OK;
}
