/* SPDX-License-Identifier: Apache-2.0 */
/* Every form of the kernels against the definition, written here with 64-bit sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transform/kernels.h"

extern const mr__kernels mr__kernels_generic;

#define SIDE 700u

static uint64_t seed = 7;

static uint32_t random_below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

/* Weight j of output x, put together from its digits. */
static int64_t weight(const mr__coeffs *c, uint32_t x, uint32_t j)
{
    const int16_t *w = c->weights + (size_t)x * 2 * c->stride;

    if (c->group != NULL) {
        uint32_t at = c->first[x] - c->lo + j - 4 * c->group[x];
        size_t four = (size_t)x * c->groups + at / 4;
        const int8_t *d = (const int8_t *)c->digits + 16 * four + at % 4;

        if (c->key.form == MR__COEFFS_TILE_BYTES)
            return d[0] + INT64_C(256) * d[4] + INT64_C(65536) * d[8];
        at %= 4;
        if (c->key.form == MR__COEFFS_TILE_PAIRS)
            at = at % 2 * 2 + at / 2;
        return c->weights[8 * four + at] + INT64_C(2048) * c->weights[8 * four + 4 + at];
    }
    if (c->key.form == MR__COEFFS_ROWS)
        return (int64_t)w[c->stride + j] * 2048 + w[j];
    return (int64_t)w[j / 2 * 4 + 2 + j % 2] * 2048 + w[j / 2 * 4 + j % 2];
}

static uint8_t rounded(int64_t sum)
{
    int64_t v = (sum + (1 << 21)) >> 22;

    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static mr__coeffs_key random_key(mr__coeffs_form form)
{
    mr__coeffs_key key = {.filter = (mr__filter)random_below(6), .form = form};

    key.n = 1 + random_below(SIDE);
    key.m = 1 + random_below(random_below(4) == 0 ? 3 : SIDE);
    key.from = random_below(key.m);
    key.count = 1 + random_below(key.m - key.from);
    return key;
}

static void check_horizontal(const mr__kernels *k, const mr__coeffs *c, bool three_at_once)
{
    static uint8_t row[SIDE * 3];
    static int16_t planes[3 * 2 * SIDE];
    static uint8_t out[3][SIDE + 64];
    const mr__planes three = {planes, 2 * SIDE, 3};
    mr__planes one = {planes, 2 * SIDE, 1};

    for (size_t i = 0; i < sizeof row; i++)
        row[i] = random_below(2) ? (uint8_t)random_below(256) : (uint8_t)(random_below(2) * 255);
    memset(planes, 0x55, sizeof planes); /* what lies behind a row must not matter */
    k->split(row, c->hi - c->lo, &three);
    if (three_at_once)
        k->horizontal(&three, c->lo, c, out[0], sizeof out[0]);
    for (uint32_t channel = 0; channel < 3; channel++) {
        one.values = planes + channel * three.stride;
        if (!three_at_once)
            k->horizontal(&one, c->lo, c, out[channel], sizeof out[0]);
        for (uint32_t x = 0; x < c->key.count; x++) {
            int64_t sum = 0;

            for (uint32_t j = 0; j < c->taps[x]; j++)
                sum += weight(c, x, j) * row[(size_t)(c->first[x] + j - c->lo) * 3 + channel];
            if (out[channel][x] != rounded(sum))
                fail_msg("%s: horizontal %u to %u, output %u", k->name, c->key.n, c->key.m, x);
        }
    }
}

static void check_vertical(const mr__kernels *k, const mr__coeffs *c)
{
    static uint8_t pixels[SIDE + 1][64];
    static const uint8_t *rows[SIDE + 1];
    uint8_t out[64];

    for (size_t y = 0; y <= SIDE; y++)
        for (size_t x = 0; x < 64; x++)
            pixels[y][x] = random_below(3) ? (uint8_t)random_below(256) : 255;
    for (uint32_t i = 0; i < c->key.count; i += 1 + c->key.count / 16) {
        for (uint32_t j = 0; j <= c->taps[i]; j++)
            rows[j] = pixels[(c->first[i] + j) % (SIDE + 1)];
        k->vertical(rows, c, i, 64, out);
        for (uint32_t x = 0; x < 64; x++) {
            int64_t sum = 0;

            for (uint32_t j = 0; j < c->taps[i]; j++)
                sum += weight(c, i, j) * rows[j][x];
            if (out[x] != rounded(sum))
                fail_msg("%s: vertical %u to %u, output %u", k->name, c->key.n, c->key.m, i);
        }
    }
}

static void check_all(const mr__kernels *k)
{
    mr__coeffs_cache *cache = mr__coeffs_cache_open(1 << 20);

    assert_non_null(cache);
    for (int i = 0; i < 300; i++) {
        mr__coeffs_key h = random_key(MR__COEFFS_ROWS), v = random_key(MR__COEFFS_PAIRS);

        check_horizontal(k, mr__coeffs_get(cache, &h), i % 3 > 0);
        check_vertical(k, mr__coeffs_get(cache, &v));
    }
    mr__coeffs_cache_close(&cache);
}

static void test_portable(void **state)
{
    (void)state;
    check_all(&mr__kernels_c);
}

static void test_generic(void **state)
{
    (void)state;
    assert_ptr_not_equal(mr__kernels_generic.vertical, mr__kernels_c.vertical);
    check_all(&mr__kernels_generic);
}

static void test_split(void **state)
{
    uint8_t row[4 * 100];
    int16_t planes[4 * 128];

    (void)state;
    for (size_t i = 0; i < sizeof row; i++)
        row[i] = (uint8_t)(i * 7);
    for (uint32_t channels = 1; channels <= 4; channels++) {
        for (uint32_t n = 1; n <= 100; n++) {
            const mr__planes to = {planes, 128, channels};

            memset(planes, 0x55, sizeof planes);
            mr__kernels_c.split(row, n, &to);
            for (uint32_t c = 0; c < channels; c++) {
                for (uint32_t i = 0; i < n; i++)
                    assert_int_equal(planes[c * 128 + i], row[i * channels + c]);
                assert_int_equal(planes[c * 128 + n], 0x5555);
            }
        }
    }
}

/* Weights sum to 1 within rounding, and the two-digit form loses nothing. */
static void test_weights(void **state)
{
    mr__coeffs_cache *cache = mr__coeffs_cache_open(1 << 20);

    (void)state;
    for (int i = 0; i < 500; i++) {
        mr__coeffs_key key = random_key(i % 2 ? MR__COEFFS_ROWS : MR__COEFFS_PAIRS);
        const mr__coeffs *c = mr__coeffs_get(cache, &key);

        for (uint32_t x = 0; x < key.count; x++) {
            int64_t sum = 0;

            assert_in_range(c->taps[x], 1, c->max_taps);
            assert_in_range(c->first[x], c->lo, c->hi - c->taps[x]);
            for (uint32_t j = 0; j < c->taps[x]; j++)
                sum += weight(c, x, j);
            assert_in_range(sum - (1 << 22) + (int64_t)c->taps[x], 0, 2 * (int64_t)c->taps[x]);
        }
    }
    mr__coeffs_cache_close(&cache);
}

/* The tile forms hold the weights of the rows form and otherwise zeros, in groups that exist. */
static void test_tile_weights(void **state)
{
    mr__coeffs_cache *cache = mr__coeffs_cache_open(1 << 20);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        mr__coeffs_key key = random_key(MR__COEFFS_ROWS);
        const mr__coeffs *rows = mr__coeffs_get(cache, &key), *tiles;
        uint32_t most = 0;

        key.form = (mr__coeffs_form)((int)MR__COEFFS_TILE_BYTES + i % 3);
        tiles = mr__coeffs_get(cache, &key);
        assert_true(tiles->groups <= (tiles->hi - tiles->lo + 3) / 4);
        for (uint32_t x = 0; x < ((key.count + 3) & ~3u); x++) {
            size_t used = 0;

            assert_in_range(tiles->group[x], 0, (tiles->hi - tiles->lo + 3) / 4 - tiles->groups);
            assert_true(4 * tiles->group[x] <= tiles->first[x] - tiles->lo);
            for (uint32_t j = 0; j < tiles->taps[x]; j++) {
                assert_int_equal(weight(tiles, x, j), weight(rows, x, j));
                used += weight(rows, x, j) != 0;
            }
            for (uint32_t j = 0; j < 4 * tiles->groups; j++) /* from the first group on */
                used -=
                    weight(tiles, x, j - (tiles->first[x] - tiles->lo - 4 * tiles->group[x])) != 0;
            assert_int_equal(used, 0);
            if (x < key.count) {
                uint32_t at = tiles->first[x] - tiles->lo, last = at + tiles->taps[x] - 1;

                most = last / 4 - at / 4 + 1 > most ? last / 4 - at / 4 + 1 : most;
            }
        }
        assert_int_equal(most, tiles->groups);
    }
    mr__coeffs_cache_close(&cache);
}

static void test_cache(void **state)
{
    mr__coeffs_key key = {
        .n = 500, .m = 300, .filter = MR__FILTER_BICUBIC, .count = 300, .form = MR__COEFFS_ROWS};
    size_t one = mr__coeffs_bytes(&key);
    mr__coeffs_cache *cache = mr__coeffs_cache_open(3 * one);
    const mr__coeffs *first = mr__coeffs_get(cache, &key), *before, *now;
    mr__coeffs_key other = key;

    (void)state;
    assert_ptr_equal(mr__coeffs_get(cache, &key), first);
    other.from = 1;
    other.count = 299;
    assert_ptr_not_equal(mr__coeffs_get(cache, &other), first);
    assert_ptr_equal(mr__coeffs_get(cache, &key), first);
    /* far more tables than fit: the last two always live */
    before = first;
    for (uint32_t n = 400; n < 500; n++) {
        key.n = n;
        now = mr__coeffs_get(cache, &key);
        assert_non_null(now);
        assert_int_equal(now->key.n, n);
        assert_true(before->key.n == 500 || before->key.n == n - 1);
        before = now;
    }
    mr__coeffs_cache_trim(cache);
    mr__coeffs_cache_close(&cache);
    assert_null(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_portable),     cmocka_unit_test(test_generic),
        cmocka_unit_test(test_split),        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_tile_weights), cmocka_unit_test(test_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
