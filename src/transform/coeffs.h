/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of one axis of a resize, and a small cache of them. */
#ifndef MR_TRANSFORM_COEFFS_H
#define MR_TRANSFORM_COEFFS_H

#include "base/error.h"
#include "plan/spec.h"

#define MR__WEIGHT_BITS 22 /* fixed point of a weight: 1.0 is 1 << 22 */
#define MR__DIGIT_BITS  11 /* a weight is hi << 11 | lo, lo in [-1024, 1023] */

/* How the weights lie in memory; each pass has the form that its kernel reads. */
typedef enum mr__coeffs_form {
    MR__COEFFS_ROWS = 0, /* horizontal: for each output lo[stride] then hi[stride] */
    MR__COEFFS_PAIRS,    /* vertical: for each output and two taps {lo0, lo1, hi0, hi1} */
    MR__COEFFS_DOUBLE,   /* 16-bit pixels: double[stride], not quantised */
    MR__COEFFS_FLOAT,    /* the float engine: float[stride], JAX's weights instead of Pillow's */
    MR__COEFFS_TORCH,    /* the same with torch's weights */
    MR__COEFFS_SHORT,    /* 16-bit weights: int16_t[stride], as Pillow-SIMD and torch have them */
    /* either pass of tiles (tile_kernels.h): for each output and each four sources, counted from
       `lo` */
    MR__COEFFS_TILE_BYTES, /* three digits of 8 bits: d0[4], d1[4], d2[4], four bytes of nothing */
    MR__COEFFS_TILE_WORDS, /* lo[4], hi[4] */
    MR__COEFFS_TILE_PAIRS  /* the same, each four in the order 0, 2, 1, 3 */
} mr__coeffs_form;

typedef struct mr__coeffs_key {
    uint32_t n, m; /* source and target length of the axis */
    mr__filter filter;
    uint32_t from, count; /* outputs from..from+count-1 are wanted */
    mr__coeffs_form form;
    float begin, end; /* the part of the source that is brought to m; end 0: all n pixels */
} mr__coeffs_key;

/* Pixels that are brought to m. */
static inline double mr__coeffs_extent(const mr__coeffs_key *key)
{
    return key->end != 0.0f ? (double)(key->end - key->begin) : (double)key->n;
}

/* Is the pass skipped? */
static inline bool mr__coeffs_identity(const mr__coeffs_key *key)
{
    return key->n == key->m && key->end == 0.0f;
}

typedef struct mr__coeffs {
    mr__coeffs_key key;
    bool identity;   /* the pass is skipped */
    uint32_t lo, hi; /* sources that are read: [lo, hi) */
    uint32_t max_taps;
    uint32_t stride;        /* an output, max_taps rounded up: to 8 (rows, short), 4 (float, torch),
                               2 (pairs); of tiles 4 * groups */
    uint32_t groups;        /* of four sources, of the output that touches most */
    uint32_t bits;          /* MR__COEFFS_SHORT only: 1.0 is 1 << bits */
    const uint32_t *first;  /* per output; padded to a multiple of four outputs */
    const uint32_t *taps;   /* per output, 1..max_taps; the same padding, 0 there */
    const int16_t *weights; /* 16-byte aligned; short: zero behind the taps */
    const double *exact;    /* MR__COEFFS_DOUBLE only */
    const float *floats;    /* float and torch only; 16-byte aligned, zero behind the taps */
    /* of tiles only: per output its first group of four sources, such that `groups` of them end
     * with the one of source hi - 1 at the latest; zero weights where a source is not meant */
    const uint32_t *group;
    const uint8_t *digits; /* 16-byte aligned */
} mr__coeffs;

/* Sources [lo, hi) that outputs from..from+count-1 read, the most taps that one has, and the most
 * groups of four sources, counted from lo, that one touches. */
typedef struct mr__coeffs_span {
    uint32_t lo, hi, max_taps, groups;
} mr__coeffs_span;

void mr__coeffs_measure(const mr__coeffs_key *key, mr__coeffs_span *out);

/* Memory of a table, with what making it takes. */
size_t mr__coeffs_bytes(const mr__coeffs_key *key);

/* A table and its memory, a block from malloc; NULL if there is none. */
mr__coeffs *mr__coeffs_make(const mr__coeffs_key *key, size_t *bytes);

typedef struct mr__coeffs_cache mr__coeffs_cache;

/* Keeps about `max_bytes` of tables. NULL if out of memory. */
mr__coeffs_cache *mr__coeffs_cache_open(size_t max_bytes);
void mr__coeffs_cache_close(mr__coeffs_cache **cache);

/* The table, made if it is not there; NULL if out of memory. Valid until the second get after this
 * one: the two tables of a picture live together. */
const mr__coeffs *mr__coeffs_get(mr__coeffs_cache *cache, const mr__coeffs_key *key);

/* Drops tables until at most max_bytes are kept. */
void mr__coeffs_cache_trim(mr__coeffs_cache *cache);

#endif
