/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way through a picture. A row of MCUs is decoded into planes of samples, a few MCUs at a time:
 * their coefficients stay in the nearest cache, and their inverse transforms are done side by side.
 * Of MCUs outside of the region only the bits are read.
 *
 * Where chroma has half the rows, a row of the picture needs a chroma row above or below its own.
 * The planes keep one row of the row of MCUs before, as row -1, and the last row of each row of
 * MCUs is made with the next one.
 *
 * A picture that is halved is made of smaller squares of samples from the same blocks.
 */
#include "decode/baseline/baseline.h"

#include <stdlib.h>

#include "decode/baseline/block.h"
#include "decode/baseline/idct.h"
#include "decode/baseline/scan.h"
#include "decode/jpeg_header.h"

#define CHUNK_MCUS 4u
#define PAD        64u /* before and behind each row of samples */
#define SPEC_BYTES (16 + 256)

/* A Huffman table with what it was made from: most files bring the same ones. */
typedef struct table {
    mr__huffman huffman;
    uint8_t spec[SPEC_BYTES];
    bool made;
} table;

/* Samples of one component, as far as one row of MCUs needs them. */
typedef struct plane {
    uint8_t *base; /* row 0, column 0: the first MCU of the region's */
    size_t stride;
    uint32_t width, height; /* of the whole component, in samples */
    uint32_t size;          /* samples that a block becomes, across and down */
    mr__idct_fn *idct;
} plane;

struct mr__baseline {
    const mr__block_reader *reader;
    mr__cpu_level level;
    const mr__plane_kernels *kernels;
    mr__frame frame;
    mr__region region;
    table dc[4], ac[4];
    mr__block_tables blocks[3];
    mr__scan scan;

    /* geometry */
    uint32_t h, v;               /* of luma: blocks in an MCU */
    uint32_t wide, high;         /* pixels that a sample of chroma is */
    uint32_t width, height;      /* of the picture that is made */
    uint32_t mcu_wide, mcu_high; /* of it, an MCU's */
    uint32_t mcus_across, mcus_down;
    uint32_t mcu_x0, mcu_x1, mcu_y0; /* MCUs of the region, with what upsampling looks at */
    uint32_t lag;                    /* 1: the last row of MCU rows waits for the next */

    /* state */
    uint32_t mcu_y; /* row of MCUs that is decoded next */
    uint32_t next;  /* row of the picture that is made next */
    uint32_t until_restart, restarts;
    int32_t predictions[3];
    plane planes[3];
    uint16_t *sums;
    uint8_t *upsampled[2];

    /* CHUNK_MCUS wide rows of blocks, [component][row of blocks]; block.h says what the end is for
     */
    _Alignas(64) int16_t coefficients[6][(2 * CHUNK_MCUS) * 64 + 64];
};

mr__baseline *mr__baseline_open(mr__cpu_level level)
{
    mr__baseline *b = aligned_alloc(64, (sizeof *b + 63) / 64 * 64);

    if (!b)
        return NULL;
    memset(b, 0, sizeof *b);
    b->reader = mr__block_reader_of(level);
    b->level = level;
    b->kernels = mr__plane_kernels_of(level);
    return b;
}

void mr__baseline_close(mr__baseline **baseline)
{
    free(*baseline);
    *baseline = NULL;
}

/* ---- beginning ---- */

static bool make_table(table *t, const uint8_t *spec, bool ac)
{
    size_t n = 0;

    for (int i = 0; i < 16; i++)
        n += spec[i];
    if (t->made && memcmp(t->spec, spec, 16 + n) == 0)
        return true;
    t->made = mr__huffman_make(&t->huffman, spec, spec + 16, ac);
    memcpy(t->spec, spec, 16 + n);
    return t->made;
}

static bool make_tables(mr__baseline *b)
{
    for (uint32_t i = 0; i < b->frame.n_components; i++) {
        const mr__frame_component *c = &b->frame.components[i];
        mr__block_tables *t = &b->blocks[i];

        if (!make_table(&b->dc[c->dc], b->frame.dc[c->dc], false) ||
            !make_table(&b->ac[c->ac], b->frame.ac[c->ac], true))
            return false;
        t->dc = &b->dc[c->dc].huffman;
        t->ac = &b->ac[c->ac].huffman;
        for (int k = 0; k < 64; k++)
            t->quant[k] = b->frame.quant[c->quant][k];
    }
    return true;
}

static uint32_t div_up(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

/* Of a picture that is halved, chroma of half the size both ways is halved once less: it then needs
 * no upsampling. */
static void measure_planes(mr__baseline *b)
{
    const uint32_t luma = 8u >> b->region.halved;
    const bool whole = b->region.halved > 0 && b->h == 2 && b->v == 2;

    b->wide = whole ? 1 : b->h;
    b->high = whole ? 1 : b->v;
    for (uint32_t i = 0; i < b->frame.n_components; i++) {
        plane *p = &b->planes[i];

        p->size = i > 0 && whole ? 2 * luma : luma;
        p->width = i == 0 ? b->width : div_up(b->width, b->wide);
        p->height = i == 0 ? b->height : div_up(b->height, b->high);
        p->idct = mr__idct_of(b->level, p->size);
    }
}

static void measure(mr__baseline *b)
{
    const mr__frame *f = &b->frame;
    uint32_t x1;

    b->h = f->components[0].h;
    b->v = f->components[0].v;
    b->width = mr__halved_side(f->width, b->region.halved);
    b->height = mr__halved_side(f->height, b->region.halved);
    measure_planes(b);
    b->lag = b->high > 1;
    b->mcu_wide = b->planes[0].size * b->h;
    b->mcu_high = b->planes[0].size * b->v;
    b->mcus_across = div_up(f->width, 8 * b->h);
    b->mcus_down = div_up(f->height, 8 * b->v);
    /* a pixel looks at the chroma samples beside its own: up to two pixels on */
    b->mcu_x0 = (b->region.x0 > 2 ? b->region.x0 - 2 : 0) / b->mcu_wide;
    x1 = b->region.x1 + 2 < b->width ? b->region.x1 + 2 : b->width;
    b->mcu_x1 = div_up(x1, b->mcu_wide);
    b->mcu_y0 = (b->region.y0 > 2 ? b->region.y0 - 2 : 0) / b->mcu_high;
}

static size_t row_room(const mr__baseline *b)
{
    return (size_t)(b->mcu_x1 - b->mcu_x0 + CHUNK_MCUS) * 8 * b->h + (size_t)2 * PAD;
}

/* Rows of samples: luma 16 and one of before, chroma 8 and one each; sums are two rows wide. */
static size_t memory_room(const mr__baseline *b)
{
    return row_room(b) * (17 + 2 * 9 + 2 + 2);
}

bool mr__baseline_begin(mr__baseline *b, const uint8_t *bytes, size_t n, const mr__picture *picture,
                        const mr__region *region, size_t *room)
{
    b->region = *region;
    if (!mr__frame_read(bytes, n, &b->frame) || b->frame.width != picture->width ||
        b->frame.height != picture->height ||
        b->frame.n_components != mr__mode_bytes(picture->mode) || !make_tables(b))
        return false;
    measure(b);
    if (b->wide > 1 && b->width <= 4) /* upsampled in another way */
        return false;
    *room = memory_room(b);
    mr__scan_begin(&b->scan, b->frame.scan, bytes + n);
    b->mcu_y = 0;
    b->next = region->y0;
    b->until_restart = b->frame.restart;
    b->restarts = 0;
    memset(b->predictions, 0, sizeof b->predictions);
    memset(b->coefficients, 0, sizeof b->coefficients);
    return true;
}

void mr__baseline_start(mr__baseline *b, uint8_t *memory)
{
    size_t row = row_room(b);

    for (uint32_t i = 0; i < 3; i++) {
        b->planes[i].stride = row;
        b->planes[i].base = memory + row + PAD;
        memory += row * (i == 0 ? 17 : 9);
    }
    b->sums = (uint16_t *)(void *)(memory + PAD);
    b->upsampled[0] = memory + 2 * row;
    b->upsampled[1] = memory + 3 * row;
}

/* ---- decoding ---- */

/* Before an MCU: is a restart due, are there bytes? */
static bool before_mcu(mr__baseline *b)
{
    if (b->frame.restart > 0) {
        if (b->until_restart == 0) {
            if (!mr__scan_restart(&b->scan, b->restarts++))
                return false;
            memset(b->predictions, 0, sizeof b->predictions);
            b->until_restart = b->frame.restart;
        }
        b->until_restart--;
    }
    mr__scan_need_mcu(&b->scan);
    return true;
}

static bool skip_mcu(mr__baseline *b)
{
    uint32_t doubt = 0;

    if (!before_mcu(b))
        return false;
    for (uint32_t i = 0; i < b->frame.n_components; i++)
        for (uint32_t k = i == 0 ? b->h * b->v : 1; k > 0; k--)
            doubt |= b->reader->skip(&b->scan.bits, &b->blocks[i], &b->predictions[i]);
    return doubt == 0 && !mr__bits_overrun(&b->scan.bits);
}

/* Number `at` of a chunk. */
static bool read_mcu(mr__baseline *b, uint32_t at)
{
    uint32_t doubt = 0;

    if (!before_mcu(b))
        return false;
    for (uint32_t y = 0; y < b->v; y++)
        for (uint32_t x = 0; x < b->h; x++)
            doubt |= b->reader->read(&b->scan.bits, &b->blocks[0], &b->predictions[0],
                                     b->coefficients[y] + (size_t)(at * b->h + x) * 64);
    for (uint32_t i = 1; i < b->frame.n_components; i++)
        doubt |= b->reader->read(&b->scan.bits, &b->blocks[i], &b->predictions[i],
                                 b->coefficients[1 + i] + (size_t)at * 64);
    return doubt == 0 && !mr__bits_overrun(&b->scan.bits);
}

/* One row of blocks of a component to samples; the coefficients become zero again. */
static void transform(mr__baseline *b, uint32_t component, uint32_t row, uint32_t column,
                      uint32_t n)
{
    plane *p = &b->planes[component];
    int16_t *blocks = b->coefficients[component == 0 ? row : 1 + component];

    p->idct(blocks, n, p->base + (size_t)row * p->size * p->stride + (size_t)column * p->size,
            p->stride);
    memset(blocks, 0, ((size_t)n * 64 + 1) * sizeof *blocks);
}

/* The `n` MCUs of a chunk that begins at MCU `first` of the region. */
static void transform_chunk(mr__baseline *b, uint32_t first, uint32_t n)
{
    for (uint32_t row = 0; row < b->v; row++)
        transform(b, 0, row, first * b->h, n * b->h);
    for (uint32_t i = 1; i < b->frame.n_components; i++)
        transform(b, i, 0, first, n);
}

/* What stands before the first and behind the last sample of a row: the same again, at the edges of
 * the picture. */
static void extend_rows(mr__baseline *b)
{
    for (uint32_t i = 1; i < b->frame.n_components; i++) {
        plane *p = &b->planes[i];
        size_t width = p->width - (size_t)b->mcu_x0 * p->size;

        for (uint32_t y = 0; y < p->size; y++) {
            uint8_t *row = p->base + y * p->stride;

            if (b->mcu_x0 == 0)
                row[-1] = row[0];
            if (b->mcu_x1 == b->mcus_across)
                row[width] = row[width - 1];
        }
    }
}

static void keep_last_rows(mr__baseline *b)
{
    for (uint32_t i = 0; b->lag && i < b->frame.n_components; i++) {
        plane *p = &b->planes[i];
        uint8_t *row = p->base - PAD;

        memcpy(row - p->stride, row + (i == 0 ? 8 * b->v - 1 : 7) * p->stride, p->stride);
    }
}

/* The next row of MCUs; false: not as it should be. */
static bool read_mcu_row(mr__baseline *b)
{
    bool wanted = b->mcu_y >= b->mcu_y0;
    uint32_t x0 = wanted ? b->mcu_x0 : b->mcus_across, x1 = wanted ? b->mcu_x1 : x0, x = 0;

    if (wanted)
        keep_last_rows(b);
    for (; x < x0; x++)
        if (!skip_mcu(b))
            return false;
    while (x < x1) {
        uint32_t n = x1 - x < CHUNK_MCUS ? x1 - x : CHUNK_MCUS;

        for (uint32_t i = 0; i < n; i++)
            if (!read_mcu(b, i))
                return false;
        transform_chunk(b, x - x0, n);
        x += n;
    }
    for (; x < b->mcus_across; x++)
        if (!skip_mcu(b))
            return false;
    if (wanted)
        extend_rows(b);
    b->mcu_y++;
    return true;
}

/* ---- rows of the picture ---- */

/* Row `y` of a component; that of the row of MCUs before is there too. */
static const uint8_t *sample_row(const mr__baseline *b, uint32_t component, uint32_t y)
{
    const plane *p = &b->planes[component];
    int64_t row = (int64_t)y - (int64_t)(b->mcu_y - 1) * p->size * (component == 0 ? b->v : 1);

    return p->base + row * (int64_t)p->stride;
}

static void double_row(const uint8_t *row, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[2 * i] = out[2 * i + 1] = row[i];
}

/* A chroma row of the width of the picture. */
static const uint8_t *chroma_row(mr__baseline *b, uint32_t component, uint32_t y)
{
    const plane *p = &b->planes[component];
    uint32_t near = b->high > 1 ? y / 2 : y, far;
    const uint8_t *row = sample_row(b, component, near);
    size_t n = (size_t)(b->mcu_x1 - b->mcu_x0) * p->size;

    if (b->wide == 1)
        return row;
    if (p->size == 1) { /* libjpeg does not blend these */
        double_row(row, n, b->upsampled[component - 1]);
        return b->upsampled[component - 1];
    }
    if (b->high == 1) {
        b->kernels->widen(row, n, b->upsampled[component - 1]);
        return b->upsampled[component - 1];
    }
    far = y % 2 ? near + 1 : near - 1;
    if (far >= p->height) /* above the first, below the last */
        far = near;
    b->kernels->blend(row - 1, sample_row(b, component, far) - 1, n + 2, b->sums - 1);
    b->kernels->widen_sums(b->sums, n, b->upsampled[component - 1]);
    return b->upsampled[component - 1];
}

static void make_row(mr__baseline *b, uint32_t y, const mr__plane_row *out)
{
    size_t skip = b->region.x0 - (size_t)b->mcu_x0 * b->mcu_wide, n = b->region.x1 - b->region.x0;
    const uint8_t *luma = sample_row(b, 0, y) + skip;
    mr__plane_row ycc;

    if (b->frame.n_components == 1) {
        memcpy(out->planes[0], luma, n);
        return;
    }
    ycc.planes[0] = (uint8_t *)(uintptr_t)luma;
    for (uint32_t i = 1; i < 3; i++)
        ycc.planes[i] = (uint8_t *)(uintptr_t)chroma_row(b, i, y) + skip;
    b->kernels->colour(&ycc, n, out);
}

/* Rows of the picture that can be made of what is decoded: below this one. */
static uint32_t ready_rows(const mr__baseline *b)
{
    uint32_t rows = b->mcu_y * b->mcu_high;

    if (b->mcu_y == b->mcus_down)
        return b->height;
    return rows > b->lag ? rows - b->lag : 0;
}

int mr__baseline_rows(mr__baseline *b, uint8_t *const rows[3], size_t stride, uint32_t max)
{
    uint32_t end = b->region.y1, made = 0;

    if (b->next == end)
        return 0;
    while (ready_rows(b) <= b->next)
        if (!read_mcu_row(b))
            return -1;
    if (ready_rows(b) < end)
        end = ready_rows(b);
    for (; made < max && b->next < end; made++, b->next++) {
        mr__plane_row out = {.planes = {rows[0] + made * stride}};

        if (b->frame.n_components == 3) {
            out.planes[1] = rows[1] + made * stride;
            out.planes[2] = rows[2] + made * stride;
        }
        make_row(b, b->next, &out);
    }
    return (int)made;
}

bool mr__baseline_complete(const mr__baseline *b)
{
    return mr__jpeg_ends(b->scan.raw, (size_t)(b->scan.raw_end - b->scan.raw));
}
