/* SPDX-License-Identifier: Apache-2.0 */
/* Making a collection: ours (a VARCHAR key), or one with the fields of the Python pipeline (an
 * INT64 key, often made by the server). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/milvus/schema.h"
#include "store/milvus/wire.h"

enum { BOUNDED = 2, MAX_FIELDS = 5, NUMBER_SIZE = 12 };

typedef struct field {
    Mv__FieldSchema schema;
    Mv__Pair param;
    Mv__Pair *params[1];
    char number[NUMBER_SIZE];
} field;

typedef struct fields {
    field of[MAX_FIELDS];
    Mv__FieldSchema *list[MAX_FIELDS];
    size_t n;
} fields;

static ProtobufCBinaryData binary(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

/* `key` NULL: a type without a size. */
static field *add(fields *all, const char *name, int type, const char *key, uint32_t number)
{
    field *f = &all->of[all->n];

    mv__field_schema__init(&f->schema);
    f->schema.has_name = true;
    f->schema.name = binary(name);
    f->schema.has_data_type = true;
    f->schema.data_type = type;
    if (key) {
        mv__pair__init(&f->param);
        (void)snprintf(f->number, sizeof f->number, "%u", (unsigned)number);
        f->param.key = (char *)(uintptr_t)key;
        f->param.has_value = true;
        f->param.value = binary(f->number);
        f->params[0] = &f->param;
        f->schema.type_params = f->params;
        f->schema.n_type_params = 1;
    }
    all->list[all->n++] = &f->schema;
    return f;
}

static void add_all(const mr__mv_new *wanted, fields *all)
{
    const char *vector = wanted->params->text[MR__MV_VECTOR_FIELD];
    bool integer = wanted->params->number[MR__MV_ID_TYPE] != 0;
    bool auto_id = wanted->params->number[MR__MV_AUTO_ID] != 0;
    field *key;

    if (integer)
        key = add(all, "id", MR__MV_INT64, NULL, 0);
    else
        key = add(all, "id", MR__MV_VARCHAR, "max_length", MR__MV_ID_BYTES);
    key->schema.has_is_primary_key = key->schema.is_primary_key = true;
    if (auto_id)
        key->schema.has_auto_id = key->schema.auto_id = true;
    (void)add(all, vector ? vector : "vector", MR__MV_FLOAT_VECTOR, "dim", wanted->dim);
    (void)add(all, "metadata", MR__MV_JSON, NULL, 0);
    if (integer)
        return;
    (void)add(all, "uri", MR__MV_VARCHAR, "max_length", MR__MV_URI_BYTES);
    (void)add(all, "fingerprint", MR__MV_VARCHAR, "max_length", MR__MV_FINGERPRINT_BYTES);
}

mr_status mr__mv_schema_pack(const mr__mv_new *wanted, uint8_t **out, size_t *size, mr_error *err)
{
    Mv__CollectionSchema schema = MV__COLLECTION_SCHEMA__INIT;
    char *about = mr__mv_about_print(wanted->about);
    fields all = {.n = 0};

    *out = NULL;
    add_all(wanted, &all);
    schema.has_name = true;
    schema.name = binary(wanted->name);
    schema.fields = all.list;
    schema.n_fields = all.n;
    if (all.list[0]->auto_id)
        schema.has_auto_id = schema.auto_id = true;
    if (about) {
        schema.has_description = true;
        schema.description = binary(about);
        *size = protobuf_c_message_get_packed_size(&schema.base);
        *out = malloc(*size);
    }
    if (*out)
        (void)protobuf_c_message_pack(&schema.base, *out);
    free(about);
    return *out ? MR_OK : mr__error_no_memory(err, "collection");
}

mr_status mr__mv_schema_create(mr__mv_client *client, const mr__mv_new *wanted, mr_error *err)
{
    Mv__CreateCollectionRequest message = MV__CREATE_COLLECTION_REQUEST__INIT;
    const mr__mv_request request = {.method = "CreateCollection", .message = &message.base};
    Mv__Pair property = MV__PAIR__INIT, *properties[] = {&property};
    char *about = mr__mv_about_print(wanted->about);
    uint8_t *schema = NULL;
    mr_status status = about ? MR_OK : mr__error_no_memory(err, "collection");

    if (wanted->params->number[MR__MV_AUTO_ID] && !wanted->params->number[MR__MV_ID_TYPE])
        status = mr__error_set(err, MR_E_INVALID,
                               "parameter auto_id: keys that the server makes "
                               "are INT64 (id_type)");
    if (status == MR_OK)
        status = mr__mv_schema_pack(wanted, &schema, &message.schema.len, err);
    if (status == MR_OK) {
        message.db_name = mr__mv_database(client);
        message.collection_name = (char *)(uintptr_t)wanted->name;
        message.has_schema = true;
        message.schema.data = schema;
        message.has_shards_num = true;
        message.shards_num = wanted->params->text[MR__MV_SHARDS]
                                 ? (int32_t)wanted->params->number[MR__MV_SHARDS]
                                 : 1;
        message.has_consistency_level = true;
        message.consistency_level = BOUNDED;
        property.key = (char *)MR__MV_PROPERTY;
        property.has_value = true;
        property.value = binary(about);
        message.properties = properties;
        message.n_properties = 1;
        status = mr__mv_tell(client, &request, err);
    }
    free(schema);
    free(about);
    return status;
}
