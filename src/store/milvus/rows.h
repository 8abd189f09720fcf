/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as the columns of one request. */
#ifndef MR_STORE_MILVUS_ROWS_H
#define MR_STORE_MILVUS_ROWS_H

#include "store/milvus/schema.h"
#include "store/milvus/wire.h"
#include "store/store.h"

/* An InsertRequest or UpsertRequest, which are the same on the wire. */
typedef struct mr__mv_message {
    mr__buf head, tail; /* what stands before and after the vectors */
    float *gathered;    /* vectors that lie in too many places */
    mr__rpc_part *parts;
    size_t n_parts;
    /* scratch */
    mr__mv_text *texts;
    int64_t *longs;
    mr__buf escaped;
    char **made;
    size_t n_made;
} mr__mv_message;

typedef struct mr__mv_layout {
    const char *database; /* NULL: the default one */
    const mr__mv_schema *schema;
    const char *fingerprint;
} mr__mv_layout;

/* Distinct ids of `rows`, the first of each: writes pointers to `out` [n] and answers how many, or
 * SIZE_MAX without memory. Two rows of one key in a request are stored twice, or refused. */
size_t mr__mv_rows_distinct(const mr__row *rows, size_t n, const mr__row **out);

/* Bytes that a row takes in a request, about. */
size_t mr__mv_row_bytes(const mr__row *row, const mr__mv_schema *schema);

/* Makes the request of `n` rows; vectors stay where they are, and must until it was sent.
 * MR_E_INVALID: a row does not fit the fields of the collection. */
mr_status mr__mv_message_make(const mr__mv_layout *layout, const mr__row *const *rows, size_t n,
                              mr__mv_message *out, mr_error *err);
void mr__mv_message_fini(mr__mv_message *message);

#endif
