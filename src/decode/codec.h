/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share. A format is one file with an ops table at its bottom (plus,
 * where the header is long, one file that reads it) and one line in the registry of decode.c.
 */
#ifndef MR_DECODE_CODEC_H
#define MR_DECODE_CODEC_H

#include "decode/decode.h"

/* Memory of the decoder's own that outlives a picture, see mr__scratch_trim. */
#define MR__SCRATCH_KEEP_BYTES ((size_t)4 << 20)

/* Rows that a strip holds at most, and the bytes that it aims not to exceed. */
#define MR__STRIP_ROWS  16u
#define MR__STRIP_BYTES ((size_t)1 << 20)

/* A block of memory that only grows while pictures come, shared by all codecs of a decoder. */
typedef struct mr__scratch {
    uint8_t *data;
    size_t size;
} mr__scratch;

/* At least `size` bytes, 64-byte aligned, content undefined; NULL when out of memory. */
uint8_t *mr__scratch_need(mr__scratch *scratch, size_t size);

/* Frees it if it is larger than what may be kept between pictures. */
void mr__scratch_trim(mr__scratch *scratch);
void mr__scratch_fini(mr__scratch *scratch);

/*
 * mr__picture.decode_bytes of a picture that needs `scratch_bytes` of scratch and `codec_bytes`
 * inside the codec library: what goes beyond MR__DECODE_STANDING_BYTES. Saturates.
 */
size_t mr__decode_extra(size_t scratch_bytes, size_t codec_bytes);

/* The strip in which rows of `row_bytes` are handed out: rows, 1..MR__STRIP_ROWS. */
uint32_t mr__strip_rows(size_t row_bytes);

/* One picture to decode. */
typedef struct mr__decode_job {
    const uint8_t *bytes;
    size_t n;
    mr__picture picture;
    mr__region region;
    mr__scratch *scratch;
    mr__jpeg_choice jpeg;
    mr__decode_counts *counts; /* of the decoder */
} mr__decode_job;

/* The state of one format inside a decoder: first member of each codec's own struct. */
typedef struct mr__codec {
    const struct mr__decode_ops *ops;
} mr__codec;

typedef struct mr__decode_ops {
    mr__format format;
    size_t header_bytes; /* fewer cannot hold a header: too_short */

    /* Does the content start as this format does? Sees at least 4 bytes. */
    bool (*recognise)(const uint8_t *bytes, size_t n);

    /* Fills in the zeroed picture; calls mr__limits_check as soon as it knows the size. */
    mr_status (*probe)(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                       mr__picture *out, mr_error *err);

    mr_status (*open)(const mr__decode_options *options, mr__codec **out, mr_error *err);
    void (*close)(mr__codec *codec);

    /* As in decode.h. After a failure the codec is idle again. `job` stays valid until then. */
    mr_status (*begin)(mr__codec *codec, const mr__decode_job *job, mr__rows *out, mr_error *err);
    mr_status (*read)(mr__codec *codec, mr__strip *out, mr_error *err);
    mr_status (*finish)(mr__codec *codec, mr_error *err);
    void (*abort)(mr__codec *codec);
} mr__decode_ops;

extern const mr__decode_ops mr__decode_jpeg;
extern const mr__decode_ops mr__decode_png;
extern const mr__decode_ops mr__decode_webp;

/* Formats in the order in which they are tried, NULL at the end. */
const mr__decode_ops *const *mr__decode_registry(void);

/* Size limits in the order of the contract; `n` is the length of the file. */
mr_status mr__limits_check(const mr__decode_limits *limits, uint64_t width, uint64_t height,
                           size_t n, mr_error *err);

/* Name of what `bytes` are when no codec takes them; *code is unsupported_format or not_image. */
const char *mr__signature_name(const uint8_t *bytes, size_t n, mr_code *code);

static inline uint32_t mr__be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t mr__be32(const uint8_t *p)
{
    return mr__be16(p) << 16 | mr__be16(p + 2);
}

static inline uint32_t mr__le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t mr__le32(const uint8_t *p)
{
    return mr__le16(p + 2) << 16 | mr__le16(p);
}

#endif
