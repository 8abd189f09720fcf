/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXIF is a TIFF file inside the picture: byte order, 42, offset of the first directory (IFD), and
 * there 12-byte entries: tag, type, count, value. Only IFD0 is visited, nothing is followed from
 * it, so there are no loops to guard against.
 */
#include "decode/exif.h"

#include <string.h>

#include "decode/codec.h"

#define METADATA_MAX    ((size_t)65536)
#define IFD_ENTRIES_MAX 200u
#define TAG_ORIENTATION 0x0112u
#define TYPE_SHORT      3u

typedef enum tag_result { TAG_ABSENT, TAG_FOUND } tag_result;

typedef struct tiff {
    const uint8_t *data;
    size_t n;
    bool big_endian;
} tiff;

static uint32_t get16(const tiff *t, size_t at)
{
    return t->big_endian ? mr__be16(t->data + at) : mr__le16(t->data + at);
}

static uint32_t get32(const tiff *t, size_t at)
{
    return t->big_endian ? mr__be32(t->data + at) : mr__le32(t->data + at);
}

static bool tiff_open(tiff *t, const uint8_t *data, size_t n)
{
    if (n > METADATA_MAX)
        n = METADATA_MAX;
    if (n >= 6 && memcmp(data, "Exif\0\0", 6) == 0) {
        data += 6;
        n -= 6;
    }
    if (n < 8)
        return false;
    *t = (tiff){.data = data, .n = n, .big_endian = data[0] == 'M'};
    return (memcmp(data, "II*\0", 4) == 0) || (memcmp(data, "MM\0*", 4) == 0);
}

/* The value of an orientation entry; 1 where it is not one unsigned short in 1..8. */
static uint8_t entry_value(const tiff *t, size_t at)
{
    uint32_t value;

    if (get16(t, at + 2) != TYPE_SHORT || get32(t, at + 4) != 1)
        return 1;
    value = get16(t, at + 8);
    return value >= 1 && value <= 8 ? (uint8_t)value : 1;
}

static tag_result exif_orientation(const uint8_t *data, size_t n, uint8_t *out)
{
    tiff t;
    size_t at;
    uint32_t count;

    if (!tiff_open(&t, data, n))
        return TAG_ABSENT;
    at = get32(&t, 4);
    if (at < 8 || at > t.n - 2)
        return TAG_ABSENT;
    count = get16(&t, at);
    at += 2;
    if (count > IFD_ENTRIES_MAX)
        count = IFD_ENTRIES_MAX;
    for (uint32_t i = 0; i < count && t.n - at >= 12; i++, at += 12) {
        if (get16(&t, at) == TAG_ORIENTATION) {
            *out = entry_value(&t, at);
            return TAG_FOUND;
        }
    }
    return TAG_ABSENT;
}

/* tiff:Orientation="6" or <tiff:Orientation>6: the pattern of Pillow's getexif(). */
static uint8_t xmp_orientation(const uint8_t *data, size_t n)
{
    static const char key[] = "tiff:Orientation";
    const size_t len = sizeof(key) - 1;
    const uint8_t *end, *p = data;

    end = data + (n < METADATA_MAX ? n : METADATA_MAX);
    while ((p = memmem(p, (size_t)(end - p), key, len)) != NULL) {
        p += len;
        if (end - p >= 3 && p[0] == '=' && p[1] == '"')
            p += 2;
        else if (end - p >= 2 && p[0] == '>')
            p += 1;
        else
            continue;
        if (*p >= '0' && *p <= '9')
            return *p >= '1' && *p <= '8' ? (uint8_t)(*p - '0') : 1;
    }
    return 1;
}

uint8_t mr__orientation(const mr__metadata *metadata)
{
    uint8_t orientation = 1;

    if (metadata->exif != NULL &&
        exif_orientation(metadata->exif, metadata->exif_n, &orientation) == TAG_FOUND)
        return orientation;
    if (metadata->xmp != NULL)
        return xmp_orientation(metadata->xmp, metadata->xmp_n);
    return 1;
}
