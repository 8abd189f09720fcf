/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG markers up to the pixels, and where the data end. */
#ifndef MR_DECODE_JPEG_HEADER_H
#define MR_DECODE_JPEG_HEADER_H

#include "decode/decode.h"

/* More scans than this are a bomb: real progressive files have about ten. */
#define MR__JPEG_SCANS_MAX 64u

/* The `probe` of JPEG. */
mr_status mr__jpeg_probe(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                         mr__picture *out, mr_error *err);

/* Does an EOI come before any marker other than a restart in the entropy-coded data at `p`? */
bool mr__jpeg_ends(const uint8_t *p, size_t n);

#endif
