/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strips to tiles, tiles to quads, a ring of quads to rows of output.
 *
 * Tiles and groups of four are counted from the first source that is read, so that a strip of
 * sixteen rows of the region is a tile, and is loaded from where the decoder left it, planes or
 * pixels. Rows that come fewer at a time are gathered in planes first.
 *
 * The ring is enough because groups hold `v->groups` quads and a tile is four: an output that waits
 * for row 16 t or later touches no quad before 4 t + 1 - groups. Where its table names an earlier
 * one (coeffs.h: the last groups are moved down so that they end inside), its weights are zero, and
 * so are those of quads that are yet to come.
 */
#include "transform/tiler.h"

#include <string.h>

static size_t aligned(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

/* Where each buffer lies in the scratch. */
typedef struct parts {
    size_t tile, planes, quads, end;
} parts;

static parts parts_of(const mr__tiler_job *job, uint32_t groups)
{
    const size_t columns = aligned(job->x1 - job->x0);
    parts p;

    /* sides are below 2^16: nothing here comes near 2^63 */
    p.tile = (size_t)job->ring_quads * job->plane * 3;
    p.planes = p.tile + columns / 4 * MR__TILE_GROUP;
    p.quads = p.planes + MR__TILE_ROWS * job->stride * 3;
    p.end = aligned(p.quads + groups * sizeof(uint8_t *));
    return p;
}

void mr__tiler_measure(mr__tiler_job *job)
{
    mr__coeffs_span h, v;

    mr__coeffs_measure(&job->h, &h);
    mr__coeffs_measure(&job->v, &v);
    job->x0 = h.lo;
    job->x1 = h.hi;
    job->y0 = v.lo;
    job->y1 = v.hi;
    job->ring_quads = v.groups + MR__TILE_ROWS / MR__QUAD_ROWS;
    job->plane = aligned((size_t)job->h.count * MR__QUAD_ROWS);
    job->stride = aligned(job->x1 - job->x0);
    job->bytes = parts_of(job, v.groups).end;
}

void mr__tiler_init(mr__tiler *tiler, const mr__tiler_job *job, const mr__tile_kernels *kernels,
                    const mr__coeffs *h, const mr__coeffs *v, uint8_t *scratch)
{
    parts p = parts_of(job, v->groups);

    *tiler = (mr__tiler){.job = *job, .kernels = kernels, .h = h, .v = v};
    tiler->ring = scratch;
    tiler->tile = scratch + p.tile;
    tiler->planes = scratch + p.planes;
    tiler->quads = (const uint8_t **)(void *)(scratch + p.quads);
}

static uint8_t *quad(const mr__tiler *t, uint32_t index)
{
    return t->ring + (size_t)(index % t->job.ring_quads) * t->job.plane * 3;
}

static void take_tile(mr__tiler *t, const mr__tile_rows *rows, bool pixels)
{
    const uint32_t first = t->rows / MR__QUAD_ROWS;
    uint8_t *const quads[4] = {quad(t, first), quad(t, first + 1), quad(t, first + 2),
                               quad(t, first + 3)};

    if (pixels)
        t->kernels->load_pixels(rows, t->tile);
    else
        t->kernels->load(rows, t->tile);
    t->kernels->horizontal(t->tile, t->h, quads, t->job.plane);
    t->rows += rows->n_rows;
}

/* A row of the strip to the row of the planes that comes next. */
static void gather(mr__tiler *t, const mr__strip *strip, uint32_t row, uint32_t x)
{
    const size_t plane = MR__TILE_ROWS * t->job.stride, width = t->job.x1 - t->job.x0;
    uint8_t *to = t->planes + t->waiting++ * t->job.stride;

    if (strip->planar)
        for (size_t c = 0; c < 3; c++)
            memcpy(to + c * plane, strip->planes[c] + row * strip->stride + x, width);
    else
        t->kernels->split(strip->planes[0] + row * strip->stride + 3 * (size_t)x, width,
                          (uint8_t *const[3]){to, to + plane, to + 2 * plane});
}

uint32_t mr__tiler_push(mr__tiler *tiler, const mr__strip *strip, uint32_t row, uint32_t x)
{
    const mr__tiler_job *job = &tiler->job;
    const uint32_t left = job->y1 - job->y0 - tiler->rows, there = strip->n_rows - row;
    const uint32_t full = left < MR__TILE_ROWS ? left : MR__TILE_ROWS;
    mr__tile_rows rows = {.n_rows = full, .width = job->x1 - job->x0};
    uint32_t taken = 0;

    if (tiler->waiting == 0 && there >= full &&
        (strip->planar || tiler->kernels->load_pixels != NULL)) {
        const size_t planes = strip->planar ? 3 : 1, pixel = strip->planar ? 1 : 3;

        for (size_t c = 0; c < planes; c++)
            rows.planes[c] = strip->planes[c] + row * strip->stride + pixel * x;
        rows.stride = strip->stride;
        take_tile(tiler, &rows, !strip->planar);
        return full;
    }
    while (taken < there && tiler->waiting < full)
        gather(tiler, strip, row + taken++, x);
    if (tiler->waiting < full)
        return taken;
    for (size_t c = 0; c < 3; c++)
        rows.planes[c] = tiler->planes + c * MR__TILE_ROWS * job->stride;
    rows.stride = job->stride;
    take_tile(tiler, &rows, false);
    tiler->waiting = 0;
    return taken;
}

bool mr__tiler_ready(const mr__tiler *tiler)
{
    const mr__coeffs *v = tiler->v;
    const uint32_t i = tiler->next;

    return i < v->key.count && v->first[i] + v->taps[i] - v->lo <= tiler->rows;
}

/* What the next row of output is made of. */
static mr__tile_line next_line(mr__tiler *t)
{
    const uint32_t index = t->next++, first = t->v->group[index];

    for (uint32_t g = 0; g < t->v->groups; g++)
        t->quads[g] = quad(t, first + g);
    return (mr__tile_line){.quads = t->quads,
                           .plane = t->job.plane,
                           .digits = t->v->digits + (size_t)index * t->v->groups * MR__TILE_DIGITS,
                           .groups = t->v->groups,
                           .width = t->job.h.count};
}

void mr__tiler_bytes(mr__tiler *tiler, uint8_t *const out[3])
{
    const mr__tile_line line = next_line(tiler);

    tiler->kernels->bytes(&line, out);
}

void mr__tiler_floats(mr__tiler *tiler, const mr__normal *normal, float *const out[3])
{
    const mr__tile_line line = next_line(tiler);

    tiler->kernels->floats(&line, normal, out);
}
