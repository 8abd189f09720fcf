/* SPDX-License-Identifier: Apache-2.0 */
/* The inverse DCT, four blocks at a time. */
#include "decode/baseline/idct.h"

#include <immintrin.h>

#define TARGET   __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define V        __m512i
#define OP(name) _mm512_##name

/* The same row of four blocks. */
static inline TARGET V load_row(const int16_t *row)
{
    const __m128i *at = (const __m128i *)(const void *)row;
    V v = _mm512_castsi128_si512(_mm_load_si128(at));

    v = _mm512_inserti32x4(v, _mm_load_si128(at + 8), 1);
    v = _mm512_inserti32x4(v, _mm_load_si128(at + 16), 2);
    return _mm512_inserti32x4(v, _mm_load_si128(at + 24), 3);
}

static inline TARGET void store_rows(V rows, uint8_t *out, size_t stride)
{
    const V order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    V ordered = _mm512_permutexvar_epi64(order, rows);

    _mm256_storeu_si256((__m256i *)(void *)out, _mm512_castsi512_si256(ordered));
    _mm256_storeu_si256((__m256i *)(void *)(out + stride), _mm512_extracti64x4_epi64(ordered, 1));
}

#include "decode/baseline/idct_lanes.h"

TARGET void mr__idct_avx512(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    for (size_t b = 0; b < n; b += 4)
        idct_blocks(blocks + 64 * b, out + 8 * b, stride);
}
