/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of gRPC: see message.h. */
#include "embed/triton/message.h"

#include <string.h>

#include <inference.pb-c.h>

#include "base/text.h"

enum { RAW_INPUT_CONTENTS = 7, LENGTH_DELIMITED = 2, INSTANCES_MAX = 1024 };

/* protobuf-c has strings that are not const; it only reads them here. */
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static mr_status foreign(mr_error *err, const char *what)
{
    return mr__error_set(err, MR_E_ENV, "the server's answer is not understood: %s", what);
}

/* -- said ------------------------------------------------------------------------------------- */

static bool pack(const ProtobufCMessage *message, mr__buf *out)
{
    size_t n = protobuf_c_message_get_packed_size(message);

    if (!mr__buf_reserve(out, n))
        return false;
    out->len += protobuf_c_message_pack(message, (uint8_t *)out->data + out->len);
    return true;
}

static bool put_varint(mr__buf *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return mr__buf_add(out, bytes, n);
}

bool mr__triton_pack_model(const char *model, const char *version, mr__buf *out)
{
    Kserve__ModelRequest message = KSERVE__MODEL_REQUEST__INIT;

    message.name = text_of(model);
    message.version = text_of(version);
    return pack(&message.base, out);
}

bool mr__triton_pack_region(const mr__triton_region *region, mr__buf *out)
{
    Kserve__RegionRegisterRequest message = KSERVE__REGION_REGISTER_REQUEST__INIT;

    message.name = text_of(region->name);
    message.key = text_of(region->key);
    message.byte_size = region->bytes;
    return pack(&message.base, out);
}

bool mr__triton_pack_region_name(const char *name, mr__buf *out)
{
    Kserve__RegionUnregisterRequest message = KSERVE__REGION_UNREGISTER_REQUEST__INIT;

    message.name = text_of(name);
    return pack(&message.base, out);
}

static void set_number(Kserve__NamedParameter *named, Kserve__Parameter *value, const char *key,
                       size_t number)
{
    kserve__parameter__init(value);
    value->kind_case = KSERVE__PARAMETER__KIND_INT64_PARAM; /* an unsigned one is refused */
    value->int64_param = (int64_t)number;
    kserve__named_parameter__init(named);
    named->key = text_of(key);
    named->value = value;
}

bool mr__triton_pack_infer(const mr__triton_infer *infer, mr__buf *out)
{
    Kserve__ModelInferRequest message = KSERVE__MODEL_INFER_REQUEST__INIT;
    Kserve__InputTensor input = KSERVE__INPUT_TENSOR__INIT, *inputs[] = {&input};
    Kserve__RequestedOutput output = KSERVE__REQUESTED_OUTPUT__INIT, *outputs[] = {&output};
    Kserve__NamedParameter named[3], *parameters[] = {&named[0], &named[1], &named[2]};
    Kserve__Parameter values[3];
    mr__triton_tensor shape = *infer->input;

    input.name = shape.name;
    input.datatype = text_of(mr__triton_type_name(shape.type));
    input.n_shape = shape.rank;
    input.shape = shape.dim;
    if (infer->region) {
        set_number(&named[0], &values[0], "shared_memory_region", 0);
        values[0].kind_case = KSERVE__PARAMETER__KIND_STRING_PARAM;
        values[0].string_param = text_of(infer->region);
        set_number(&named[1], &values[1], "shared_memory_byte_size", infer->bytes);
        set_number(&named[2], &values[2], "shared_memory_offset", infer->offset);
        input.n_parameters = infer->offset > 0 ? 3 : 2;
        input.parameters = parameters;
    }
    output.name = text_of(infer->output);
    message.model_name = text_of(infer->model);
    message.model_version = text_of(infer->version);
    message.n_inputs = message.n_outputs = 1;
    message.inputs = inputs;
    message.outputs = outputs;
    return pack(&message.base, out) &&
           (infer->region || (put_varint(out, RAW_INPUT_CONTENTS << 3 | LENGTH_DELIMITED) &&
                              put_varint(out, infer->bytes)));
}

/* -- heard ------------------------------------------------------------------------------------ */

mr_status mr__triton_unpack_server(const uint8_t *data, size_t n, mr__triton_server *out,
                                   mr_error *err)
{
    Kserve__ServerMetadataResponse *message =
        kserve__server_metadata_response__unpack(NULL, n, data);

    memset(out, 0, sizeof *out);
    if (!message)
        return foreign(err, "who it is");
    mr__triton_server_set(out, message->version);
    kserve__server_metadata_response__free_unpacked(message, NULL);
    return MR_OK;
}

/* Name, type and sizes of a tensor. More sizes than are used here make it one of another type. */
static bool read_tensor(const char *name, const char *type, const int64_t *shape, size_t rank,
                        mr__triton_tensor *out)
{
    memset(out, 0, sizeof *out);
    if (!mr__text_copy(out->name, sizeof out->name, name))
        return false;
    if (rank > MR__TRITON_RANK_MAX)
        return true;
    out->type = mr__triton_type_of(type);
    out->rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        if (shape[i] < -1)
            return false;
        out->dim[i] = shape[i];
    }
    return true;
}

static bool read_tensors(Kserve__TensorMetadata *const *tensors, size_t n, mr__triton_tensor *out,
                         uint32_t *count)
{
    if (n < 1 || n > MR__TRITON_TENSORS_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!read_tensor(tensors[i]->name, tensors[i]->datatype, tensors[i]->shape,
                         tensors[i]->n_shape, &out[i]))
            return false;
    *count = (uint32_t)n;
    return true;
}

mr_status mr__triton_unpack_metadata(const uint8_t *data, size_t n, mr__triton_model *out,
                                     mr_error *err)
{
    Kserve__ModelMetadataResponse *message = kserve__model_metadata_response__unpack(NULL, n, data);
    bool ok;

    memset(out, 0, sizeof *out);
    ok = message && read_tensors(message->inputs, message->n_inputs, out->inputs, &out->n_inputs) &&
         read_tensors(message->outputs, message->n_outputs, out->outputs, &out->n_outputs);
    if (message)
        kserve__model_metadata_response__free_unpacked(message, NULL);
    return ok ? MR_OK : foreign(err, "metadata of the model");
}

/* Instances over all groups. */
static uint32_t count_instances(const Kserve__ModelConfig *config)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < config->n_instance_group && sum < INSTANCES_MAX; i++) {
        const Kserve__InstanceGroup *group = config->instance_group[i];
        uint32_t count =
            group->count >= 1 && group->count <= INSTANCES_MAX ? (uint32_t)group->count : 1;
        sum += count * (group->n_gpus > 1 && group->n_gpus < 64 ? (uint32_t)group->n_gpus : 1);
    }
    return sum < INSTANCES_MAX ? sum : INSTANCES_MAX;
}

mr_status mr__triton_unpack_config(const uint8_t *data, size_t n, mr__triton_model *out,
                                   mr_error *err)
{
    Kserve__ModelConfigResponse *message = kserve__model_config_response__unpack(NULL, n, data);
    const Kserve__ModelConfig *config = message ? message->config : NULL;
    bool ok = config != NULL;

    if (ok) {
        out->has_config = true;
        out->max_batch = config->max_batch_size;
        out->instances = count_instances(config);
        out->decoupled =
            config->model_transaction_policy && config->model_transaction_policy->decoupled;
    }
    if (message)
        kserve__model_config_response__free_unpacked(message, NULL);
    return ok ? MR_OK : foreign(err, "configuration of the model");
}

static mr_status find_output(const Kserve__ModelInferResponse *message, const char *name,
                             mr__buf *bytes, mr__triton_answer *out, mr_error *err)
{
    size_t found = message->n_outputs;
    const ProtobufCBinaryData *raw;

    /* one entry of bytes for each output, in the same order */
    if (message->n_raw_output_contents != message->n_outputs)
        return foreign(err, "as many outputs as pieces of bytes are needed");
    for (size_t i = 0; i < message->n_outputs; i++) {
        if (strcmp(message->outputs[i]->name, name) != 0)
            continue;
        if (found < message->n_outputs)
            return foreign(err, "an output that comes twice");
        found = i;
    }
    if (found == message->n_outputs)
        return mr__error_set(err, MR_E_ENV, "the answer has no output \"%s\"", name);
    if (!read_tensor(name, message->outputs[found]->datatype, message->outputs[found]->shape,
                     message->outputs[found]->n_shape, &out->tensor))
        return foreign(err, "type and shape of the output");
    raw = &message->raw_output_contents[found];
    mr__buf_reset(bytes);
    if (!mr__buf_add(bytes, raw->data, raw->len))
        return mr__error_no_memory(err, "answer");
    out->data = bytes->data;
    out->bytes = bytes->len;
    return MR_OK;
}

mr_status mr__triton_unpack_answer(const uint8_t *data, size_t n, const char *output,
                                   mr__buf *bytes, mr__triton_answer *out, mr_error *err)
{
    Kserve__ModelInferResponse *message = kserve__model_infer_response__unpack(NULL, n, data);
    const char *version;
    mr_status status;

    memset(out, 0, sizeof *out);
    if (!message)
        return foreign(err, "no message of an inference");
    version = message->model_version;
    status = find_output(message, output, bytes, out, err);
    if (status == MR_OK && strspn(version, "0123456789") == strlen(version))
        (void)mr__text_copy(out->version, sizeof out->version, version);
    kserve__model_infer_response__free_unpacked(message, NULL);
    return status;
}
