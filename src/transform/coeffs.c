/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pillow 13.0's resampling weights, bit for bit. (Tables of the forms MR__COEFFS_FLOAT and
 * MR__COEFFS_TORCH hold those of coeffs_float.c and coeffs_torch.c instead.)
 *
 * For an axis of n pixels brought to m, with scale = n / m and fs = max(scale, 1): output i looks
 * at centre = (i + 0.5) * scale (of a part of the axis: its own length, from its begin on), reads
 * sources trunc(centre - S + 0.5) up to trunc(centre + S + 0.5) exclusive, S = support * fs,
 * clipped to the picture, with weights kernel((j + 0.5 - centre) / fs) that are normalised in
 * double and rounded half away from zero to 22 fractional bits.
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
#include "transform/coeffs_torch.h"

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

/* The two of Magic Kernel Sharp: parabolas that are joined where t is a half more than a whole
 * number. */
static double kernel_mks2013(double t)
{
    t = t < 0.0 ? -t : t;
    if (t < 0.5)
        return 17.0 / 16.0 - 7.0 / 4.0 * t * t;
    if (t < 1.5)
        return (1.0 - t) * (7.0 / 4.0 - t);
    if (t < 2.5)
        return -1.0 / 8.0 * (t - 5.0 / 2.0) * (t - 5.0 / 2.0);
    return 0.0;
}

static double kernel_mks2021(double t)
{
    t = t < 0.0 ? -t : t;
    if (t < 0.5)
        return 577.0 / 576.0 - 239.0 / 144.0 * t * t;
    if (t < 1.5)
        return (140.0 * t * t - 379.0 * t + 239.0) / 144.0;
    if (t < 2.5)
        return -(24.0 * t * t - 113.0 * t + 130.0) / 144.0;
    if (t < 3.5)
        return (4.0 * t * t - 27.0 * t + 45.0) / 144.0;
    if (t < 4.5)
        return -(4.0 * t * t - 36.0 * t + 81.0) / 1152.0;
    return 0.0;
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
    [MR__FILTER_MKS2013] = {kernel_mks2013, 2.5},
    [MR__FILTER_MKS2021] = {kernel_mks2021, 4.5},
};

/* What is common to all outputs of an axis. */
typedef struct axis {
    double scale, filter_scale, support;
} axis;

static axis axis_of(const mr__coeffs_key *key)
{
    axis a;

    a.scale = mr__coeffs_extent(key) / (double)key->m;
    a.filter_scale = a.scale < 1.0 ? 1.0 : a.scale;
    a.support = filters[key->filter].support * a.filter_scale;
    return a;
}

static bool is_single(const mr__coeffs_key *key)
{
    return mr__coeffs_identity(key) || key->filter == MR__FILTER_NEAREST;
}

/* First source and number of taps of output i of a filtered axis. */
static uint32_t bounds(const mr__coeffs_key *key, const axis *a, uint32_t i, uint32_t *taps)
{
    double centre = (double)key->begin + ((double)i + 0.5) * a->scale;
    double low = centre - a->support + 0.5, high = centre + a->support + 0.5;
    uint32_t first = low < 0.0 ? 0 : (uint32_t)low;
    uint32_t last = high > (double)key->n ? key->n : (uint32_t)high;

    if (key->form == MR__COEFFS_FLOAT)
        return mr__coeffs_float_bounds(key, i, taps);
    if (key->form == MR__COEFFS_TORCH)
        return mr__coeffs_torch_bounds(key, i, taps);
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

    if (mr__coeffs_identity(key)) {
        *out = (mr__coeffs_span){key->from, key->from + key->count, 1, 1};
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
        out->groups = 1;
        return;
    }
    /* first and last never decrease from one output to the next */
    out->lo = bounds(key, &a, key->from, &taps);
    out->hi = bounds(key, &a, key->from + key->count - 1, &taps);
    out->hi += taps;
    /* counted, not bounded by 2 * ceil(S) + 1: one tap less can be a whole group less */
    out->max_taps = 1;
    out->groups = 1;
    for (uint32_t i = 0; i < key->count; i++) {
        uint32_t first = bounds(key, &a, key->from + i, &taps) - out->lo;
        uint32_t groups = (first % 4 + taps + 3) / 4;

        if (taps > out->max_taps)
            out->max_taps = taps;
        if (groups > out->groups)
            out->groups = groups;
    }
}

/* ---- one table ---- */

typedef struct shape {
    uint32_t outputs; /* count, rounded up to a multiple of four */
    uint32_t stride;
    size_t first_at, taps_at, group_at, weights_at, bytes;
} shape;

static bool is_tiles(mr__coeffs_form form)
{
    return form == MR__COEFFS_TILE_BYTES || form == MR__COEFFS_TILE_WORDS ||
           form == MR__COEFFS_TILE_PAIRS;
}

static shape shape_of(const mr__coeffs_key *key, const mr__coeffs_span *span)
{
    shape s = {.outputs = (key->count + 3u) & ~3u};
    uint32_t max_taps = span->max_taps;
    size_t one;

    if (is_tiles(key->form)) {
        s.stride = 4 * span->groups;
        one = (size_t)s.stride * 4;
    } else if (key->form == MR__COEFFS_ROWS) {
        s.stride = (max_taps + 7u) & ~7u;
        one = (size_t)s.stride * 2 * sizeof(int16_t);
    } else if (key->form == MR__COEFFS_PAIRS) {
        s.stride = (max_taps + 1u) & ~1u;
        one = (size_t)s.stride * 2 * sizeof(int16_t);
    } else if (key->form == MR__COEFFS_SHORT) {
        s.stride = (max_taps + 7u) & ~7u;
        one = (size_t)s.stride * sizeof(int16_t);
    } else if (key->form == MR__COEFFS_FLOAT || key->form == MR__COEFFS_TORCH) {
        s.stride = (max_taps + 3u) & ~3u;
        one = (size_t)s.stride * sizeof(float);
    } else {
        s.stride = max_taps;
        one = (size_t)s.stride * sizeof(double);
    }
    /* all factors are below 2^17: no overflow in 64 bits */
    s.first_at = (sizeof(mr__coeffs) + 63u) & ~(size_t)63;
    s.taps_at = s.first_at + s.outputs * sizeof(uint32_t);
    s.group_at = s.taps_at + s.outputs * sizeof(uint32_t);
    s.weights_at = s.group_at + (is_tiles(key->form) ? s.outputs * sizeof(uint32_t) : 0);
    s.weights_at = (s.weights_at + 63u) & ~(size_t)63;
    s.bytes = (s.weights_at + one * s.outputs + 63u) & ~(size_t)63;
    return s;
}

/* Weights that are held while the table is made: 16-bit ones look at every output of the axis. */
static uint32_t scratch_taps(const mr__coeffs_key *key, uint32_t max_taps)
{
    axis a = axis_of(key);

    return key->form == MR__COEFFS_SHORT ? 2 * (uint32_t)ceil(a.support) + 2 : max_taps;
}

size_t mr__coeffs_bytes(const mr__coeffs_key *key)
{
    mr__coeffs_span span;

    mr__coeffs_measure(key, &span);
    /* and one row of doubles while the table is made */
    return shape_of(key, &span).bytes + (size_t)scratch_taps(key, span.max_taps) * sizeof(double);
}

static int32_t quantised(double w, uint32_t bits)
{
    double scaled = w * (double)(1 << bits);

    return (int32_t)(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

/* The lower of a weight's two digits. */
static int32_t low_digit(int32_t k)
{
    const int32_t half = 1 << (MR__DIGIT_BITS - 1);

    return ((k + half) & (2 * half - 1)) - half;
}

/* Normalised weights of one output. */
static void weigh(const mr__coeffs_key *key, const axis *a, uint32_t i, double *w, uint32_t first,
                  uint32_t taps)
{
    double centre = (double)key->begin + ((double)i + 0.5) * a->scale, step = 1.0 / a->filter_scale,
           sum = 0.0;
    kernel_fn *kernel = filters[key->filter].kernel;

    if (key->form == MR__COEFFS_FLOAT) {
        mr__coeffs_float_weigh(key, i, first, taps, w);
        return;
    }
    if (key->form == MR__COEFFS_TORCH) {
        mr__coeffs_torch_weigh(key, i, first, taps, w);
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

/* Weight j of the taps of output x among its groups. */
static void place_digits(mr__coeffs *c, uint32_t x, uint32_t j, int32_t k)
{
    uint32_t at = c->first[x] - c->lo + j - 4 * c->group[x];
    size_t group = (size_t)x * c->groups + at / 4;

    at %= 4;
    if (c->key.form == MR__COEFFS_TILE_BYTES) {
        int8_t *to = (int8_t *)(uintptr_t)c->digits + 16 * group;

        for (uint32_t d = 0; d < 3; d++) {
            to[4 * d + at] = (int8_t)(((k + 128) & 255) - 128);
            k = (k - to[4 * d + at]) / 256;
        }
    } else {
        int16_t *to = (int16_t *)(uintptr_t)c->weights + 8 * group;

        if (c->key.form == MR__COEFFS_TILE_PAIRS)
            at = at % 2 * 2 + at / 2;
        to[at] = (int16_t)low_digit(k);
        to[4 + at] = (int16_t)((k - low_digit(k)) / (1 << MR__DIGIT_BITS));
    }
}

/*
 * The fixed point of 16-bit weights: as many bits, up to 22, as leave the largest weight of the
 * whole axis, wanted or not, below 2^15. (The same in Pillow-SIMD and in torch.)
 */
static uint32_t short_bits(const mr__coeffs_key *key, const axis *a, double *w)
{
    double largest = is_single(key) ? 1.0 : 0.0;
    uint32_t bits = 0, taps;

    for (uint32_t i = 0; largest < 1.0 && i < key->m; i++) {
        uint32_t first = bounds(key, a, i, &taps);

        weigh(key, a, i, w, first, taps);
        for (uint32_t j = 0; j < taps; j++)
            largest = w[j] > largest ? w[j] : largest;
    }
    while (bits < MR__WEIGHT_BITS && (int32_t)(0.5 + largest * (double)(2 << bits)) < 1 << 15)
        bits++;
    return bits;
}

/* Puts the weights of output x where its kernel looks for them. */
static void place(mr__coeffs *c, uint32_t x, const double *w, uint32_t taps)
{
    int16_t *to = (int16_t *)(uintptr_t)c->weights + (size_t)x * 2 * c->stride;

    if (c->key.form == MR__COEFFS_DOUBLE) {
        memcpy((double *)(uintptr_t)c->exact + (size_t)x * c->stride, w, taps * sizeof *w);
        return;
    }
    if (c->floats != NULL) {
        float *floats = (float *)(uintptr_t)c->floats + (size_t)x * c->stride;

        for (uint32_t j = 0; j < taps; j++)
            floats[j] = (float)w[j];
        return;
    }
    if (c->key.form == MR__COEFFS_SHORT) {
        to = (int16_t *)(uintptr_t)c->weights + (size_t)x * c->stride;
        for (uint32_t j = 0; j < taps; j++)
            to[j] = (int16_t)quantised(w[j], c->bits);
        return;
    }
    for (uint32_t j = 0; j < taps; j++) {
        int32_t k = quantised(w[j], MR__WEIGHT_BITS), low = low_digit(k);
        int32_t high = (k - low) / (1 << MR__DIGIT_BITS);

        if (c->group != NULL) {
            place_digits(c, x, j, k);
        } else if (c->key.form == MR__COEFFS_ROWS) {
            to[j] = (int16_t)low;
            to[c->stride + j] = (int16_t)high;
        } else {
            to[(j / 2) * 4 + j % 2] = (int16_t)low;
            to[(j / 2) * 4 + 2 + j % 2] = (int16_t)high;
        }
    }
}

/* The first group of output x: that of its first source, unless its groups would end too late. */
static uint32_t first_group(const mr__coeffs *c, uint32_t x)
{
    uint32_t group = (c->first[x] - c->lo) / 4, last = (c->hi - c->lo + 3) / 4 - c->groups;

    return group < last ? group : last;
}

static void fill(mr__coeffs *c, uint32_t *first, uint32_t *taps, double *w)
{
    uint32_t *group = (uint32_t *)(uintptr_t)c->group;
    const mr__coeffs_key *key = &c->key;
    axis a = axis_of(key);

    if (!mr__coeffs_identity(key) && key->filter == MR__FILTER_NEAREST)
        nearest_sources(key, first);
    if (key->form == MR__COEFFS_SHORT)
        c->bits = short_bits(key, &a, w);
    for (uint32_t x = 0; x < key->count; x++) {
        if (is_single(key)) {
            if (mr__coeffs_identity(key))
                first[x] = key->from + x;
            taps[x] = 1;
            w[0] = 1.0;
        } else {
            first[x] = bounds(key, &a, key->from + x, &taps[x]);
            weigh(key, &a, key->from + x, w, first[x], taps[x]);
        }
        if (group != NULL)
            group[x] = first_group(c, x);
        place(c, x, w, taps[x]);
    }
    for (uint32_t x = key->count; x < ((key->count + 3u) & ~3u); x++) {
        first[x] = first[key->count - 1];
        if (group != NULL)
            group[x] = group[key->count - 1];
    }
}

mr__coeffs *mr__coeffs_make(const mr__coeffs_key *key, size_t *bytes)
{
    mr__coeffs_span span;
    mr__coeffs *c = NULL;
    double *w;
    shape s;
    char *block;

    mr__coeffs_measure(key, &span);
    s = shape_of(key, &span);
    w = calloc(scratch_taps(key, span.max_taps), sizeof *w);
    block = w != NULL ? aligned_alloc(64, s.bytes) : NULL;
    if (block != NULL) {
        memset(block, 0, s.bytes);
        c = (mr__coeffs *)(void *)block;
        c->key = *key;
        c->identity = mr__coeffs_identity(key);
        c->lo = span.lo;
        c->hi = span.hi;
        c->max_taps = span.max_taps;
        c->stride = s.stride;
        c->groups = span.groups;
        c->first = (const uint32_t *)(void *)(block + s.first_at);
        c->taps = (const uint32_t *)(void *)(block + s.taps_at);
        c->weights = (const int16_t *)(void *)(block + s.weights_at);
        if (key->form == MR__COEFFS_DOUBLE)
            c->exact = (const double *)(void *)(block + s.weights_at);
        if (key->form == MR__COEFFS_FLOAT || key->form == MR__COEFFS_TORCH)
            c->floats = (const float *)(void *)(block + s.weights_at);
        if (is_tiles(key->form)) {
            c->group = (const uint32_t *)(void *)(block + s.group_at);
            c->digits = (const uint8_t *)block + s.weights_at;
        }
        fill(c, (uint32_t *)(void *)(block + s.first_at), (uint32_t *)(void *)(block + s.taps_at),
             w);
        *bytes = s.bytes;
    }
    free(w);
    return c;
}
