/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles by AVX2: 16-bit products, and each weight two digits of 11. */
#include "transform/tile_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma")))

/* bytes of the columns of a vector of rows */
#define TILE_STEP ((size_t)8 * MR__TILE_GROUP)

/* ---- pixels to planes ---- */

/* Two times sixteen bytes. */
static inline TARGET __m256i two_loads(const uint8_t *first, const uint8_t *second)
{
    const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)first);
    const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)second);

    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/*
 * Of 48 bytes, each third belongs to a channel. No two that belong to one lie at the same place
 * among their sixteen, so they come together by choice, and one shuffle puts them in order. Both
 * 128 bits of a vector do this, with 48 bytes each.
 */
TARGET void mr__tile_split_avx2(const uint8_t *row, size_t n, uint8_t *const planes[3])
{
    __m256i chosen[3], order[3]; /* chosen[r]: places that are r modulo 3 */
    size_t i = 0;

    for (size_t c = 0; c < 3; c++) {
        uint8_t choice[16], places[16];

        for (size_t k = 0; k < 16; k++) {
            choice[k] = k % 3 == c ? 255 : 0;
            places[k] = (uint8_t)((3 * k + c) % 16);
        }
        chosen[c] = two_loads(choice, choice);
        order[c] = two_loads(places, places);
    }
    for (; i + 32 <= n; i += 32) {
        const uint8_t *at = row + 3 * i;
        __m256i in[3];

        for (size_t k = 0; k < 3; k++)
            in[k] = two_loads(at + 16 * k, at + 48 + 16 * k);
        for (size_t c = 0; c < 3; c++) {
            /* byte k of the second sixteen is number k + 16 = k + 1 modulo 3, of the third k + 2 */
            __m256i v = _mm256_blendv_epi8(in[0], in[1], chosen[(c + 2) % 3]);

            v = _mm256_blendv_epi8(v, in[2], chosen[(c + 1) % 3]);
            _mm256_storeu_si256((__m256i *)(void *)(planes[c] + i),
                                _mm256_shuffle_epi8(v, order[c]));
        }
    }
    for (; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            planes[c][i] = row[3 * i + c];
}

/* ---- planes to pixels ---- */

/* Where a channel's sixteen bytes go among three times sixteen; 0x80: another channel's place. */
static void join_order(uint8_t order[3][3][16])
{
    for (size_t i = 0; i < 48; i++)
        for (size_t c = 0; c < 3; c++)
            order[i / 16][c][i % 16] = i % 3 == c ? (uint8_t)(i / 3) : 0x80;
}

TARGET void mr__tile_join_avx2(const uint8_t *const planes[3], size_t n, uint8_t *row)
{
    uint8_t order[3][3][16];
    size_t i = 0;

    join_order(order);
    for (; i + 16 <= n; i += 16) {
        __m128i in[3];

        for (size_t c = 0; c < 3; c++)
            in[c] = _mm_loadu_si128((const void *)(planes[c] + i));
        for (size_t k = 0; k < 3; k++) {
            __m128i v = _mm_shuffle_epi8(in[0], _mm_loadu_si128((const void *)order[k][0]));

            for (size_t c = 1; c < 3; c++)
                v = _mm_or_si128(
                    v, _mm_shuffle_epi8(in[c], _mm_loadu_si128((const void *)order[k][c])));
            _mm_storeu_si128((void *)(row + 3 * i + 16 * k), v);
        }
    }
    for (; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            row[3 * i + c] = planes[c][i];
}

/* ---- rows to a tile ---- */

/* Eight rows of eight 32-bit values to eight columns. */
static inline TARGET void transpose(__m256i r[8])
{
    __m256i t[8], u[8];

    for (size_t i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (size_t i = 0; i < 2; i++) {
        u[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        u[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    /* u[4 i + j] has columns j and 4 + j of rows 4 i..4 i + 3, 128 bits each */
    for (size_t j = 0; j < 4; j++) {
        r[j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x20);
        r[4 + j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x31);
    }
}

/* Eight rows of 32 columns of one channel. */
static inline TARGET void load_eight(const uint8_t *from, const size_t at[8], uint8_t *tile)
{
    __m256i r[8];

    for (size_t i = 0; i < 8; i++)
        r[i] = _mm256_loadu_si256((const __m256i *)(const void *)(from + at[i]));
    transpose(r);
    for (size_t i = 0; i < 8; i++)
        _mm256_store_si256((__m256i *)(void *)(tile + i * MR__TILE_GROUP), r[i]);
}

static TARGET void load(const mr__tile_rows *rows, uint8_t *tile)
{
    size_t at[16];

    for (uint32_t i = 0; i < 16; i++)
        at[i] = (i < rows->n_rows ? i : rows->n_rows - 1) * rows->stride;
    for (size_t x = 0; x < rows->width; x += 32, tile += TILE_STEP) {
        for (size_t c = 0; c < 3; c++) {
            load_eight(rows->planes[c] + x, at, tile + 64 * c);
            load_eight(rows->planes[c] + x, at + 8, tile + 64 * c + 32);
        }
    }
}

/* Four columns of eight rows of pixels; reads 16 bytes of each row. */
static inline __attribute__((always_inline)) TARGET void
four_columns(const uint8_t *from, const size_t at[8], uint8_t *tile)
{
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
    __m256i v[4], pairs[4];

    for (size_t j = 0; j < 4; j++)
        v[j] = _mm256_shuffle_epi8(two_loads(from + at[j], from + at[4 + j]), order);
    for (size_t i = 0; i < 2; i++) {
        pairs[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    _mm256_store_si256((void *)tile, _mm256_unpacklo_epi64(pairs[0], pairs[2]));
    _mm256_store_si256((void *)(tile + 64), _mm256_unpackhi_epi64(pairs[0], pairs[2]));
    _mm256_store_si256((void *)(tile + 128), _mm256_unpacklo_epi64(pairs[1], pairs[3]));
}

static TARGET void load_pixels(const mr__tile_rows *rows, uint8_t *tile)
{
    const size_t groups = mr__tile_whole_groups(rows);
    mr__tile_end end;
    size_t at[16];

    for (uint32_t i = 0; i < 16; i++)
        at[i] = (i < rows->n_rows ? i : rows->n_rows - 1) * rows->stride;
    for (size_t g = 0; g < groups; g++) {
        const uint8_t *from = rows->planes[0] + 12 * g;

        if (g % 5 == 0) /* 60 bytes: about a line of each row */
            for (size_t i = 0; i < 16; i++)
                _mm_prefetch((const char *)(from + at[i] + MR__TILE_AHEAD), _MM_HINT_T0);
        four_columns(from, at, tile + g * MR__TILE_GROUP);
        four_columns(from, at + 8, tile + g * MR__TILE_GROUP + 32);
    }
    mr__tile_end_of(rows, groups, at, &end);
    for (size_t g = 0; g < end.groups; g++) {
        uint8_t *to = tile + (groups + g) * MR__TILE_GROUP;

        four_columns(end.pixels[0] + 12 * g, end.at, to);
        four_columns(end.pixels[0] + 12 * g, end.at + 8, to + 32);
    }
}

/* ---- the dot product ---- */

/* The sums of sixteen outputs by digit: of eight a vector. */
typedef struct sums {
    __m256i low[2], high[2];
} sums;

static inline TARGET sums no_sums(void)
{
    const __m256i zero = _mm256_setzero_si256(),
                  half = _mm256_set1_epi32(1 << (MR__WEIGHT_BITS - 1));

    return (sums){{half, half}, {zero, zero}};
}

static inline TARGET __m256i two_words(const uint8_t *at)
{
    int32_t words;

    memcpy(&words, at, sizeof words);
    return _mm256_set1_epi32(words);
}

/* Sixteen times four bytes times four weights. Of four bytes the first and third are one pair of 16
 * bits, the second and fourth another, so that both sums of products are in the lane of the four.
 */
static inline __attribute__((always_inline)) TARGET void weigh(sums *s, const uint8_t *data,
                                                               const uint8_t *digits)
{
    const __m256i low[2] = {two_words(digits), two_words(digits + 4)};
    const __m256i high[2] = {two_words(digits + 8), two_words(digits + 12)};

    for (size_t i = 0; i < 2; i++) {
        const __m256i four = _mm256_load_si256((const __m256i *)(const void *)(data + 32 * i));
        const __m256i even = _mm256_and_si256(four, _mm256_set1_epi16(255));
        const __m256i odd = _mm256_srli_epi16(four, 8);

        s->low[i] = _mm256_add_epi32(s->low[i], _mm256_madd_epi16(even, low[0]));
        s->high[i] = _mm256_add_epi32(s->high[i], _mm256_madd_epi16(even, high[0]));
        s->low[i] = _mm256_add_epi32(s->low[i], _mm256_madd_epi16(odd, low[1]));
        s->high[i] = _mm256_add_epi32(s->high[i], _mm256_madd_epi16(odd, high[1]));
    }
}

/* The digits put together, rounded and shifted; not clamped. out[i]: outputs 8 i.. 8 i + 7. */
static inline __attribute__((always_inline)) TARGET void total(const sums *s, __m256i out[2])
{
    for (size_t i = 0; i < 2; i++) {
        const __m256i high = _mm256_slli_epi32(s->high[i], MR__DIGIT_BITS);

        out[i] = _mm256_srai_epi32(_mm256_add_epi32(s->low[i], high), MR__WEIGHT_BITS);
    }
}

/* ---- horizontal ---- */

/* Four outputs of one channel, sixteen rows: to four quads. */
static inline __attribute__((always_inline)) TARGET void
four_outputs(const uint8_t *tile, const mr__coeffs *coeffs, uint32_t x, uint8_t *const quads[4])
{
    const size_t groups = coeffs->groups;
    __m256i v[4][2];

    for (uint32_t q = 0; q < 4; q++) {
        const uint8_t *at = tile + (size_t)coeffs->group[x + q] * MR__TILE_GROUP;
        const uint8_t *digits = coeffs->digits + (size_t)(x + q) * groups * MR__TILE_DIGITS;
        sums s = no_sums();

        for (size_t g = 0; g < groups; g++, at += MR__TILE_GROUP, digits += MR__TILE_DIGITS)
            weigh(&s, at, digits);
        total(&s, v[q]);
    }
    for (size_t i = 0; i < 2; i++) {
        /* in each 128 bits four rows: of outputs 0 and 1, of 2 and 3, then of all as bytes */
        __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(v[0][i], v[1][i]),
                                            _mm256_packs_epi32(v[2][i], v[3][i]));

        _mm_store_si128((__m128i *)(void *)quads[2 * i], _mm256_castsi256_si128(bytes));
        _mm_store_si128((__m128i *)(void *)quads[2 * i + 1], _mm256_extracti128_si256(bytes, 1));
    }
}

/* A loop over groups of any number is faster here than one that is unrolled: sixteen registers. */
static TARGET void horizontal(const uint8_t *tile, const mr__coeffs *coeffs,
                              uint8_t *const quads[4], size_t plane)
{
    for (uint32_t x = 0; x < coeffs->key.count; x += 4) {
        for (size_t c = 0; c < 3; c++) {
            const size_t at = c * plane + 4 * (size_t)x;
            uint8_t *const to[4] = {quads[0] + at, quads[1] + at, quads[2] + at, quads[3] + at};

            four_outputs(tile + 64 * c, coeffs, x, to);
        }
    }
}

/* ---- vertical ---- */

/* Sixteen columns of one channel of a line; not clamped. */
static inline __attribute__((always_inline)) TARGET void columns(const mr__tile_line *line,
                                                                 size_t at, __m256i out[2])
{
    sums s = no_sums();

    for (size_t g = 0; g < line->groups; g++)
        weigh(&s, line->quads[g] + at, line->digits + g * MR__TILE_DIGITS);
    total(&s, out);
}

static TARGET void bytes(const mr__tile_line *line, uint8_t *const out[3])
{
    for (size_t c = 0; c < 3; c++) {
        for (size_t x = 0; x < line->width; x += 16) {
            __m256i v[2], words;
            __m128i sixteen;
            uint8_t last[16];

            columns(line, c * line->plane + 4 * x, v);
            /* packing works in 128 bits each */
            words = _mm256_permute4x64_epi64(_mm256_packs_epi32(v[0], v[1]), 0xD8);
            sixteen =
                _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
            if (line->width - x >= 16) {
                _mm_storeu_si128((__m128i *)(void *)(out[c] + x), sixteen);
            } else {
                _mm_storeu_si128((__m128i *)(void *)last, sixteen);
                memcpy(out[c] + x, last, line->width - x);
            }
        }
    }
}

/* The factors of a normal for one channel, spread. */
typedef struct spread {
    __m256 scale[2], mean, over[2];
} spread;

static inline TARGET __m256 normalised(const spread *s, __m256i v)
{
    const __m256i clamped =
        _mm256_min_epi32(_mm256_max_epi32(v, _mm256_setzero_si256()), _mm256_set1_epi32(255));
    const __m256 level = _mm256_cvtepi32_ps(clamped);
    const __m256 unit = _mm256_fmadd_ps(level, s->scale[0], _mm256_mul_ps(level, s->scale[1]));
    const __m256 off = _mm256_sub_ps(unit, s->mean);

    return _mm256_fmadd_ps(off, s->over[0], _mm256_mul_ps(off, s->over[1]));
}

static inline __attribute__((always_inline)) TARGET void
floats_channel(const mr__tile_line *line, size_t plane, const spread *s, float *out)
{
    for (size_t x = 0; x < line->width; x += 16) {
        __m256i v[2];
        __m256 low, high;
        float last[16];

        columns(line, plane + 4 * x, v);
        low = normalised(s, v[0]);
        high = normalised(s, v[1]);
        if (line->width - x >= 16) {
            _mm256_storeu_ps(out + x, low);
            _mm256_storeu_ps(out + x + 8, high);
        } else {
            _mm256_storeu_ps(last, low);
            _mm256_storeu_ps(last + 8, high);
            memcpy(out + x, last, (line->width - x) * sizeof *out);
        }
    }
}

static TARGET void floats(const mr__tile_line *line, const mr__normal *normal, float *const out[3])
{
    for (size_t c = 0; c < 3; c++) {
        const spread s = {{_mm256_set1_ps(normal->scale[0]), _mm256_set1_ps(normal->scale[1])},
                          _mm256_set1_ps(normal->mean[c]),
                          {_mm256_set1_ps(normal->over[c][0]), _mm256_set1_ps(normal->over[c][1])}};

        floats_channel(line, c * line->plane, &s, out[c]);
    }
}

const mr__tile_kernels mr__tile_kernels_avx2 = {.name = "avx2",
                                                .form = MR__COEFFS_TILE_PAIRS,
                                                .split = mr__tile_split_avx2,
                                                .join = mr__tile_join_avx2,
                                                .load = load,
                                                .load_pixels = load_pixels,
                                                .horizontal = horizontal,
                                                .bytes = bytes,
                                                .floats = floats};

#endif
