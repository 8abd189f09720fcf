/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour on a grid and over the whole picture. The grid is that of MPEG-7's Colour Layout (ISO/IEC
 * 15938-3; Kasutani, Yamada: "The MPEG-7 color layout descriptor", ICIP 2001), with soft cells and
 * opponent axes (van de Sande, Gevers, Snoek: "Evaluating color descriptors for object and scene
 * recognition", PAMI 32(9), 2010) instead of block means in YCbCr. The histogram is Swain and
 * Ballard's ("Color indexing", IJCV 7(1), 1991), each pixel shared among the nearest bins; square
 * roots make the inner product the Bhattacharyya coefficient.
 */
#include "embed/colour_layout.h"

#include <math.h>
#include <string.h>

enum { CHANNELS = 3 };

static const float centre[CHANNELS] = {128.0F, 0.0F, 0.0F};
static const float gain[CHANNELS] = {1.0F, 1.5F, 1.5F};

/* Where the first and the last bin of an axis are centred. */
static const float bins_from[CHANNELS] = {32.0F, -96.0F, -96.0F};
static const float bins_to[CHANNELS] = {224.0F, 96.0F, 96.0F};
static const size_t bins[CHANNELS] = {MR__LUMA_BINS, MR__CHROMA_BINS, MR__CHROMA_BINS};

static float signed_root(float v)
{
    return v < 0.0F ? -sqrtf(-v) : sqrtf(v);
}

void mr__colour_layout(const mr__pooling *pooling, const mr__colour_planes *planes,
                       float means[MR__COLOUR_CELLS_DIM], float deviations[MR__COLOUR_CELLS_DIM])
{
    for (size_t c = 0; c < CHANNELS; c++) {
        float sums[MR__CELLS][MR__POOL_MAX] = {{0}}, squares[MR__CELLS][MR__POOL_MAX] = {{0}};
        float value[MR__COLOUR_SIDE], square[MR__COLOUR_SIDE];

        for (size_t y = 0; y < MR__COLOUR_SIDE; y++) {
            for (size_t x = 0; x < MR__COLOUR_SIDE; x++) {
                value[x] = planes->plane[c][y][x] - centre[c];
                square[x] = value[x] * value[x];
            }
            mr__pooling_add(pooling, y, value, sums);
            mr__pooling_add(pooling, y, square, squares);
        }
        for (size_t row = 0; row < MR__CELLS; row++) {
            float mean[MR__CELLS], mean_square[MR__CELLS];
            mr__pooling_cells(pooling, sums[row], mean);
            mr__pooling_cells(pooling, squares[row], mean_square);
            for (size_t column = 0; column < MR__CELLS; column++) {
                size_t at = (row * MR__CELLS + column) * CHANNELS + c;
                float variance = mean_square[column] - mean[column] * mean[column];
                means[at] = signed_root(mean[column] * gain[c]);
                deviations[at] = variance > 0.0F ? sqrtf(sqrtf(variance)) : 0.0F;
            }
        }
    }
}

/* The lower of the two bins that share `v` on an axis, and the share of the upper one. */
static size_t lower_bin(float v, size_t axis, float *upper)
{
    float last = (float)(bins[axis] - 1);
    float u = (v - bins_from[axis]) / (bins_to[axis] - bins_from[axis]) * last;
    size_t bin;

    u = u > 0.0F ? (u < last ? u : last) : 0.0F;
    bin = (size_t)u;
    if (bin > bins[axis] - 2)
        bin = bins[axis] - 2;
    *upper = u - (float)bin;
    return bin;
}

static void count_pixel(const mr__colour_planes *planes, size_t y, size_t x, float *counts)
{
    float l, p, q;
    size_t i = lower_bin(planes->plane[0][y][x], 0, &l);
    size_t j = lower_bin(planes->plane[1][y][x], 1, &p);
    size_t k = lower_bin(planes->plane[2][y][x], 2, &q);
    float *lower = counts + (i * MR__CHROMA_BINS + j) * MR__CHROMA_BINS + k;
    float *upper = lower + (size_t)MR__CHROMA_BINS * MR__CHROMA_BINS;

    lower[0] += (1.0F - l) * (1.0F - p) * (1.0F - q);
    lower[1] += (1.0F - l) * (1.0F - p) * q;
    lower[MR__CHROMA_BINS] += (1.0F - l) * p * (1.0F - q);
    lower[MR__CHROMA_BINS + 1] += (1.0F - l) * p * q;
    upper[0] += l * (1.0F - p) * (1.0F - q);
    upper[1] += l * (1.0F - p) * q;
    upper[MR__CHROMA_BINS] += l * p * (1.0F - q);
    upper[MR__CHROMA_BINS + 1] += l * p * q;
}

void mr__colour_histogram(const mr__colour_planes *planes, float bins_out[MR__COLOUR_BINS])
{
    float counts[MR__COLOUR_BINS] = {0};

    for (size_t y = 0; y < MR__COLOUR_SIDE; y++) {
        for (size_t x = 0; x < MR__COLOUR_SIDE; x++)
            count_pixel(planes, y, x, counts);
    }
    for (size_t b = 0; b < MR__COLOUR_BINS; b++)
        bins_out[b] = sqrtf(counts[b]);
}
