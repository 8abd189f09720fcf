/* SPDX-License-Identifier: Apache-2.0 */
/* How small a JPEG may be decoded before its resize, and what its axes become by that. */
#ifndef MR_TRANSFORM_SHRINK_H
#define MR_TRANSFORM_SHRINK_H

#include "plan/spec.h"
#include "transform/orient.h"
#include "transform/resize.h"

/* So often may the sides be halved: 0 unless the plan allows it, and of all but JPEG. */
uint32_t mr__shrink_of(const mr__plan_spec *spec, const mr__picture *picture,
                       const mr__geometry *geometry);

/*
 * Sets the axes of the resize to what `geometry` wants of a picture whose sides are halved so
 * often, and makes `orient` that of the picture as it is decoded. Returns `halved`.
 */
uint32_t mr__shrink_axes(uint32_t halved, const mr__geometry *geometry, mr__orient *orient,
                         mr__resize_job *resize);

#endif
