/* SPDX-License-Identifier: Apache-2.0 */
/* From the picture's mode to what is resized, and from there to RGB: Pillow's conversions. */
#ifndef MR_TRANSFORM_COLOUR_H
#define MR_TRANSFORM_COLOUR_H

#include "base/error.h"
#include "plan/picture.h"
#include "plan/spec.h"

/* Rows before the resize: interleaved pixels of the mode to `channels` interleaved bytes. */
typedef void mr__colour_in(const mr__palette *palette, const uint8_t *in, uint32_t n, uint8_t *out);

/* Rows after it: `channels` planes, `stride` apart, to three planes at rgb, n bytes each. */
typedef void mr__colour_out(const mr__palette *palette, const uint8_t *in, size_t stride,
                            uint32_t n, uint8_t *rgb[3]);

typedef struct mr__colour {
    uint32_t channels;   /* of what is resized, 1..4 */
    bool wide;           /* 16-bit values, one channel */
    bool floats;         /* float32 values */
    mr__filter filter;   /* modes 1 and P are never blended */
    mr__colour_in *in;   /* NULL: rows are resized as they come */
    mr__colour_out *out; /* NULL: the first planes are RGB, or grey, already */
} mr__colour;

/* The rules for a picture. `resized`: is there a pass at all? MR_E_ITEM unsupported_variant. */
mr_status mr__colour_rules(const mr__plan_spec *spec, const mr__picture *picture, bool resized,
                           mr__colour *out, mr_error *err);

#endif
