/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Area resampling of one row of output to the grid, normalisation undone, opponent colours.
 *
 * Each cell of the grid is the mean of the area that it covers: vertical pass over whole lines
 * (which vectorises whatever the layout), then horizontal. Every sum is taken in index order in
 * float, without contraction, so that all CPUs give the same bytes.
 */
#include "embed/grid.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* Which inputs one cell covers: `first`, and where its weights stand in `weights`. */
typedef struct span {
    uint32_t first, count, at;
} span;

typedef struct axis {
    span spans[MR__GRID];
    float *weights; /* of each cell, sum 1 */
} axis;

struct mr__grid {
    axis rows, columns;
    uint32_t width, height;
    bool bytes;               /* uint8, else float32 */
    bool planar;              /* NCHW */
    float scale[3], shift[3]; /* value * scale + shift is in 0..255 */
};

/* Cell i covers [i, i + 1) * n / MR__GRID. All in units of 1 / MR__GRID of an input, so that the
 * borders are integers and the weights come out the same everywhere. */
static bool axis_init(axis *self, uint32_t n)
{
    size_t room;
    uint32_t at = 0;

    if (!mr__size_add(&room, n, (size_t)2 * MR__GRID))
        return false;
    self->weights = calloc(room, sizeof *self->weights);
    if (!self->weights)
        return false;
    for (uint32_t i = 0; i < MR__GRID; i++) {
        uint32_t begin = i * n, end = begin + n;
        uint32_t first = begin / MR__GRID, last = (end - 1) / MR__GRID;
        self->spans[i] = (span){.first = first, .count = last - first + 1, .at = at};
        for (uint32_t j = first; j <= last; j++) {
            uint32_t from = j * MR__GRID > begin ? j * MR__GRID : begin;
            uint32_t to = (j + 1) * MR__GRID < end ? (j + 1) * MR__GRID : end;
            self->weights[at++] = (float)(to - from) / (float)n;
        }
    }
    return true;
}

static mr_status check(const mr__plan_spec *spec, mr_error *err)
{
    if (spec->dtype != MR_DTYPE_F32 && spec->dtype != MR_DTYPE_U8)
        return mr__error_set(err, MR_E_INVALID,
                             "embedder builtin: needs a plan with dtype float32 or uint8");
    if (spec->out_width < MR__GRID_SIDE_MIN || spec->out_height < MR__GRID_SIDE_MIN)
        return mr__error_set(err, MR_E_INVALID,
                             "embedder builtin: needs a plan of at least %dx%d pixels, not %ux%u",
                             MR__GRID_SIDE_MIN, MR__GRID_SIDE_MIN, (unsigned)spec->out_width,
                             (unsigned)spec->out_height);
    return MR_OK;
}

/* What undoes the normalisation of channel `c`. */
static void undo(mr__grid *self, const mr__plan_spec *spec, size_t c)
{
    double scale = 1.0, shift = 0.0;

    if (spec->norm == MR__NORM_TORCHVISION) {
        scale = (double)spec->std[c] * 255.0;
        shift = (double)spec->mean[c] * 255.0;
    } else if (spec->norm == MR__NORM_HF_TWICE && spec->rescale != 0.0) {
        scale = (double)spec->std[c] * (double)spec->std[c] / spec->rescale;
        shift = (double)spec->mean[c] / spec->rescale;
    } else if (spec->norm != MR__NORM_NONE && spec->rescale != 0.0) {
        scale = (double)spec->std[c] / spec->rescale;
        shift = (double)spec->mean[c] / spec->rescale;
    }
    self->scale[c] = (float)scale;
    self->shift[c] = (float)shift;
}

mr_status mr__grid_open(const mr__plan_spec *spec, mr__grid **out, mr_error *err)
{
    mr_status status = check(spec, err);
    mr__grid *self;

    if (status != MR_OK)
        return status;
    self = calloc(1, sizeof *self);
    if (!self)
        return mr__error_no_memory(err, "embedder builtin");
    self->width = spec->out_width;
    self->height = spec->out_height;
    self->bytes = spec->dtype == MR_DTYPE_U8;
    self->planar = spec->layout == MR_LAYOUT_NCHW;
    for (size_t c = 0; c < 3; c++)
        undo(self, spec, c);
    if (!axis_init(&self->rows, self->height) || !axis_init(&self->columns, self->width)) {
        mr__grid_close(self);
        return mr__error_no_memory(err, "embedder builtin");
    }
    *out = self;
    return MR_OK;
}

void mr__grid_close(mr__grid *grid)
{
    if (!grid)
        return;
    free(grid->rows.weights);
    free(grid->columns.weights);
    free(grid);
}

size_t mr__grid_row_bytes(const mr__grid *grid)
{
    return (size_t)grid->width * grid->height * 3 * (grid->bytes ? 1 : sizeof(float));
}

size_t mr__grid_scratch_floats(const mr__grid *grid)
{
    return (size_t)grid->width * 3;
}

static void add_bytes(float *restrict sum, const uint8_t *restrict line, size_t n, float weight)
{
    for (size_t x = 0; x < n; x++)
        sum[x] += weight * (float)line[x];
}

static void add_floats(float *restrict sum, const float *restrict line, size_t n, float weight)
{
    for (size_t x = 0; x < n; x++)
        sum[x] += weight * line[x];
}

/* The mean of the lines that grid row `y` covers: all three channels, in the layout of the row. */
static void mean_line(const mr__grid *grid, const void *row, uint32_t y, float *sum)
{
    const span *s = &grid->rows.spans[y];
    size_t line = grid->planar ? grid->width : (size_t)grid->width * 3;
    size_t parts = grid->planar ? 3 : 1;

    memset(sum, 0, (size_t)grid->width * 3 * sizeof *sum);
    for (uint32_t j = 0; j < s->count * parts; j++) {
        size_t part = j % parts, k = j / parts;
        size_t at = (part * grid->height + s->first + k) * line;
        float weight = grid->rows.weights[s->at + k];
        if (grid->bytes)
            add_bytes(sum + part * line, (const uint8_t *)row + at, line, weight);
        else
            add_floats(sum + part * line, (const float *)row + at, line, weight);
    }
}

/* Also turns what is not a number into 0: rows come from a process that may be captured. */
static float clamp255(float v)
{
    return v > 0.0F ? (v < 255.0F ? v : 255.0F) : 0.0F;
}

static void mean_cells(const mr__grid *grid, const float *line, float rgb[3][MR__GRID])
{
    size_t step = grid->planar ? 1 : 3, plane = grid->planar ? grid->width : 1;

    for (size_t c = 0; c < 3; c++) {
        for (size_t x = 0; x < MR__GRID; x++) {
            const span *s = &grid->columns.spans[x];
            float sum = 0.0F;
            for (size_t k = 0; k < s->count; k++)
                sum += grid->columns.weights[s->at + k] * line[(s->first + k) * step + c * plane];
            rgb[c][x] = clamp255(sum * grid->scale[c] + grid->shift[c]);
        }
    }
}

void mr__grid_read(const mr__grid *grid, const void *row, float *scratch, mr__grid_planes *out)
{
    float rgb[3][MR__GRID];

    for (uint32_t y = 0; y < MR__GRID; y++) {
        mean_line(grid, row, y, scratch);
        mean_cells(grid, scratch, rgb);
        for (size_t x = 0; x < MR__GRID; x++) {
            float r = rgb[0][x], g = rgb[1][x], b = rgb[2][x];
            out->luma[y][x] = 0.299F * r + 0.587F * g + 0.114F * b;
            out->red_green[y][x] = r - g;
            out->yellow_blue[y][x] = 0.5F * (r + g) - b;
        }
    }
}
