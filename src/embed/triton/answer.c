/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what a server says over HTTP: see answer.h. */
#include "embed/triton/answer.h"

#include <jansson.h>
#include <string.h>

#include "base/text.h"

static mr_status foreign(mr_error *err, const char *what)
{
    return mr__error_set(err, MR_E_ENV, "the server's answer is not understood: %s", what);
}

/* The JSON object that `n` bytes are; NULL if they are something else. */
static json_t *object_of(const char *text, size_t n)
{
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);

    if (root && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

static const char *string_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Sizes of a tensor. More than are used here make it one of another type. */
static bool read_shape(const json_t *shape, mr__triton_tensor *out)
{
    size_t rank = json_array_size(shape);

    if (!json_is_array(shape))
        return false;
    if (rank > MR__TRITON_RANK_MAX) {
        out->type = MR__TRITON_OTHER;
        return true;
    }
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < -1)
            return false;
        out->dim[i] = json_integer_value(dim);
    }
    out->rank = (uint32_t)rank;
    return true;
}

static bool read_tensor(const json_t *object, mr__triton_tensor *out)
{
    const char *name = string_of(object, "name"), *type = string_of(object, "datatype");

    memset(out, 0, sizeof *out);
    if (!name || !type || !mr__text_copy(out->name, sizeof out->name, name))
        return false;
    out->type = mr__triton_type_of(type);
    return read_shape(json_object_get(object, "shape"), out);
}

static bool read_tensors(const json_t *array, mr__triton_tensor *out, uint32_t *n)
{
    size_t count = json_array_size(array);

    if (!json_is_array(array) || count < 1 || count > MR__TRITON_TENSORS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_tensor(json_array_get(array, i), &out[i]))
            return false;
    *n = (uint32_t)count;
    return true;
}

mr_status mr__triton_read_server(const char *text, size_t n, mr__triton_server *out, mr_error *err)
{
    json_t *root = object_of(text, n);
    const char *version = root ? string_of(root, "version") : NULL;
    mr_status status = MR_OK;

    memset(out, 0, sizeof *out);
    if (!root || !string_of(root, "name"))
        status = foreign(err, "it does not say what it is; is this the HTTP port of Triton?");
    else
        mr__triton_server_set(out, version ? version : "");
    json_decref(root);
    return status;
}

mr_status mr__triton_read_metadata(const char *text, size_t n, mr__triton_model *out, mr_error *err)
{
    json_t *root = object_of(text, n);
    bool ok;

    memset(out, 0, sizeof *out);
    ok = root && read_tensors(json_object_get(root, "inputs"), out->inputs, &out->n_inputs) &&
         read_tensors(json_object_get(root, "outputs"), out->outputs, &out->n_outputs);
    json_decref(root);
    return ok ? MR_OK : foreign(err, "metadata of the model");
}

/* Instances over all groups. */
static uint32_t count_instances(const json_t *groups)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i);
        json_int_t count = json_integer_value(json_object_get(group, "count"));
        size_t gpus = json_array_size(json_object_get(group, "gpus"));

        if (count < 1 || count > 1024)
            count = 1;
        sum += (uint32_t)count * (gpus > 1 && gpus < 64 ? (uint32_t)gpus : 1);
        if (sum > 1024)
            return 1024;
    }
    return sum;
}

mr_status mr__triton_read_config(const char *text, size_t n, mr__triton_model *out, mr_error *err)
{
    json_t *root = object_of(text, n);
    const json_t *batch = root ? json_object_get(root, "max_batch_size") : NULL;
    bool ok = root && (!batch || json_is_integer(batch));

    if (ok) {
        out->has_config = true;
        out->max_batch = batch ? json_integer_value(batch) : 0;
        out->instances = count_instances(json_object_get(root, "instance_group"));
        out->decoupled = json_is_true(
            json_object_get(json_object_get(root, "model_transaction_policy"), "decoupled"));
    }
    json_decref(root);
    return ok ? MR_OK : foreign(err, "configuration of the model");
}

/* The bytes of one output. False if it does not say how many, or more than there
 * are. */
static bool take_size(const json_t *output, size_t room, size_t *size)
{
    const json_t *value =
        json_object_get(json_object_get(output, "parameters"), "binary_data_size");

    *size = 0;
    if (!value)
        return true; /* it stands in the JSON: no bytes behind it */
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > room)
        return false;
    *size = (size_t)json_integer_value(value);
    return true;
}

static mr_status find_output(const json_t *outputs, const char *body, size_t n, const char *name,
                             mr__triton_answer *out, mr_error *err)
{
    size_t at = 0, size;
    bool found = false;

    if (!json_is_array(outputs))
        return foreign(err, "no outputs");
    for (size_t i = 0; i < json_array_size(outputs); i++) {
        const json_t *one = json_array_get(outputs, i);
        const char *its = string_of(one, "name");

        if (!its || !take_size(one, n - at, &size))
            return foreign(err, "an output without a name, or of more bytes than came");
        if (strcmp(its, name) == 0) {
            if (found || !read_tensor(one, &out->tensor))
                return foreign(err, "type and shape of the output");
            found = true;
            out->data = body + at;
            out->bytes = size;
        }
        at += size;
    }
    if (!found)
        return mr__error_set(err, MR_E_ENV, "the answer has no output \"%s\"", name);
    if (at != n)
        return foreign(err, "more bytes than its outputs have");
    return MR_OK;
}

mr_status mr__triton_read_answer(const char *body, size_t n, size_t json_bytes, const char *output,
                                 mr__triton_answer *out, mr_error *err)
{
    json_t *root = json_bytes <= n ? object_of(body, json_bytes) : NULL;
    const char *version = root ? string_of(root, "model_version") : NULL;
    mr_status status;

    memset(out, 0, sizeof *out);
    if (!root)
        return foreign(err, "no JSON in front of the outputs");
    status = find_output(json_object_get(root, "outputs"), body + json_bytes, n - json_bytes,
                         output, out, err);
    if (status == MR_OK && version && strspn(version, "0123456789") == strlen(version))
        (void)mr__text_copy(out->version, sizeof out->version, version);
    json_decref(root);
    return status;
}

void mr__triton_read_error(const char *body, size_t n, char *out, size_t size)
{
    json_t *root = object_of(body, n);
    const char *text = root ? string_of(root, "error") : NULL;

    if (text)
        mr__text_escape(out, size, text, strlen(text));
    else
        mr__text_escape(out, size, body, n < 120 ? n : 120);
    json_decref(root);
}
