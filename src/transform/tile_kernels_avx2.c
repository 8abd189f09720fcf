/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles by AVX2: bytes are widened to 16 bits, and each weight is two digits of 11. */
#include "transform/tile_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma")))

/* bytes of the columns of a vector of rows */
#define TILE_STEP ((size_t)8 * MR__TILE_GROUP)

/* ---- pixels to planes ---- */

/* Bytes of 48 that belong to channel c: those of each 16, moved to where they come to lie. */
static inline TARGET __m128i channel(const __m128i in[3], const int8_t order[3][16])
{
    __m128i out = _mm_setzero_si128();

    for (size_t i = 0; i < 3; i++) {
        const __m128i places = _mm_loadu_si128((const __m128i *)(const void *)order[i]);

        out = _mm_or_si128(out, _mm_shuffle_epi8(in[i], places));
    }
    return out;
}

TARGET void mr__tile_split_avx2(const uint8_t *row, size_t n, uint8_t *const planes[3])
{
    size_t i = 0;
    int8_t order[3][3][16];

    memset(order, -1, sizeof order);
    for (size_t k = 0; k < 48; k++)
        order[k % 3][k / 16][k / 3] = (int8_t)(k % 16);
    for (; i + 16 <= n; i += 16) {
        __m128i in[3];

        for (size_t k = 0; k < 3; k++)
            in[k] = _mm_loadu_si128((const __m128i *)(const void *)(row + 3 * i + 16 * k));
        for (size_t c = 0; c < 3; c++)
            _mm_storeu_si128((__m128i *)(void *)(planes[c] + i), channel(in, order[c]));
    }
    for (; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            planes[c][i] = row[3 * i + c];
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

/* ---- the dot product ---- */

/* The sums of sixteen outputs: two partial ones each, of four outputs a vector, by digit. */
typedef struct sums {
    __m256i low[4], high[4];
} sums;

static inline TARGET sums no_sums(void)
{
    const __m256i zero = _mm256_setzero_si256();

    return (sums){{zero, zero, zero, zero}, {zero, zero, zero, zero}};
}

static inline TARGET __m256i four_words(const uint8_t *at)
{
    long long words;

    memcpy(&words, at, sizeof words);
    return _mm256_set1_epi64x(words);
}

/* Sixteen times four bytes times four weights. */
static inline __attribute__((always_inline)) TARGET void weigh(sums *s, const uint8_t *data,
                                                               const uint8_t *weights)
{
    const __m256i low = four_words(weights), high = four_words(weights + 8);

    for (size_t i = 0; i < 4; i++) {
        __m256i four =
            _mm256_cvtepu8_epi16(_mm_load_si128((const __m128i *)(const void *)(data + 16 * i)));

        s->low[i] = _mm256_add_epi32(s->low[i], _mm256_madd_epi16(four, low));
        s->high[i] = _mm256_add_epi32(s->high[i], _mm256_madd_epi16(four, high));
    }
}

/* The digits put together, rounded and shifted; not clamped. out[i]: outputs 8 i.. 8 i + 7. */
static inline __attribute__((always_inline)) TARGET void total(const sums *s, __m256i out[2])
{
    const __m256i half = _mm256_set1_epi32(1 << (MR__WEIGHT_BITS - 1));

    for (size_t i = 0; i < 2; i++) {
        __m256i a = _mm256_slli_epi32(s->high[2 * i], MR__DIGIT_BITS);
        __m256i b = _mm256_slli_epi32(s->high[2 * i + 1], MR__DIGIT_BITS);

        a = _mm256_add_epi32(a, s->low[2 * i]);
        b = _mm256_add_epi32(b, s->low[2 * i + 1]);
        a = _mm256_add_epi32(_mm256_hadd_epi32(a, b), half);
        /* hadd works in 128 bits each */
        out[i] = _mm256_permute4x64_epi64(_mm256_srai_epi32(a, MR__WEIGHT_BITS), 0xD8);
    }
}

/* ---- horizontal ---- */

/* Four outputs of one channel, sixteen rows: to four quads. */
static inline __attribute__((always_inline)) TARGET void four_outputs(const uint8_t *tile,
                                                                      const mr__coeffs *coeffs,
                                                                      uint32_t x, size_t groups,
                                                                      uint8_t *const quads[4])
{
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

static inline __attribute__((always_inline)) TARGET void
horizontal_groups(const uint8_t *tile, const mr__coeffs *coeffs, uint8_t *const quads[4],
                  size_t plane, size_t groups)
{
    for (uint32_t x = 0; x < coeffs->key.count; x += 4) {
        for (size_t c = 0; c < 3; c++) {
            const size_t at = c * plane + 4 * (size_t)x;
            uint8_t *const to[4] = {quads[0] + at, quads[1] + at, quads[2] + at, quads[3] + at};

            four_outputs(tile + 64 * c, coeffs, x, groups, to);
        }
    }
}

static TARGET void horizontal(const uint8_t *tile, const mr__coeffs *coeffs,
                              uint8_t *const quads[4], size_t plane)
{
    switch (coeffs->groups) {
    case 2:
        horizontal_groups(tile, coeffs, quads, plane, 2);
        break;
    case 3:
        horizontal_groups(tile, coeffs, quads, plane, 3);
        break;
    case 4:
        horizontal_groups(tile, coeffs, quads, plane, 4);
        break;
    default:
        horizontal_groups(tile, coeffs, quads, plane, coeffs->groups);
        break;
    }
}

/* ---- vertical ---- */

/* Sixteen columns of one channel of a line, clamped to bytes. */
static inline __attribute__((always_inline)) TARGET __m128i columns(const mr__tile_line *line,
                                                                    size_t groups, size_t at)
{
    sums s = no_sums();
    __m256i v[2], words;

    for (size_t g = 0; g < groups; g++)
        weigh(&s, line->quads[g] + at, line->digits + g * MR__TILE_DIGITS);
    total(&s, v);
    words = _mm256_permute4x64_epi64(_mm256_packs_epi32(v[0], v[1]), 0xD8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static inline __attribute__((always_inline)) TARGET void
bytes_groups(const mr__tile_line *line, uint8_t *const out[3], size_t groups)
{
    for (size_t c = 0; c < 3; c++) {
        for (size_t x = 0; x < line->width; x += 16) {
            const __m128i v = columns(line, groups, c * line->plane + 4 * x);
            uint8_t last[16];

            if (line->width - x >= 16) {
                _mm_storeu_si128((__m128i *)(void *)(out[c] + x), v);
            } else {
                _mm_storeu_si128((__m128i *)(void *)last, v);
                memcpy(out[c] + x, last, line->width - x);
            }
        }
    }
}

static TARGET void bytes(const mr__tile_line *line, uint8_t *const out[3])
{
    switch (line->groups) {
    case 2:
        bytes_groups(line, out, 2);
        break;
    case 3:
        bytes_groups(line, out, 3);
        break;
    default:
        bytes_groups(line, out, line->groups);
        break;
    }
}

/* The factors of a normal for one channel, spread. */
typedef struct spread {
    __m256 scale[2], mean, over[2];
} spread;

static inline TARGET __m256 normalised(const spread *s, __m128i levels)
{
    const __m256 level = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(levels));
    const __m256 unit = _mm256_fmadd_ps(level, s->scale[0], _mm256_mul_ps(level, s->scale[1]));
    const __m256 off = _mm256_sub_ps(unit, s->mean);

    return _mm256_fmadd_ps(off, s->over[0], _mm256_mul_ps(off, s->over[1]));
}

static inline __attribute__((always_inline)) TARGET void
floats_channel(const mr__tile_line *line, size_t plane, const spread *s, float *out, size_t groups)
{
    for (size_t x = 0; x < line->width; x += 16) {
        const __m128i v = columns(line, groups, plane + 4 * x);
        const __m256 low = normalised(s, v), high = normalised(s, _mm_unpackhi_epi64(v, v));
        float last[16];

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

        switch (line->groups) {
        case 2:
            floats_channel(line, c * line->plane, &s, out[c], 2);
            break;
        case 3:
            floats_channel(line, c * line->plane, &s, out[c], 3);
            break;
        default:
            floats_channel(line, c * line->plane, &s, out[c], line->groups);
            break;
        }
    }
}

const mr__tile_kernels mr__tile_kernels_avx2 = {.name = "avx2",
                                                .form = MR__COEFFS_TILE_WORDS,
                                                .split = mr__tile_split_avx2,
                                                .load = load,
                                                .horizontal = horizontal,
                                                .bytes = bytes,
                                                .floats = floats};

#endif
