/* SPDX-License-Identifier: Apache-2.0 */
/* Which forms of the inner loops a level has. */
#include "decode/baseline/block.h"
#include "decode/baseline/idct.h"
#include "decode/baseline/planes.h"

#if defined(__x86_64__)

const mr__block_reader *mr__block_reader_of(mr__cpu_level level)
{
    return level == MR__CPU_C ? &mr__block_reader_c : &mr__block_reader_bmi2;
}

mr__idct_fn *mr__idct_of(mr__cpu_level level)
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

const mr__block_reader *mr__block_reader_of(mr__cpu_level level)
{
    (void)level;
    return &mr__block_reader_c;
}

mr__idct_fn *mr__idct_of(mr__cpu_level level)
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
