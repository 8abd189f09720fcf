/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of rows: portable C, AVX2 and AVX-512, equal to the bit (see topk.h for the order). */
#include <stdbool.h>
#include <string.h>

#include "store/topk.h"

/* The terms from `at` on, fewer than MR__LANES of them: lane j takes term at + j. */
static void tail_ip(const float *a, const float *b, uint32_t n, float *lanes)
{
    uint32_t j;

    for (j = 0; j < n; j++)
        lanes[j] += a[j] * b[j];
}

static void tail_l2(const float *a, const float *b, uint32_t n, float *lanes)
{
    uint32_t j;

    for (j = 0; j < n; j++) {
        float d = a[j] - b[j];
        lanes[j] += d * d;
    }
}

static void c_ip(const float *query, const float *rows, size_t n, uint32_t dim, float *out)
{
    uint32_t at, j, whole = dim - dim % MR__LANES;
    size_t i;

    for (i = 0; i < n; i++, rows += dim) {
        float lanes[MR__LANES] = {0};
        for (at = 0; at < whole; at += MR__LANES)
            for (j = 0; j < MR__LANES; j++)
                lanes[j] += query[at + j] * rows[at + j];
        tail_ip(query + whole, rows + whole, dim - whole, lanes);
        out[i] = mr__lanes_sum(lanes);
    }
}

static void c_l2(const float *query, const float *rows, size_t n, uint32_t dim, float *out)
{
    uint32_t at, j, whole = dim - dim % MR__LANES;
    size_t i;

    for (i = 0; i < n; i++, rows += dim) {
        float lanes[MR__LANES] = {0};
        for (at = 0; at < whole; at += MR__LANES)
            for (j = 0; j < MR__LANES; j++) {
                float d = query[at + j] - rows[at + j];
                lanes[j] += d * d;
            }
        tail_l2(query + whole, rows + whole, dim - whole, lanes);
        out[i] = mr__lanes_sum(lanes);
    }
}

static void c_ip_norm(const float *query, const float *rows, size_t n, uint32_t dim, float *out,
                      float *norms)
{
    size_t i;

    /* the second pass over a row finds it in the first-level cache */
    for (i = 0; i < n; i++, rows += dim) {
        c_ip(query, rows, 1, dim, &out[i]);
        c_ip(rows, rows, 1, dim, &norms[i]);
    }
}

static const mr__score_kernels kernels_c = {.ip = c_ip, .l2 = c_l2, .ip_norm = c_ip_norm};

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2   __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f")))

AVX2 static void avx2_ip(const float *query, const float *rows, size_t n, uint32_t dim, float *out)
{
    uint32_t at, whole = dim - dim % MR__LANES;
    size_t i, j;

    for (i = 0; i < n; i++, rows += dim) {
        __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                         _mm256_setzero_ps()};
        float lanes[MR__LANES];
        for (at = 0; at < whole; at += MR__LANES)
            for (j = 0; j < 4; j++)
                sum[j] = _mm256_add_ps(sum[j], _mm256_mul_ps(_mm256_loadu_ps(query + at + 8 * j),
                                                             _mm256_loadu_ps(rows + at + 8 * j)));
        for (j = 0; j < 4; j++)
            _mm256_storeu_ps(lanes + 8 * j, sum[j]);
        tail_ip(query + whole, rows + whole, dim - whole, lanes);
        out[i] = mr__lanes_sum(lanes);
    }
}

AVX2 static void avx2_l2(const float *query, const float *rows, size_t n, uint32_t dim, float *out)
{
    uint32_t at, whole = dim - dim % MR__LANES;
    size_t i, j;

    for (i = 0; i < n; i++, rows += dim) {
        __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                         _mm256_setzero_ps()};
        float lanes[MR__LANES];
        for (at = 0; at < whole; at += MR__LANES)
            for (j = 0; j < 4; j++) {
                __m256 d = _mm256_sub_ps(_mm256_loadu_ps(query + at + 8 * j),
                                         _mm256_loadu_ps(rows + at + 8 * j));
                sum[j] = _mm256_add_ps(sum[j], _mm256_mul_ps(d, d));
            }
        for (j = 0; j < 4; j++)
            _mm256_storeu_ps(lanes + 8 * j, sum[j]);
        tail_l2(query + whole, rows + whole, dim - whole, lanes);
        out[i] = mr__lanes_sum(lanes);
    }
}

AVX2 static void avx2_ip_norm(const float *query, const float *rows, size_t n, uint32_t dim,
                              float *out, float *norms)
{
    size_t i;

    for (i = 0; i < n; i++, rows += dim) {
        avx2_ip(query, rows, 1, dim, &out[i]);
        avx2_ip(rows, rows, 1, dim, &norms[i]);
    }
}

AVX512 static void avx512_ip(const float *query, const float *rows, size_t n, uint32_t dim,
                             float *out)
{
    uint32_t at, whole = dim - dim % MR__LANES;
    size_t i;

    for (i = 0; i < n; i++, rows += dim) {
        __m512 low = _mm512_setzero_ps(), high = _mm512_setzero_ps();
        float lanes[MR__LANES];
        for (at = 0; at < whole; at += MR__LANES) {
            low = _mm512_add_ps(
                low, _mm512_mul_ps(_mm512_loadu_ps(query + at), _mm512_loadu_ps(rows + at)));
            high = _mm512_add_ps(high, _mm512_mul_ps(_mm512_loadu_ps(query + at + 16),
                                                     _mm512_loadu_ps(rows + at + 16)));
        }
        _mm512_storeu_ps(lanes, low);
        _mm512_storeu_ps(lanes + 16, high);
        tail_ip(query + whole, rows + whole, dim - whole, lanes);
        out[i] = mr__lanes_sum(lanes);
    }
}

AVX512 static void avx512_l2(const float *query, const float *rows, size_t n, uint32_t dim,
                             float *out)
{
    uint32_t at, whole = dim - dim % MR__LANES;
    size_t i;

    for (i = 0; i < n; i++, rows += dim) {
        __m512 low = _mm512_setzero_ps(), high = _mm512_setzero_ps();
        float lanes[MR__LANES];
        for (at = 0; at < whole; at += MR__LANES) {
            __m512 a = _mm512_sub_ps(_mm512_loadu_ps(query + at), _mm512_loadu_ps(rows + at));
            __m512 b =
                _mm512_sub_ps(_mm512_loadu_ps(query + at + 16), _mm512_loadu_ps(rows + at + 16));
            low = _mm512_add_ps(low, _mm512_mul_ps(a, a));
            high = _mm512_add_ps(high, _mm512_mul_ps(b, b));
        }
        _mm512_storeu_ps(lanes, low);
        _mm512_storeu_ps(lanes + 16, high);
        tail_l2(query + whole, rows + whole, dim - whole, lanes);
        out[i] = mr__lanes_sum(lanes);
    }
}

AVX512 static void avx512_ip_norm(const float *query, const float *rows, size_t n, uint32_t dim,
                                  float *out, float *norms)
{
    size_t i;

    for (i = 0; i < n; i++, rows += dim) {
        avx512_ip(query, rows, 1, dim, &out[i]);
        avx512_ip(rows, rows, 1, dim, &norms[i]);
    }
}

static const mr__score_kernels kernels_avx2 = {avx2_ip, avx2_l2, avx2_ip_norm};
static const mr__score_kernels kernels_avx512 = {avx512_ip, avx512_l2, avx512_ip_norm};
#endif

const mr__score_kernels *mr__score_kernels_get(mr__cpu_level level)
{
#if defined(__x86_64__)
    if (level == MR__CPU_AVX512VNNI)
        return &kernels_avx512;
    if (level == MR__CPU_AVX2)
        return &kernels_avx2;
#endif
    (void)level;
    return &kernels_c;
}
