/* SPDX-License-Identifier: Apache-2.0 */
/* A row of any three-channel plan becomes luma and two opponent planes on a small fixed grid. */
#ifndef MR_EMBED_GRID_H
#define MR_EMBED_GRID_H

#include "base/error.h"
#include "plan/spec.h"

enum {
    MR__GRID = 64,          /* pixels a side */
    MR__GRID_SIDE_MIN = 16, /* smaller rows say too little */
};

/* Planes in 0..255 (luma) and -255..255 (opponents), [row][column]. */
typedef struct mr__grid_planes {
    float luma[MR__GRID][MR__GRID];
    float red_green[MR__GRID][MR__GRID];
    float yellow_blue[MR__GRID][MR__GRID];
} mr__grid_planes;

typedef struct mr__grid mr__grid;

/* MR_E_INVALID names what a plan needs. `spec` is copied. Immutable afterwards: any thread. */
mr_status mr__grid_open(const mr__plan_spec *spec, mr__grid **out, mr_error *err);
void mr__grid_close(mr__grid *grid);

/* Bytes of one row of the plan, and floats of scratch that mr__grid_read needs. */
size_t mr__grid_row_bytes(const mr__grid *grid);
size_t mr__grid_scratch_floats(const mr__grid *grid);

void mr__grid_read(const mr__grid *grid, const void *row, float *scratch, mr__grid_planes *out);

#endif
