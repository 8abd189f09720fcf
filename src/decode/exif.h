/* SPDX-License-Identifier: Apache-2.0 */
/* The one fact that is read from metadata: which way up a picture is. */
#ifndef MR_DECODE_EXIF_H
#define MR_DECODE_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a file holds its metadata; the first of each kind, as found by the header's reader. */
typedef struct mr__metadata {
    const uint8_t *exif; /* TIFF structure, with or without "Exif\0\0" before it; NULL: none */
    size_t exif_n;
    const uint8_t *xmp; /* XML; NULL: none */
    size_t xmp_n;
} mr__metadata;

/*
 * EXIF orientation 1..8; 1 on any doubt. Like Pillow, XMP tiff:Orientation is used if the EXIF has
 * no such tag. Reads at most 64 KiB of each, one IFD, 200 entries.
 */
uint8_t mr__orientation(const mr__metadata *metadata);

#endif
