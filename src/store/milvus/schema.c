/* SPDX-License-Identifier: Apache-2.0 */
/* See schema.h. A server's description is checked here once; later code relies on it. */
#include "store/milvus/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/milvus/wire.h"

#define MAX_FIELDS 1024u
#define MAX_DIM    32768u

static bool is_text(const ProtobufCBinaryData *data, const char *text)
{
    return data->len == strlen(text) &&
           (data->len == 0 || memcmp(data->data, text, data->len) == 0);
}

/* A copy as a C string; NULL: no memory, or no text. */
static char *copy_of(const ProtobufCBinaryData *data)
{
    const char *text = data->len ? (const char *)data->data : "";

    if (memchr(text, '\0', data->len) || !mr__text_is_utf8(text, data->len))
        return NULL;
    return strndup(text, data->len);
}

static uint32_t number_of(const Mv__FieldSchema *field, const char *key)
{
    uint64_t number = 0;
    size_t i;

    for (i = 0; i < field->n_type_params; i++) {
        const Mv__Pair *pair = field->type_params[i];
        char digits[12] = "";

        if (!pair->key || strcmp(pair->key, key) != 0 || pair->value.len == 0 ||
            pair->value.len >= sizeof digits)
            continue;
        memcpy(digits, pair->value.data, pair->value.len);
        if (mr__text_u64(digits, &number) && number <= UINT32_MAX)
            return (uint32_t)number;
    }
    return 0;
}

static mr_status bad_name(mr_error *err)
{
    return mr__error_set(err, MR_E_ENV, "a field of the collection has no usable name");
}

static mr_status read_key(const Mv__FieldSchema *field, bool auto_id, mr__mv_schema *out,
                          mr_error *err)
{
    if (field->data_type != MR__MV_INT64 && field->data_type != MR__MV_VARCHAR)
        return mr__error_set(err, MR_E_ENV, "the key of collection %s is neither VARCHAR nor INT64",
                             out->name);
    free(out->id_field);
    out->id_field = copy_of(&field->name);
    out->id_is_integer = field->data_type == MR__MV_INT64;
    out->auto_id = auto_id || field->auto_id;
    out->id_bytes = number_of(field, "max_length");
    return out->id_field ? MR_OK : bad_name(err);
}

/* "vector", or the one that was named; another one only if it is alone, which the caller sees. */
static mr_status read_vector(const Mv__FieldSchema *field, const char *wanted, mr__mv_schema *out,
                             mr_error *err)
{
    if (out->vector_field && !is_text(&field->name, wanted))
        return MR_OK;
    free(out->vector_field);
    out->vector_field = copy_of(&field->name);
    out->dim = number_of(field, "dim");
    if (!out->vector_field)
        return bad_name(err);
    if (out->dim < 1 || out->dim > MAX_DIM)
        return mr__error_set(err, MR_E_ENV, "field %s of collection %s has dimension %u",
                             out->vector_field, out->name, out->dim);
    return MR_OK;
}

static mr_status read_field(const Mv__FieldSchema *field, bool auto_id, const char *vector,
                            mr__mv_schema *out, mr_error *err)
{
    bool text = field->data_type == MR__MV_VARCHAR;

    if (field->is_primary_key)
        return read_key(field, auto_id, out, err);
    if (field->data_type == MR__MV_FLOAT_VECTOR)
        return read_vector(field, vector, out, err);
    if (field->is_dynamic)
        return MR_OK;
    if (field->data_type == MR__MV_JSON && is_text(&field->name, "metadata"))
        out->has_metadata = true;
    else if (text && is_text(&field->name, "uri"))
        out->uri_bytes = number_of(field, "max_length");
    else if (text && is_text(&field->name, "fingerprint"))
        out->fingerprint_bytes = number_of(field, "max_length");
    else if (!field->nullable && !field->is_function_output && !out->other_field) {
        out->other_field = copy_of(&field->name);
        return out->other_field ? MR_OK : bad_name(err);
    }
    return MR_OK;
}

static mr_status read_scalars(const Mv__CollectionSchema *schema, mr__mv_schema *out, mr_error *err)
{
    size_t i;

    out->scalars = calloc(schema->n_fields ? schema->n_fields : 1, sizeof *out->scalars);
    if (!out->scalars)
        return mr__error_no_memory(err, "collection");
    for (i = 0; i < schema->n_fields; i++) {
        const Mv__FieldSchema *field = schema->fields[i];

        if (field->is_primary_key || field->is_dynamic || field->data_type >= 100)
            continue;
        out->scalars[out->n_scalars] = copy_of(&field->name);
        if (!out->scalars[out->n_scalars])
            return bad_name(err);
        out->n_scalars++;
    }
    return MR_OK;
}

/* The description, or the property where that is empty. */
static mr_status read_about(const Mv__DescribeCollectionResponse *answer, mr__mv_schema *out,
                            mr_error *err)
{
    ProtobufCBinaryData text = answer->schema->description;
    mr_status status;
    size_t i;

    for (i = 0; i < answer->n_properties && text.len == 0; i++)
        if (answer->properties[i]->key && strcmp(answer->properties[i]->key, MR__MV_PROPERTY) == 0)
            text = answer->properties[i]->value;
    status = mr__mv_about_read((const char *)text.data, text.len, &out->about, err);
    if (status != MR_OK)
        return status;
    if (out->about.stamp[0])
        (void)mr__text_copy(out->identity, sizeof out->identity, out->about.stamp);
    else
        (void)snprintf(out->identity, sizeof out->identity, "%lld-%llu",
                       (long long)answer->collection_id,
                       (unsigned long long)answer->created_timestamp);
    return MR_OK;
}

mr_status mr__mv_schema_read(const Mv__DescribeCollectionResponse *answer, const char *name,
                             const char *vector_field, mr__mv_schema *out, mr_error *err)
{
    const Mv__CollectionSchema *schema = answer->schema;
    mr_status status = MR_OK;
    size_t i;

    *out = (mr__mv_schema){.name = strdup(name), .about = {.metric = MR_METRIC_ANY}};
    if (!out->name)
        return mr__error_no_memory(err, "collection");
    if (!schema || schema->n_fields > MAX_FIELDS)
        status = mr__error_set(err, MR_E_ENV, "the server does not describe collection %s", name);
    for (i = 0; status == MR_OK && i < schema->n_fields; i++)
        status = read_field(schema->fields[i], schema->auto_id,
                            vector_field ? vector_field : "vector", out, err);
    if (status == MR_OK && (!out->id_field || !out->vector_field))
        status = mr__error_set(err, MR_E_ENV, "collection %s has no %s", name,
                               out->id_field ? "field of float vectors" : "primary key");
    if (status == MR_OK && vector_field && strcmp(out->vector_field, vector_field) != 0)
        status = mr__error_set(err, MR_E_MISMATCH,
                               "collection %s has no field of float vectors named %s, but %s", name,
                               vector_field, out->vector_field);
    if (status == MR_OK) {
        out->metadata_dynamic = !out->has_metadata && schema->enable_dynamic_field;
        status = read_scalars(schema, out, err);
    }
    if (status == MR_OK)
        status = read_about(answer, out, err);
    if (status != MR_OK)
        mr__mv_schema_fini(out);
    return status;
}

mr_status mr__mv_schema_get(mr__mv_client *client, const char *name, const char *vector_field,
                            mr__mv_patience patience, mr__mv_schema *out, mr_error *err)
{
    Mv__NameRequest message = MV__NAME_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "DescribeCollection", .message = &message.base, .patience = patience};
    mr__mv_reply reply;
    mr_status status;

    *out = (mr__mv_schema){.about = {.metric = MR_METRIC_ANY}};
    message.db_name = mr__mv_database(client);
    message.collection_name = (char *)(uintptr_t)name;
    status =
        mr__mv_call(client, &request, &mv__describe_collection_response__descriptor, &reply, err);
    if (status == MR_OK)
        status = mr__mv_schema_read(reply.message, name, vector_field, out, err);
    mr__mv_reply_fini(&reply);
    return status;
}

void mr__mv_schema_fini(mr__mv_schema *schema)
{
    size_t i;

    for (i = 0; i < schema->n_scalars; i++)
        free(schema->scalars[i]);
    free(schema->scalars);
    free(schema->name);
    free(schema->id_field);
    free(schema->vector_field);
    free(schema->other_field);
    mr__mv_about_fini(&schema->about);
    *schema = (mr__mv_schema){.about = {.metric = MR_METRIC_ANY}};
}
