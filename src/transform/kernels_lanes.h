/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight 16-bit or four 32-bit lanes: the few operations that the portable kernels are made of.
 * GCC's and clang's vector types carry them on every machine; where all machines of an architecture
 * have the one instruction that compilers do not find by themselves, it is named here. With
 * MR__LANES_GENERIC the plain forms are used everywhere, so that a test can compare the two.
 */
#ifndef MR_TRANSFORM_KERNELS_LANES_H
#define MR_TRANSFORM_KERNELS_LANES_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(MR__LANES_GENERIC)
#include <emmintrin.h>
#define MR__LANES_SSE2 1
#else
#define MR__LANES_SSE2 0
#endif

typedef int16_t mr__i16x8 __attribute__((vector_size(16)));
typedef int32_t mr__i32x4 __attribute__((vector_size(16)));
typedef float mr__f32x4 __attribute__((vector_size(16)));

static inline mr__i16x8 mr__load_i16x8(const int16_t *at)
{
    mr__i16x8 v;

    memcpy(&v, at, sizeof v);
    return v;
}

/* The same from an address that is a multiple of 16. */
static inline mr__i16x8 mr__load_aligned(const int16_t *at)
{
    return mr__load_i16x8(__builtin_assume_aligned(at, 16));
}

/* Lane i: a[2i] * b[2i] + a[2i+1] * b[2i+1]. */
static inline mr__i32x4 mr__madd(mr__i16x8 a, mr__i16x8 b)
{
#if MR__LANES_SSE2
    return (mr__i32x4)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    mr__i32x4 r;

    for (int i = 0; i < 4; i++)
        r[i] = (int32_t)a[2 * i] * b[2 * i] + (int32_t)a[2 * i + 1] * b[2 * i + 1];
    return r;
#endif
}

/* Lane i: the sum of the four lanes of v[i]. */
static inline mr__i32x4 mr__sums(const mr__i32x4 v[4])
{
#if MR__LANES_SSE2
    __m128i a = (__m128i)v[0], b = (__m128i)v[1], c = (__m128i)v[2], d = (__m128i)v[3];
    __m128i ab = _mm_add_epi32(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    __m128i cd = _mm_add_epi32(_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));

    return (mr__i32x4)_mm_add_epi32(_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd));
#else
    mr__i32x4 r;

    for (int i = 0; i < 4; i++)
        r[i] = v[i][0] + v[i][1] + v[i][2] + v[i][3];
    return r;
#endif
}

static inline mr__f32x4 mr__load_f32x4(const float *at)
{
    mr__f32x4 v;

    memcpy(&v, at, sizeof v);
    return v;
}

/* Lane i: the sum of the four lanes of v[i], as (0 + 2) + (1 + 3). */
static inline mr__f32x4 mr__sums_f32(const mr__f32x4 v[4])
{
#if MR__LANES_SSE2
    __m128 a = (__m128)v[0], b = (__m128)v[1], c = (__m128)v[2], d = (__m128)v[3];
    __m128 ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
    __m128 cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));

    return (mr__f32x4)_mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
#else
    mr__f32x4 r;

    for (int i = 0; i < 4; i++)
        r[i] = (v[i][0] + v[i][2]) + (v[i][1] + v[i][3]);
    return r;
#endif
}

/* Four lanes clamped to 0..255 and stored as bytes. */
static inline void mr__store_u8x4(uint8_t *out, mr__i32x4 v)
{
#if MR__LANES_SSE2
    __m128i words = _mm_packs_epi32((__m128i)v, (__m128i)v);
    int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));

    memcpy(out, &four, sizeof four);
#else
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(v[i] < 0 ? 0 : v[i] > 255 ? 255 : v[i]);
#endif
}

/* Sixteen lanes, four at a time, likewise. */
static inline void mr__store_u8x16(uint8_t *out, const mr__i32x4 v[4])
{
#if MR__LANES_SSE2
    __m128i low = _mm_packs_epi32((__m128i)v[0], (__m128i)v[1]);
    __m128i high = _mm_packs_epi32((__m128i)v[2], (__m128i)v[3]);

    _mm_storeu_si128((__m128i *)(void *)out, _mm_packus_epi16(low, high));
#else
    for (int i = 0; i < 4; i++)
        mr__store_u8x4(out + 4 * i, v[i]);
#endif
}

/* Sixteen bytes of each of two rows to pairs: out[q] has pairs (a, b) of bytes 4q..4q+3. */
static inline void mr__load_pairs(const uint8_t *a, const uint8_t *b, mr__i16x8 out[4])
{
#if MR__LANES_SSE2
    __m128i va = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i vb = _mm_loadu_si128((const __m128i *)(const void *)b);
    __m128i zero = _mm_setzero_si128();
    __m128i low = _mm_unpacklo_epi8(va, vb), high = _mm_unpackhi_epi8(va, vb);

    out[0] = (mr__i16x8)_mm_unpacklo_epi8(low, zero);
    out[1] = (mr__i16x8)_mm_unpackhi_epi8(low, zero);
    out[2] = (mr__i16x8)_mm_unpacklo_epi8(high, zero);
    out[3] = (mr__i16x8)_mm_unpackhi_epi8(high, zero);
#else
    for (int q = 0; q < 4; q++)
        for (int i = 0; i < 4; i++) {
            out[q][2 * i] = a[4 * q + i];
            out[q][2 * i + 1] = b[4 * q + i];
        }
#endif
}

#define MR__SPLIT_PIXELS 16

/*
 * Sixteen interleaved pixels of three bytes to three rows of 16-bit values.
 *
 * Zipping the first 24 of 48 bytes with the last 24 moves byte i to place 2i mod 47; four times
 * over that is 16i mod 47, and byte 3p + c lands on 48p + 16c = p + 16c.
 */
static inline void mr__split_rgb(const uint8_t *in, int16_t *a, int16_t *b, int16_t *c)
{
#if MR__LANES_SSE2
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)in);
    __m128i y = _mm_loadu_si128((const __m128i *)(const void *)(in + 16));
    __m128i z = _mm_loadu_si128((const __m128i *)(const void *)(in + 32));
    __m128i zero = _mm_setzero_si128();

    for (int step = 0; step < 4; step++) {
        __m128i first = _mm_unpacklo_epi8(x, _mm_unpackhi_epi64(y, y));
        __m128i second = _mm_unpacklo_epi8(_mm_unpackhi_epi64(x, x), z);

        z = _mm_unpacklo_epi8(y, _mm_unpackhi_epi64(z, z));
        x = first;
        y = second;
    }
    _mm_storeu_si128((__m128i *)(void *)a, _mm_unpacklo_epi8(x, zero));
    _mm_storeu_si128((__m128i *)(void *)(a + 8), _mm_unpackhi_epi8(x, zero));
    _mm_storeu_si128((__m128i *)(void *)b, _mm_unpacklo_epi8(y, zero));
    _mm_storeu_si128((__m128i *)(void *)(b + 8), _mm_unpackhi_epi8(y, zero));
    _mm_storeu_si128((__m128i *)(void *)c, _mm_unpacklo_epi8(z, zero));
    _mm_storeu_si128((__m128i *)(void *)(c + 8), _mm_unpackhi_epi8(z, zero));
#else
    for (int i = 0; i < MR__SPLIT_PIXELS; i++) {
        a[i] = in[3 * i];
        b[i] = in[3 * i + 1];
        c[i] = in[3 * i + 2];
    }
#endif
}

/* The pair of weights at `at` in every pair of lanes. */
static inline mr__i16x8 mr__spread_pair(const int16_t *at)
{
    int32_t pair;
    mr__i32x4 v;

    memcpy(&pair, at, sizeof pair);
    v = (mr__i32x4){pair, pair, pair, pair};
    return (mr__i16x8)v;
}

#endif
