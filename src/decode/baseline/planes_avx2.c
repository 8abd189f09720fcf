/* SPDX-License-Identifier: Apache-2.0 */
/* The plane kernels, 32 bytes at a time. */
#include "decode/baseline/planes.h"

#include <immintrin.h>

#define TARGET    __attribute__((target("avx2")))
#define V         __m256i
#define OP(name)  _mm256_##name
#define _mm256_OR _mm256_or_si256
#define BYTES     32
#define KERNELS   mr__plane_kernels_avx2

static inline TARGET V load(const void *at)
{
    return _mm256_loadu_si256(at);
}

static inline TARGET void store(void *at, V v)
{
    _mm256_storeu_si256(at, v);
}

/* Half a vector of bytes to 16 bits each. */
static inline TARGET V load_wide(const uint8_t *at)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)at));
}

#include "decode/baseline/planes_lanes.h"
