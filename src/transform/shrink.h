/* SPDX-License-Identifier: Apache-2.0 */
/* How small a JPEG may be decoded before its resize, and what its axes become by that. */
#ifndef MR_TRANSFORM_SHRINK_H
#define MR_TRANSFORM_SHRINK_H

#include "plan/spec.h"
#include "transform/orient.h"
#include "transform/resize.h"

/* What becomes of a picture before its passes. */
typedef struct mr__shrink {
    uint32_t halved; /* its sides, so often */
    bool parts;      /* the geometry is that of the whole picture, of which pixels may be parts */
    bool resized;    /* a pass has something to do */
} mr__shrink;

/* Where the picture goes, and how small it is decoded for that. `orient` becomes that of the
 * picture whose geometry it is. Errors as mr__plan_geometry. */
mr_status mr__shrink_plan(const mr__plan_spec *spec, const mr__picture *picture, mr__orient *orient,
                          mr__geometry *geometry, mr__shrink *out, mr_error *err);

/* Sets the axes of the resize to what `geometry` wants, and makes `orient` that of the picture as
 * it is decoded. */
void mr__shrink_axes(const mr__shrink *shrink, const mr__geometry *geometry, mr__orient *orient,
                     mr__resize_job *resize);

#endif
