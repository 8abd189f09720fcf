/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both passes of a resize of RGB for machines whose dot product takes four neighbours at a time.
 *
 * A tile is 16 rows of the picture: for each four columns and each channel 64 bytes, [row][4
 * columns], so that one vector holds the neighbours of many rows, one row a lane, and nothing is
 * ever summed across lanes. The horizontal pass makes four quads of it: a quad is four rows of the
 * output's width, for each channel [column][4 rows], the same shape turned round, and the vertical
 * pass is the same dot product again.
 *
 * A weight of 22 bits and a sign is cut into digits that the multiplier at hand takes, three of 8
 * bits or two of 11, each signed (coeffs.h: MR__COEFFS_TILE_BYTES, _WORDS, _PAIRS). The sum of each
 * digit's products and their combination are exact modulo 2^32, and the result is below 2^31.
 */
#ifndef MR_TRANSFORM_TILE_KERNELS_H
#define MR_TRANSFORM_TILE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/machine.h"
#include "transform/coeffs.h"
#include "transform/normalise.h"

#define MR__TILE_ROWS    16u
#define MR__TILE_COLUMNS 64u  /* a tile's width is a multiple of it */
#define MR__TILE_GROUP   192u /* bytes of four columns, all channels */
#define MR__QUAD_ROWS    4u
#define MR__QUAD_COLUMNS 16u /* a quad's width is a multiple of it */
#define MR__TILE_DIGITS  16u /* bytes of the weights of four sources */
#define MR__TILE_AHEAD   512 /* bytes of a row of pixels that are fetched before they are needed */

/* Up to sixteen rows of three planes; readable up to the next multiple of 64 columns. */
typedef struct mr__tile_rows {
    const uint8_t *planes[3];
    size_t stride;
    uint32_t n_rows, width;
} mr__tile_rows;

/* What one row of output is made of. */
typedef struct mr__tile_line {
    const uint8_t *const *quads; /* one a group */
    size_t plane;                /* bytes between the channels of a quad */
    const uint8_t *digits;       /* MR__TILE_DIGITS a group */
    uint32_t groups, width;
} mr__tile_line;

/* Groups of four pixels whose sixteen bytes all lie in their row, for a kernel that reads so. */
static inline size_t mr__tile_whole_groups(const mr__tile_rows *rows)
{
    return rows->width < 6 ? 0 : (rows->width - 6) / 4 + 1;
}

/* The up to five pixels of each row behind those groups, where sixteen bytes can be read. */
typedef struct mr__tile_end {
    uint8_t pixels[MR__TILE_ROWS][32];
    size_t at[MR__TILE_ROWS]; /* of a row behind pixels[0] */
    size_t groups;
} mr__tile_end;

void mr__tile_end_of(const mr__tile_rows *rows, size_t whole_groups, const size_t at[MR__TILE_ROWS],
                     mr__tile_end *end);

typedef struct mr__tile_kernels {
    const char *name;
    mr__coeffs_form form;

    /* n interleaved pixels to planes. */
    void (*split)(const uint8_t *row, size_t n, uint8_t *const planes[3]);

    /* Three planes to n interleaved pixels. */
    void (*join)(const uint8_t *const planes[3], size_t n, uint8_t *row);

    /* Rows to a tile, 64-byte aligned; rows that are not there are the last one again. */
    void (*load)(const mr__tile_rows *rows, uint8_t *tile);

    /* The same of pixels, which planes[0] points to. NULL: split them first. */
    void (*load_pixels)(const mr__tile_rows *rows, uint8_t *tile);

    /* A tile to four quads, whose channels are `plane` bytes apart. */
    void (*horizontal)(const uint8_t *tile, const mr__coeffs *coeffs, uint8_t *const quads[4],
                       size_t plane);

    /* A row of output as bytes, width of them to each plane; and the same normalised. */
    void (*bytes)(const mr__tile_line *line, uint8_t *const out[3]);
    void (*floats)(const mr__tile_line *line, const mr__normal *normal, float *const out[3]);
} mr__tile_kernels;

#if defined(__x86_64__)
extern const mr__tile_kernels mr__tile_kernels_avx2, mr__tile_kernels_avx512;
void mr__tile_split_avx2(const uint8_t *row, size_t n, uint8_t *const planes[3]);
void mr__tile_join_avx2(const uint8_t *const planes[3], size_t n, uint8_t *row);
#elif defined(__aarch64__)
extern const mr__tile_kernels mr__tile_kernels_neon;
#endif

/* The kernels of a level; NULL where the kernels of rows (kernels.h) are the best there is. */
const mr__tile_kernels *mr__tile_kernels_of(mr__cpu_level level);

#endif
