/* SPDX-License-Identifier: Apache-2.0 */
/* Both passes of a resize of RGB bytes over tiles of sixteen rows: what resize.h does, faster. */
#ifndef MR_TRANSFORM_TILER_H
#define MR_TRANSFORM_TILER_H

#include "plan/strip.h"
#include "transform/tile_kernels.h"

/* What is to be done, and the memory that it takes. */
typedef struct mr__tiler_job {
    mr__coeffs_key h, v;     /* their forms are the kernels' */
    uint32_t x0, x1, y0, y1; /* the source that is read */
    uint32_t ring_quads;
    size_t plane;  /* bytes of a channel of a quad */
    size_t stride; /* bytes of a row of the planes that are made of pixels */
    size_t bytes;  /* of scratch */
} mr__tiler_job;

/* Completes a job whose h and v are set. */
void mr__tiler_measure(mr__tiler_job *job);

typedef struct mr__tiler {
    mr__tiler_job job;
    const mr__tile_kernels *kernels;
    const mr__coeffs *h, *v;
    uint32_t rows;    /* of source that the ring has, or had, from y0 on */
    uint32_t waiting; /* rows behind those that wait for the rest of a tile */
    uint32_t next;    /* row of output that comes next, from 0 */
    uint8_t *ring, *tile, *planes;
    const uint8_t **quads;
} mr__tiler;

/* `scratch`: job.bytes, 64-byte aligned, zero or left from before. The tables are those of the
 * job's keys. */
void mr__tiler_init(mr__tiler *tiler, const mr__tiler_job *job, const mr__tile_kernels *kernels,
                    const mr__coeffs *h, const mr__coeffs *v, uint8_t *scratch);

/*
 * The next source rows, RGB: `strip` from its row `row` on, columns [x0, x1) of the source being
 * those from `x` on. Returns how many it took, as many as complete a tile, at least one; take what
 * is ready before more are pushed.
 */
uint32_t mr__tiler_push(mr__tiler *tiler, const mr__strip *strip, uint32_t row, uint32_t x);

/* Are there rows enough for the next row of output? */
bool mr__tiler_ready(const mr__tiler *tiler);

/* That row, to three planes; as bytes or normalised. */
void mr__tiler_bytes(mr__tiler *tiler, uint8_t *const out[3]);
void mr__tiler_floats(mr__tiler *tiler, const mr__normal *normal, float *const out[3]);

#endif
