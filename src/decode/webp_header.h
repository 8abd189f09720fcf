/* SPDX-License-Identifier: Apache-2.0 */
/* The RIFF container of WebP: size, mode and where the first frame is. */
#ifndef MR_DECODE_WEBP_HEADER_H
#define MR_DECODE_WEBP_HEADER_H

#include "decode/decode.h"

/* The picture to show: the only one, or the first frame of an animation on its canvas. */
typedef struct mr__webp_frame {
    const uint8_t *data; /* what WebPDecode takes */
    size_t n;
    uint32_t x, y, width, height; /* on the canvas */
    bool lossy;                   /* and without alpha */
} mr__webp_frame;

/* Fills in size, mode and metadata of `out` and finds the frame. Errors are of stage probe. */
mr_status mr__webp_open(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                        mr__picture *out, mr__webp_frame *frame, mr_error *err);

/* The `probe` of WebP. */
mr_status mr__webp_probe(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                         mr__picture *out, mr_error *err);

#endif
