/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One picture, from rows to tensor: stored rows -> upright rows -> what is resized -> two passes ->
 * RGB planes -> table (floats: arithmetic) -> destination. Everything that the plan and the header
 * decide is worked out once, in a job, before the first row; the same job gives the memory bill.
 */
#include "transform/transform.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "transform/colour.h"
#include "transform/normalise.h"
#include "transform/orient.h"
#include "transform/reduce.h"
#include "transform/resize.h"
#include "transform/shrink.h"
#include "transform/store.h"
#include "transform/tiler.h"

/* The standing allowance is shared by the tables and the scratch memory. */
#define CACHE_BYTES   (MR__TRANSFORM_STANDING_BYTES / 2)
#define SCRATCH_BYTES (MR__TRANSFORM_STANDING_BYTES / 2)

typedef struct job {
    mr__geometry geometry;
    mr__colour colour;
    mr__orient orient;
    mr__reduce_job reduce;
    bool reduces; /* rows are averaged before the passes */
    mr__resize_job resize;
    bool tiles; /* the passes are the tiler's */
    mr__tiler_job tiler;
    mr__region upright; /* what is read of the upright picture */
    mr__region region;  /* the same of the stored one */
    uint32_t pixel_bytes;
    bool turned;       /* the stored region is collected before the first row */
    size_t rgb_stride; /* bytes a plane after the colour rule */
    size_t work, rgb, row, stored, line, cells; /* offsets in the scratch, behind the resizer's */
    size_t bytes;
} job;

struct mr__transform {
    mr__plan_spec spec;
    const mr__kernels *kernels;
    const mr__tile_kernels *tiles; /* NULL: this level has none */
    mr__store store;
    mr__normal normal;
    bool arithmetic; /* `normal` gives the table's values */
    mr__coeffs_cache *cache;
    uint8_t *scratch;
    size_t scratch_bytes;

    /* the picture in progress */
    bool begun;
    job job;
    mr__palette palette;
    mr__resizer resizer;
    mr__tiler tiler;
    mr__reducer reducer;
    uint32_t columns_x0; /* first column that the decoder delivers */
    uint32_t columns_x1;
    void (*finish)(mr__transform *t, const uint8_t *planes); /* a row out of the passes */
    uint32_t rows_in;                                        /* rows taken of the stored region */
    uint32_t rows_out;                                       /* rows of output written */
};

/* ---- the job ---- */

static size_t aligned(size_t n)
{
    return (n + MR__ROW_UNIT - 1) & ~(size_t)(MR__ROW_UNIT - 1);
}

static void place_buffers(job *j)
{
    size_t width = j->upright.x1 - j->upright.x0, stored_width = j->region.x1 - j->region.x0;
    size_t pixel = j->pixel_bytes > 4 ? j->pixel_bytes : 4;

    /* sides are below 2^16, a pixel is at most 16 bytes: no sum comes near 2^63 */
    j->rgb_stride = aligned(j->geometry.crop_width);
    j->work = j->tiles ? j->tiler.bytes : j->resize.bytes;
    j->rgb = j->work + aligned(width * pixel);
    j->row = j->rgb + j->rgb_stride * 3;
    j->stored = j->row + aligned(width * pixel);
    j->line = j->stored;
    if (j->turned)
        j->line += aligned(stored_width * j->pixel_bytes * (j->region.y1 - j->region.y0));
    j->cells = j->line + aligned(stored_width * pixel);
    j->bytes = j->cells + j->reduce.bytes;
}

static const mr__engine *engine_of(const mr__plan_spec *spec, const mr__colour *colour)
{
    if (colour->floats)
        return &mr__engine_floats;
    /* plans of these three are RGB first: bytes, 1 or 3 channels */
    if (spec->engine == MR__ENGINE_FLOAT)
        return &mr__engine_float;
    if (spec->engine == MR__ENGINE_TORCH_UINT8)
        return &mr__engine_short;
    if (spec->engine == MR__ENGINE_TORCH_FLOAT)
        return spec->norm == MR__NORM_RESCALE_FIRST ? &mr__engine_unit : &mr__engine_torch;
    return colour->wide ? &mr__engine_wide : &mr__engine_bytes;
}

/* Are the passes over RGB bytes, horizontal first? Nearest skips what a tile would hold, unless it
 * skips nothing. */
static bool takes_tiles(const job *j)
{
    const mr__resize_job *r = &j->resize;
    const bool same = r->h.n == r->h.m && r->v.n == r->v.m;

    return !j->reduces && r->engine == &mr__engine_bytes && r->channels == 3 &&
           j->colour.out == NULL && !r->vertical_first &&
           (same || r->h.filter != MR__FILTER_NEAREST);
}

static mr_status job_make(const mr__transform *t, const mr__picture *picture, job *j, mr_error *err)
{
    const mr__plan_spec *spec = &t->spec;
    mr__geometry *g = &j->geometry;
    mr_status status;
    mr__shrink shrink;

    memset(j, 0, sizeof *j);
    status = mr__shrink_plan(spec, picture, &j->orient, g, &shrink, err);
    if (status != MR_OK)
        return status;
    status = mr__colour_rules(spec, picture, shrink.resized, &j->colour, err);
    if (status != MR_OK)
        return status;
    if (spec->reducing_gap != 0.0 && shrink.resized && j->colour.wide)
        return mr__error_item(err, MR_STAGE_TRANSFORM, MR_CODE_UNSUPPORTED_VARIANT,
                              "16-bit grey with a reducing_gap before RGB");
    j->pixel_bytes = mr__mode_bytes(picture->mode);
    j->turned = j->orient.orientation != 1;
    j->resize.h.filter = j->resize.v.filter = j->colour.filter;
    mr__shrink_axes(&shrink, g, &j->orient, &j->resize);
    j->resize.channels = j->colour.channels;
    j->reduces = mr__reduce_axes(&j->reduce, shrink.resized ? spec->reducing_gap : 0.0, &j->resize);
    j->resize.engine = engine_of(spec, &j->colour);
    mr__resize_measure(&j->resize, spec->pass_order);
    j->tiles = t->tiles != NULL && takes_tiles(j);
    if (j->tiles) {
        j->resize.h.form = j->resize.v.form = t->tiles->form;
        j->tiler.h = j->resize.h;
        j->tiler.v = j->resize.v;
        mr__tiler_measure(&j->tiler);
    }
    j->upright = (mr__region){
        .x0 = j->resize.x0, .y0 = j->resize.y0, .x1 = j->resize.x1, .y1 = j->resize.y1};
    if ((uint64_t)j->reduce.fx * j->reduce.fy >=
        1u << 24) /* sums would not fit; Pillow's neither */
        return mr__error_item(err, MR_STAGE_TRANSFORM, MR_CODE_UNSUPPORTED_VARIANT,
                              "a reducing_gap that averages 2^24 pixels or more");
    if (j->reduces)
        mr__reduce_region(&j->reduce, &j->upright);
    j->region = mr__orient_region(&j->orient, &j->upright);
    j->region.halved = shrink.halved;
    place_buffers(j);
    return MR_OK;
}

/* ---- lifecycle ---- */

mr_status mr__transform_open(const mr__plan_spec *spec, mr__cpu_level level, mr__transform **out,
                             mr_error *err)
{
    mr__transform *t = calloc(1, sizeof *t);

    *out = NULL;
    if (t != NULL)
        t->cache = mr__coeffs_cache_open(CACHE_BYTES);
    if (t == NULL || t->cache == NULL) {
        mr__transform_close(&t);
        return mr__error_no_memory(err, "a transform");
    }
    t->spec = *spec;
    t->kernels = mr__kernels_of(level);
    t->tiles = mr__tile_kernels_of(level);
    t->store.spec = &t->spec;
    t->store.kernels = t->kernels;
    t->store.tiles = t->tiles;
    mr__normalise_table(spec, t->store.table);
    t->arithmetic = mr__normalise_arithmetic(spec, t->store.table, &t->normal);
    *out = t;
    return MR_OK;
}

void mr__transform_close(mr__transform **transform)
{
    if (transform == NULL || *transform == NULL)
        return;
    mr__coeffs_cache_close(&(*transform)->cache);
    free((*transform)->scratch);
    free(*transform);
    *transform = NULL;
}

size_t mr__transform_bytes(const mr__transform *transform, const mr__picture *picture)
{
    size_t bytes;
    job j;

    if (job_make(transform, picture, &j, NULL) != MR_OK)
        return 0; /* begin will refuse it */
    bytes = j.bytes + mr__coeffs_bytes(&j.resize.h) + mr__coeffs_bytes(&j.resize.v);
    return bytes > SCRATCH_BYTES ? bytes - SCRATCH_BYTES : 0;
}

void mr__transform_trim(mr__transform *transform)
{
    transform->begun = false;
    mr__coeffs_cache_trim(transform->cache);
    if (transform->scratch_bytes > SCRATCH_BYTES) {
        free(transform->scratch);
        transform->scratch = NULL;
        transform->scratch_bytes = 0;
    }
}

static mr_status scratch_reserve(mr__transform *t, size_t bytes, mr_error *err)
{
    if (bytes <= t->scratch_bytes)
        return MR_OK;
    free(t->scratch);
    t->scratch_bytes = 0;
    t->scratch = aligned_alloc(MR__ROW_UNIT, bytes);
    if (t->scratch == NULL)
        return mr__error_no_memory(err, "the scratch memory of a transform");
    memset(t->scratch, 0, bytes);
    t->scratch_bytes = bytes;
    return MR_OK;
}

/* ---- output ---- */

/* The next row of what survives the crop. */
static void store_next(mr__transform *t, const uint8_t *const rgb[3])
{
    const mr__geometry *g = &t->job.geometry;

    mr__store_row(&t->store, rgb, g->pad_x, g->pad_y + t->rows_out, g->crop_width);
    t->rows_out++;
}

/* One row of levels that are floats: arithmetic, destination. */
static void finish_floats(mr__transform *t, const uint8_t *planes)
{
    const mr__plan_spec *s = &t->spec;
    const mr__geometry *g = &t->job.geometry;
    const size_t at = (size_t)(g->pad_y + t->rows_out) * s->out_width + g->pad_x;
    const size_t plane = (size_t)s->out_width * s->out_height;
    float *dst = (float *)(void *)t->store.dst;

    for (int c = 0; c < 3; c++) {
        size_t channel = (size_t)c;
        const uint8_t *from =
            planes + (t->job.colour.channels < 3 ? 0 : channel * t->job.resize.out_stride);
        bool planar = s->layout == MR_LAYOUT_NCHW;

        mr__normalise_floats(s, c, (const float *)(const void *)from, g->crop_width,
                             planar ? dst + channel * plane + at : dst + at * 3 + channel,
                             planar ? 1 : 3);
    }
    t->rows_out++;
}

/* One row of levels that are floats and become bytes: rounding, table, destination. */
static void finish_rounded(mr__transform *t, const uint8_t *planes)
{
    const job *j = &t->job;
    uint8_t *own = t->scratch + j->rgb, *rgb[3];

    for (size_t c = 0; c < 3; c++) {
        size_t from = j->colour.channels < 3 ? 0 : c;

        rgb[c] = own + from * j->rgb_stride;
        if (from == c)
            mr__normalise_round((const float *)(const void *)(planes + c * j->resize.out_stride),
                                j->geometry.crop_width, rgb[c]);
    }
    store_next(t, (const uint8_t *const[3]){rgb[0], rgb[1], rgb[2]});
}

/* One row out of the passes: colour rule, table, destination. */
static void finish_row(mr__transform *t, const uint8_t *planes)
{
    const job *j = &t->job;
    size_t stride = j->resize.out_stride;
    uint8_t *own = t->scratch + j->rgb;
    uint8_t *rgb[3] = {own, own + j->rgb_stride, own + 2 * j->rgb_stride};

    if (j->colour.out != NULL) {
        j->colour.out(&t->palette, planes, stride, j->geometry.crop_width, rgb);
    } else {
        /* they are only read */
        for (size_t c = 0; c < 3; c++)
            rgb[c] = (uint8_t *)(uintptr_t)planes + (j->colour.channels < 3 ? 0 : c * stride);
    }
    store_next(t, (const uint8_t *const[3]){rgb[0], rgb[1], rgb[2]});
}

static void choose_finish(mr__transform *t)
{
    const size_t value = t->job.resize.engine->out_bytes;
    const mr__plan_spec *s = &t->spec;

    t->finish = finish_row;
    if (value == sizeof(float))
        t->finish = s->engine == MR__ENGINE_TORCH_FLOAT && s->norm != MR__NORM_RESCALE_FIRST
                        ? finish_rounded
                        : finish_floats;
}

/* The next row out of tiles: straight to the destination where its form is the tiler's. */
static void finish_tile_row(mr__transform *t)
{
    const mr__plan_spec *s = &t->spec;
    const mr__geometry *g = &t->job.geometry;
    const size_t at = (size_t)(g->pad_y + t->rows_out) * s->out_width + g->pad_x;
    const size_t plane = (size_t)s->out_width * s->out_height;
    uint8_t *own = t->scratch + t->job.rgb;
    uint8_t *const rgb[3] = {own, own + t->job.rgb_stride, own + 2 * t->job.rgb_stride};

    if (s->layout == MR_LAYOUT_NCHW && s->dtype == MR_DTYPE_U8) {
        uint8_t *to = t->store.dst + at;

        mr__tiler_bytes(&t->tiler, (uint8_t *const[3]){to, to + plane, to + 2 * plane});
    } else if (s->layout == MR_LAYOUT_NCHW && t->arithmetic) {
        float *to = (float *)(void *)t->store.dst + at;

        mr__tiler_floats(&t->tiler, &t->normal, (float *const[3]){to, to + plane, to + 2 * plane});
    } else {
        mr__tiler_bytes(&t->tiler, rgb);
        store_next(t, (const uint8_t *const[3]){rgb[0], rgb[1], rgb[2]});
        return;
    }
    t->rows_out++;
}

/* Rows for the tiler, columns from x on. */
static void take_strip(mr__transform *t, const mr__strip *strip, uint32_t x)
{
    for (uint32_t row = 0; row < strip->n_rows;) {
        row += mr__tiler_push(&t->tiler, strip, row, x);
        while (mr__tiler_ready(&t->tiler))
            finish_tile_row(t);
    }
}

/* One upright row, from its column upright.x0 on. */
static void take_row(mr__transform *t, const uint8_t *row)
{
    const job *j = &t->job;
    const uint8_t *planes;

    if (j->colour.in != NULL) {
        uint8_t *work = t->scratch + j->work;

        j->colour.in(&t->palette, row, j->upright.x1 - j->upright.x0, work);
        row = work;
    }
    if (j->tiles) {
        take_strip(t, &(mr__strip){.planes = {row}, .n_rows = 1}, 0);
        return;
    }
    if (j->reduces)
        row = mr__reducer_push(&t->reducer, row);
    if (row == NULL)
        return;
    mr__resizer_push(&t->resizer, row);
    while ((planes = mr__resizer_next(&t->resizer)) != NULL)
        t->finish(t, planes);
}

/* ---- one picture ---- */

mr_status mr__transform_begin(mr__transform *transform, const mr__picture *picture, void *dst,
                              mr__region *region, mr_error *err)
{
    const mr__coeffs *h, *v;
    mr_status status;

    transform->begun = false;
    status = job_make(transform, picture, &transform->job, err);
    if (status == MR_OK)
        status = scratch_reserve(transform, transform->job.bytes, err);
    if (status != MR_OK)
        return status;
    h = mr__coeffs_get(transform->cache, &transform->job.resize.h);
    v = h != NULL ? mr__coeffs_get(transform->cache, &transform->job.resize.v) : NULL;
    if (v == NULL)
        return mr__error_no_memory(err, "resize weights");
    if (transform->job.tiles)
        mr__tiler_init(&transform->tiler, &transform->job.tiler, transform->tiles, h, v,
                       transform->scratch);
    else
        mr__resizer_init(&transform->resizer, &transform->job.resize, transform->kernels, h, v,
                         transform->scratch);
    if (transform->job.reduces)
        mr__reducer_init(&transform->reducer, &transform->job.reduce,
                         transform->scratch + transform->job.cells);
    if (picture->mode == MR__MODE_P || picture->palette.has_key)
        transform->palette = picture->palette;
    choose_finish(transform);
    transform->store.dst = dst;
    transform->columns_x0 = transform->job.region.x0;
    transform->columns_x1 = transform->job.region.x1;
    transform->rows_in = 0;
    transform->rows_out = 0;
    transform->begun = true;
    mr__store_padding(&transform->store, &transform->job.geometry);
    *region = transform->job.region;
    return MR_OK;
}

void mr__transform_columns(mr__transform *transform, uint32_t x0, uint32_t width)
{
    transform->columns_x0 = x0;
    transform->columns_x1 = x0 + width;
}

mr_status mr__transform_rows(mr__transform *transform, const mr__strip *strip, mr_error *err)
{
    const job *j = &transform->job;
    const uint32_t height = j->region.y1 - j->region.y0;
    const uint32_t width = j->region.x1 - j->region.x0;

    if (!transform->begun || strip->n_rows > height - transform->rows_in)
        return mr__error_set(err, MR_E_INTERNAL, "transform: %u rows more than the region has",
                             strip->n_rows);
    if (transform->columns_x0 > j->region.x0 || transform->columns_x1 < j->region.x1)
        return mr__error_set(err, MR_E_INTERNAL, "transform: columns %u-%u do not cover %u-%u",
                             transform->columns_x0, transform->columns_x1, j->region.x0,
                             j->region.x1);
    if (j->tiles && !j->turned && j->colour.in == NULL) {
        take_strip(transform, strip, j->region.x0 - transform->columns_x0);
        transform->rows_in += strip->n_rows;
        return MR_OK;
    }
    for (uint32_t i = 0; i < strip->n_rows; i++) {
        const mr__strip_span span = {.row = i,
                                     .x = j->region.x0 - transform->columns_x0,
                                     .n = width,
                                     .pixel_bytes = j->pixel_bytes};

        if (j->turned)
            mr__strip_copy(strip, &span,
                           transform->scratch + j->stored +
                               (size_t)width * j->pixel_bytes * transform->rows_in);
        else
            take_row(transform, mr__strip_row(strip, &span, transform->scratch + j->line));
        transform->rows_in++;
    }
    return MR_OK;
}

/* All rows of a turned picture are there: hand them on upright. */
static void take_turned(mr__transform *t)
{
    const job *j = &t->job;
    mr__orient_source source = {.stored = t->scratch + j->stored,
                                .stride = (size_t)(j->region.x1 - j->region.x0) * j->pixel_bytes,
                                .pixel_bytes = j->pixel_bytes,
                                .region = j->region};

    for (uint32_t y = j->upright.y0; y < j->upright.y1; y++) {
        mr__orient_row(&j->orient, &source, j->upright.x0, j->upright.x1, y, t->scratch + j->row);
        take_row(t, t->scratch + j->row);
    }
}

mr_status mr__transform_finish(mr__transform *transform, mr_error *err)
{
    const job *j = &transform->job;

    if (!transform->begun || transform->rows_in != j->region.y1 - j->region.y0)
        return mr__error_set(err, MR_E_INTERNAL, "transform: finished after %u of %u rows",
                             transform->rows_in, j->region.y1 - j->region.y0);
    if (j->turned)
        take_turned(transform);
    transform->begun = false;
    if (transform->rows_out != j->geometry.crop_height)
        return mr__error_set(err, MR_E_INTERNAL, "transform: %u of %u rows of output",
                             transform->rows_out, j->geometry.crop_height);
    return MR_OK;
}
