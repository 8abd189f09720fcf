/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orientation energies on a grid, the common core of two descriptors of whole pictures:
 *
 *   Oliva, Torralba: "Modeling the shape of the scene: a holistic representation of the spatial
 *   envelope" (IJCV 42(3), 2001): energy of 8 orientations over 4x4 cells, at several scales;
 *   Dalal, Triggs: "Histograms of oriented gradients for human detection" (CVPR 2005): centred
 *   differences without smoothing, votes by magnitude, soft cells, L2 norm of the square roots.
 *
 * Orientations are tuned by steering instead of binning an angle: the gradient g of magnitude m
 * answers direction u with m * (g.u / m)^4, a smooth bump whose sum over equally spaced directions
 * is constant (Freeman, Adelson: "The design and use of steerable filters", PAMI 13(9), 1991). It
 * needs a square root and a division only, which IEEE 754 rounds the same everywhere; an arc
 * tangent would differ between C libraries.
 */
#include "embed/gradients.h"

#include <math.h>
#include <string.h>

/* cosine and sine of k * 180 / 8 degrees */
static const float directions[MR__ORIENTATIONS][2] = {
    {1.0F, 0.0F},
    {0.923879533F, 0.382683432F},
    {0.707106781F, 0.707106781F},
    {0.382683432F, 0.923879533F},
    {0.0F, 1.0F},
    {-0.382683432F, 0.923879533F},
    {-0.707106781F, 0.707106781F},
    {-0.923879533F, 0.382683432F},
};

/* Keeps the quotient finite where there is no gradient; far below one grey level. */
static const float tiny = 1e-8F;

/* Centred differences of line `y`, edges repeated. */
static void differences(const float *plane, size_t n, size_t y, float *restrict dx,
                        float *restrict dy)
{
    const float *line = plane + y * n;
    const float *above = y > 0 ? line - n : line;
    const float *below = y + 1 < n ? line + n : line;

    dx[0] = line[1] - line[0];
    for (size_t x = 1; x + 1 < n; x++)
        dx[x] = line[x + 1] - line[x - 1];
    dx[n - 1] = line[n - 1] - line[n - 2];
    for (size_t x = 0; x < n; x++)
        dy[x] = below[x] - above[x];
}

static void energies(const float *restrict dx, const float *restrict dy, size_t n,
                     float energy[MR__ORIENTATIONS][MR__POOL_MAX])
{
    float inverse[MR__POOL_MAX]; /* 1 / m^3 */

    for (size_t x = 0; x < n; x++) {
        float square = dx[x] * dx[x] + dy[x] * dy[x] + tiny;
        inverse[x] = 1.0F / (square * sqrtf(square));
    }
    for (size_t k = 0; k < MR__ORIENTATIONS; k++) {
        float c = directions[k][0], s = directions[k][1];
        float *restrict e = energy[k];
        for (size_t x = 0; x < n; x++) {
            float along = dx[x] * c + dy[x] * s;
            float square = along * along;
            e[x] = square * square * inverse[x];
        }
    }
}

void mr__gradients(const mr__pooling *pooling, const float *plane, mr__gradients_scratch *scratch,
                   float out[MR__GRADIENTS_DIM])
{
    float dx[MR__POOL_MAX], dy[MR__POOL_MAX];
    float cells[MR__CELLS];

    memset(scratch->sums, 0, sizeof scratch->sums);
    for (size_t y = 0; y < pooling->n; y++) {
        differences(plane, pooling->n, y, dx, dy);
        energies(dx, dy, pooling->n, scratch->energy);
        for (size_t k = 0; k < MR__ORIENTATIONS; k++)
            mr__pooling_add(pooling, y, scratch->energy[k], scratch->sums[k]);
    }
    for (size_t k = 0; k < MR__ORIENTATIONS; k++) {
        for (size_t row = 0; row < MR__CELLS; row++) {
            mr__pooling_cells(pooling, scratch->sums[k][row], cells);
            for (size_t column = 0; column < MR__CELLS; column++)
                out[(row * MR__CELLS + column) * MR__ORIENTATIONS + k] = sqrtf(cells[column]);
        }
    }
}
