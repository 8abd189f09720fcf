/* SPDX-License-Identifier: Apache-2.0 */
/* The reduced inverse DCTs: what every x86-64 has. */
#include "decode/baseline/idct.h"

#include <emmintrin.h>
#include <string.h>

#include "decode/baseline/idct_constants.h"

#define V __m128i

static inline V load_row(const int16_t *row)
{
    return _mm_load_si128((const V *)(const void *)row);
}

/* The factors of two values that lie side by side. */
static inline V factors(int16_t a, int16_t b)
{
    return _mm_set_epi16(b, a, b, a, b, a, b, a);
}

static inline void store_four(V bytes, uint8_t *out)
{
    int32_t word = _mm_cvtsi128_si32(bytes);

    memcpy(out, &word, sizeof word);
}

/* What the eight values of four transforms are, as far as they are used: value 0 times 2^16, the
 * others in pairs. */
typedef struct four_in {
    V v0, v26, v13, v57;
} four_in;

/* To four values each, shifted. */
static inline void four_of_eight(const four_in *in, int shift, V out[4])
{
    const V mean = _mm_add_epi32(_mm_srai_epi32(in->v0, 2), _mm_set1_epi32(1 << (shift - 1)));
    const V even = _mm_madd_epi16(in->v26, factors(F_EVEN_2, F_EVEN_6));
    const V outer = _mm_add_epi32(_mm_madd_epi16(in->v13, factors(F_OUTER_1, F_OUTER_3)),
                                  _mm_madd_epi16(in->v57, factors(F_OUTER_5, F_OUTER_7)));
    const V inner = _mm_add_epi32(_mm_madd_epi16(in->v13, factors(F_INNER_1, F_INNER_3)),
                                  _mm_madd_epi16(in->v57, factors(F_INNER_5, F_INNER_7)));
    const V plus = _mm_add_epi32(mean, even), minus = _mm_sub_epi32(mean, even);

    out[0] = _mm_srai_epi32(_mm_add_epi32(plus, outer), shift);
    out[1] = _mm_srai_epi32(_mm_add_epi32(minus, inner), shift);
    out[2] = _mm_srai_epi32(_mm_sub_epi32(minus, inner), shift);
    out[3] = _mm_srai_epi32(_mm_sub_epi32(plus, outer), shift);
}

/* A block's columns to four rows of eight. */
static inline void four_rows(const int16_t *block, V rows[4])
{
    const V r0 = load_row(block), r1 = load_row(block + 8), r2 = load_row(block + 16);
    const V r3 = load_row(block + 24), r5 = load_row(block + 40), r6 = load_row(block + 48);
    const V r7 = load_row(block + 56), zero = _mm_setzero_si128();
    const four_in low = {_mm_unpacklo_epi16(zero, r0), _mm_unpacklo_epi16(r2, r6),
                         _mm_unpacklo_epi16(r1, r3), _mm_unpacklo_epi16(r5, r7)};
    const four_in high = {_mm_unpackhi_epi16(zero, r0), _mm_unpackhi_epi16(r2, r6),
                          _mm_unpackhi_epi16(r1, r3), _mm_unpackhi_epi16(r5, r7)};
    V a[4], b[4];

    four_of_eight(&low, F_PASS1_SHIFT, a);
    four_of_eight(&high, F_PASS1_SHIFT, b);
    for (int y = 0; y < 4; y++)
        rows[y] = _mm_packs_epi32(a[y], b[y]);
}

void mr__idct_4_sse2(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    for (; n > 0; n--, blocks += 64, out += 4) {
        V rows[4], v[4], bytes;

        four_rows(blocks, rows);
        /* columns of four: 0 and 1, 2 and 3, ... */
        const V a = _mm_unpacklo_epi16(rows[0], rows[2]), b = _mm_unpacklo_epi16(rows[1], rows[3]);
        const V c = _mm_unpackhi_epi16(rows[0], rows[2]), d = _mm_unpackhi_epi16(rows[1], rows[3]);
        const V c01 = _mm_unpacklo_epi16(a, b), c23 = _mm_unpackhi_epi16(a, b);
        const V c45 = _mm_unpacklo_epi16(c, d), c67 = _mm_unpackhi_epi16(c, d);
        const four_in in = {_mm_unpacklo_epi16(_mm_setzero_si128(), c01),
                            _mm_unpacklo_epi16(c23, c67), _mm_unpackhi_epi16(c01, c23),
                            _mm_unpackhi_epi16(c45, c67)};

        four_of_eight(&in, F_PASS2_SHIFT, v);
        bytes = _mm_packs_epi16(_mm_packs_epi32(v[0], v[1]), _mm_packs_epi32(v[2], v[3]));
        bytes = _mm_add_epi8(bytes, _mm_set1_epi8(-128));
        /* four columns to four rows */
        bytes = _mm_unpacklo_epi8(bytes, _mm_srli_si128(bytes, 8));
        bytes = _mm_unpacklo_epi8(bytes, _mm_srli_si128(bytes, 8));
        for (int y = 0; y < 4; y++, bytes = _mm_srli_si128(bytes, 4))
            store_four(bytes, out + (size_t)y * stride);
    }
}

/* A block's columns to two rows of eight. */
static inline void two_rows(const int16_t *block, V rows[2])
{
    const V r0 = load_row(block), r1 = load_row(block + 8), r3 = load_row(block + 24);
    const V r5 = load_row(block + 40), r7 = load_row(block + 56), zero = _mm_setzero_si128();
    const V f13 = factors(T_ODD_1, T_ODD_3), f57 = factors(T_ODD_5, T_ODD_7);
    const V half = _mm_set1_epi32(1 << (T_PASS1_SHIFT - 1));
    const V odd_a = _mm_add_epi32(_mm_madd_epi16(_mm_unpacklo_epi16(r1, r3), f13),
                                  _mm_madd_epi16(_mm_unpacklo_epi16(r5, r7), f57));
    const V odd_b = _mm_add_epi32(_mm_madd_epi16(_mm_unpackhi_epi16(r1, r3), f13),
                                  _mm_madd_epi16(_mm_unpackhi_epi16(r5, r7), f57));
    const V mean_a = _mm_add_epi32(_mm_srai_epi32(_mm_unpacklo_epi16(zero, r0), 1), half);
    const V mean_b = _mm_add_epi32(_mm_srai_epi32(_mm_unpackhi_epi16(zero, r0), 1), half);

    rows[0] = _mm_packs_epi32(_mm_srai_epi32(_mm_add_epi32(mean_a, odd_a), T_PASS1_SHIFT),
                              _mm_srai_epi32(_mm_add_epi32(mean_b, odd_b), T_PASS1_SHIFT));
    rows[1] = _mm_packs_epi32(_mm_srai_epi32(_mm_sub_epi32(mean_a, odd_a), T_PASS1_SHIFT),
                              _mm_srai_epi32(_mm_sub_epi32(mean_b, odd_b), T_PASS1_SHIFT));
}

/* Four vectors of four to the sums of each. */
static inline V sums_of(V a, V b, V c, V d)
{
    const V ab = _mm_add_epi32(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    const V cd = _mm_add_epi32(_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));

    return _mm_add_epi32(_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd));
}

void mr__idct_2_sse2(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    const V f = _mm_set_epi16(T_ODD_7, 0, T_ODD_5, 0, T_ODD_3, 0, T_ODD_1, 0);
    const V half = _mm_set1_epi32(1 << (T_PASS2_SHIFT - 1));

    for (size_t at = 0; at < n; at += 2, blocks += 128, out += 4) {
        V rows[4], odd, mean, left, right;

        /* both blocks' row 0, then their row 1 */
        two_rows(blocks, rows);
        two_rows(blocks + 64, rows + 2);
        odd = sums_of(_mm_madd_epi16(rows[0], f), _mm_madd_epi16(rows[2], f),
                      _mm_madd_epi16(rows[1], f), _mm_madd_epi16(rows[3], f));
        mean = _mm_unpacklo_epi32(_mm_unpacklo_epi16(rows[0], rows[2]),
                                  _mm_unpacklo_epi16(rows[1], rows[3]));
        mean = _mm_srai_epi32(_mm_unpacklo_epi16(_mm_setzero_si128(), mean), 1);
        mean = _mm_add_epi32(mean, half);
        left = _mm_srai_epi32(_mm_add_epi32(mean, odd), T_PASS2_SHIFT);
        right = _mm_srai_epi32(_mm_sub_epi32(mean, odd), T_PASS2_SHIFT);
        left = _mm_unpacklo_epi16(_mm_packs_epi32(left, left), _mm_packs_epi32(right, right));
        left = _mm_add_epi8(_mm_packs_epi16(left, left), _mm_set1_epi8(-128));
        store_four(left, out);
        store_four(_mm_srli_si128(left, 4), out + stride);
    }
}
