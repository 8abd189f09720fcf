/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles by AVX-512 VNNI: sixteen rows, or sixteen columns, a vector. */
#include "transform/tile_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

/* bytes of the columns of a vector of rows */
#define TILE_STEP ((size_t)16 * MR__TILE_GROUP)

/* ---- rows to a tile ---- */

/* Sixteen rows of sixteen 32-bit values to sixteen columns. */
static inline TARGET void transpose(__m512i r[16])
{
    __m512i t[16];

    for (size_t i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (size_t i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    /* now r[4 i + j] has columns j, 4 + j, 8 + j, 12 + j of rows 4 i..4 i + 3, 128 bits each */
    for (size_t j = 0; j < 4; j++) {
        __m512i a = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x44);
        __m512i b = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xEE);
        __m512i c = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x44);
        __m512i d = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xEE);

        t[j] = _mm512_shuffle_i32x4(a, c, 0x88);
        t[4 + j] = _mm512_shuffle_i32x4(a, c, 0xDD);
        t[8 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
        t[12 + j] = _mm512_shuffle_i32x4(b, d, 0xDD);
    }
    for (size_t i = 0; i < 16; i++)
        r[i] = t[i];
}

static TARGET void load(const mr__tile_rows *rows, uint8_t *tile)
{
    size_t at[16];

    for (uint32_t i = 0; i < 16; i++)
        at[i] = (i < rows->n_rows ? i : rows->n_rows - 1) * rows->stride;
    for (size_t x = 0; x < rows->width; x += 64, tile += TILE_STEP) {
        for (size_t c = 0; c < 3; c++) {
            const uint8_t *from = rows->planes[c] + x;
            __m512i r[16];

            for (size_t i = 0; i < 16; i++)
                r[i] = _mm512_loadu_si512(from + at[i]);
            transpose(r);
            for (size_t i = 0; i < 16; i++)
                _mm512_store_si512(tile + i * MR__TILE_GROUP + 64 * c, r[i]);
        }
    }
}

/* Four columns of sixteen rows of pixels; reads 16 bytes of each row. */
static inline __attribute__((always_inline)) TARGET void
four_columns(const uint8_t *from, const size_t at[16], uint8_t *tile)
{
    const __m512i order =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
    __m512i v[4], pairs[4];

    for (size_t j = 0; j < 4; j++) {
        /* rows j, 4 + j, 8 + j, 12 + j: loads choose the place, shuffles are what is scarce */
        v[j] = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)(from + at[j])));
        v[j] = _mm512_mask_broadcast_i32x4(v[j], 0x00F0,
                                           _mm_loadu_si128((const void *)(from + at[4 + j])));
        v[j] = _mm512_mask_broadcast_i32x4(v[j], 0x0F00,
                                           _mm_loadu_si128((const void *)(from + at[8 + j])));
        v[j] = _mm512_mask_broadcast_i32x4(v[j], 0xF000,
                                           _mm_loadu_si128((const void *)(from + at[12 + j])));
        v[j] = _mm512_shuffle_epi8(v[j], order);
    }
    for (size_t i = 0; i < 2; i++) {
        pairs[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    _mm512_store_si512(tile, _mm512_unpacklo_epi64(pairs[0], pairs[2]));
    _mm512_store_si512(tile + 64, _mm512_unpackhi_epi64(pairs[0], pairs[2]));
    _mm512_store_si512(tile + 128, _mm512_unpacklo_epi64(pairs[1], pairs[3]));
}

static TARGET void load_pixels(const mr__tile_rows *rows, uint8_t *tile)
{
    const size_t groups = mr__tile_whole_groups(rows);
    mr__tile_end end;
    size_t at[16];

    for (uint32_t i = 0; i < 16; i++)
        at[i] = (i < rows->n_rows ? i : rows->n_rows - 1) * rows->stride;
    for (size_t g = 0; g < groups; g++) {
        if (g % 5 == 0) /* 60 bytes: about a line of each row */
            for (size_t i = 0; i < 16; i++)
                _mm_prefetch((const char *)(rows->planes[0] + 12 * g + at[i] + MR__TILE_AHEAD),
                             _MM_HINT_T0);
        four_columns(rows->planes[0] + 12 * g, at, tile + g * MR__TILE_GROUP);
    }
    mr__tile_end_of(rows, groups, at, &end);
    for (size_t g = 0; g < end.groups; g++)
        four_columns(end.pixels[0] + 12 * g, end.at, tile + (groups + g) * MR__TILE_GROUP);
}

/* ---- the dot product ---- */

/* The sums of one output in each lane, by digit. */
typedef struct sums {
    __m512i digits[3];
} sums;

static inline TARGET void weigh(sums *s, __m512i data, const uint8_t *weights)
{
    for (size_t d = 0; d < 3; d++) {
        int32_t four;

        memcpy(&four, weights + 4 * d, sizeof four);
        s->digits[d] = _mm512_dpbusd_epi32(s->digits[d], data, _mm512_set1_epi32(four));
    }
}

static inline TARGET sums no_sums(void)
{
    const __m512i zero = _mm512_setzero_si512();

    return (sums){{_mm512_set1_epi32(1 << (MR__WEIGHT_BITS - 1)), zero, zero}};
}

/* The digits put together, rounded and shifted; not clamped. */
static inline TARGET __m512i total(const sums *s)
{
    __m512i high = _mm512_add_epi32(s->digits[1], _mm512_slli_epi32(s->digits[2], 8));

    high = _mm512_add_epi32(s->digits[0], _mm512_slli_epi32(high, 8));
    return _mm512_srai_epi32(high, MR__WEIGHT_BITS);
}

/* ---- horizontal ---- */

/* Output `x` of all channels, sixteen rows of each. */
static inline __attribute__((always_inline)) TARGET void
output(const uint8_t *tile, const mr__coeffs *coeffs, uint32_t x, size_t groups, __m512i out[3])
{
    const uint8_t *at = tile + (size_t)coeffs->group[x] * MR__TILE_GROUP;
    const uint8_t *digits = coeffs->digits + (size_t)x * groups * MR__TILE_DIGITS;
    sums s[3] = {no_sums(), no_sums(), no_sums()};

    for (size_t g = 0; g < groups; g++, at += MR__TILE_GROUP, digits += MR__TILE_DIGITS)
        for (size_t c = 0; c < 3; c++)
            weigh(&s[c], _mm512_load_si512(at + 64 * c), digits);
    for (size_t c = 0; c < 3; c++)
        out[c] = total(&s[c]);
}

static inline __attribute__((always_inline)) TARGET void
horizontal_groups(const uint8_t *tile, const mr__coeffs *coeffs, uint8_t *const quads[4],
                  size_t plane, size_t groups)
{
    for (uint32_t x = 0; x < coeffs->key.count; x += 4) {
        __m512i v[4][3];

        for (uint32_t q = 0; q < 4; q++)
            output(tile, coeffs, x + q, groups, v[q]);
        for (size_t c = 0; c < 3; c++) {
            /* in each 128 bits four rows: of outputs 0 and 1, of 2 and 3, then of all as bytes */
            __m512i low = _mm512_packs_epi32(v[0][c], v[1][c]);
            __m512i high = _mm512_packs_epi32(v[2][c], v[3][c]);
            __m512i bytes = _mm512_packus_epi16(low, high);
            size_t at = c * plane + 4 * (size_t)x;

            _mm_store_si128((__m128i *)(void *)(quads[0] + at), _mm512_castsi512_si128(bytes));
            _mm_store_si128((__m128i *)(void *)(quads[1] + at),
                            _mm512_extracti32x4_epi32(bytes, 1));
            _mm_store_si128((__m128i *)(void *)(quads[2] + at),
                            _mm512_extracti32x4_epi32(bytes, 2));
            _mm_store_si128((__m128i *)(void *)(quads[3] + at),
                            _mm512_extracti32x4_epi32(bytes, 3));
        }
    }
}

static TARGET void horizontal(const uint8_t *tile, const mr__coeffs *coeffs,
                              uint8_t *const quads[4], size_t plane)
{
    switch (coeffs->groups) {
    case 1:
        horizontal_groups(tile, coeffs, quads, plane, 1);
        break;
    case 2:
        horizontal_groups(tile, coeffs, quads, plane, 2);
        break;
    case 3:
        horizontal_groups(tile, coeffs, quads, plane, 3);
        break;
    case 4:
        horizontal_groups(tile, coeffs, quads, plane, 4);
        break;
    case 5:
        horizontal_groups(tile, coeffs, quads, plane, 5);
        break;
    case 6:
        horizontal_groups(tile, coeffs, quads, plane, 6);
        break;
    default:
        horizontal_groups(tile, coeffs, quads, plane, coeffs->groups);
        break;
    }
}

/* ---- vertical ---- */

/* Sixteen columns of a line, clamped. */
static inline __attribute__((always_inline)) TARGET void
columns(const mr__tile_line *line, size_t groups, size_t x, __m512i out[3])
{
    sums s[3] = {no_sums(), no_sums(), no_sums()};

    for (size_t g = 0; g < groups; g++)
        for (size_t c = 0; c < 3; c++)
            weigh(&s[c], _mm512_load_si512(line->quads[g] + c * line->plane + 4 * x),
                  line->digits + g * MR__TILE_DIGITS);
    for (size_t c = 0; c < 3; c++) {
        const __m512i v = _mm512_max_epi32(total(&s[c]), _mm512_setzero_si512());

        out[c] = _mm512_min_epi32(v, _mm512_set1_epi32(255));
    }
}

/* The columns of sixteen that a row still has. */
static inline TARGET __mmask16 wanted(size_t width, size_t x)
{
    return width - x >= 16 ? (__mmask16)0xFFFF : (__mmask16)((1u << (width - x)) - 1);
}

static inline __attribute__((always_inline)) TARGET void
bytes_groups(const mr__tile_line *line, uint8_t *const out[3], size_t groups)
{
    for (size_t x = 0; x < line->width; x += 16) {
        __m512i v[3];

        columns(line, groups, x, v);
        for (size_t c = 0; c < 3; c++)
            _mm_mask_storeu_epi8(out[c] + x, wanted(line->width, x), _mm512_cvtepi32_epi8(v[c]));
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

/* The factors of a normal, spread. */
typedef struct spread {
    __m512 scale[2], mean[3], over[3][2];
} spread;

static inline __attribute__((always_inline)) TARGET void
floats_groups(const mr__tile_line *line, const spread *s, float *const out[3], size_t groups)
{
    for (size_t x = 0; x < line->width; x += 16) {
        __m512i v[3];

        columns(line, groups, x, v);
        for (size_t c = 0; c < 3; c++) {
            const __m512 level = _mm512_cvtepi32_ps(v[c]);
            const __m512 unit =
                _mm512_fmadd_ps(level, s->scale[0], _mm512_mul_ps(level, s->scale[1]));
            const __m512 off = _mm512_sub_ps(unit, s->mean[c]);

            _mm512_mask_storeu_ps(
                out[c] + x, wanted(line->width, x),
                _mm512_fmadd_ps(off, s->over[c][0], _mm512_mul_ps(off, s->over[c][1])));
        }
    }
}

static TARGET void floats(const mr__tile_line *line, const mr__normal *normal, float *const out[3])
{
    spread s;

    for (size_t i = 0; i < 2; i++)
        s.scale[i] = _mm512_set1_ps(normal->scale[i]);
    for (size_t c = 0; c < 3; c++) {
        s.mean[c] = _mm512_set1_ps(normal->mean[c]);
        for (size_t i = 0; i < 2; i++)
            s.over[c][i] = _mm512_set1_ps(normal->over[c][i]);
    }
    switch (line->groups) {
    case 1:
        floats_groups(line, &s, out, 1);
        break;
    case 2:
        floats_groups(line, &s, out, 2);
        break;
    case 3:
        floats_groups(line, &s, out, 3);
        break;
    case 4:
        floats_groups(line, &s, out, 4);
        break;
    case 5:
        floats_groups(line, &s, out, 5);
        break;
    case 6:
        floats_groups(line, &s, out, 6);
        break;
    default:
        floats_groups(line, &s, out, line->groups);
        break;
    }
}

const mr__tile_kernels mr__tile_kernels_avx512 = {.name = "avx512vnni",
                                                  .form = MR__COEFFS_TILE_BYTES,
                                                  .split = mr__tile_split_avx2,
                                                  .join = mr__tile_join_avx2,
                                                  .load = load,
                                                  .load_pixels = load_pixels,
                                                  .horizontal = horizontal,
                                                  .bytes = bytes,
                                                  .floats = floats};

#endif
