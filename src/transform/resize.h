/* SPDX-License-Identifier: Apache-2.0 */
/* The two passes of a resize over a stream of rows. */
#ifndef MR_TRANSFORM_RESIZE_H
#define MR_TRANSFORM_RESIZE_H

#include "transform/engine.h"

/* What is to be done, and the memory that it takes. */
typedef struct mr__resize_job {
    const mr__engine *engine;
    mr__coeffs_key h, v; /* their forms are the engine's */
    uint32_t channels;   /* 1..4 */

    /* from here on by mr__resize_measure */
    bool vertical_first;
    uint32_t x0, x1, y0, y1; /* the source that is read */
    uint32_t ring_rows;
    size_t out_stride;   /* bytes between the planes of an output row */
    size_t ring_stride;  /* bytes of a row in the ring */
    size_t plane_stride; /* values */
    size_t bytes;        /* of scratch */
} mr__resize_job;

/* Completes a job whose first fields are set; horizontal first unless the rule and both passes say
 * otherwise. */
void mr__resize_measure(mr__resize_job *job, mr__pass_order order);

typedef struct mr__resizer {
    mr__resize_job job;
    const mr__kernels *kernels;
    const mr__coeffs *h, *v;
    uint32_t y;    /* source row that comes next */
    uint32_t next; /* output row that comes next, from 0 */
    uint8_t *ring, *line, *out;
    void *planes;
    const uint8_t **rows;
} mr__resizer;

/* `scratch`: job.bytes, 64-byte aligned, zero or left from before. The tables are those of the
 * job's keys. */
void mr__resizer_init(mr__resizer *resizer, const mr__resize_job *job, const mr__kernels *kernels,
                      const mr__coeffs *h, const mr__coeffs *v, uint8_t *scratch);

/* The next source row, columns [x0, x1), interleaved. Then take what is ready. */
void mr__resizer_push(mr__resizer *resizer, const uint8_t *row);

/* The next output row: planes, job.out_stride apart; NULL when more source rows are needed. Valid
 * until the next call. */
const uint8_t *mr__resizer_next(mr__resizer *resizer);

#endif
