/* SPDX-License-Identifier: Apache-2.0 */
/* Orientation from EXIF and XMP: right where it is right, 1 on any doubt, never out of bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "decode/exif.h"

#define TAG 0x0112

typedef struct tiff {
    uint8_t data[8192];
    size_t n;
    bool big;
} tiff;

static void put16(tiff *t, uint32_t v)
{
    t->data[t->n++] = (uint8_t)(t->big ? v >> 8 : v);
    t->data[t->n++] = (uint8_t)(t->big ? v : v >> 8);
}

static void put32(tiff *t, uint32_t v)
{
    put16(t, t->big ? v >> 16 : v & 0xFFFF);
    put16(t, t->big ? v & 0xFFFF : v >> 16);
}

static void start(tiff *t, bool big, uint32_t ifd_at, uint32_t entries)
{
    *t = (tiff){.big = big};
    memcpy(t->data, big ? "MM" : "II", 2);
    t->n = 2;
    put16(t, 42);
    put32(t, ifd_at);
    put16(t, entries);
}

static void entry(tiff *t, uint32_t tag, uint32_t type, uint32_t count, uint32_t value)
{
    put16(t, tag);
    put16(t, type);
    put32(t, count);
    put16(t, value);
    put16(t, 0);
}

/* Reads from memory of exactly the right size, so that a sanitizer sees any step outside. */
static uint8_t read_exact(const void *exif, size_t exif_n, const char *xmp)
{
    size_t xmp_n = xmp != NULL ? strlen(xmp) : 0;
    uint8_t *a = exif != NULL ? malloc(exif_n > 0 ? exif_n : 1) : NULL;
    uint8_t *b = xmp != NULL ? malloc(xmp_n > 0 ? xmp_n : 1) : NULL;
    uint8_t got;

    if (a != NULL)
        memcpy(a, exif, exif_n);
    for (size_t i = 0; b != NULL && i < xmp_n; i++)
        b[i] = (uint8_t)xmp[i];
    got = mr__orientation(&(mr__metadata){.exif = a, .exif_n = exif_n, .xmp = b, .xmp_n = xmp_n});
    free(a);
    free(b);
    return got;
}

static uint8_t orientation(const tiff *t)
{
    return read_exact(t->data, t->n, NULL);
}

static void all_values_both_orders(void **state)
{
    tiff t;

    (void)state;
    for (int big = 0; big < 2; big++) {
        for (uint32_t v = 0; v <= 300; v++) {
            start(&t, big, 8, 2);
            entry(&t, 0x0100, 3, 1, 5);
            entry(&t, TAG, 3, 1, v);
            assert_int_equal(orientation(&t), v >= 1 && v <= 8 ? v : 1);
        }
    }
}

static void prefix_is_optional(void **state)
{
    uint8_t with[64] = "Exif\0";
    tiff t;

    (void)state;
    start(&t, false, 8, 1);
    entry(&t, TAG, 3, 1, 6);
    memcpy(with + 6, t.data, t.n);
    assert_int_equal(read_exact(with, t.n + 6, NULL), 6);
    assert_int_equal(orientation(&t), 6);
}

static void wrong_types_are_doubt(void **state)
{
    tiff t;

    (void)state;
    for (uint32_t type = 0; type < 14; type++) {
        start(&t, true, 8, 1);
        entry(&t, TAG, type, 1, 6);
        assert_int_equal(orientation(&t), type == 3 ? 6 : 1);
    }
    start(&t, true, 8, 1);
    entry(&t, TAG, 3, 2, 6);
    assert_int_equal(orientation(&t), 1);
}

/* Every cut of a good one: whole again only when the entry is. */
static void every_length(void **state)
{
    tiff t;

    (void)state;
    start(&t, false, 8, 1);
    entry(&t, TAG, 3, 1, 8);
    for (size_t n = 0; n <= t.n; n++)
        assert_int_equal(read_exact(t.data, n, NULL), n == t.n ? 8 : 1);
}

static void offsets_outside(void **state)
{
    static const uint32_t offsets[] = {0,  1,    7,          21,         22,
                                       23, 4096, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF};
    tiff t;

    (void)state;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        start(&t, true, offsets[i], 1);
        entry(&t, TAG, 3, 1, 6);
        assert_int_equal(orientation(&t), 1);
    }
}

/* The entry counts up to the 200th; a directory that claims 65535 entries ends with the data. */
static void entries_are_bounded(void **state)
{
    tiff t;

    (void)state;
    for (uint32_t before = 0; before < 260; before++) {
        start(&t, false, 8, 65535);
        for (uint32_t i = 0; i < before; i++)
            entry(&t, 0x8000, 3, 1, 2);
        entry(&t, TAG, 3, 1, 5);
        assert_int_equal(orientation(&t), before < 200 ? 5 : 1);
    }
}

/* A directory that is its own next, and sub-directories that point back: nothing is followed. */
static void loops(void **state)
{
    tiff t;

    (void)state;
    start(&t, false, 8, 2);
    entry(&t, 0x8769, 4, 1, 8);
    entry(&t, 0x0100, 3, 1, 6);
    put32(&t, 8);
    assert_int_equal(orientation(&t), 1);
}

static void not_tiff(void **state)
{
    tiff t;

    (void)state;
    start(&t, false, 8, 1);
    entry(&t, TAG, 3, 1, 6);
    t.data[2] = 43;
    assert_int_equal(orientation(&t), 1);
    t.data[2] = 42;
    t.data[1] = 'M';
    assert_int_equal(orientation(&t), 1);
}

static void xmp_where_exif_has_none(void **state)
{
    tiff t;

    (void)state;
    assert_int_equal(read_exact(NULL, 0, "<x tiff:Orientation=\"6\">"), 6);
    assert_int_equal(read_exact(NULL, 0, "<tiff:Orientation>8</tiff:Orientation>"), 8);
    assert_int_equal(read_exact(NULL, 0, "tiff:Orientation='6'"), 1);
    assert_int_equal(read_exact(NULL, 0, "tiff:Orientation=\"9\""), 1);
    assert_int_equal(read_exact(NULL, 0, "tiff:Orientation=\""), 1);
    assert_int_equal(read_exact(NULL, 0, "tiff:Orientation>"), 1);
    assert_int_equal(read_exact(NULL, 0, "tiff:Orientation"), 1);
    assert_int_equal(read_exact(NULL, 0, "tiff:Orientation tiff:Orientation=\"3\""), 3);
    start(&t, false, 8, 1);
    entry(&t, 0x0100, 3, 1, 6);
    assert_int_equal(read_exact(t.data, t.n, "tiff:Orientation=\"7\""), 7);
    /* an EXIF tag decides even where its value is of no use */
    start(&t, false, 8, 1);
    entry(&t, TAG, 3, 1, 99);
    assert_int_equal(read_exact(t.data, t.n, "tiff:Orientation=\"7\""), 1);
}

static void metadata_is_bounded(void **state)
{
    size_t n = 70000;
    char *xmp = malloc(n + 1);

    (void)state;
    assert_non_null(xmp);
    memset(xmp, ' ', n);
    xmp[n] = '\0';
    memcpy(xmp + 65000, "tiff:Orientation=\"6\"", 20);
    assert_int_equal(read_exact(NULL, 0, xmp), 6);
    memset(xmp, ' ', n);
    memcpy(xmp + 66000, "tiff:Orientation=\"6\"", 20);
    assert_int_equal(read_exact(NULL, 0, xmp), 1);
    free(xmp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_values_both_orders),
        cmocka_unit_test(prefix_is_optional),
        cmocka_unit_test(wrong_types_are_doubt),
        cmocka_unit_test(every_length),
        cmocka_unit_test(offsets_outside),
        cmocka_unit_test(entries_are_bounded),
        cmocka_unit_test(loops),
        cmocka_unit_test(not_tiff),
        cmocka_unit_test(xmp_where_exif_has_none),
        cmocka_unit_test(metadata_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
