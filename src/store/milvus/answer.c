/* SPDX-License-Identifier: Apache-2.0 */
/* See answer.h. */
#include "store/milvus/answer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MAX_ID 65536 /* of a key that somebody else chose */

const Mv__FieldData *mr__mv_column(Mv__FieldData **fields, size_t n, const char *name)
{
    size_t len = strlen(name), i;

    for (i = 0; i < n; i++)
        if (fields[i]->field_name.len == len && memcmp(fields[i]->field_name.data, name, len) == 0)
            return fields[i];
    return NULL;
}

bool mr__mv_value_text(const Mv__FieldData *column, size_t i, mr__mv_text *out)
{
    const Mv__ScalarField *scalars = column ? column->scalars : NULL;
    const Mv__StringArray *array = scalars ? scalars->string_data : NULL;
    const ProtobufCBinaryData *value;

    if (scalars && !array)
        array = scalars->json_data;
    if (!array || i >= array->n_data)
        return false;
    value = &array->data[i];
    *out = (mr__mv_text){value->len ? (const char *)value->data : "", value->len};
    return memchr(out->data, '\0', out->size) == NULL && mr__text_is_utf8(out->data, out->size);
}

bool mr__mv_value_long(const Mv__FieldData *column, size_t i, int64_t *out)
{
    const Mv__LongArray *array = column && column->scalars ? column->scalars->long_data : NULL;

    if (!array || i >= array->n_data)
        return false;
    *out = array->data[i];
    return true;
}

bool mr__mv_value_vector(const Mv__FieldData *column, size_t i, uint32_t dim, const float **out)
{
    const Mv__VectorField *vectors = column ? column->vectors : NULL;

    if (!vectors || !vectors->float_vector || dim == 0 || vectors->dim != dim ||
        i >= vectors->float_vector->n_data / dim)
        return false;
    *out = vectors->float_vector->data + i * dim;
    return true;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *vector_json(const Mv__FieldData *column, size_t i)
{
    const float *vector;
    json_t *out;
    int64_t d, dim = column->vectors->dim;

    if (dim < 1 || dim > 32768 || !mr__mv_value_vector(column, i, (uint32_t)dim, &vector))
        return NULL;
    out = json_array();
    for (d = 0; out && d < dim; d++)
        (void)json_array_append_new(out, number((double)vector[d]));
    return out;
}

json_t *mr__mv_value_json(const Mv__FieldData *column, size_t i)
{
    const Mv__ScalarField *s = column ? column->scalars : NULL;
    mr__mv_text text;

    if (column && column->vectors)
        return vector_json(column, i);
    if (!s)
        return NULL;
    if (s->json_data)
        return mr__mv_value_text(column, i, &text)
                   ? json_loadb(text.data, text.size, JSON_DECODE_ANY, NULL)
                   : NULL;
    if (s->string_data)
        return mr__mv_value_text(column, i, &text) ? json_stringn(text.data, text.size) : NULL;
    if (s->bool_data && i < s->bool_data->n_data)
        return json_boolean(s->bool_data->data[i]);
    if (s->int_data && i < s->int_data->n_data)
        return json_integer(s->int_data->data[i]);
    if (s->long_data && i < s->long_data->n_data)
        return json_integer(s->long_data->data[i]);
    if (s->float_data && i < s->float_data->n_data)
        return number((double)s->float_data->data[i]);
    if (s->double_data && i < s->double_data->n_data)
        return number(s->double_data->data[i]);
    return NULL;
}

size_t mr__mv_n_ids(const Mv__Ids *ids)
{
    if (!ids)
        return 0;
    if (ids->int_id)
        return ids->int_id->n_data;
    return ids->str_id ? ids->str_id->n_data : 0;
}

bool mr__mv_id_at(const Mv__Ids *ids, size_t i, char *out, size_t size)
{
    const ProtobufCBinaryData *value;

    if (i >= mr__mv_n_ids(ids))
        return false;
    if (ids->int_id)
        return snprintf(out, size, "%" PRId64, ids->int_id->data[i]) < (int)size;
    value = &ids->str_id->data[i];
    if (value->len < 1 || value->len >= size || memchr(value->data, '\0', value->len) ||
        !mr__text_is_utf8((const char *)value->data, value->len))
        return false;
    memcpy(out, value->data, value->len);
    out[value->len] = '\0';
    return true;
}

static mr_status damaged(const char *what, mr_error *err)
{
    return mr__error_set(err, MR_E_ENV, "the server's answer is damaged: %s", what);
}

/* {"field": value, ...} of what was asked for. */
static char *fields_of(const Mv__SearchResultData *data, const mr__mv_asked *asked, size_t row)
{
    json_t *root = json_object();
    char *out;
    size_t i;

    for (i = 0; root && i < asked->n_fields; i++) {
        json_t *value = mr__mv_value_json(
            mr__mv_column(data->fields_data, data->n_fields_data, asked->fields[i]), row);

        if (value)
            (void)json_object_set_new(root, asked->fields[i], value);
    }
    out = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return out;
}

/* Where the server makes the keys, an item's id is a member of its metadata. */
static void take_id(const char *metadata, char *out, size_t size)
{
    json_t *root = json_loads(metadata, 0, NULL);
    const char *id = json_string_value(json_object_get(root, "id"));

    if (id && *id && strlen(id) < size)
        (void)mr__text_copy(out, size, id);
    json_decref(root);
}

static char *text_of(const Mv__SearchResultData *data, const char *name, const char *fallback,
                     size_t row)
{
    mr__mv_text text;

    if (!mr__mv_value_text(mr__mv_column(data->fields_data, data->n_fields_data, name), row, &text))
        return strdup(fallback);
    return strndup(text.data, text.size);
}

static mr_status add_hit(const Mv__SearchResultData *data, const mr__mv_asked *asked, size_t row,
                         mr_hits *hits, mr_error *err)
{
    float score = data->scores[row];
    char *id = malloc(MAX_ID);
    char *uri = text_of(data, "uri", "", row);
    char *metadata = text_of(data, "metadata", "{}", row);
    char *fields = fields_of(data, asked, row);
    mr_hit hit = {.id = id, .uri = uri, .metadata = metadata, .fields = fields, .score = score};
    mr_status status = MR_OK;

    if (!id || !uri || !metadata || !fields)
        status = mr__error_no_memory(err, "search results");
    else if (!isfinite(score))
        status = damaged("a score is no number", err);
    else if (!mr__mv_id_at(data->ids, row, id, MAX_ID))
        status = damaged("an id is no text", err);
    if (status == MR_OK) {
        if (asked->schema->auto_id)
            take_id(metadata, id, MAX_ID);
        /* Milvus gives the squared distance for L2, the product or the cosine otherwise */
        hit.distance = asked->metric == MR_METRIC_L2 ? score : 1 - score;
        hit.score = asked->metric == MR_METRIC_L2 ? 0 - score : score; /* no -0 */
        status = mr__hits_add(hits, &hit, err);
    }
    free(id);
    free(uri);
    free(metadata);
    free(fields);
    return status;
}

mr_status mr__mv_hits_read(const Mv__SearchResults *answer, const mr__mv_asked *asked,
                           mr_hits **out, mr_error *err)
{
    const Mv__SearchResultData *data = answer->results;
    size_t n = data ? mr__mv_n_ids(data->ids) : 0, i;
    mr_status status;

    *out = NULL;
    if (n > asked->k)
        return damaged("more hits than were asked for", err);
    if (n > 0 && (data->n_scores != n || data->n_topks > 1 ||
                  (data->n_topks == 1 && data->topks[0] != (int64_t)n)))
        return damaged("its scores are not those of its hits", err);
    status = mr__hits_new(asked->k, asked->metric, out, err);
    for (i = 0; i < n && status == MR_OK; i++)
        status = add_hit(data, asked, i, *out, err);
    if (status != MR_OK)
        mr_hits_free(out);
    return status;
}

mr_status mr__mv_count_read(const Mv__QueryResults *answer, uint64_t *out, mr_error *err)
{
    const Mv__FieldData *column =
        mr__mv_column(answer->fields_data, answer->n_fields_data, "count(*)");
    int64_t count;

    if (!mr__mv_value_long(column, 0, &count) || count < 0)
        return damaged("no count", err);
    *out = (uint64_t)count;
    return MR_OK;
}
