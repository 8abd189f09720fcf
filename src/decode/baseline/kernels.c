/* SPDX-License-Identifier: Apache-2.0 */
/* Which forms of the inner loops a level has. */
#include "decode/baseline/block.h"
#include "decode/baseline/idct.h"
#include "decode/baseline/planes.h"

#if defined(__x86_64__)

#define IDCT_4 mr__idct_4_sse2
#define IDCT_2 mr__idct_2_sse2

const mr__block_reader *mr__block_reader_of(mr__cpu_level level)
{
    return level == MR__CPU_C ? &mr__block_reader_c : &mr__block_reader_bmi2;
}

static mr__idct_fn *whole_idct_of(mr__cpu_level level)
{
    switch (level) {
    case MR__CPU_AVX512VNNI:
        return mr__idct_avx512;
    case MR__CPU_AVX2:
        return mr__idct_avx2;
    default:
        return mr__idct_sse2; /* every x86-64 has it */
    }
}

const mr__plane_kernels *mr__plane_kernels_of(mr__cpu_level level)
{
    switch (level) {
    case MR__CPU_AVX512VNNI:
        return &mr__plane_kernels_avx512;
    case MR__CPU_AVX2:
        return &mr__plane_kernels_avx2;
    default:
        return &mr__plane_kernels_sse2;
    }
}

#else

#define IDCT_4 mr__idct_4_c
#define IDCT_2 mr__idct_2_c

const mr__block_reader *mr__block_reader_of(mr__cpu_level level)
{
    (void)level;
    return &mr__block_reader_c;
}

static mr__idct_fn *whole_idct_of(mr__cpu_level level)
{
    (void)level;
    return mr__idct_c;
}

const mr__plane_kernels *mr__plane_kernels_of(mr__cpu_level level)
{
    (void)level;
    return &mr__plane_kernels_c;
}

#endif

mr__idct_fn *mr__idct_of(mr__cpu_level level, uint32_t size)
{
    return size == 8   ? whole_idct_of(level)
           : size == 4 ? IDCT_4
           : size == 2 ? IDCT_2
                       : mr__idct_1_c; /* a value of each block */
}
