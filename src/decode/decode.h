/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded bytes to rows of pixels. Probe first (header only: size, mode, cost), then begin with the
 * region that is needed, then read strips of rows from top to bottom, then finish.
 * A decoder keeps its tables and scratch between pictures; one thread at a time.
 */
#ifndef MR_DECODE_DECODE_H
#define MR_DECODE_DECODE_H

#include "base/error.h"
#include "base/machine.h"
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

/* Who decodes JPEG. The pixels and verdicts are the same. */
typedef enum mr__jpeg_choice {
    MR__JPEG_EITHER = 0, /* our own decoder what it takes, libjpeg the rest */
    MR__JPEG_LIBJPEG,
    MR__JPEG_OWN /* what our own does not take, or gives up on, fails: unsupported_variant */
} mr__jpeg_choice;

/* "libjpeg", "own"; NULL or "": either. MR_E_INVALID for all else. */
mr_status mr__jpeg_choice_parse(const char *text, mr__jpeg_choice *out, mr_error *err);

typedef struct mr__decode_options {
    mr__cpu_level level; /* the kernels to use */
    mr__jpeg_choice jpeg;
} mr__decode_options;

/* JPEG pictures that were begun since the decoder was opened. */
typedef struct mr__decode_counts {
    uint64_t jpeg_own;       /* decoded by our own decoder to their end */
    uint64_t jpeg_not_own;   /* libjpeg's from the start: progressive, CMYK, and the like */
    uint64_t jpeg_continued; /* begun by our own, left to libjpeg on the way */
} mr__decode_counts;

mr_status mr__decoder_open(const mr__decode_options *options, mr__decoder **out, mr_error *err);
void mr__decoder_close(mr__decoder **decoder);

mr__decode_counts mr__decoder_counts(const mr__decoder *decoder);

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
 * equal those of a full decode; of a JPEG that is to be halved, those of libjpeg's at that scale.
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
