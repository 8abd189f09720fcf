/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "fake:DIM": a vector that depends on every byte of the row and on nothing else. For tests of
 * everything around an embedder: equal rows give equal vectors, any difference gives another one.
 * "fake:DIM?delay=20ms" makes the same vectors, and each call takes so much longer: to measure what
 * overlaps with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/text.h"
#include "embed/embed.h"

enum { DIM_MAX = 32768, FAKE_CONCURRENCY = 16 };

typedef struct fake {
    mr_embedder base;
    size_t row_bytes; /* 0: opened for the facts only */
    uint64_t delay_ms;
    char spec[24];
} fake;

/* The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
 * OOPSLA 2014): a bijection in which every bit of the result depends on every bit of `x`. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Folds a row into 64 bits, eight bytes a step, read as little-endian on every machine. */
static uint64_t digest(const uint8_t *bytes, size_t n)
{
    uint64_t state = mix(n);
    size_t i = 0;

    while (i < n) {
        size_t step = n - i < 8 ? n - i : 8;
        uint64_t word = 0;
        for (size_t b = 0; b < step; b++)
            word |= (uint64_t)bytes[i + b] << (8 * b);
        state = mix(state ^ word) + UINT64_C(0x9e3779b97f4a7c15);
        i += step;
    }
    return state;
}

static size_t row_bytes_of(const mr__plan_spec *spec)
{
    static const size_t sizes[] = {
        [MR_DTYPE_F32] = 4, [MR_DTYPE_U8] = 1, [MR_DTYPE_F16] = 2, [MR_DTYPE_BF16] = 2};
    size_t bytes;

    if (!mr__size_mul(&bytes, spec->out_width, spec->out_height) ||
        !mr__size_mul(&bytes, bytes, 3 * sizes[spec->dtype]))
        return 0;
    return bytes;
}

/* "DIM" or "DIM?delay=TIME". */
static bool parse(const char *rest, uint64_t *dim, uint64_t *delay_ms)
{
    size_t n = strcspn(rest, "?");
    char digits[24];

    *delay_ms = 0;
    if (n >= sizeof digits || (rest[n] && !mr__text_delay_ms(rest + n + 1, delay_ms)))
        return false;
    memcpy(digits, rest, n);
    digits[n] = '\0';
    return mr__text_u64(digits, dim) && *dim >= 1 && *dim <= DIM_MAX;
}

static mr_status fake_open(const char *rest, const mr__plan_spec *spec,
                           const mr__embed_context *context, mr_embedder **out, mr_error *err)
{
    uint64_t dim, delay_ms;
    fake *self;

    (void)context;
    if (!parse(rest, &dim, &delay_ms))
        return mr__error_set(err, MR_E_INVALID,
                             "embedder fake: \"%s\" is no dimension: fake:DIM with DIM 1..%d, or "
                             "fake:DIM?delay=TIME",
                             rest, DIM_MAX);
    if (spec && row_bytes_of(spec) == 0)
        return mr__error_set(err, MR_E_INVALID, "embedder fake: the plan's rows have no size");
    self = calloc(1, sizeof *self);
    if (!self)
        return mr__error_no_memory(err, "embedder fake");
    (void)snprintf(self->spec, sizeof self->spec, "fake:%u", (unsigned)dim);
    self->row_bytes = spec ? row_bytes_of(spec) : 0;
    self->delay_ms = delay_ms;
    self->base.ops = &mr__embed_fake;
    self->base.info = (mr_embedder_info){.spec = self->spec,
                                         .plan = "millrace/builtin",
                                         .dim = (uint32_t)dim,
                                         .concurrency = FAKE_CONCURRENCY};
    *out = &self->base;
    return MR_OK;
}

static mr_status fake_run(mr_embedder *embedder, const void *rows, size_t n, float *vectors,
                          mr_error *err)
{
    const fake *self = (const fake *)embedder;
    uint32_t dim = embedder->info.dim;

    if (self->row_bytes == 0)
        return mr__error_set(err, MR_E_INVALID, "opened without a plan");
    if (self->delay_ms > 0)
        mr__clock_sleep_ms(self->delay_ms);
    for (size_t i = 0; i < n; i++) {
        uint64_t state = digest((const uint8_t *)rows + i * self->row_bytes, self->row_bytes);
        for (uint32_t d = 0; d < dim; d++) {
            state += UINT64_C(0x9e3779b97f4a7c15);
            /* 24 bits become a multiple of 2^-23 in [-1, 1), exact in float */
            vectors[i * dim + d] = (float)((int32_t)(mix(state) >> 40) - 0x800000) / 0x800000p0F;
        }
    }
    mr__embed_normalise(vectors, n, dim);
    return MR_OK;
}

static void fake_close(mr_embedder *embedder)
{
    free(embedder);
}

const mr__embed_ops mr__embed_fake = {
    .name = "fake",
    .open = fake_open,
    .run = fake_run,
    .close = fake_close,
};
