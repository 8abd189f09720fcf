/* SPDX-License-Identifier: Apache-2.0 */
/* Values out of the columns of an answer. A server may send anything: lengths are checked against
 * each other here, texts are text afterwards. */
#ifndef MR_STORE_MILVUS_ANSWER_H
#define MR_STORE_MILVUS_ANSWER_H

#include <jansson.h>

#include "store/milvus/milvus.pb-c.h"

#include "store/milvus/schema.h"
#include "store/milvus/wire.h"
#include "store/store.h"

/* The column of that name, NULL if there is none. */
const Mv__FieldData *mr__mv_column(Mv__FieldData **fields, size_t n, const char *name);

/* Value `i` of a column; false: there is none, or it is of another type, or no text. */
bool mr__mv_value_text(const Mv__FieldData *column, size_t i, mr__mv_text *out);
bool mr__mv_value_long(const Mv__FieldData *column, size_t i, int64_t *out);
bool mr__mv_value_vector(const Mv__FieldData *column, size_t i, uint32_t dim, const float **out);
/* Of any type, as JSON; NULL: there is none. */
json_t *mr__mv_value_json(const Mv__FieldData *column, size_t i);

/* The key of row `i` as text, terminated; false: there is none, or it is no text of 1..size-1
 * bytes. */
bool mr__mv_id_at(const Mv__Ids *ids, size_t i, char *out, size_t size);
size_t mr__mv_n_ids(const Mv__Ids *ids);

/* What a search asked for. */
typedef struct mr__mv_asked {
    const mr__mv_schema *schema;
    mr_metric metric;
    uint32_t k;
    const char *const *fields; /* further fields */
    size_t n_fields;
} mr__mv_asked;

/* Hits of one query. MR_E_ENV: the answer contradicts itself, or the question. */
mr_status mr__mv_hits_read(const Mv__SearchResults *answer, const mr__mv_asked *asked,
                           mr_hits **out, mr_error *err);

/* The single number of a count(*). */
mr_status mr__mv_count_read(const Mv__QueryResults *answer, uint64_t *out, mr_error *err);

#endif
