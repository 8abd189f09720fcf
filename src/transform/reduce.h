/* SPDX-License-Identifier: Apache-2.0 */
/* Box averages by whole factors before a resize: Pillow's Image.reduce over a stream of rows. */
#ifndef MR_TRANSFORM_REDUCE_H
#define MR_TRANSFORM_REDUCE_H

#include "plan/picture.h"
#include "transform/resize.h"

typedef struct mr__reduce_job {
    uint32_t fx, fy;        /* factors; both 1: nothing is reduced */
    uint32_t width, height; /* of the picture */
    uint32_t channels;      /* 1..4 */
    uint32_t x0, x1, y0;    /* columns and first row that are wanted, of the reduced picture */
    size_t row_at, bytes;   /* of scratch */
} mr__reduce_job;

/*
 * The factors that a gap (0: none) makes of a resize whose axes and channels are set. True if there
 * are any: then the axes are those of the reduced picture, and `job` is begun.
 */
bool mr__reduce_axes(mr__reduce_job *job, double gap, mr__resize_job *resize);

/* Completes the job. `region`: of the reduced picture, becomes that of the picture. */
void mr__reduce_region(mr__reduce_job *job, mr__region *region);

typedef struct mr__reducer {
    mr__reduce_job job;
    uint32_t *sums; /* of the row of cells in progress, interleaved */
    uint8_t *row;
    uint32_t y; /* source row that comes next */
} mr__reducer;

/* `scratch`: job.bytes, 64-byte aligned. */
void mr__reducer_init(mr__reducer *reducer, const mr__reduce_job *job, uint8_t *scratch);

/* The next source row, columns x0 * fx up to x1 * fx or the end of the picture, interleaved. The
 * reduced row that it completes, else NULL; valid until the next call. */
const uint8_t *mr__reducer_push(mr__reducer *reducer, const uint8_t *row);

#endif
