/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded bytes to rows of pixels. Probe first (header only: size, mode, cost), then begin with the
 * region that is needed, then read strips of rows from top to bottom, then finish.
 * A decoder keeps its tables and scratch between pictures; one thread at a time.
 */
#ifndef MR_DECODE_DECODE_H
#define MR_DECODE_DECODE_H

#include "base/error.h"
#include "plan/picture.h"
#include "plan/strip.h"

/*
 * Memory that a decoder may use for any picture without asking: ordinary baseline JPEG, PNG that is
 * not interlaced, small WebP. mr__picture.decode_bytes is what a picture needs above it.
 */
#define MR__DECODE_STANDING_BYTES ((size_t)8 << 20)

typedef struct mr__decode_limits {
    uint64_t max_pixels; /* width * height */
} mr__decode_limits;

/*
 * Recognises the format by content and validates the header against the limits, in the order of the
 * contract: bad_dimensions, too_many_pixels, suspicious. Allocates nothing. MR_E_ITEM with code and
 * stage `probe`.
 */
mr_status mr__probe(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                    mr__picture *out, mr_error *err);

typedef struct mr__decoder mr__decoder;

mr_status mr__decoder_open(mr__decoder **out, mr_error *err);
void mr__decoder_close(mr__decoder **decoder);

/* Decodes a tiny embedded picture of each format, so that later nothing is loaded, resolved or
 * first-allocated. */
mr_status mr__decoder_warm_up(mr__decoder *decoder, mr_error *err);

/* What a begun picture delivers. */
typedef struct mr__rows {
    uint32_t x0, width;   /* columns that each row holds: covers the region asked for */
    uint32_t y0, y1;      /* rows that mr__decoder_read will give */
    uint32_t pixel_bytes; /* = mr__mode_bytes(picture->mode) */
} mr__rows;

/*
 * Starts decoding. `bytes` stay valid until finish or abort. `region` is what will be used: the
 * decoder may give more columns, never fewer, and exactly rows [region->y0, region->y1). Pixels
 * equal those of a full decode.
 */
mr_status mr__decoder_begin(mr__decoder *decoder, const uint8_t *bytes, size_t n,
                            const mr__picture *picture, const mr__region *region, mr__rows *out,
                            mr_error *err);

/*
 * Gives the next rows, at least one, in the decoder's own memory, valid until the next call. The
 * strips of one picture may differ in form. MR_EOF after the last.
 */
mr_status mr__decoder_read(mr__decoder *decoder, mr__strip *out, mr_error *err);

/*
 * Ends the picture. Checks that the file is complete even where only upper rows were needed
 * (`truncated` never depends on the plan). The decoder can begin the next one, whatever this
 * returns.
 */
mr_status mr__decoder_finish(mr__decoder *decoder, mr_error *err);

/* Gives up on the picture in progress, if any; frees memory beyond the standing allowance. */
void mr__decoder_abort(mr__decoder *decoder);

#endif
