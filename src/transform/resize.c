/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two passes of a resize over a stream of rows.
 *
 * Horizontal first: each source row becomes one row of planes, as wide as the output; the vertical
 * pass reads a ring of the last max_taps of these. Vertical first (Pillow 13, tall pictures): the
 * ring holds source rows, and the one row that the vertical pass makes of them goes through the
 * horizontal pass. Both orders round to bytes in between, so they differ, and the plan says which.
 *
 * The ring is enough because the first source of an output never decreases: when row y arrives, all
 * outputs that end at y are made before row y + 1 overwrites row y + 1 - max_taps. A pass whose
 * outputs have one tap each (n == m, nearest, an enlarging box) copies. What a pass does with the
 * values is the engine's.
 */
#include "transform/resize.h"

#include <string.h>

static size_t aligned(size_t n)
{
    return (n + MR__ROW_UNIT - 1) & ~(size_t)(MR__ROW_UNIT - 1);
}

/* Where each buffer lies in the scratch. */
typedef struct parts {
    size_t ring, line, out, planes, rows, end;
} parts;

static parts parts_of(const mr__resize_job *job)
{
    size_t out_row = aligned(job->out_stride * job->channels);
    parts p;

    p.ring = 0;
    p.line = p.ring + job->ring_stride * job->ring_rows;
    p.out = p.line + job->ring_stride;
    p.planes = p.out + out_row;
    p.rows = p.planes + aligned(job->plane_stride * job->channels * job->engine->plane_bytes);
    p.end = aligned(p.rows + ((size_t)job->ring_rows + 2) * sizeof(uint8_t *));
    return p;
}

static bool is_vertical_first(const mr__resize_job *job, mr__pass_order order)
{
    const int64_t width = job->h.n, height = job->v.n;
    const int64_t dw = width - job->h.m, dh = height - job->v.m;

    /* rows are held as they come in only where both passes have the same values */
    if (mr__coeffs_identity(&job->h) || dh <= 0 || job->engine->in_bytes != job->engine->out_bytes)
        return false;
    return order == MR__PASS_PILLOW_13 ? dh > 2 * dw
                                       : order == MR__PASS_PILLOW_12_2 && height > 100 * width;
}

void mr__resize_measure(mr__resize_job *job, mr__pass_order order)
{
    const mr__engine *engine = job->engine;
    mr__coeffs_span h, v;

    job->vertical_first = is_vertical_first(job, order);
    job->h.form = engine->h_form;
    job->v.form = engine->v_form;
    mr__coeffs_measure(&job->h, &h);
    mr__coeffs_measure(&job->v, &v);
    job->x0 = h.lo;
    job->x1 = h.hi;
    job->y0 = v.lo;
    job->y1 = v.hi;
    job->ring_rows = v.max_taps;
    /* sides are below 2^16 and channels at most 4: nothing here comes near 2^63 */
    /* planes of a row lie close, only the row is padded for the kernels */
    job->out_stride = (job->h.count * engine->out_bytes + 15) & ~(size_t)15;
    job->ring_stride = job->vertical_first
                           ? aligned((size_t)(h.hi - h.lo) * job->channels * engine->in_bytes)
                           : aligned(job->out_stride * job->channels);
    /* the horizontal kernel reads whole groups of eight taps */
    job->plane_stride = aligned((size_t)(h.hi - h.lo) + ((h.max_taps + 7u) & ~7u));
    job->bytes = parts_of(job).end;
}

void mr__resizer_init(mr__resizer *resizer, const mr__resize_job *job, const mr__kernels *kernels,
                      const mr__coeffs *h, const mr__coeffs *v, uint8_t *scratch)
{
    parts p = parts_of(job);
    size_t columns = job->x1 - job->x0;

    *resizer = (mr__resizer){.job = *job, .kernels = kernels, .h = h, .v = v, .y = job->y0};
    resizer->ring = scratch + p.ring;
    resizer->line = scratch + p.line;
    resizer->out = scratch + p.out;
    resizer->planes = scratch + p.planes;
    resizer->rows = (const uint8_t **)(void *)(scratch + p.rows);
    /* what lies behind a plane meets weights of zero, but has to be something */
    for (uint32_t c = 0; c < job->channels; c++)
        memset(scratch + p.planes + (c * job->plane_stride + columns) * job->engine->plane_bytes, 0,
               (job->plane_stride - columns) * job->engine->plane_bytes);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the engine writes to it */
static void horizontal(const mr__resizer *r, const uint8_t *row, uint8_t *out)
{
    const mr__resize_job *job = &r->job;
    const mr__across pass = {.kernels = r->kernels,
                             .coeffs = r->h,
                             .row = row,
                             .x0 = job->x0,
                             .columns = job->x1 - job->x0,
                             .channels = job->channels,
                             .planes = r->planes,
                             .plane_stride = job->plane_stride,
                             .out = out,
                             .out_stride = job->out_stride};

    job->engine->across(&pass);
}

static const uint8_t *ring_row(const mr__resizer *r, uint32_t y)
{
    return r->ring + r->job.ring_stride * (y % r->job.ring_rows);
}

/* Output row `index` of the vertical pass over the ring. */
static const uint8_t *vertical(const mr__resizer *r, uint32_t index)
{
    uint32_t first = r->v->first[index], taps = r->v->taps[index];

    if (r->v->max_taps == 1)
        return ring_row(r, first);
    for (uint32_t j = 0; j < taps; j++)
        r->rows[j] = ring_row(r, first + j);
    r->rows[taps] = r->rows[taps - 1];
    r->job.engine->down(r->kernels, r->v, index, r->rows, r->job.ring_stride, r->line);
    return r->line;
}

void mr__resizer_push(mr__resizer *resizer, const uint8_t *row)
{
    const mr__resize_job *job = &resizer->job;
    uint8_t *slot = resizer->ring + job->ring_stride * (resizer->y % job->ring_rows);
    uint32_t y = resizer->y++;

    /* nearest leaves rows out */
    if (resizer->next >= job->v.count || y < resizer->v->first[resizer->next])
        return;
    if (!job->vertical_first)
        horizontal(resizer, row, slot);
    else
        memcpy(slot, row, (size_t)(job->x1 - job->x0) * job->channels * job->engine->in_bytes);
}

const uint8_t *mr__resizer_next(mr__resizer *resizer)
{
    const mr__resize_job *job = &resizer->job;
    uint32_t index = resizer->next;
    const uint8_t *line;

    if (index >= job->v.count || resizer->v->first[index] + resizer->v->taps[index] > resizer->y)
        return NULL;
    resizer->next++;
    line = vertical(resizer, index);
    if (!job->vertical_first)
        return line;
    horizontal(resizer, line, resizer->out);
    return resizer->out;
}
