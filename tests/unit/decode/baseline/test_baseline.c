/* SPDX-License-Identifier: Apache-2.0 */
/* Our own JPEG decoder against libjpeg: the same pixels, and the same verdict on damaged files. */
#include "../pictures.h"

#include <stdlib.h>
#include <string.h>

#define CROPS   2000
#define MUTANTS 3000

typedef struct fixture {
    mr__decoder *libjpeg, *own[3]; /* by level */
    uint32_t n_levels;
} fixture;

static const mr__region whole = {0};

static int teardown(void **state)
{
    fixture *f = *state;

    mr__decoder_close(&f->libjpeg);
    for (uint32_t i = 0; i < f->n_levels; i++)
        mr__decoder_close(&f->own[i]);
    free(f);
    return 0;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    mr__decode_options options = {.jpeg = MR__JPEG_LIBJPEG};
    mr__cpu_level best = MR__CPU_C;

    assert_non_null(f);
    *state = f;
    assert_int_equal(mr__cpu_level_detect(NULL, &best, NULL), MR_OK);
    assert_int_equal(mr__decoder_open(&options, &f->libjpeg, NULL), MR_OK);
    options.jpeg = MR__JPEG_EITHER;
    f->n_levels = best <= MR__CPU_AVX512VNNI ? (uint32_t)best + 1 : 1;
    for (uint32_t i = 0; i < f->n_levels; i++) {
        options.level = (mr__cpu_level)i;
        assert_int_equal(mr__decoder_open(&options, &f->own[i], NULL), MR_OK);
    }
    return 0;
}

/* Pictures decoded by our own decoder to the end, at all levels. */
static uint64_t own_pictures(const fixture *f)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < f->n_levels; i++)
        n += mr__decoder_counts(f->own[i]).jpeg_own;
    return n;
}

static uint64_t continued_pictures(const fixture *f)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < f->n_levels; i++)
        n += mr__decoder_counts(f->own[i]).jpeg_continued;
    return n;
}

/* Twenty pictures of one kind, sizes and options by dice; crops of each. */
static void crops_of(fixture *f, jpeg_options options, uint32_t seed)
{
    static const unsigned restarts[] = {0, 0, 1, 7};
    static const int qualities[] = {80, 35, 95, 100};

    for (uint32_t i = 0; i < 20; i++) {
        options.width = 1 + next_random(&seed) % (i % 4 == 0 ? 24 : 290);
        options.height = 1 + next_random(&seed) % (i % 4 == 1 ? 24 : 190);
        options.restart = restarts[next_random(&seed) % 4];
        options.quality = qualities[next_random(&seed) % 4];
        options.optimise = next_random(&seed) % 2;

        const uint32_t halved = i % 5 < 3 ? 0 : 1 + next_random(&seed) % MR__HALVED_MAX;
        bytes b = make_jpeg(&options, i);
        decoded all = decode(f->libjpeg, &b, (mr__region){.halved = halved});

        assert_int_equal(all.status, MR_OK);
        for (uint32_t k = 0; k < CROPS / 20; k++) {
            mr__region r = random_region(mr__halved_side(options.width, halved),
                                         mr__halved_side(options.height, halved), &seed);
            r.halved = halved;
            decoded part = decode(f->own[k % f->n_levels], &b, r);

            assert_int_equal(part.status, MR_OK);
            if (!same_pixels(&all, &part, r))
                fail_msg("%ux%u / %u, h %d v %d, restart %u, quality %d: level %u, %u..%u x %u..%u",
                         options.width, options.height, 1u << halved, options.h, options.v,
                         options.restart, options.quality, k % f->n_levels, r.x0, r.x1, r.y0, r.y1);
            decoded_free(&part);
        }
        decoded_free(&all);
        bytes_free(&b);
    }
}

static void crops(void **state)
{
    static const struct {
        jpeg_options options;
        bool own;
    } kinds[] = {
        {{.components = 3, .h = 1, .v = 1}, true},  {{.components = 3, .h = 2, .v = 1}, true},
        {{.components = 3, .h = 2, .v = 2}, true},  {{.components = 1}, true},
        {{.components = 3, .h = 1, .v = 2}, false}, {{.components = 1, .h = 2, .v = 2}, true},
    };
    fixture *f = *state;

    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t before = own_pictures(f);

        crops_of(f, kinds[i].options, 1000 + i);
        /* all but a few, too narrow to be interpolated */
        assert_in_range(own_pictures(f) - before, kinds[i].own ? CROPS - CROPS / 5 : 0,
                        kinds[i].own ? CROPS : 0);
    }
    assert_int_equal(continued_pictures(f), 0);
}

/* One kind of damage to a copy. */
static bytes damage(const bytes *b, uint32_t kind, uint32_t *seed)
{
    bytes out = bytes_cut(b, b->n);
    uint32_t n = (uint32_t)b->n, at = n / 4 + next_random(seed) % (n - n / 4);

    switch (kind) {
    case 0: /* cut */
        bytes_free(&out);
        return bytes_cut(b, at);
    case 1: /* one bit */
        out.data[at] ^= (uint8_t)(1u << next_random(seed) % 8);
        return out;
    case 2: { /* a marker, of any kind */
        const uint8_t marker[2] = {0xFF, (uint8_t)(0xC0 + next_random(seed) % 64)};

        bytes_free(&out);
        return bytes_insert(b, at, marker, 2);
    }
    case 3: /* some bytes anywhere, the header included */
        for (int i = 0; i < 3; i++)
            out.data[2 + next_random(seed) % (n - 2)] = (uint8_t)next_random(seed);
        return out;
    default: { /* a piece taken out */
        uint32_t len = 1 + next_random(seed) % 9;

        if (at + len < n) {
            memmove(out.data + at, out.data + at + len, n - at - len);
            out.n -= len;
        }
        return out;
    }
    }
}

/* libjpeg's verdict and pixels, whoever decoded; most of the damaged files are taken. */
static void damaged_files(void **state)
{
    static const jpeg_options kinds[] = {
        {.width = 131, .height = 93, .components = 3, .h = 2, .v = 2, .quality = 80},
        {.width = 131, .height = 93, .components = 3, .h = 2, .v = 1, .restart = 4, .quality = 80},
        {.width = 75, .height = 61, .components = 3, .optimise = true, .quality = 60},
        {.width = 131, .height = 93, .components = 1, .restart = 3, .quality = 90},
        {.width = 131, .height = 93, .components = 3, .h = 2, .v = 2, .restart = 1, .quality = 50},
    };
    fixture *f = *state;
    uint64_t own = own_pictures(f), continued = continued_pictures(f);
    uint32_t seed = 77, taken = 0, changed = 0;
    bytes good[5];
    decoded clean[5];

    for (uint32_t k = 0; k < 5; k++) {
        good[k] = make_jpeg(&kinds[k], k);
        clean[k] = decode(f->libjpeg, &good[k], whole);
    }
    for (uint32_t i = 0; i < MUTANTS; i++) {
        uint32_t k = i % 5;
        bytes b = damage(&good[k], i / 5 % 5, &seed);
        const uint32_t halved = i / 25 % 4;
        const mr__region whole_at = {.halved = halved};
        mr__region r = random_region(mr__halved_side(kinds[k].width, halved),
                                     mr__halved_side(kinds[k].height, halved), &seed);
        decoded want = decode(f->libjpeg, &b, whole_at);
        /* damage to the header may make it another picture; then all of it is compared */
        bool same_size = want.status == MR_OK && want.picture.width == kinds[k].width &&
                         want.picture.height == kinds[k].height;
        r.halved = halved;
        decoded got = decode(f->own[i % f->n_levels], &b, same_size ? r : whole_at);

        if (want.status != got.status || want.err.code != got.err.code)
            fail_msg("mutant %u: %s, libjpeg %s", i, mr_code_name(got.err.code),
                     mr_code_name(want.err.code));
        if (want.status == MR_OK) {
            mr__region all = {0, 0, mr__halved_side(want.picture.width, halved),
                              mr__halved_side(want.picture.height, halved), halved};

            if (!same_pixels(&want, &got, same_size ? r : all))
                fail_msg("mutant %u differs", i);
            taken++;
            changed += halved == 0 && same_size &&
                       want.rows.pixel_bytes == clean[k].rows.pixel_bytes &&
                       !same_pixels(&clean[k], &got, r);
        }
        decoded_free(&want);
        decoded_free(&got);
        bytes_free(&b);
    }
    for (uint32_t k = 0; k < 5; k++) {
        decoded_free(&clean[k]);
        bytes_free(&good[k]);
    }
    /* the damage was there to be seen, and both decoders had their share of it */
    assert_in_range(taken, MUTANTS / 3, MUTANTS - MUTANTS / 10);
    assert_in_range(changed, MUTANTS / 40, MUTANTS / 4);
    assert_in_range(own_pictures(f) - own, MUTANTS / 20, MUTANTS);
    assert_in_range(continued_pictures(f) - continued, MUTANTS / 10, MUTANTS);
}

/* A cut in the middle: the upper rows are planes, the lower ones pixels of libjpeg. */
static void libjpeg_goes_on(void **state)
{
    static const jpeg_options options = {
        .width = 203, .height = 160, .components = 3, .h = 2, .v = 2, .quality = 90};
    static const mr__decode_limits limits = {.max_pixels = 1 << 20};
    const mr__region region = {31, 3, 170, 150, 0};
    fixture *f = *state;
    bytes good = make_jpeg(&options, 3), b = bytes_cut(&good, good.n / 2);
    uint32_t planar = 0, interleaved = 0;
    mr__picture picture;
    mr__strip strip;
    mr__rows rows;

    /* complete, as far as an EOI makes it so */
    b.data[b.n - 2] = 0xFF;
    b.data[b.n - 1] = 0xD9;
    assert_int_equal(mr__probe(b.data, b.n, &limits, &picture, NULL), MR_OK);
    assert_int_equal(mr__decoder_begin(f->own[0], b.data, b.n, &picture, &region, &rows, NULL),
                     MR_OK);
    assert_int_equal(rows.x0, region.x0);
    assert_int_equal(rows.width, region.x1 - region.x0);
    while (mr__decoder_read(f->own[0], &strip, NULL) == MR_OK) {
        *(strip.planar ? &planar : &interleaved) += strip.n_rows;
        assert_true(!strip.planar || interleaved == 0);
    }
    assert_int_equal(mr__decoder_finish(f->own[0], NULL), MR_OK);
    assert_in_range(planar, 20, 120);
    assert_int_equal(planar + interleaved, region.y1 - region.y0);
    bytes_free(&b);
    bytes_free(&good);
}

/* MILLRACE_JPEG=own: what only libjpeg can do fails, and says so. */
static void own_alone(void **state)
{
    const mr__decode_options options = {.jpeg = MR__JPEG_OWN};
    jpeg_options kind = {.width = 90, .height = 70, .components = 3, .h = 2, .v = 2};
    mr__decoder *decoder;
    bytes b = make_jpeg(&kind, 1), half = bytes_cut(&b, b.n / 2);
    decoded d;

    (void)state;
    assert_int_equal(mr__decoder_open(&options, &decoder, NULL), MR_OK);
    assert_int_equal(mr__decoder_warm_up(decoder, NULL), MR_OK);
    assert_int_equal(mr__decoder_counts(decoder).jpeg_own, 0); /* the warm-up does not count */
    d = decode(decoder, &b, whole);
    assert_int_equal(d.status, MR_OK);
    decoded_free(&d);
    d = decode(decoder, &half, whole);
    assert_int_equal(d.err.code, MR_CODE_UNSUPPORTED_VARIANT);
    assert_non_null(strstr(d.err.message, "MILLRACE_JPEG=own"));
    d = decode(decoder, &half, (mr__region){0, 0, 90, 8, 0});
    assert_int_equal(d.err.code, MR_CODE_UNSUPPORTED_VARIANT);
    bytes_free(&b);
    kind.progressive = true;
    b = make_jpeg(&kind, 1);
    d = decode(decoder, &b, whole);
    assert_int_equal(d.err.code, MR_CODE_UNSUPPORTED_VARIANT);
    assert_int_equal(mr__decoder_counts(decoder).jpeg_own, 1);
    assert_int_equal(mr__decoder_counts(decoder).jpeg_not_own, 1);
    assert_int_equal(mr__decoder_counts(decoder).jpeg_continued, 0);
    bytes_free(&b);
    bytes_free(&half);
    mr__decoder_close(&decoder);
}

static void choices(void **state)
{
    mr__jpeg_choice choice = MR__JPEG_OWN;
    mr_error err = {0};

    (void)state;
    assert_int_equal(mr__jpeg_choice_parse(NULL, &choice, &err), MR_OK);
    assert_int_equal(choice, MR__JPEG_EITHER);
    assert_int_equal(mr__jpeg_choice_parse("own", &choice, &err), MR_OK);
    assert_int_equal(choice, MR__JPEG_OWN);
    assert_int_equal(mr__jpeg_choice_parse("", &choice, &err), MR_OK);
    assert_int_equal(choice, MR__JPEG_EITHER);
    assert_int_equal(mr__jpeg_choice_parse("libjpeg", &choice, &err), MR_OK);
    assert_int_equal(choice, MR__JPEG_LIBJPEG);
    assert_int_equal(mr__jpeg_choice_parse("Own", &choice, &err), MR_E_INVALID);
    assert_string_equal(err.message, "MILLRACE_JPEG=Own: not one of libjpeg, own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crops),     cmocka_unit_test(damaged_files),
        cmocka_unit_test(own_alone), cmocka_unit_test(libjpeg_goes_on),
        cmocka_unit_test(choices),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
