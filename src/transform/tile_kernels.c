/* SPDX-License-Identifier: Apache-2.0 */
/* Which tile kernels a level has. */
#include "transform/tile_kernels.h"

const mr__tile_kernels *mr__tile_kernels_of(mr__cpu_level level)
{
#if defined(__x86_64__)
    if (level == MR__CPU_AVX512VNNI)
        return &mr__tile_kernels_avx512;
    if (level == MR__CPU_AVX2)
        return &mr__tile_kernels_avx2;
#elif defined(__aarch64__)
    if (level == MR__CPU_NEON)
        return &mr__tile_kernels_neon;
#endif
    (void)level;
    return NULL;
}
