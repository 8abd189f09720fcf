/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pillow 13.0's resampling weights, bit for bit. (Tables of the form MR__COEFFS_FLOAT hold those of
 * coeffs_float.c instead.)
 *
 * For an axis of n pixels brought to m, with scale = n / m and fs = max(scale, 1): output i looks
 * at centre = (i + 0.5) * scale, reads sources trunc(centre - S + 0.5) up to trunc(centre + S +
 * 0.5) exclusive, S = support * fs, clipped to the picture, with weights kernel((j + 0.5 - centre)
 * / fs) that are normalised in double and rounded half away from zero to 22 fractional bits.
 *
 * The order of each double operation matters: a weight that moves by 2^-22 changes pixels. Nothing
 * here may be contracted to a fused multiply-add (the build says -ffp-contract=off). A sum of
 * |weight| * 255 stays below 2^31, so that the order of the integer sums in the kernels is free.
 *
 * A skipped pass (n == m) is a table of single taps of weight 1.0, which gives each byte back; so
 * does nearest, whose position advances by repeated addition, rounding errors included.
 */
#include "transform/coeffs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "transform/coeffs_float.h"

#define CACHE_TABLES 32u

typedef double kernel_fn(double t);

static double kernel_box(double t)
{
    return t > -0.5 && t <= 0.5 ? 1.0 : 0.0;
}

static double kernel_bilinear(double t)
{
    t = t < 0.0 ? -t : t;
    return t < 1.0 ? 1.0 - t : 0.0;
}

static double kernel_hamming(double t)
{
    t = t < 0.0 ? -t : t;
    if (t == 0.0)
        return 1.0;
    if (t >= 1.0)
        return 0.0;
    t = t * M_PI;
    /* Pillow's constants are float literals */
    return sin(t) / t * ((double)0.54f + (double)0.46f * cos(t));
}

static double kernel_bicubic(double t)
{
    const double a = -0.5;

    t = t < 0.0 ? -t : t;
    if (t < 1.0)
        return ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
    if (t < 2.0)
        return (((t - 5.0) * t + 8.0) * t - 4.0) * a;
    return 0.0;
}

static double sinc(double t)
{
    if (t == 0.0)
        return 1.0;
    t = t * M_PI;
    return sin(t) / t;
}

static double kernel_lanczos(double t)
{
    return t >= -3.0 && t < 3.0 ? sinc(t) * sinc(t / 3.0) : 0.0;
}

static const struct {
    kernel_fn *kernel;
    double support;
} filters[] = {
    [MR__FILTER_NEAREST] = {NULL, 0.0},
    [MR__FILTER_BOX] = {kernel_box, 0.5},
    [MR__FILTER_BILINEAR] = {kernel_bilinear, 1.0},
    [MR__FILTER_HAMMING] = {kernel_hamming, 1.0},
    [MR__FILTER_BICUBIC] = {kernel_bicubic, 2.0},
    [MR__FILTER_LANCZOS] = {kernel_lanczos, 3.0},
};

/* What is common to all outputs of an axis. */
typedef struct axis {
    double scale, filter_scale, support;
} axis;

static axis axis_of(const mr__coeffs_key *key)
{
    axis a;

    a.scale = (double)key->n / (double)key->m;
    a.filter_scale = a.scale < 1.0 ? 1.0 : a.scale;
    a.support = filters[key->filter].support * a.filter_scale;
    return a;
}

static bool is_single(const mr__coeffs_key *key)
{
    return key->n == key->m || key->filter == MR__FILTER_NEAREST;
}

/* First source and number of taps of output i of a filtered axis. */
static uint32_t bounds(const mr__coeffs_key *key, const axis *a, uint32_t i, uint32_t *taps)
{
    double centre = ((double)i + 0.5) * a->scale;
    double low = centre - a->support + 0.5, high = centre + a->support + 0.5;
    uint32_t first = low < 0.0 ? 0 : (uint32_t)low;
    uint32_t last = high > (double)key->n ? key->n : (uint32_t)high;

    if (key->form == MR__COEFFS_FLOAT)
        return mr__coeffs_float_bounds(key, i, taps);
    *taps = last - first;
    return first;
}

/* The sources of nearest: the position starts at half a step and is advanced one output at a time.
 */
static void nearest_sources(const mr__coeffs_key *key, uint32_t *first)
{
    double scale = (double)key->n / (double)key->m, at = scale * 0.5;

    for (uint32_t i = 0; i < key->from; i++)
        at += scale;
    for (uint32_t i = 0; i < key->count; i++) {
        uint32_t source = (uint32_t)at;

        first[i] = source < key->n ? source : key->n - 1;
        at += scale;
    }
}

void mr__coeffs_measure(const mr__coeffs_key *key, mr__coeffs_span *out)
{
    axis a = axis_of(key);
    uint32_t taps;

    if (key->n == key->m) {
        *out = (mr__coeffs_span){key->from, key->from + key->count, 1};
        return;
    }
    if (key->filter == MR__FILTER_NEAREST) {
        mr__coeffs_key ends = *key;

        ends.count = 1;
        nearest_sources(&ends, &out->lo);
        ends.from = key->from + key->count - 1;
        nearest_sources(&ends, &out->hi);
        out->hi++;
        out->max_taps = 1;
        return;
    }
    /* first and last never decrease from one output to the next */
    out->lo = bounds(key, &a, key->from, &taps);
    out->hi = bounds(key, &a, key->from + key->count - 1, &taps);
    out->hi += taps;
    /* counted, not bounded by 2 * ceil(S) + 1: one tap less can be a whole group less */
    out->max_taps = 1;
    for (uint32_t i = 0; i < key->count; i++) {
        (void)bounds(key, &a, key->from + i, &taps);
        if (taps > out->max_taps)
            out->max_taps = taps;
    }
}

/* ---- one table ---- */

typedef struct shape {
    uint32_t outputs; /* count, rounded up to a multiple of four */
    uint32_t stride;
    size_t first_at, taps_at, weights_at, bytes;
} shape;

static shape shape_of(const mr__coeffs_key *key, uint32_t max_taps)
{
    shape s = {.outputs = (key->count + 3u) & ~3u};
    size_t one;

    if (key->form == MR__COEFFS_ROWS) {
        s.stride = (max_taps + 7u) & ~7u;
        one = (size_t)s.stride * 2 * sizeof(int16_t);
    } else if (key->form == MR__COEFFS_PAIRS) {
        s.stride = (max_taps + 1u) & ~1u;
        one = (size_t)s.stride * 2 * sizeof(int16_t);
    } else if (key->form == MR__COEFFS_FLOAT) {
        s.stride = (max_taps + 3u) & ~3u;
        one = (size_t)s.stride * sizeof(float);
    } else {
        s.stride = max_taps;
        one = (size_t)s.stride * sizeof(double);
    }
    /* all factors are below 2^17: no overflow in 64 bits */
    s.first_at = (sizeof(mr__coeffs) + 63u) & ~(size_t)63;
    s.taps_at = s.first_at + s.outputs * sizeof(uint32_t);
    s.weights_at = (s.taps_at + s.outputs * sizeof(uint32_t) + 63u) & ~(size_t)63;
    s.bytes = (s.weights_at + one * s.outputs + 63u) & ~(size_t)63;
    return s;
}

size_t mr__coeffs_bytes(const mr__coeffs_key *key)
{
    mr__coeffs_span span;

    mr__coeffs_measure(key, &span);
    /* and one row of doubles while the table is made */
    return shape_of(key, span.max_taps).bytes + (size_t)span.max_taps * sizeof(double);
}

static int32_t quantised(double w)
{
    double scaled = w * (double)(1 << MR__WEIGHT_BITS);

    return (int32_t)(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

/* Normalised weights of one output. */
static void weigh(const mr__coeffs_key *key, const axis *a, uint32_t i, double *w, uint32_t first,
                  uint32_t taps)
{
    double centre = ((double)i + 0.5) * a->scale, step = 1.0 / a->filter_scale, sum = 0.0;
    kernel_fn *kernel = filters[key->filter].kernel;

    if (key->form == MR__COEFFS_FLOAT) {
        mr__coeffs_float_weigh(key, i, first, taps, w);
        return;
    }
    for (uint32_t j = 0; j < taps; j++) {
        w[j] = kernel(((double)(j + first) - centre + 0.5) * step);
        sum += w[j];
    }
    if (sum != 0.0)
        for (uint32_t j = 0; j < taps; j++)
            w[j] /= sum;
}

/* Puts the weights of output x where its kernel looks for them. */
static void place(mr__coeffs *c, uint32_t x, const double *w, uint32_t taps)
{
    int16_t *to = (int16_t *)(uintptr_t)c->weights + (size_t)x * 2 * c->stride;

    if (c->key.form == MR__COEFFS_DOUBLE) {
        memcpy((double *)(uintptr_t)c->exact + (size_t)x * c->stride, w, taps * sizeof *w);
        return;
    }
    if (c->key.form == MR__COEFFS_FLOAT) {
        float *floats = (float *)(uintptr_t)c->floats + (size_t)x * c->stride;

        for (uint32_t j = 0; j < taps; j++)
            floats[j] = (float)w[j];
        return;
    }
    for (uint32_t j = 0; j < taps; j++) {
        int32_t k = quantised(w[j]);
        int32_t low = ((k + (1 << (MR__DIGIT_BITS - 1))) & ((1 << MR__DIGIT_BITS) - 1)) -
                      (1 << (MR__DIGIT_BITS - 1));
        int32_t high = (k - low) / (1 << MR__DIGIT_BITS);

        if (c->key.form == MR__COEFFS_ROWS) {
            to[j] = (int16_t)low;
            to[c->stride + j] = (int16_t)high;
        } else {
            to[(j / 2) * 4 + j % 2] = (int16_t)low;
            to[(j / 2) * 4 + 2 + j % 2] = (int16_t)high;
        }
    }
}

static void fill(mr__coeffs *c, uint32_t *first, uint32_t *taps, double *w)
{
    const mr__coeffs_key *key = &c->key;
    axis a = axis_of(key);

    if (key->n != key->m && key->filter == MR__FILTER_NEAREST)
        nearest_sources(key, first);
    for (uint32_t x = 0; x < key->count; x++) {
        if (is_single(key)) {
            if (key->n == key->m)
                first[x] = key->from + x;
            taps[x] = 1;
            w[0] = 1.0;
        } else {
            first[x] = bounds(key, &a, key->from + x, &taps[x]);
            weigh(key, &a, key->from + x, w, first[x], taps[x]);
        }
        place(c, x, w, taps[x]);
    }
    for (uint32_t x = key->count; x < ((key->count + 3u) & ~3u); x++)
        first[x] = first[key->count - 1];
}

static mr__coeffs *table_make(const mr__coeffs_key *key, size_t *bytes)
{
    mr__coeffs_span span;
    mr__coeffs *c = NULL;
    double *w;
    shape s;
    char *block;

    mr__coeffs_measure(key, &span);
    s = shape_of(key, span.max_taps);
    w = calloc(span.max_taps, sizeof *w);
    block = w != NULL ? aligned_alloc(64, s.bytes) : NULL;
    if (block != NULL) {
        memset(block, 0, s.bytes);
        c = (mr__coeffs *)(void *)block;
        c->key = *key;
        c->identity = key->n == key->m;
        c->lo = span.lo;
        c->hi = span.hi;
        c->max_taps = span.max_taps;
        c->stride = s.stride;
        c->first = (const uint32_t *)(void *)(block + s.first_at);
        c->taps = (const uint32_t *)(void *)(block + s.taps_at);
        c->weights = (const int16_t *)(void *)(block + s.weights_at);
        if (key->form == MR__COEFFS_DOUBLE)
            c->exact = (const double *)(void *)(block + s.weights_at);
        if (key->form == MR__COEFFS_FLOAT)
            c->floats = (const float *)(void *)(block + s.weights_at);
        fill(c, (uint32_t *)(void *)(block + s.first_at), (uint32_t *)(void *)(block + s.taps_at),
             w);
        *bytes = s.bytes;
    }
    free(w);
    return c;
}

/* ---- the cache ---- */

typedef struct entry {
    mr__coeffs *table; /* NULL: free */
    size_t bytes;
    uint64_t used;
} entry;

struct mr__coeffs_cache {
    size_t max_bytes, bytes;
    uint64_t clock;
    entry entries[CACHE_TABLES];
};

mr__coeffs_cache *mr__coeffs_cache_open(size_t max_bytes)
{
    mr__coeffs_cache *cache = calloc(1, sizeof *cache);

    if (cache != NULL)
        cache->max_bytes = max_bytes;
    return cache;
}

static void entry_drop(mr__coeffs_cache *cache, entry *e)
{
    cache->bytes -= e->bytes;
    free(e->table);
    *e = (entry){0};
}

void mr__coeffs_cache_close(mr__coeffs_cache **cache)
{
    if (*cache == NULL)
        return;
    for (size_t i = 0; i < CACHE_TABLES; i++)
        entry_drop(*cache, &(*cache)->entries[i]);
    free(*cache);
    *cache = NULL;
}

/* The least recently used table that is older than `before`, NULL if there is none. */
static entry *oldest(mr__coeffs_cache *cache, uint64_t before)
{
    entry *best = NULL;

    for (size_t i = 0; i < CACHE_TABLES; i++) {
        entry *e = &cache->entries[i];

        if (e->table != NULL && e->used < before && (best == NULL || e->used < best->used))
            best = e;
    }
    return best;
}

void mr__coeffs_cache_trim(mr__coeffs_cache *cache)
{
    entry *e;

    while (cache->bytes > cache->max_bytes && (e = oldest(cache, UINT64_MAX)) != NULL)
        entry_drop(cache, e);
}

static bool same_key(const mr__coeffs_key *a, const mr__coeffs_key *b)
{
    return a->n == b->n && a->m == b->m && a->filter == b->filter && a->from == b->from &&
           a->count == b->count && a->form == b->form;
}

static entry *free_entry(mr__coeffs_cache *cache)
{
    for (size_t i = 0; i < CACHE_TABLES; i++)
        if (cache->entries[i].table == NULL)
            return &cache->entries[i];
    return NULL;
}

const mr__coeffs *mr__coeffs_get(mr__coeffs_cache *cache, const mr__coeffs_key *key)
{
    entry *e;

    cache->clock++;
    for (size_t i = 0; i < CACHE_TABLES; i++) {
        e = &cache->entries[i];
        if (e->table != NULL && same_key(&e->table->key, key)) {
            e->used = cache->clock;
            return e->table;
        }
    }
    /* the table of the get before this one must stay */
    e = free_entry(cache);
    if (e == NULL) {
        e = oldest(cache, cache->clock - 1);
        entry_drop(cache, e);
    }
    e->table = table_make(key, &e->bytes);
    if (e->table == NULL)
        return NULL;
    e->used = cache->clock;
    cache->bytes += e->bytes;
    for (entry *old; cache->bytes > cache->max_bytes;) {
        old = oldest(cache, cache->clock - 1);
        if (old == NULL)
            break;
        entry_drop(cache, old);
    }
    return e->table;
}
