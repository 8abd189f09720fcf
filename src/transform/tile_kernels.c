/* SPDX-License-Identifier: Apache-2.0 */
/* Which tile kernels a level has. */
#include "transform/tile_kernels.h"

#include <string.h>

void mr__tile_end_of(const mr__tile_rows *rows, size_t whole_groups, const size_t at[MR__TILE_ROWS],
                     mr__tile_end *end)
{
    const size_t n = rows->width - 4 * whole_groups;

    memset(end->pixels, 0, sizeof end->pixels);
    end->groups = (n + 3) / 4;
    for (size_t i = 0; i < MR__TILE_ROWS; i++) {
        memcpy(end->pixels[i], rows->planes[0] + at[i] + 12 * whole_groups, 3 * n);
        end->at[i] = i * sizeof end->pixels[0];
    }
}

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
