/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pixel counts for the two nearest cells along each axis, by its distance to their centres, as in
 * Dalal and Triggs, "Histograms of oriented gradients for human detection" (CVPR 2005, section
 * 6.3): a crop that moves the content by less than a cell changes a descriptor only gradually.
 */
#include "embed/pooling.h"

void mr__pooling_init(mr__pooling *self, size_t n)
{
    float spacing = (float)n / MR__CELLS;

    self->n = n;
    for (size_t cell = 0; cell < MR__CELLS; cell++) {
        float centre = ((float)cell + 0.5F) * spacing, total = 0.0F;
        for (size_t x = 0; x < MR__POOL_MAX; x++) {
            float distance = (float)x + 0.5F - centre;
            float weight = 1.0F - (distance < 0.0F ? -distance : distance) / spacing;
            self->weight[cell][x] = x < n && weight > 0.0F ? weight : 0.0F;
            total += self->weight[cell][x];
        }
        for (size_t x = 0; x < n; x++)
            self->weight[cell][x] /= total;
    }
}

void mr__pooling_add(const mr__pooling *self, size_t y, const float *line,
                     float sums[MR__CELLS][MR__POOL_MAX])
{
    for (size_t cell = 0; cell < MR__CELLS; cell++) {
        float weight = self->weight[cell][y];
        float *restrict sum = sums[cell];
        if (weight == 0.0F)
            continue;
        for (size_t x = 0; x < self->n; x++)
            sum[x] += weight * line[x];
    }
}

void mr__pooling_cells(const mr__pooling *self, const float sum[MR__POOL_MAX],
                       float cells[MR__CELLS])
{
    for (size_t cell = 0; cell < MR__CELLS; cell++) {
        /* four partial sums in a fixed order: shorter chains of additions, same bytes everywhere */
        float part[4] = {0};
        for (size_t x = 0; x < self->n; x += 4) {
            for (size_t lane = 0; lane < 4; lane++)
                part[lane] += self->weight[cell][x + lane] * sum[x + lane];
        }
        cells[cell] = (part[0] + part[1]) + (part[2] + part[3]);
    }
}
