/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf's encoding of columns, by hand: what is large is written once, where it will be sent
 * from, and vectors not at all. */
#ifndef MR_STORE_MILVUS_WIRE_H
#define MR_STORE_MILVUS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Types of Milvus. */
enum {
    MR__MV_BOOL = 1,
    MR__MV_INT8 = 2,
    MR__MV_INT16 = 3,
    MR__MV_INT32 = 4,
    MR__MV_INT64 = 5,
    MR__MV_FLOAT = 10,
    MR__MV_DOUBLE = 11,
    MR__MV_STRING = 20,
    MR__MV_VARCHAR = 21,
    MR__MV_JSON = 23,
    MR__MV_FLOAT_VECTOR = 101
};

typedef struct mr__mv_text {
    const char *data;
    size_t size;
} mr__mv_text;

/* All answer false when the buffer's cap is reached. */
bool mr__mv_put_varint(mr__buf *buf, uint64_t value);
bool mr__mv_put_bytes(mr__buf *buf, uint32_t field, const void *data, size_t n);
bool mr__mv_put_number(mr__buf *buf, uint32_t field, uint64_t value);

/* Field `field`: a FieldData of VARCHAR or JSON with `n` values. */
bool mr__mv_put_texts(mr__buf *buf, uint32_t field, int type, const char *name,
                      const mr__mv_text *values, size_t n);
/* The same, the JSON of the dynamic field. */
bool mr__mv_put_dynamic(mr__buf *buf, uint32_t field, const mr__mv_text *values, size_t n);
/* The same, INT64. */
bool mr__mv_put_longs(mr__buf *buf, uint32_t field, const char *name, const int64_t *values,
                      size_t n);
/* A FieldData of FLOAT_VECTOR up to its numbers: n * dim * 4 bytes are to follow. */
bool mr__mv_put_vector_head(mr__buf *buf, uint32_t field, const char *name, uint32_t dim, size_t n);

#endif
