/* SPDX-License-Identifier: Apache-2.0 */
/* Names for what no codec takes, so that a report says what a file really is. */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "decode/codec.h"

#define SNIFF_BYTES 1024u

typedef struct signature {
    uint16_t at;
    uint8_t n;
    const char *bytes;
    const char *name;
} signature;

#define SIGNATURE(at, bytes, name)                                                                 \
    {                                                                                              \
        at, sizeof(bytes) - 1, bytes, name                                                         \
    }

/* Containers with a signature of their own. More special ones come first. */
static const signature signatures[] = {
    SIGNATURE(0, "GIF87a", "GIF"),
    SIGNATURE(0, "GIF89a", "GIF"),
    SIGNATURE(0, "II*\0", "TIFF"),
    SIGNATURE(0, "MM\0*", "TIFF"),
    SIGNATURE(0, "II+\0", "BigTIFF"),
    SIGNATURE(0, "MM\0+", "BigTIFF"),
    SIGNATURE(0, "II\xBC", "JPEG XR"),
    SIGNATURE(0, "IIRO", "raw photo (ORF)"),
    SIGNATURE(0, "FUJIFILMCCD-RAW", "raw photo (RAF)"),
    SIGNATURE(0, "\0\0\1\0", "ICO"),
    SIGNATURE(0, "\0\0\2\0", "CUR"),
    SIGNATURE(0, "icns", "ICNS"),
    SIGNATURE(0, "%PDF-", "PDF"),
    SIGNATURE(0, "%!PS", "PostScript"),
    SIGNATURE(0, "\xC5\xD0\xD3\xC6", "EPS"),
    SIGNATURE(4, "ftypavif", "AVIF"),
    SIGNATURE(4, "ftypavis", "AVIF"),
    SIGNATURE(4, "ftyphei", "HEIF"),
    SIGNATURE(4, "ftyphev", "HEIF"),
    SIGNATURE(4, "ftypmif1", "HEIF"),
    SIGNATURE(4, "ftypmsf1", "HEIF"),
    SIGNATURE(4, "ftypcrx ", "raw photo (CR3)"),
    SIGNATURE(4, "ftyp", "ISO media (MP4 and its kin)"),
    SIGNATURE(0, "\xFF\x0A", "JPEG XL"),
    SIGNATURE(0, "\0\0\0\x0CJXL \r\n\x87\n", "JPEG XL"),
    SIGNATURE(0, "\0\0\0\x0CjP  \r\n\x87\n", "JPEG 2000"),
    SIGNATURE(0, "\xFF\x4F\xFF\x51", "JPEG 2000"),
    SIGNATURE(0, "\x8AMNG\r\n\x1A\n", "MNG"),
    SIGNATURE(0, "\x8BJNG\r\n\x1A\n", "JNG"),
    SIGNATURE(0, "8BPS", "Photoshop (PSD)"),
    SIGNATURE(0, "gimp xcf", "GIMP (XCF)"),
    SIGNATURE(0, "DDS ", "DDS"),
    SIGNATURE(0, "\x76\x2F\x31\x01", "OpenEXR"),
    SIGNATURE(0, "#?RADIANCE", "Radiance HDR"),
    SIGNATURE(0, "#?RGBE", "Radiance HDR"),
    SIGNATURE(0, "qoif", "QOI"),
    SIGNATURE(0, "farbfeld", "farbfeld"),
    SIGNATURE(0, "FLIF", "FLIF"),
    SIGNATURE(0, "BPG\xFB", "BPG"),
    SIGNATURE(0, "AT&TFORM", "DjVu"),
    SIGNATURE(0, "SIMPLE  =", "FITS"),
    SIGNATURE(0, "\x59\xA6\x6A\x95", "Sun raster"),
    SIGNATURE(0, "\xD7\xCD\xC6\x9A", "WMF"),
    SIGNATURE(40, " EMF", "EMF"),
    SIGNATURE(128, "DICM", "DICOM"),
    SIGNATURE(0, "\xABKTX ", "KTX"),
    SIGNATURE(8, "AVI ", "AVI video"),
    SIGNATURE(8, "WAVEfmt ", "WAV audio"),
    SIGNATURE(0, "RIFF", "RIFF"),
    SIGNATURE(0, "\x1A\x45\xDF\xA3", "Matroska or WebM video"),
    SIGNATURE(0, "OggS", "Ogg"),
    SIGNATURE(0, "fLaC", "FLAC audio"),
    SIGNATURE(0, "ID3", "MP3 audio"),
    SIGNATURE(0, "PK\3\4", "ZIP archive"),
    SIGNATURE(0, "PK\5\6", "ZIP archive"),
    SIGNATURE(0, "\x1F\x8B", "gzip"),
    SIGNATURE(0, "BZh", "bzip2"),
    SIGNATURE(0,
              "\xFD"
              "7zXZ",
              "xz"),
    SIGNATURE(0, "7z\xBC\xAF\x27\x1C", "7z archive"),
    SIGNATURE(0, "\x28\xB5\x2F\xFD", "zstd"),
    SIGNATURE(0, "Rar!\x1A\x07", "RAR archive"),
    SIGNATURE(257, "ustar", "tar archive"),
    SIGNATURE(0,
              "\x7F"
              "ELF",
              "ELF program"),
    SIGNATURE(0, "SQLite format 3", "SQLite database"),
    SIGNATURE(0, "\x93NUMPY", "NumPy array"),
};

/* "BM" alone is too common in text: the size of the second header must be a known one. */
static bool is_bmp(const uint8_t *bytes, size_t n)
{
    static const uint8_t sizes[] = {12, 16, 40, 52, 56, 64, 108, 124};

    if (n < 18 || bytes[0] != 'B' || bytes[1] != 'M')
        return false;
    for (size_t i = 0; i < sizeof(sizes); i++)
        if (mr__le32(bytes + 14) == sizes[i])
            return true;
    return false;
}

/* P1..P7 and white space or a comment: the Netpbm family. */
static bool is_netpbm(const uint8_t *bytes, size_t n)
{
    return n >= 4 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
           (bytes[2] == '\n' || bytes[2] == ' ' || bytes[2] == '\r' || bytes[2] == '\t') &&
           (bytes[3] == '#' || (bytes[3] >= '0' && bytes[3] <= '9') || bytes[3] == 'W');
}

static const char *container(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        const signature *s = &signatures[i];

        if (n >= (size_t)s->at + s->n && memcmp(bytes + s->at, s->bytes, s->n) == 0)
            return s->name;
    }
    if (is_bmp(bytes, n))
        return "BMP";
    return is_netpbm(bytes, n) ? "Netpbm" : NULL;
}

/* Does `text` (lower case) occur in the bytes, in any case? At the front only if `at_front`. */
static bool has_word(const char *bytes, size_t n, const char *text, bool at_front)
{
    size_t len = strlen(text);

    for (size_t i = 0; i + len <= n; i++) {
        if (strncasecmp(bytes + i, text, len) == 0)
            return true;
        if (at_front)
            return false;
    }
    return false;
}

/* Printable, as far as it is seen; a UTF-8 sequence may be cut at the end. */
static bool is_text(const uint8_t *bytes, size_t n)
{
    size_t i = 0;

    while (i < n) {
        size_t len = mr__text_utf8_len(bytes + i, n - i);

        if (len == 0)
            return n - i < 4 && i > 0 && bytes[i] >= 0xC2;
        if (bytes[i] < 0x20 && strchr("\t\n\f\r", bytes[i]) == NULL)
            return false;
        if (bytes[i] == 0 || bytes[i] == 0x7F)
            return false;
        i += len;
    }
    return true;
}

static const char *markup(const char *text, size_t n, mr_code *code)
{
    static const char *const html[] = {"<!doctype html", "<html", "<head", "<body", "<script"};

    for (size_t i = 0; i < sizeof(html) / sizeof(html[0]); i++)
        if (has_word(text, n, html[i], true))
            return "HTML";
    if (has_word(text, n, "<svg", false)) {
        *code = MR_CODE_UNSUPPORTED_FORMAT;
        return "SVG";
    }
    if (has_word(text, n, "<html", false))
        return "HTML";
    return has_word(text, n, "<?xml", true) ? "XML" : "markup";
}

const char *mr__signature_name(const uint8_t *bytes, size_t n, mr_code *code)
{
    const char *name = container(bytes, n);
    size_t i = 0;

    *code = MR_CODE_UNSUPPORTED_FORMAT;
    if (name != NULL)
        return name;
    *code = MR_CODE_NOT_IMAGE;
    if (n > SNIFF_BYTES)
        n = SNIFF_BYTES;
    if (!is_text(bytes, n))
        return "unknown binary data";
    if (n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        i = 3;
    while (i < n && strchr(" \t\n\f\r", bytes[i]) != NULL)
        i++;
    if (i < n && bytes[i] == '<')
        return markup((const char *)bytes + i, n - i, code);
    return i < n && (bytes[i] == '{' || bytes[i] == '[') ? "JSON" : "text";
}
