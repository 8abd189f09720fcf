/* SPDX-License-Identifier: Apache-2.0 */
/* The portable plane kernels. */
#include "decode/baseline/planes.h"

static void blend(const uint8_t *near, const uint8_t *far, size_t n, uint16_t *sums)
{
    for (size_t i = 0; i < n; i++)
        sums[i] = (uint16_t)(3 * near[i] + far[i]);
}

static void widen_sums(const uint16_t *sums, size_t n, uint8_t *out)
{
    const uint16_t *left = sums - 1, *right = sums + 1;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = (uint8_t)((3 * sums[i] + left[i] + 8) >> 4);
        out[2 * i + 1] = (uint8_t)((3 * sums[i] + right[i] + 7) >> 4);
    }
}

static void widen(const uint8_t *in, size_t n, uint8_t *out)
{
    const uint8_t *left = in - 1, *right = in + 1;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = (uint8_t)((3 * in[i] + left[i] + 1) >> 2);
        out[2 * i + 1] = (uint8_t)((3 * in[i] + right[i] + 2) >> 2);
    }
}

static inline uint8_t clamp(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void colour(const mr__plane_row *ycc, size_t n, const mr__plane_row *rgb)
{
    for (size_t i = 0; i < n; i++) {
        int32_t y = ycc->planes[0][i], cb = ycc->planes[1][i] - 128, cr = ycc->planes[2][i] - 128;

        rgb->planes[0][i] = clamp(y + cr + ((MR__RED_CR * cr + 32768) >> 16));
        rgb->planes[1][i] = clamp(y - cr + ((MR__GREEN_CB * cb + MR__GREEN_CR * cr + 32768) >> 16));
        rgb->planes[2][i] = clamp(y + 2 * cb + ((MR__BLUE_CB * cb + 32768) >> 16));
    }
}

const mr__plane_kernels mr__plane_kernels_c = {
    .blend = blend, .widen_sums = widen_sums, .widen = widen, .colour = colour};
