/* SPDX-License-Identifier: Apache-2.0 */
/* See wire.h. Field numbers are those of FieldData, ScalarField and VectorField. */
#include "store/milvus/wire.h"

#include <string.h>

enum { VARINT = 0, LENGTH = 2 };
enum { TYPE = 1, NAME = 2, SCALARS = 3, VECTORS = 4, IS_DYNAMIC = 6 }; /* FieldData */
enum { LONGS = 3, STRINGS = 6, JSONS = 9 };                            /* ScalarField */
enum { DIM = 1, FLOATS = 2 };                                          /* VectorField */
enum { DATA = 1 };                                                     /* of all arrays */

static size_t varint_size(uint64_t value)
{
    size_t n = 1;

    for (; value >= 0x80; value >>= 7)
        n++;
    return n;
}

/* A length-delimited field of `n` bytes; all fields here have numbers under 16, hence one byte. */
static size_t block_size(size_t n)
{
    return 1 + varint_size(n) + n;
}

bool mr__mv_put_varint(mr__buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return mr__buf_add(buf, bytes, n);
}

static bool put_tag(mr__buf *buf, uint32_t field, uint32_t kind)
{
    return mr__mv_put_varint(buf, (uint64_t)field << 3 | kind);
}

/* Tag and length; the content is to follow. */
static bool put_open(mr__buf *buf, uint32_t field, size_t n)
{
    return put_tag(buf, field, LENGTH) && mr__mv_put_varint(buf, n);
}

bool mr__mv_put_bytes(mr__buf *buf, uint32_t field, const void *data, size_t n)
{
    return put_open(buf, field, n) && (n == 0 || mr__buf_add(buf, data, n));
}

bool mr__mv_put_number(mr__buf *buf, uint32_t field, uint64_t value)
{
    return put_tag(buf, field, VARINT) && mr__mv_put_varint(buf, value);
}

static size_t head_size(int type, const char *name)
{
    return 1 + varint_size((uint64_t)type) + block_size(strlen(name));
}

/* Type and name of a FieldData whose further content has `n` bytes. */
static bool put_head(mr__buf *buf, uint32_t field, int type, const char *name, size_t n)
{
    return put_open(buf, field, head_size(type, name) + n) &&
           mr__mv_put_number(buf, TYPE, (uint64_t)type) &&
           mr__mv_put_bytes(buf, NAME, name, strlen(name));
}

static bool put_texts(mr__buf *buf, const mr__mv_text *values, size_t n, uint32_t kind,
                      size_t values_size)
{
    size_t i;
    bool ok = put_open(buf, SCALARS, block_size(values_size)) && put_open(buf, kind, values_size);

    for (i = 0; i < n && ok; i++)
        ok = mr__mv_put_bytes(buf, DATA, values[i].data, values[i].size);
    return ok;
}

static size_t texts_size(const mr__mv_text *values, size_t n)
{
    size_t total = 0, i;

    for (i = 0; i < n; i++)
        total += block_size(values[i].size);
    return total;
}

bool mr__mv_put_texts(mr__buf *buf, uint32_t field, int type, const char *name,
                      const mr__mv_text *values, size_t n)
{
    size_t size = texts_size(values, n);

    return put_head(buf, field, type, name, block_size(block_size(size))) &&
           put_texts(buf, values, n, type == MR__MV_JSON ? JSONS : STRINGS, size);
}

bool mr__mv_put_dynamic(mr__buf *buf, uint32_t field, const mr__mv_text *values, size_t n)
{
    size_t size = texts_size(values, n);

    return put_head(buf, field, MR__MV_JSON, "$meta", block_size(block_size(size)) + 2) &&
           put_texts(buf, values, n, JSONS, size) && mr__mv_put_number(buf, IS_DYNAMIC, 1);
}

bool mr__mv_put_longs(mr__buf *buf, uint32_t field, const char *name, const int64_t *values,
                      size_t n)
{
    size_t size = 0, i;
    bool ok;

    for (i = 0; i < n; i++)
        size += varint_size((uint64_t)values[i]);
    ok = put_head(buf, field, MR__MV_INT64, name, block_size(block_size(block_size(size)))) &&
         put_open(buf, SCALARS, block_size(block_size(size))) &&
         put_open(buf, LONGS, block_size(size)) && put_open(buf, DATA, size);
    for (i = 0; i < n && ok; i++)
        ok = mr__mv_put_varint(buf, (uint64_t)values[i]);
    return ok;
}

bool mr__mv_put_vector_head(mr__buf *buf, uint32_t field, const char *name, uint32_t dim, size_t n)
{
    size_t floats = n * dim * sizeof(float);
    size_t vector = 1 + varint_size(dim) + block_size(block_size(floats));

    return put_head(buf, field, MR__MV_FLOAT_VECTOR, name, block_size(vector)) &&
           put_open(buf, VECTORS, vector) && mr__mv_put_number(buf, DIM, dim) &&
           put_open(buf, FLOATS, block_size(floats)) && put_open(buf, DATA, floats);
}
