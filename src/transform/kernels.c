/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels a level has. */
#include "transform/kernels.h"

const mr__kernels *mr__kernels_of(mr__cpu_level level)
{
    static const mr__kernels *const table[] = {
        [MR__CPU_C] = &mr__kernels_c,
        [MR__CPU_AVX2] = &mr__kernels_c,
        [MR__CPU_AVX512VNNI] = &mr__kernels_c,
        [MR__CPU_NEON] = &mr__kernels_c,
    };

    return table[level];
}
