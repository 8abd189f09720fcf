/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions, and the calls that take one: counting, finding keys, deleting. */
#ifndef MR_STORE_MILVUS_QUERY_H
#define MR_STORE_MILVUS_QUERY_H

#include "base/buf.h"
#include "store/milvus/answer.h"

enum { MR__MV_STRONG = 0, MR__MV_SESSION = 1, MR__MV_BOUNDED = 2, MR__MV_EVENTUALLY = 3 };

/* Appends a text as a literal, quoted. False when the buffer's cap is reached. */
bool mr__mv_put_literal(mr__buf *buf, const char *text);

/*
 * Appends "these rows": by key where the items' ids are keys, else by `metadata["id"]`.
 * `spelt_out`: with == and `or`, as milvus-lite wants it there. MR_E_INVALID: an id that no integer
 * key is.
 */
mr_status mr__mv_put_ids(mr__buf *buf, const mr__mv_schema *schema, const char *const *ids,
                         size_t n, bool spelt_out, mr_error *err);

/* An id as the integer key that it is; false if it is none. */
bool mr__mv_integer_id(const char *id, int64_t *out);

typedef struct mr__mv_query {
    const char *collection;
    const char *filter; /* "": all */
    const char *const *fields;
    size_t n_fields;
    uint32_t limit; /* 0: none */
    mr__mv_patience patience;
} mr__mv_query;

/* Strong consistency. On success the caller frees `reply`. */
mr_status mr__mv_query_run(mr__mv_client *client, const mr__mv_query *query, mr__mv_reply *reply,
                           mr_error *err);
mr_status mr__mv_count(mr__mv_client *client, const char *collection, const char *filter,
                       mr__mv_patience patience, uint64_t *out, mr_error *err);
mr_status mr__mv_delete(mr__mv_client *client, const char *collection, const char *filter,
                        mr__mv_patience patience, uint64_t *deleted, mr_error *err);
/* Deletes rows whose items have these ids, where the server makes the keys. */
mr_status mr__mv_delete_items(mr__mv_client *client, const mr__mv_schema *schema,
                              const char *const *ids, size_t n, uint64_t *deleted, mr_error *err);

#endif
