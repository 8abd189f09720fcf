/* SPDX-License-Identifier: Apache-2.0 */
/* The inverse DCT, two blocks at a time. */
#include "decode/baseline/idct.h"

#include <immintrin.h>

#define TARGET   __attribute__((target("avx2")))
#define V        __m256i
#define OP(name) _mm256_##name

/* The same row of two blocks. */
static inline TARGET V load_row(const int16_t *row)
{
    const __m128i *a = (const __m128i *)(const void *)row;
    const __m128i *b = (const __m128i *)(const void *)(row + 64);

    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_load_si128(a)), _mm_load_si128(b), 1);
}

static inline TARGET void store_rows(V rows, uint8_t *out, size_t stride)
{
    V ordered = _mm256_permute4x64_epi64(rows, 0xD8); /* 0, 2, 1, 3 */

    _mm_storeu_si128((__m128i *)(void *)out, _mm256_castsi256_si128(ordered));
    _mm_storeu_si128((__m128i *)(void *)(out + stride), _mm256_extracti128_si256(ordered, 1));
}

#include "decode/baseline/idct_lanes.h"

TARGET void mr__idct_avx2(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    for (size_t b = 0; b < n; b += 2)
        idct_blocks(blocks + 64 * b, out + 8 * b, stride);
}
