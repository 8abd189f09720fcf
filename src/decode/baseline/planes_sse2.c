/* SPDX-License-Identifier: Apache-2.0 */
/* The plane kernels, 16 bytes at a time: what every x86-64 has. */
#include "decode/baseline/planes.h"

#include <emmintrin.h>

#define TARGET
#define V        __m128i
#define OP(name) _mm_##name
#define _mm_OR   _mm_or_si128
#define BYTES    16
#define KERNELS  mr__plane_kernels_sse2

static inline TARGET V load(const void *at)
{
    return _mm_loadu_si128(at);
}

static inline TARGET void store(void *at, V v)
{
    _mm_storeu_si128(at, v);
}

/* Half a vector of bytes to 16 bits each. */
static inline TARGET V load_wide(const uint8_t *at)
{
    return _mm_unpacklo_epi8(_mm_loadl_epi64((const V *)(const void *)at), _mm_setzero_si128());
}

#include "decode/baseline/planes_lanes.h"
