/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "builtin": a training-free descriptor of whole pictures, 512 numbers, so that the first command
 * works with no model and no network. It finds copies, crops and pictures that look alike; it knows
 * nothing of what they show.
 *
 *   orientation energies   3 scales (64, 32, 16 pixels a side) x 4x4 cells x 8   384   gradients.c
 *   mean colours           4x4 cells x 3                                          48
 * colour_layout.c colour deviations      4x4 cells x 3                                          48
 * colour_layout.c colour histogram       2 x 4 x 4 bins                                         32
 * colour_layout.c
 *
 * Each part is brought to length 1, weighed, and the whole normalised: the inner product of two
 * descriptors is a weighted mean of the cosines of their parts. The weights were chosen on crops
 * and re-encoded copies of photographs (tests/e2e/test_retrieval.py measures the outcome).
 *
 * A call needs scratch memory; `concurrency` of them are made at open and taken by
 * a flag each, so that a run allocates nothing.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/machine.h"
#include "base/size.h"
#include "embed/colour_layout.h"
#include "embed/embed.h"
#include "embed/gradients.h"
#include "embed/grid.h"

enum {
    SCALES = 3,
    DIM = SCALES * MR__GRADIENTS_DIM + 2 * MR__COLOUR_CELLS_DIM + MR__COLOUR_BINS,
    CONCURRENCY_MAX = 8
};

_Static_assert(DIM == 512, "stores and documents say 512");
_Static_assert(MR__GRID / 2 == MR__COLOUR_SIDE, "colour is taken from the planes halved once");

static const float weight_gradients = 0.8F, weight_means = 1.0F, weight_deviations = 0.5F,
                   weight_histogram = 1.2F;

typedef struct scratch {
    atomic_flag taken;
    float *line; /* mr__grid_scratch_floats of them */
    mr__grid_planes planes;
    mr__colour_planes colour;
    float quarter[MR__GRID / 4][MR__GRID / 4];
    mr__gradients_scratch gradients;
} scratch;

typedef struct builtin {
    mr_embedder base;
    mr__grid *grid; /* NULL: opened for the facts only */
    mr__pooling pooling[SCALES];
    scratch *slots; /* info.concurrency of them */
    float *lines;
} builtin;

static void builtin_close(mr_embedder *embedder)
{
    builtin *self = (builtin *)embedder;

    mr__grid_close(self->grid);
    free(self->slots);
    free(self->lines);
    free(self);
}

static mr_status make_scratch(builtin *self, mr_error *err)
{
    size_t n = self->base.info.concurrency, line = mr__grid_scratch_floats(self->grid), total;

    if (!mr__size_mul(&total, n, line))
        return mr__error_no_memory(err, "embedder builtin");
    self->slots = calloc(n, sizeof *self->slots);
    self->lines = calloc(total, sizeof *self->lines);
    if (!self->slots || !self->lines)
        return mr__error_no_memory(err, "embedder builtin");
    for (size_t i = 0; i < n; i++) {
        atomic_flag_clear(&self->slots[i].taken);
        self->slots[i].line = self->lines + i * line;
    }
    return MR_OK;
}

static mr_status builtin_open(const char *rest, const mr__plan_spec *spec,
                              const mr__embed_context *context, mr_embedder **out, mr_error *err)
{
    uint32_t cores = mr__machine_cores();
    mr_status status = MR_OK;
    builtin *self;

    (void)context;
    if (rest[0] != '\0')
        return mr__error_set(err, MR_E_INVALID,
                             "embedder builtin: takes nothing after its name, "
                             "not \":%s\"",
                             rest);
    self = calloc(1, sizeof *self);
    if (!self)
        return mr__error_no_memory(err, "embedder builtin");
    self->base.ops = &mr__embed_builtin;
    self->base.info =
        (mr_embedder_info){.spec = "builtin",
                           .plan = "millrace/builtin",
                           .dim = DIM,
                           .concurrency = cores < CONCURRENCY_MAX ? cores : CONCURRENCY_MAX};
    for (size_t i = 0; i < SCALES; i++)
        mr__pooling_init(&self->pooling[i], (size_t)MR__GRID >> i);
    if (spec)
        status = mr__grid_open(spec, &self->grid, err);
    if (spec && status == MR_OK)
        status = make_scratch(self, err);
    if (status != MR_OK) {
        builtin_close(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

/* Means of 2x2 pixels: [n][n] from [2n][2n]. */
static void halve(const float *restrict from, size_t n, float *restrict to)
{
    for (size_t y = 0; y < n; y++) {
        const float *above = from + 2 * y * 2 * n, *below = above + 2 * n;
        for (size_t x = 0; x < n; x++)
            to[y * n + x] =
                ((above[2 * x] + above[2 * x + 1]) + (below[2 * x] + below[2 * x + 1])) * 0.25F;
    }
}

/* Brings a part to length `weight`; one without content stays zero. */
static void weigh(float *part, size_t n, float weight)
{
    float sum = 0.0F, factor;

    for (size_t i = 0; i < n; i++)
        sum += part[i] * part[i];
    factor = sum > 0.0F ? weight / sqrtf(sum) : 0.0F;
    for (size_t i = 0; i < n; i++)
        part[i] *= factor;
}

static void describe(const builtin *self, scratch *s, const void *row, float *out)
{
    const float *scales[SCALES] = {&s->planes.luma[0][0], &s->colour.plane[0][0][0],
                                   &s->quarter[0][0]};
    float *means, *deviations, *histogram;

    mr__grid_read(self->grid, row, s->line, &s->planes);
    halve(&s->planes.luma[0][0], MR__COLOUR_SIDE, &s->colour.plane[0][0][0]);
    halve(&s->planes.red_green[0][0], MR__COLOUR_SIDE, &s->colour.plane[1][0][0]);
    halve(&s->planes.yellow_blue[0][0], MR__COLOUR_SIDE, &s->colour.plane[2][0][0]);
    halve(&s->colour.plane[0][0][0], MR__GRID / 4, &s->quarter[0][0]);
    for (size_t i = 0; i < SCALES; i++) {
        mr__gradients(&self->pooling[i], scales[i], &s->gradients, out);
        weigh(out, MR__GRADIENTS_DIM, weight_gradients);
        out += MR__GRADIENTS_DIM;
    }
    means = out;
    deviations = means + MR__COLOUR_CELLS_DIM;
    histogram = deviations + MR__COLOUR_CELLS_DIM;
    mr__colour_layout(&self->pooling[1], &s->colour, means, deviations);
    mr__colour_histogram(&s->colour, histogram);
    weigh(means, MR__COLOUR_CELLS_DIM, weight_means);
    weigh(deviations, MR__COLOUR_CELLS_DIM, weight_deviations);
    weigh(histogram, MR__COLOUR_BINS, weight_histogram);
}

static scratch *take_scratch(builtin *self)
{
    for (size_t i = 0; i < self->base.info.concurrency; i++) {
        if (!atomic_flag_test_and_set(&self->slots[i].taken))
            return &self->slots[i];
    }
    return NULL;
}

static mr_status builtin_run(mr_embedder *embedder, const void *rows, size_t n, float *vectors,
                             mr_error *err)
{
    builtin *self = (builtin *)embedder;
    size_t row_bytes;
    scratch *s;

    if (!self->grid)
        return mr__error_set(err, MR_E_INVALID, "opened without a plan");
    s = take_scratch(self);
    if (!s)
        return mr__error_set(err, MR_E_BUSY, "more than %u calls at once",
                             (unsigned)embedder->info.concurrency);
    row_bytes = mr__grid_row_bytes(self->grid);
    for (size_t i = 0; i < n; i++)
        describe(self, s, (const uint8_t *)rows + i * row_bytes, vectors + i * DIM);
    atomic_flag_clear(&s->taken);
    mr__embed_normalise(vectors, n, DIM);
    return MR_OK;
}

const mr__embed_ops mr__embed_builtin = {
    .name = "builtin",
    .open = builtin_open,
    .run = builtin_run,
    .close = builtin_close,
};
