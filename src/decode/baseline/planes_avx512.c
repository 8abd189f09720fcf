/* SPDX-License-Identifier: Apache-2.0 */
/* The plane kernels, 64 bytes at a time. */
#include "decode/baseline/planes.h"

#include <immintrin.h>

#define TARGET    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define V         __m512i
#define OP(name)  _mm512_##name
#define _mm512_OR _mm512_or_si512
#define BYTES     64
#define KERNELS   mr__plane_kernels_avx512

static inline TARGET V load(const void *at)
{
    return _mm512_loadu_si512(at);
}

static inline TARGET void store(void *at, V v)
{
    _mm512_storeu_si512(at, v);
}

/* Half a vector of bytes to 16 bits each. */
static inline TARGET V load_wide(const uint8_t *at)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)at));
}

#include "decode/baseline/planes_lanes.h"
