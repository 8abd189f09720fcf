/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of pixels to one row of the tensor. Never holds the picture: horizontal pass over the
 * columns that survive the crop, a ring of rows, vertical pass, colour rule, normalise table, store
 * into the destination. A transform belongs to one plan, keeps coefficient tables and scratch
 * between pictures; one thread at a time.
 */
#ifndef MR_TRANSFORM_TRANSFORM_H
#define MR_TRANSFORM_TRANSFORM_H

#include "base/error.h"
#include "base/machine.h"
#include "plan/picture.h"
#include "plan/spec.h"
#include "plan/strip.h"

/* What a transform may keep between pictures, whatever their sizes. */
#define MR__TRANSFORM_STANDING_BYTES ((size_t)2 << 20)

typedef struct mr__transform mr__transform;

/* `level`: the kernels to use. `spec` is copied. */
mr_status mr__transform_open(const mr__plan_spec *spec, mr__cpu_level level, mr__transform **out,
                             mr_error *err);
void mr__transform_close(mr__transform **transform);

/* Working memory in bytes that this picture needs over the standing allowance. */
size_t mr__transform_bytes(const mr__transform *transform, const mr__picture *picture);

/*
 * Prepares for one picture: `*region` is what the decoder must deliver. `dst` receives the row of
 * output (mr_row_shape.bytes of it, 64-byte aligned), partly during mr__transform_rows, and is
 * complete after finish. MR_E_ITEM unsupported_variant for a mode that this plan has no exact rule
 * for.
 */
mr_status mr__transform_begin(mr__transform *transform, const mr__picture *picture, void *dst,
                              mr__region *region, mr_error *err);

/* What the decoder delivers: first column and width of its rows (a superset of the region's
 * columns). */
void mr__transform_columns(mr__transform *transform, uint32_t x0, uint32_t width);

/* Takes the next rows, of which each begins at the first column that was announced. */
mr_status mr__transform_rows(mr__transform *transform, const mr__strip *strip, mr_error *err);

/* Completes the row of output. MR_E_INTERNAL if fewer rows came than the region has. */
mr_status mr__transform_finish(mr__transform *transform, mr_error *err);

/* Frees scratch beyond the standing allowance. */
void mr__transform_trim(mr__transform *transform);

#endif
