/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder as a whole: all formats, in any order, after failures, quietly, within its memory. */
#include "pictures.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spng.h>

#include "decode/png_header.h"

static const mr__region whole = {0};

typedef struct sample_file {
    bytes file;
    mr__format format;
    mr__mode mode;
} sample_file;

#define N_SAMPLES 24

static uint32_t make_samples(sample_file *out)
{
    static const struct {
        uint8_t depth, colour;
        mr__mode mode;
    } png[] = {
        {1, 0, MR__MODE_1},     {2, 0, MR__MODE_L},  {4, 0, MR__MODE_L},     {8, 0, MR__MODE_L},
        {16, 0, MR__MODE_I16},  {1, 3, MR__MODE_P},  {8, 3, MR__MODE_P},     {8, 2, MR__MODE_RGB},
        {16, 2, MR__MODE_RGB},  {8, 4, MR__MODE_LA}, {16, 4, MR__MODE_RGBA}, {8, 6, MR__MODE_RGBA},
        {16, 6, MR__MODE_RGBA},
    };
    static const jpeg_options jpeg = {.width = 61, .height = 43, .components = 3, .h = 2, .v = 2};
    uint32_t n = 0;

    out[n++] = (sample_file){make_jpeg(&jpeg, 1), MR__FORMAT_JPEG, MR__MODE_RGB};
    for (uint32_t i = 0; i < sizeof(png) / sizeof(png[0]); i++)
        out[n++] = (sample_file){make_png(61, 43, png[i].depth, png[i].colour, i % 3 == 0, i),
                                 MR__FORMAT_PNG, png[i].mode};
    for (uint32_t i = 0; i < 4; i++)
        out[n++] = (sample_file){make_webp(61, 43, i & 1, i & 2, i), MR__FORMAT_WEBP,
                                 i & 1 ? MR__MODE_RGBA : MR__MODE_RGB};
    assert_true(n <= N_SAMPLES);
    return n;
}

static void regions_of_all_formats(void **state)
{
    sample_file samples[N_SAMPLES];
    uint32_t n = make_samples(samples), seed = 3;

    for (uint32_t i = 0; i < n; i++) {
        decoded all = decode(*state, &samples[i].file, whole);

        assert_int_equal(all.status, MR_OK);
        assert_int_equal(all.picture.format, samples[i].format);
        assert_int_equal(all.picture.mode, samples[i].mode);
        assert_int_equal(all.rows.pixel_bytes, mr__mode_bytes(samples[i].mode));
        for (int k = 0; k < 25; k++) {
            mr__region r = {0};
            decoded part;

            r.x0 = next_random(&seed) % 61;
            r.x1 = r.x0 + 1 + next_random(&seed) % (61 - r.x0);
            r.y0 = next_random(&seed) % 43;
            r.y1 = r.y0 + 1 + next_random(&seed) % (43 - r.y0);
            part = decode(*state, &samples[i].file, r);
            assert_int_equal(part.status, MR_OK);
            assert_true(same_pixels(&all, &part, r));
            decoded_free(&part);
        }
        decoded_free(&all);
        bytes_free(&samples[i].file);
    }
}

/* Every cut of every format is refused, from one row as from all, with the same code. */
static void cuts_of_all_formats(void **state)
{
    sample_file samples[N_SAMPLES];
    uint32_t n = make_samples(samples);

    for (uint32_t i = 0; i < n; i++) {
        const bytes *b = &samples[i].file;
        /* the check sums at the end of a PNG are not missed, nor in Pillow */
        size_t spare = samples[i].format == MR__FORMAT_PNG ? 12 + 4 + 4 : 0;

        for (size_t k = 1; k < 16; k++) {
            size_t len = (b->n - spare) * k / 16;
            bytes part = bytes_cut(b, len);
            decoded all = decode(*state, &part, whole);
            decoded top = decode(*state, &part, (mr__region){0, 0, 61, 1, 0});

            assert_int_equal(all.status, MR_E_ITEM);
            if (len >= 64)
                assert_int_equal(all.err.code, MR_CODE_TRUNCATED);
            assert_int_equal(top.err.code, all.err.code);
            bytes_free(&part);
        }
        bytes_free(&samples[i].file);
    }
}

static void damage_of_all_formats(void **state)
{
    sample_file samples[N_SAMPLES];
    uint32_t n = make_samples(samples), seed = 9, refused = 0, taken = 0;

    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < 60; k++) {
            bytes b = bytes_cut(&samples[i].file, samples[i].file.n);
            decoded d;

            for (uint32_t j = 0; j <= k % 3; j++)
                b.data[next_random(&seed) % b.n] ^= (uint8_t)(1u << (next_random(&seed) & 7));
            d = decode(*state, &b, whole);
            assert_true(d.status == MR_OK || d.status == MR_E_ITEM);
            refused += d.status != MR_OK;
            taken += d.status == MR_OK;
            decoded_free(&d);
            bytes_free(&b);
        }
        bytes_free(&samples[i].file);
    }
    assert_true(refused > 100 && taken > 50);
}

/* Deflated zeros, a thousand times larger when inflated: the IDAT of a black picture. */
static bytes zeros(void)
{
    struct spng_ihdr ihdr = {.width = 8192, .height = 4096, .bit_depth = 8, .color_type = 0};
    size_t n = (size_t)ihdr.width * ihdr.height;
    spng_ctx *spng = spng_ctx_new(SPNG_CTX_ENCODER);
    uint8_t *px = calloc(n, 1);
    bytes out = {0};
    int ret;

    assert_non_null(px);
    assert_int_equal(spng_set_option(spng, SPNG_ENCODE_TO_BUFFER, 1), 0);
    assert_int_equal(spng_set_option(spng, SPNG_IMG_COMPRESSION_LEVEL, 1), 0);
    assert_int_equal(spng_set_option(spng, SPNG_FILTER_CHOICE, SPNG_DISABLE_FILTERING), 0);
    assert_int_equal(spng_set_ihdr(spng, &ihdr), 0);
    assert_int_equal(spng_encode_image(spng, px, n, SPNG_FMT_RAW, SPNG_ENCODE_FINALIZE), 0);
    out.data = spng_get_png_buffer(spng, &out.n, &ret);
    assert_non_null(out.data);
    spng_ctx_free(spng);
    free(px);
    return out;
}

/* A bomb in an ancillary chunk is passed over, before the pixels and behind them. */
static void ancillary_bombs(void **state)
{
    static const char *const types[] = {"iCCP", "zTXt", "iTXt"};
    bytes b = make_png(30, 20, 8, 2, false, 1), bomb = zeros();
    decoded plain = decode(*state, &b, whole);
    size_t body = bomb.n - 41 - 16, size = body + 12;

    assert_true(body > 20000 && body < 1000000);
    for (size_t i = 0; i < 6; i++) {
        uint8_t *chunk = malloc(size);
        uint32_t crc;
        bytes with;
        decoded d;

        assert_non_null(chunk);
        memcpy(chunk, (uint8_t[]){0, (uint8_t)(body >> 16), (uint8_t)(body >> 8), (uint8_t)body},
               4);
        for (int k = 0; k < 4; k++)
            chunk[4 + k] = (uint8_t)types[i % 3][k];
        memcpy(chunk + 8 + 3, bomb.data + 41, body - 3);
        chunk[8] = 'x';
        chunk[9] = chunk[10] = 0;
        crc = mr__png_crc(0, chunk + 4, body + 4);
        for (int k = 0; k < 4; k++)
            chunk[8 + body + (size_t)k] = (uint8_t)(crc >> (24 - 8 * k));
        with = bytes_insert(&b, i < 3 ? 33 : b.n - 12, chunk, size);
        d = decode(*state, &with, whole);
        assert_int_equal(d.status, MR_OK);
        assert_int_equal(d.picture.decode_bytes, 0);
        assert_true(same_pixels(&plain, &d, (mr__region){0, 0, 30, 20, 0}));
        decoded_free(&d);
        bytes_free(&with);
        free(chunk);
    }
    decoded_free(&plain);
    bytes_free(&bomb);
    bytes_free(&b);
}

static void misuse_is_refused(void **state)
{
    static const mr__region bad[] = {
        {0, 0, 62, 43, 0}, {0, 0, 61, 44, 0}, {5, 0, 5, 43, 0}, {0, 9, 61, 8, 0}};
    sample_file samples[N_SAMPLES];
    uint32_t n = make_samples(samples);
    const bytes *b = &samples[0].file;
    mr__strip strip;
    decoded d = decode(*state, b, whole);
    mr__rows info;
    mr_error err;

    assert_int_equal(mr__decoder_read(*state, &strip, &err), MR_E_INTERNAL);
    assert_int_equal(mr__decoder_finish(*state, &err), MR_E_INTERNAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(mr__decoder_begin(*state, b->data, b->n, &d.picture, &bad[i], &info, &err),
                         MR_E_INTERNAL);
    d.picture.format = MR__FORMAT_GIF;
    assert_int_equal(mr__decoder_begin(*state, b->data, b->n, &d.picture,
                                       &(mr__region){0, 0, 61, 43, 0}, &info, &err),
                     MR_E_INTERNAL);
    mr__decoder_abort(*state); /* nothing begun: no harm */
    decoded_free(&d);
    for (uint32_t i = 0; i < n; i++)
        bytes_free(&samples[i].file);
}

/* A header that changes between probe and begin is caught. */
static void changed_files_are_refused(void **state)
{
    sample_file samples[N_SAMPLES];
    uint32_t n = make_samples(samples);

    for (uint32_t i = 0; i < n; i++) {
        decoded d = decode(*state, &samples[i].file, whole);
        mr__region all = {0, 0, 62, 43, 0};
        mr__rows info;
        mr_error err;

        d.picture.width = 62;
        assert_int_equal(mr__decoder_begin(*state, samples[i].file.data, samples[i].file.n,
                                           &d.picture, &all, &info, &err),
                         MR_E_ITEM);
        assert_int_equal(err.code, MR_CODE_CORRUPT);
        decoded_free(&d);
        bytes_free(&samples[i].file);
    }
}

/* Given up half way, then another format, then the first again. */
static void abort_and_go_on(void **state)
{
    sample_file samples[N_SAMPLES];
    uint32_t n = make_samples(samples);

    for (uint32_t i = 0; i < n; i++) {
        const bytes *b = &samples[i].file, *other = &samples[(i + 7) % n].file;
        decoded want = decode(*state, b, whole), d;
        mr__region all = {0, 0, 61, 43, 0};
        mr__strip strip;
        mr__rows info;
        mr_error err;

        assert_int_equal(mr__decoder_begin(*state, b->data, b->n, &want.picture, &all, &info, &err),
                         MR_OK);
        assert_int_equal(mr__decoder_read(*state, &strip, &err), MR_OK);
        if (i % 2 == 0)
            mr__decoder_abort(*state);
        d = decode(*state, other, whole);
        assert_int_equal(d.status, MR_OK);
        decoded_free(&d);
        d = decode(*state, b, whole);
        assert_int_equal(d.status, MR_OK);
        assert_true(same_pixels(&want, &d, all));
        decoded_free(&d);
        decoded_free(&want);
    }
    for (uint32_t i = 0; i < n; i++)
        bytes_free(&samples[i].file);
}

static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Memory above the allowance goes back, after success, failure and abort alike. */
static void memory_goes_back(void **state)
{
    if (in_use() == 0)
        skip(); /* an allocator that does not count: a sanitizer's */

    bytes big = make_webp(2200, 1700, false, false, 1), cut = bytes_cut(&big, big.n);
    bytes small = make_webp(61, 43, false, false, 1);
    mr__region all = {0, 0, 2200, 1700, 0};
    mr__rows info;
    mr_error err;
    size_t before;
    decoded d;

    d = decode(*state, &small, whole);
    decoded_free(&d);
    memset(cut.data + cut.n / 2, 0x5A, cut.n / 4);
    before = in_use();
    d = decode(*state, &big, whole);
    assert_int_equal(d.status, MR_OK);
    decoded_free(&d);
    assert_true(in_use() <= before + MR__DECODE_STANDING_BYTES / 2);
    assert_int_equal(mr__decoder_begin(*state, big.data, big.n, &d.picture, &all, &info, &err),
                     MR_OK);
    assert_true(in_use() > before + MR__DECODE_STANDING_BYTES); /* so the figure can move */
    mr__decoder_abort(*state);
    assert_true(in_use() <= before + MR__DECODE_STANDING_BYTES / 2);
    d = decode(*state, &cut, whole);
    decoded_free(&d);
    assert_true(in_use() <= before + MR__DECODE_STANDING_BYTES / 2);
    bytes_free(&big);
    bytes_free(&cut);
    bytes_free(&small);
}

/* libjpeg would print its warnings and errors, and exit. */
static void nothing_is_printed(void **state)
{
    static const jpeg_options options = {
        .width = 90, .height = 70, .components = 3, .h = 2, .v = 2};
    bytes b = make_jpeg(&options, 1);
    FILE *catch = tmpfile();
    int saved = dup(STDERR_FILENO);
    uint32_t seed = 5;
    long size;

    assert_non_null(catch);
    assert_true(dup2(fileno(catch), STDERR_FILENO) >= 0);
    for (int i = 0; i < 200; i++) {
        bytes bad = bytes_cut(&b, b.n);
        decoded d;

        for (int k = 0; k < 3; k++)
            bad.data[next_random(&seed) % bad.n] = (uint8_t)next_random(&seed);
        d = decode(*state, &bad, whole);
        decoded_free(&d);
        bytes_free(&bad);
    }
    (void)fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    assert_int_equal(fseek(catch, 0, SEEK_END), 0);
    size = ftell(catch);
    (void)fclose(catch);
    assert_int_equal(size, 0);
    bytes_free(&b);
}

static void warm_up_works(void **state)
{
    mr_error err;

    assert_int_equal(mr__decoder_warm_up(*state, &err), MR_OK);
    assert_int_equal(mr__decoder_warm_up(*state, &err), MR_OK);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(mr__format_name(MR__FORMAT_JPEG), "jpeg");
    assert_string_equal(mr__format_name(MR__FORMAT_BMP), "bmp");
    assert_string_equal(mr__format_name(MR__FORMAT_UNKNOWN), "");
    assert_string_equal(mr__format_name(MR__FORMAT_COUNT), "");
    assert_string_equal(mr__format_name(UINT32_MAX), "");
    assert_int_equal(mr__mode_bytes(MR__MODE_1), 1);
    assert_int_equal(mr__mode_bytes(MR__MODE_I16), 2);
    assert_int_equal(mr__mode_bytes(MR__MODE_CMYK), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_up_works),
        cmocka_unit_test(regions_of_all_formats),
        cmocka_unit_test(cuts_of_all_formats),
        cmocka_unit_test(damage_of_all_formats),
        cmocka_unit_test(ancillary_bombs),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(changed_files_are_refused),
        cmocka_unit_test(abort_and_go_on),
        cmocka_unit_test(memory_goes_back),
        cmocka_unit_test(nothing_is_printed),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, decoder_setup, decoder_teardown);
}
