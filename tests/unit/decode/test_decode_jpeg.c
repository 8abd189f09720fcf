/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG: regions equal the full decode, cuts are found whatever the region, damage stays inside. */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define REGIONS 40

static const mr__region whole = {0};

static const jpeg_options kinds[] = {
    {.width = 211, .height = 133, .components = 3, .h = 2, .v = 2},
    {.width = 211, .height = 133, .components = 3, .h = 2, .v = 1},
    {.width = 211, .height = 133, .components = 3, .h = 1, .v = 1},
    {.width = 211, .height = 133, .components = 3, .h = 1, .v = 2},
    {.width = 211, .height = 133, .components = 3, .h = 4, .v = 1},
    {.width = 211, .height = 133, .components = 1},
    {.width = 211, .height = 133, .components = 1, .h = 2, .v = 2},
    {.width = 211, .height = 133, .components = 4, .h = 2, .v = 2},
    {.width = 211, .height = 133, .components = 4, .h = 2, .v = 1, .adobe_ycck = true},
    {.width = 211, .height = 133, .components = 3, .h = 2, .v = 2, .restart = 5},
    {.width = 211, .height = 133, .components = 3, .h = 2, .v = 2, .progressive = true},
    {.width = 17, .height = 300, .components = 3, .h = 2, .v = 2},
    {.width = 300, .height = 5, .components = 3, .h = 2, .v = 2},
    {.width = 1, .height = 1, .components = 3, .h = 2, .v = 2},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void regions_equal_the_whole(void **state)
{
    uint32_t seed = 7;

    for (size_t k = 0; k < N_KINDS; k++) {
        bytes b = make_jpeg(&kinds[k], (uint32_t)k);
        decoded all = decode(*state, &b, whole);

        assert_int_equal(all.status, MR_OK);
        assert_int_equal(all.rows.pixel_bytes, kinds[k].components);
        for (int i = 0; i < REGIONS; i++) {
            mr__region r = random_region(kinds[k].width, kinds[k].height, &seed);
            decoded part = decode(*state, &b, r);

            assert_int_equal(part.status, MR_OK);
            assert_true(part.rows.x0 <= r.x0 && part.rows.x0 + part.rows.width >= r.x1);
            assert_true(part.rows.y0 == r.y0 && part.rows.y1 == r.y1);
            if (!same_pixels(&all, &part, r))
                fail_msg("kind %zu differs in %u..%u x %u..%u", k, r.x0, r.x1, r.y0, r.y1);
            decoded_free(&part);
        }
        decoded_free(&all);
        bytes_free(&b);
    }
}

/* Columns [*x0, *x0 + *width) of row 20 as libjpeg crops them, with no margin of ours. */
static void crop_bare(const bytes *b, JDIMENSION *x0, JDIMENSION *width, uint8_t *out)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, b->data, b->n);
    (void)jpeg_read_header(&cinfo, TRUE);
    (void)jpeg_start_decompress(&cinfo);
    jpeg_crop_scanline(&cinfo, x0, width);
    (void)jpeg_skip_scanlines(&cinfo, 20);
    (void)jpeg_read_scanlines(&cinfo, &out, 1);
    jpeg_destroy_decompress(&cinfo);
}

/* Negative control: without a margin the same comparison finds differences. */
static void margin_is_needed(void **state)
{
    uint8_t row[211 * 3];
    int differ = 0;

    for (size_t k = 0; k < 2; k++) {
        bytes b = make_jpeg(&kinds[k], (uint32_t)k);
        decoded all = decode(*state, &b, whole);

        for (JDIMENSION x1 = 16; x1 < 211; x1 += 8) {
            JDIMENSION x0 = x1 / 2, width = x1 - x1 / 2;
            JDIMENSION from = x0, to = x1;

            crop_bare(&b, &x0, &width, row);
            differ += memcmp(all.pixels + (20 * 211 + from) * 3, row + (from - x0) * 3,
                             (to - from) * 3) != 0;
        }
        decoded_free(&all);
        bytes_free(&b);
    }
    assert_true(differ > 10);
}

/* The columns that are decoded are few where few are asked for. */
static void crop_saves_columns(void **state)
{
    jpeg_options options = {.width = 1600, .height = 64, .components = 3, .h = 2, .v = 2};
    bytes b = make_jpeg(&options, 1);
    decoded part = decode(*state, &b, (mr__region){700, 10, 900, 50, 0});

    assert_int_equal(part.status, MR_OK);
    assert_in_range(part.rows.width, 200, 200 + 4 * 16);
    decoded_free(&part);
    bytes_free(&b);
}

/* A cut anywhere is found, from the top rows as from all; complete files are good either way. */
static void cuts_are_found(void **state)
{
    for (size_t k = 0; k < 12; k++) {
        bytes b = make_jpeg(&kinds[k], (uint32_t)k);
        mr__region top = {0, 0, kinds[k].width, kinds[k].height < 20 ? 1 : 20, 0};

        for (int i = 4; i <= 19; i++) {
            size_t n = i <= 16 ? b.n * (size_t)i / 16 : b.n - (size_t)(i - 16);
            bytes part = bytes_cut(&b, n);
            decoded all = decode(*state, &part, whole), some = decode(*state, &part, top);
            mr_code want = i == 16 ? MR_CODE_NONE : MR_CODE_TRUNCATED;

            /* without the EOI, Pillow too takes some: the bit reader had its fill before */
            if (i > 16 && i <= 18 && all.status == MR_OK)
                want = MR_CODE_NONE;
            if (all.err.code != want || some.err.code != want)
                fail_msg("kind %zu at %zu of %zu: %s, upper rows %s", k, n, b.n,
                         mr_code_name(all.err.code), mr_code_name(some.err.code));
            decoded_free(&all);
            decoded_free(&some);
            bytes_free(&part);
        }
        bytes_free(&b);
    }
}

/* Cut, but ended by an EOI: libjpeg makes grey of the rest and warns, and Pillow takes it. */
static void early_end_is_complete(void **state)
{
    bytes b = make_jpeg(&kinds[0], 1), part = bytes_cut(&b, b.n / 2);
    decoded all, top;

    part.data[part.n - 2] = 0xFF;
    part.data[part.n - 1] = 0xD9;
    all = decode(*state, &part, whole);
    top = decode(*state, &part, (mr__region){0, 0, 211, 20, 0});
    assert_int_equal(all.status, MR_OK);
    assert_int_equal(top.status, MR_OK);
    assert_true(same_pixels(&all, &top, (mr__region){0, 0, 211, 20, 0}));
    decoded_free(&all);
    decoded_free(&top);
    bytes_free(&part);
    bytes_free(&b);
}

/* Trailing bytes do not hide the end; without an end, they do not look like one. */
static void trailers(void **state)
{
    static const uint8_t junk[64] = {1, 2, 3, 0xFF, 0, 0xFF, 0, 9};
    bytes b = make_jpeg(&kinds[0], 1), cut = bytes_cut(&b, b.n / 2), with;
    decoded d;

    with = bytes_insert(&b, b.n, junk, sizeof(junk));
    d = decode(*state, &with, (mr__region){0, 0, 211, 20, 0});
    assert_int_equal(d.status, MR_OK);
    decoded_free(&d);
    bytes_free(&with);
    with = bytes_insert(&cut, cut.n, junk, sizeof(junk));
    d = decode(*state, &with, (mr__region){0, 0, 211, 20, 0});
    assert_int_equal(d.err.code, MR_CODE_TRUNCATED);
    bytes_free(&with);
    bytes_free(&cut);
    bytes_free(&b);
}

/* A file without tables of its own is not decoded with those of the picture before. */
static void tables_do_not_linger(void **state)
{
    bytes good = make_jpeg(&kinds[0], 1), bad = bytes_cut(&good, good.n);
    int renamed = 0;
    decoded d;

    for (size_t i = 2; i + 4 < bad.n && bad.data[i + 1] != 0xDA;
         i += 2 + ((size_t)bad.data[i + 2] << 8 | bad.data[i + 3])) {
        if (bad.data[i + 1] == 0xDB) {
            bad.data[i + 1] = 0xFE; /* quantisation: a comment now */
            renamed++;
        }
    }
    assert_int_equal(renamed, 2);
    d = decode(*state, &good, whole);
    assert_int_equal(d.status, MR_OK);
    decoded_free(&d);
    d = decode(*state, &bad, whole);
    assert_int_equal(d.err.code, MR_CODE_CORRUPT);
    bytes_free(&bad);
    bytes_free(&good);
}

/* libjpeg gets no more memory than was stated for the picture. */
static void memory_is_capped(void **state)
{
    jpeg_options options = {.width = 2048, .height = 1536, .components = 3, .progressive = true};
    bytes b = make_jpeg(&options, 1);
    decoded d = decode(*state, &b, (mr__region){0, 0, 2048, 8, 0});
    mr__region top = {0, 0, 2048, 8, 0};
    mr__rows rows;
    mr_error err;

    assert_int_equal(d.status, MR_OK);
    assert_true(d.picture.decode_bytes > 8000000);
    d.picture.decode_bytes = 0;
    assert_int_equal(mr__decoder_begin(*state, b.data, b.n, &d.picture, &top, &rows, &err),
                     MR_E_ITEM);
    assert_int_equal(err.code, MR_CODE_OUT_OF_MEMORY);
    decoded_free(&d);
    bytes_free(&b);
}

/* Bytes overwritten at random: an answer each time, and the decoder works on afterwards. */
static void damage_stays_inside(void **state)
{
    uint32_t seed = 11;
    bytes good = make_jpeg(&kinds[0], 1);
    decoded want = decode(*state, &good, whole);
    int refused = 0;

    for (int i = 0; i < 600; i++) {
        bytes b = make_jpeg(&kinds[(size_t)i % N_KINDS], (uint32_t)i);
        decoded d;

        for (int j = 0; j < 4; j++)
            b.data[next_random(&seed) % b.n] = (uint8_t)next_random(&seed);
        d = decode(*state, &b, whole);
        assert_true(d.status == MR_OK || (d.status == MR_E_ITEM && d.err.message[0] != '\0'));
        refused += d.status != MR_OK;
        decoded_free(&d);
        bytes_free(&b);
    }
    assert_in_range(refused, 20, 580);
    decoded d = decode(*state, &good, whole);
    assert_int_equal(d.status, MR_OK);
    assert_true(same_pixels(&want, &d, (mr__region){0, 0, 211, 133, 0}));
    decoded_free(&d);
    decoded_free(&want);
    bytes_free(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_equal_the_whole), cmocka_unit_test(margin_is_needed),
        cmocka_unit_test(crop_saves_columns),      cmocka_unit_test(cuts_are_found),
        cmocka_unit_test(early_end_is_complete),   cmocka_unit_test(trailers),
        cmocka_unit_test(tables_do_not_linger),    cmocka_unit_test(memory_is_capped),
        cmocka_unit_test(damage_stays_inside),
    };

    return cmocka_run_group_tests(tests, decoder_setup, decoder_teardown);
}
