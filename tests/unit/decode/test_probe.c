/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is said to be, and the limits on it, in the order of the contract. */
#include "pictures.h"

#include <stdlib.h>
#include <string.h>

static const mr__decode_limits limits = {.max_pixels = 178956970};

/* The code for bytes held in memory of exactly their size; MR_CODE_NONE when it is taken. */
static mr_code probe(const void *data, size_t n, mr__picture *pic, mr_error *err)
{
    uint8_t *exact = malloc(n > 0 ? n : 1);
    mr_status st;

    assert_non_null(exact);
    memcpy(exact, data, n);
    *err = (mr_error){0};
    st = mr__probe(exact, n, &limits, pic, err);
    free(exact);
    if (st == MR_OK)
        return MR_CODE_NONE;
    assert_int_equal(st, MR_E_ITEM);
    assert_int_equal(err->stage, MR_STAGE_PROBE);
    assert_int_equal(pic->format, MR__FORMAT_UNKNOWN);
    return err->code;
}

static mr_code code_of(const void *data, size_t n)
{
    mr__picture pic;
    mr_error err;

    return probe(data, n, &pic, &err);
}

static void too_little(void **state)
{
    (void)state;
    assert_int_equal(code_of("", 0), MR_CODE_EMPTY);
    assert_int_equal(code_of("a", 1), MR_CODE_TOO_SHORT);
    assert_int_equal(code_of("\xFF\xD8", 2), MR_CODE_TOO_SHORT);
    assert_int_equal(code_of("\xFF\xD8\xFF", 3), MR_CODE_TOO_SHORT);
    assert_int_equal(code_of("\xFF\xD8\xFF\xE0\0\x10JFIF", 10), MR_CODE_TOO_SHORT);
    assert_int_equal(code_of("\x89PNG", 4), MR_CODE_TOO_SHORT);
    assert_int_equal(code_of("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16), MR_CODE_TOO_SHORT);
    assert_int_equal(code_of("RIFF\x40\0\0\0WEBPVP8 ", 16), MR_CODE_TOO_SHORT);
}

typedef struct sniffed {
    const char *data;
    size_t n;
    mr_code code;
    const char *said;
} sniffed;

#define SNIFF(data, code, said)                                                                    \
    {                                                                                              \
        data, sizeof(data) - 1, MR_CODE_##code, said                                               \
    }

static void what_else_it_is(void **state)
{
    static const sniffed cases[] = {
        SNIFF("<!DOCTYPE html><html><svg>", NOT_IMAGE, "HTML"),
        SNIFF("\xEF\xBB\xBF \n<HTML><body>", NOT_IMAGE, "HTML"),
        SNIFF("{\"error\": \"not found\"}", NOT_IMAGE, "JSON"),
        SNIFF(" [1, 2]", NOT_IMAGE, "JSON"),
        SNIFF("<?xml version=\"1.0\"?><Error/>", NOT_IMAGE, "XML"),
        SNIFF("just some text\n", NOT_IMAGE, "text"),
        SNIFF("BMW is a car maker and no picture", NOT_IMAGE, "text"),
        SNIFF("Gr\xC3\xBC\xC3\x9F"
              "e\n",
              NOT_IMAGE, "text"),
        SNIFF("\x8B\x01\xE4\x99\xF0\x00\x13\x37\x42", NOT_IMAGE, "unknown binary data"),
        SNIFF("\0\0\0\0\0\0\0\0", NOT_IMAGE, "unknown binary data"),
        SNIFF("<svg xmlns=\"http://www.w3.org/2000/svg\"/>", UNSUPPORTED_FORMAT, "SVG"),
        SNIFF("<?xml version=\"1.0\"?>\n<!-- x -->\n<SVG width=\"3\">", UNSUPPORTED_FORMAT, "SVG"),
        SNIFF("GIF89a\1\0\1\0\0\0\0", UNSUPPORTED_FORMAT, "GIF"),
        SNIFF("II*\0\x08\0\0\0", UNSUPPORTED_FORMAT, "TIFF"),
        SNIFF("MM\0*\0\0\0\x08", UNSUPPORTED_FORMAT, "TIFF"),
        SNIFF("II+\0\x08\0\0\0", UNSUPPORTED_FORMAT, "BigTIFF"),
        SNIFF("\0\0\1\0\1\0", UNSUPPORTED_FORMAT, "ICO"),
        SNIFF("%PDF-1.7\n", UNSUPPORTED_FORMAT, "PDF"),
        SNIFF("%!PS-Adobe-3.0 EPSF-3.0", UNSUPPORTED_FORMAT, "PostScript"),
        SNIFF("\xC5\xD0\xD3\xC6\x1E\0\0\0", UNSUPPORTED_FORMAT, "EPS"),
        SNIFF("\0\0\0\x1C"
              "ftypavif\0\0\0\0",
              UNSUPPORTED_FORMAT, "AVIF"),
        SNIFF("\0\0\0\x1C"
              "ftypheic\0\0\0\0",
              UNSUPPORTED_FORMAT, "HEIF"),
        SNIFF("\0\0\0\x1C"
              "ftypisom\0\0\0\0",
              UNSUPPORTED_FORMAT, "ISO media"),
        SNIFF("\xFF\x0A\xFA\x7F", UNSUPPORTED_FORMAT, "JPEG XL"),
        SNIFF("\0\0\0\x0CJXL \r\n\x87\n", UNSUPPORTED_FORMAT, "JPEG XL"),
        SNIFF("\0\0\0\x0CjP  \r\n\x87\n", UNSUPPORTED_FORMAT, "JPEG 2000"),
        SNIFF("8BPS\0\1", UNSUPPORTED_FORMAT, "Photoshop"),
        SNIFF("P6\n3 2\n255\n", UNSUPPORTED_FORMAT, "Netpbm"),
        SNIFF("PK\3\4\x14\0", UNSUPPORTED_FORMAT, "ZIP"),
        SNIFF("\x1F\x8B\x08\0", UNSUPPORTED_FORMAT, "gzip"),
        SNIFF("RIFF\x24\0\0\0WAVEfmt ", UNSUPPORTED_FORMAT, "WAV"),
        SNIFF("BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", UNSUPPORTED_FORMAT, "BMP"),
    };
    mr__picture pic;
    mr_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(probe(cases[i].data, cases[i].n, &pic, &err), cases[i].code);
        if (strstr(err.message, cases[i].said) == NULL)
            fail_msg("\"%s\" does not name %s", err.message, cases[i].said);
    }
}

/* --- JPEG headers --- */

static const jpeg_options small = {.width = 120, .height = 80, .components = 3, .h = 2, .v = 2};

/* Where the frame header's marker is. */
static size_t frame_at(const bytes *b)
{
    for (size_t i = 2; i + 4 < b->n; i += 2 + ((size_t)b->data[i + 2] << 8 | b->data[i + 3]))
        if (b->data[i + 1] == 0xC0 || b->data[i + 1] == 0xC2)
            return i;
    fail_msg("no frame header");
    return 0;
}

static mr_code with_byte(const bytes *b, size_t at, uint8_t value)
{
    uint8_t before = b->data[at];
    mr_code code;

    b->data[at] = value;
    code = code_of(b->data, b->n);
    b->data[at] = before;
    return code;
}

static void jpeg_variants(void **state)
{
    static const uint8_t refused[] = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA,
                                      0xCB, 0xCD, 0xCE, 0xCF, 0xDE};
    bytes b = make_jpeg(&small, 1), two;
    size_t at = frame_at(&b);
    static const uint8_t two_components[] = {0xFF, 0xC0, 0, 14,   8, 0, 80,   0,
                                             120,  2,    1, 0x11, 0, 2, 0x11, 1};

    (void)state;
    assert_int_equal(code_of(b.data, b.n), MR_CODE_NONE);
    for (size_t i = 0; i < sizeof(refused); i++)
        assert_int_equal(with_byte(&b, at + 1, refused[i]), MR_CODE_UNSUPPORTED_VARIANT);
    assert_int_equal(with_byte(&b, at + 4, 12), MR_CODE_UNSUPPORTED_VARIANT);
    assert_int_equal(with_byte(&b, at + 9, 2), MR_CODE_CORRUPT);
    assert_int_equal(with_byte(&b, at + 11, 0x50), MR_CODE_CORRUPT);
    assert_int_equal(with_byte(&b, at + 3, 1), MR_CODE_CORRUPT);
    two = bytes_insert(&b, at, two_components, sizeof(two_components));
    assert_int_equal(code_of(two.data, two.n), MR_CODE_UNSUPPORTED_VARIANT);
    bytes_free(&two);
    bytes_free(&b);
}

/* bad_dimensions before too_many_pixels before suspicious before truncated. */
static void jpeg_limits(void **state)
{
    bytes b = make_jpeg(&small, 1), tiny;
    size_t at = frame_at(&b) + 5; /* height, width */

    (void)state;
    memcpy(b.data + at, "\0\0\0\x78", 4);
    assert_int_equal(code_of(b.data, b.n), MR_CODE_BAD_DIMENSIONS);
    memcpy(b.data + at, "\xFF\xFF\0\x01", 4);
    assert_int_equal(code_of(b.data, b.n), MR_CODE_BAD_DIMENSIONS);
    memcpy(b.data + at, "\xFF\xDC\xFF\xDC", 4); /* 65500 x 65500 */
    assert_int_equal(code_of(b.data, b.n), MR_CODE_TOO_MANY_PIXELS);
    tiny = bytes_cut(&b, at + 14);
    assert_int_equal(code_of(tiny.data, tiny.n), MR_CODE_TOO_MANY_PIXELS);
    bytes_free(&tiny);
    memcpy(b.data + at, "\x30\0\x30\0", 4); /* 12288 x 12288 */
    tiny = bytes_cut(&b, at + 14);
    assert_int_equal(code_of(tiny.data, tiny.n), MR_CODE_SUSPICIOUS);
    bytes_free(&tiny);
    memcpy(b.data + at, "\0\x50\0\x78", 4);
    tiny = bytes_cut(&b, at + 14);
    assert_int_equal(code_of(tiny.data, tiny.n), MR_CODE_TRUNCATED);
    bytes_free(&tiny);
    bytes_free(&b);
}

/* 5,000 pixels a byte is the last good ratio. */
static void suspicious_is_exact(void **state)
{
    bytes b = make_png(1000, 1000, 1, 0, false, 1), exact;
    mr__picture pic;
    mr_error err;

    (void)state;
    exact = bytes_cut(&b, 200);
    assert_int_equal(probe(exact.data, 200, &pic, &err), MR_CODE_NONE);
    assert_int_equal(probe(exact.data, 199, &pic, &err), MR_CODE_SUSPICIOUS);
    bytes_free(&exact);
    bytes_free(&b);
}

/* Appends `extra` copies of the last scan to a progressive file. */
static bytes with_scans(const bytes *b, uint32_t extra)
{
    size_t at = b->n - 2, len;
    bytes out;

    while (at > 0 && !(b->data[at] == 0xFF && b->data[at + 1] == 0xDA))
        at--;
    len = b->n - 2 - at;
    out.n = b->n + extra * len;
    out.data = malloc(out.n);
    assert_non_null(out.data);
    memcpy(out.data, b->data, b->n - 2);
    for (uint32_t i = 0; i < extra; i++)
        memcpy(out.data + b->n - 2 + i * len, b->data + at, len);
    memcpy(out.data + out.n - 2, "\xFF\xD9", 2);
    return out;
}

static void jpeg_scans(void **state)
{
    jpeg_options options = small;
    mr__picture pic;
    mr_error err;
    bytes b, more;
    uint32_t n;

    (void)state;
    options.progressive = true;
    b = make_jpeg(&options, 2);
    assert_int_equal(probe(b.data, b.n, &pic, &err), MR_CODE_NONE);
    assert_true(pic.progressive);
    n = pic.n_scans;
    assert_int_equal(n, 10);
    more = with_scans(&b, 64 - n);
    assert_int_equal(probe(more.data, more.n, &pic, &err), MR_CODE_NONE);
    assert_int_equal(pic.n_scans, 64);
    bytes_free(&more);
    more = with_scans(&b, 65 - n);
    assert_int_equal(probe(more.data, more.n, &pic, &err), MR_CODE_SUSPICIOUS);
    bytes_free(&more);
    bytes_free(&b);
}

/* Few enough scans, but too many of them times the pixels. */
static void jpeg_scans_times_pixels(void **state)
{
    jpeg_options options = {.width = 1600, .height = 1200, .components = 3, .progressive = true};
    bytes b = make_jpeg(&options, 3), more;
    size_t at = frame_at(&b) + 5;

    (void)state;
    more = with_scans(&b, 50);
    memcpy(more.data + at, "\x27\x10\x27\x10", 4); /* 10000 x 10000: 100 MP x 60 */
    assert_int_equal(code_of(more.data, more.n), MR_CODE_SUSPICIOUS);
    memcpy(more.data + at, "\x1F\x40\x1F\x40", 4); /* 8000 x 8000: 64 MP x 60 */
    assert_int_equal(code_of(more.data, more.n), MR_CODE_NONE);
    bytes_free(&more);
    bytes_free(&b);
}

/* What is promised as memory: nothing for what is decoded in strips, planes for the rest. */
static void memory_is_stated(void **state)
{
    static const size_t standing = MR__DECODE_STANDING_BYTES;
    jpeg_options options = {.width = 4032, .height = 3024, .components = 3, .h = 2, .v = 2};
    size_t coefficients = (size_t)4032 * 3024 * 3 / 2 * 2;
    mr__picture pic;
    mr_error err;
    bytes b;

    (void)state;
    b = make_jpeg(&options, 3);
    assert_int_equal(probe(b.data, b.n, &pic, &err), MR_CODE_NONE);
    assert_int_equal(pic.decode_bytes, 0);
    b.data[frame_at(&b) + 1] = 0xC2;
    assert_int_equal(probe(b.data, b.n, &pic, &err), MR_CODE_NONE);
    assert_in_range(pic.decode_bytes, coefficients - standing / 2, coefficients + standing);
    bytes_free(&b);
    b = make_png(2400, 1000, 8, 6, false, 4);
    assert_int_equal(probe(b.data, b.n, &pic, &err), MR_CODE_NONE);
    assert_int_equal(pic.decode_bytes, 0);
    bytes_free(&b);
    b = make_png(2400, 1000, 8, 6, true, 4);
    assert_int_equal(probe(b.data, b.n, &pic, &err), MR_CODE_NONE);
    assert_in_range(pic.decode_bytes, 9600000 - standing, 9600000);
    bytes_free(&b);
    b = make_webp(1200, 1000, false, true, 4);
    assert_int_equal(probe(b.data, b.n, &pic, &err), MR_CODE_NONE);
    assert_in_range(pic.decode_bytes, 1200000 * 7 - standing, 1200000 * 8);
    bytes_free(&b);
}

static void png_limits(void **state)
{
    bytes b = make_png(20, 10, 8, 2, false, 5);

    (void)state;
    assert_int_equal(code_of(b.data, b.n), MR_CODE_NONE);
    assert_int_equal(with_byte(&b, 16, 1), MR_CODE_BAD_DIMENSIONS); /* 16777236 wide */
    assert_int_equal(with_byte(&b, 19, 0), MR_CODE_BAD_DIMENSIONS);
    memcpy(b.data + 16, "\0\0\xFF\xFF\0\0\xFF\xFF", 8);
    assert_int_equal(code_of(b.data, b.n), MR_CODE_TOO_MANY_PIXELS);
    memcpy(b.data + 16, "\0\0\0\x14\0\0\0\x0B", 8); /* within the limits: now the checksum counts */
    assert_int_equal(code_of(b.data, b.n), MR_CODE_CORRUPT);
    bytes_free(&b);
}

static void webp_headers(void **state)
{
    bytes b = make_webp(20, 10, true, false, 5);
    mr__picture pic;
    mr_error err;

    (void)state;
    assert_int_equal(probe(b.data, b.n, &pic, &err), MR_CODE_NONE);
    assert_int_equal(pic.mode, MR__MODE_RGBA);
    assert_true(pic.has_transparency);
    assert_int_equal(code_of(b.data, b.n - 1), MR_CODE_TRUNCATED);
    assert_int_equal(with_byte(&b, 12, 'X'), MR_CODE_CORRUPT);
    /* the canvas does not fit its frame any more */
    assert_int_equal(with_byte(&b, 24, 18), MR_CODE_CORRUPT);
    memcpy(b.data + 24, "\xFF\xFF\xFF\xFF\0\0", 6);
    assert_int_equal(code_of(b.data, b.n), MR_CODE_BAD_DIMENSIONS);
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_little),
        cmocka_unit_test(what_else_it_is),
        cmocka_unit_test(jpeg_variants),
        cmocka_unit_test(jpeg_limits),
        cmocka_unit_test(suspicious_is_exact),
        cmocka_unit_test(jpeg_scans),
        cmocka_unit_test(jpeg_scans_times_pixels),
        cmocka_unit_test(memory_is_stated),
        cmocka_unit_test(png_limits),
        cmocka_unit_test(webp_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
