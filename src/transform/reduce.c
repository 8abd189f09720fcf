/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Box averages by whole factors before a resize, as Pillow does them for `reducing_gap`.
 *
 * A cell is fx by fy pixels, less at the right and bottom edges. With N pixels in it: ((sum + N /
 * 2) * M) >> 24, M = 2^32 / (256 * N), the division in float32. All of it fits 32 bits: a sum is at
 * most 255 * N.
 */
#include "transform/reduce.h"

#include <string.h>

static size_t aligned(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* int(n / m / gap) or 1, as Pillow has it in double. */
static uint32_t factor_of(double gap, const mr__coeffs_key *key)
{
    double factor = mr__coeffs_extent(key) / (double)key->m / gap;

    return factor < 2.0 ? 1 : (uint32_t)factor;
}

/* What is left of an axis. A cell that is not whole leaves a fraction of a pixel in the box. */
static void shorten(mr__coeffs_key *key, uint32_t factor)
{
    if (key->end != 0.0f || key->n % factor != 0) {
        double end = key->end != 0.0f ? (double)key->end : (double)key->n;

        key->begin = (float)((double)key->begin / (double)factor);
        key->end = (float)(end / (double)factor);
    }
    key->n = (key->n + factor - 1) / factor;
}

bool mr__reduce_axes(mr__reduce_job *job, double gap, mr__resize_job *resize)
{
    *job = (mr__reduce_job){.fx = 1,
                            .fy = 1,
                            .width = resize->h.n,
                            .height = resize->v.n,
                            .channels = resize->channels};
    if (gap == 0.0 || resize->h.filter == MR__FILTER_NEAREST)
        return false;
    job->fx = factor_of(gap, &resize->h);
    job->fy = factor_of(gap, &resize->v);
    shorten(&resize->h, job->fx);
    shorten(&resize->v, job->fy);
    return job->fx > 1 || job->fy > 1;
}

void mr__reduce_region(mr__reduce_job *job, mr__region *region)
{
    size_t values = (size_t)(region->x1 - region->x0) * job->channels;

    job->x0 = region->x0;
    job->x1 = region->x1;
    job->y0 = region->y0;
    job->row_at = aligned(values * sizeof(uint32_t));
    job->bytes = job->row_at + aligned(values);
    region->x0 *= job->fx;
    region->y0 *= job->fy;
    region->x1 = least(region->x1 * job->fx, job->width);
    region->y1 = least(region->y1 * job->fy, job->height);
}

void mr__reducer_init(mr__reducer *reducer, const mr__reduce_job *job, uint8_t *scratch)
{
    *reducer = (mr__reducer){.job = *job, .y = job->y0 * job->fy};
    reducer->sums = (uint32_t *)(void *)scratch;
    reducer->row = scratch + job->row_at;
    memset(reducer->sums, 0, job->row_at);
}

/* Adds a row to the cells that it crosses. */
static void add(const mr__reduce_job *job, const uint8_t *row, uint32_t *sums)
{
    const uint32_t end = least(job->x1 * job->fx, job->width);

    for (uint32_t x = job->x0 * job->fx; x < end; sums += job->channels)
        for (uint32_t stop = least(x + job->fx, end); x < stop; x++)
            for (uint32_t c = 0; c < job->channels; c++)
                sums[c] += *row++;
}

/* Averages a row of cells that are `rows` high. */
static void average(const mr__reduce_job *job, const uint32_t *sums, uint32_t rows, uint8_t *out)
{
    for (uint32_t x = job->x0; x < job->x1; x++) {
        const uint32_t n = least(job->fx, job->width - x * job->fx) * rows;
        const uint32_t times = (uint32_t)(4294967296.0f / (256.0f * (float)n));

        for (uint32_t c = 0; c < job->channels; c++)
            *out++ = (uint8_t)(((*sums++ + n / 2) * times) >> 24);
    }
}

const uint8_t *mr__reducer_push(mr__reducer *reducer, const uint8_t *row)
{
    const mr__reduce_job *job = &reducer->job;
    uint32_t y = reducer->y++, rows = y % job->fy + 1;

    add(job, row, reducer->sums);
    if (rows < job->fy && y + 1 < job->height)
        return NULL;
    average(job, reducer->sums, rows, reducer->row);
    memset(reducer->sums, 0, job->row_at);
    return reducer->row;
}
