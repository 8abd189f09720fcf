/* SPDX-License-Identifier: Apache-2.0 */
/* Where which colours are, and how many of them: the colour part of the descriptor. */
#ifndef MR_EMBED_COLOUR_LAYOUT_H
#define MR_EMBED_COLOUR_LAYOUT_H

#include "embed/pooling.h"

enum {
    MR__COLOUR_SIDE = 32, /* pixels a side of the planes taken here */
    MR__COLOUR_CELLS_DIM = 3 * MR__CELLS * MR__CELLS,
    MR__LUMA_BINS = 2,
    MR__CHROMA_BINS = 4,
    MR__COLOUR_BINS = MR__LUMA_BINS * MR__CHROMA_BINS * MR__CHROMA_BINS
};

/* Luma and the two opponents, [3][MR__COLOUR_SIDE][MR__COLOUR_SIDE]. */
typedef struct mr__colour_planes {
    float plane[3][MR__COLOUR_SIDE][MR__COLOUR_SIDE];
} mr__colour_planes;

/* Signed square roots of the cells' mean colours (luma from mid-grey), and square roots of their
 * standard deviations. `pooling->n` is MR__COLOUR_SIDE. */
void mr__colour_layout(const mr__pooling *pooling, const mr__colour_planes *planes,
                       float means[MR__COLOUR_CELLS_DIM], float deviations[MR__COLOUR_CELLS_DIM]);

/* Square roots of a soft histogram over luma and opponents, the same wherever the colours are. */
void mr__colour_histogram(const mr__colour_planes *planes, float bins[MR__COLOUR_BINS]);

#endif
