/* SPDX-License-Identifier: Apache-2.0 */
/* PNG chunks: what they say about the picture, and where the pixels are. */
#ifndef MR_DECODE_PNG_HEADER_H
#define MR_DECODE_PNG_HEADER_H

#include "decode/decode.h"

typedef struct mr__png_chunk {
    const uint8_t *type; /* four letters, digits or underscores */
    const uint8_t *data;
    size_t n;       /* bytes of data that the file holds */
    bool whole;     /* are these all that the chunk announces? */
    size_t next_at; /* where the next chunk starts, past the checksum */
} mr__png_chunk;

/* The chunk at `at`; false if there is no chunk header. */
bool mr__png_chunk_at(const uint8_t *bytes, size_t n, size_t at, mr__png_chunk *out);

bool mr__png_chunk_is(const mr__png_chunk *chunk, const char *type);

/* Checksum of PNG over `n` bytes; start with 0 and pass on what it returns. */
uint32_t mr__png_crc(uint32_t crc, const uint8_t *bytes, size_t n);

/* What IHDR says beyond the mode, and the first IDAT. */
typedef struct mr__png_layout {
    uint32_t width, height;
    uint8_t depth, colour;
    bool interlaced;
    size_t idat_at;
} mr__png_layout;

/* Of a file that mr__png_probe has accepted; false if it has not. */
bool mr__png_layout_of(const uint8_t *bytes, size_t n, mr__png_layout *out);

/* The `probe` of PNG. */
mr_status mr__png_probe(const uint8_t *bytes, size_t n, const mr__decode_limits *limits,
                        mr__picture *out, mr_error *err);

#endif
