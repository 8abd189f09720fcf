/* SPDX-License-Identifier: Apache-2.0 */
/* The inverse DCT, one block at a time: what every x86-64 has. */
#include "decode/baseline/idct.h"

#include <emmintrin.h>

#define TARGET
#define V        __m128i
#define OP(name) _mm_##name

static inline V load_row(const int16_t *row)
{
    return _mm_load_si128((const V *)(const void *)row);
}

static inline void store_rows(V rows, uint8_t *out, size_t stride)
{
    _mm_storel_epi64((V *)(void *)out, rows);
    _mm_storel_epi64((V *)(void *)(out + stride), _mm_unpackhi_epi64(rows, rows));
}

#include "decode/baseline/idct_lanes.h"

void mr__idct_sse2(const int16_t *blocks, size_t n, uint8_t *out, size_t stride)
{
    for (size_t b = 0; b < n; b++)
        idct_blocks(blocks + 64 * b, out + 8 * b, stride);
}
