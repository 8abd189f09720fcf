/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the transform on pictures from stdin and writes the tensors to stdout, for the oracles.
 * A record is twenty-three 32-bit words (see `record`), a palette of 1,024 bytes if the mode is P
 * (256 x red, green, blue, alpha), then the pixels, without padding. The answer is a status word (0
 * or the reason code) and, on 0, the row of output. With an argument N: each picture N times, and
 * the nanoseconds of the fastest on stderr. MILLRACE_CPU chooses the kernels.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transform/transform.h"

typedef struct record {
    uint32_t mode, width, height, orientation, palette_n, palette_alpha, transparency;
    uint32_t colour_order, alpha, exif, resize, resize_width, resize_height, filter, pass_order;
    uint32_t crop, crop_width, crop_height, dtype, layout, engine, norm, gap;
} record;

static void fail(const char *why)
{
    (void)fprintf(stderr, "resize_dump: %s\n", why);
    exit(1);
}

static void *need(size_t n)
{
    void *p = aligned_alloc(64, (n + 127) & ~(size_t)63);

    if (p == NULL)
        fail("out of memory");
    return p;
}

static void read_all(void *to, size_t n)
{
    if (fread(to, 1, n, stdin) != n)
        fail("stdin ends in a record");
}

static mr__plan_spec spec_of(const record *r)
{
    mr__plan_spec s = {.colour_order = (mr__colour_order)r->colour_order,
                       .alpha = (mr__alpha_rule)r->alpha,
                       .exif = (mr__exif_rule)r->exif,
                       .resize = (mr__resize_rule)r->resize,
                       .resize_width = r->resize_width,
                       .resize_height = r->resize_height,
                       .engine = (mr__engine_kind)r->engine,
                       .filter = (mr__filter)r->filter,
                       .pass_order = (mr__pass_order)r->pass_order,
                       .reducing_gap = (double)r->gap / 16.0,
                       .crop = (mr__crop_rule)r->crop,
                       .crop_width = r->crop_width,
                       .crop_height = r->crop_height,
                       .norm = (mr__norm_rule)r->norm,
                       .rescale = 1.0 / 255.0,
                       .std = {1.0f, 1.0f, 1.0f},
                       .dtype = (mr_dtype)r->dtype,
                       .layout = (mr_layout)r->layout};

    s.out_width = r->crop != MR__CROP_NONE ? r->crop_width : r->resize_width;
    s.out_height = r->crop != MR__CROP_NONE ? r->crop_height : r->resize_height;
    return s;
}

static void read_palette(const record *r, mr__palette *palette)
{
    uint8_t entries[1024];

    read_all(entries, sizeof entries);
    palette->n = r->palette_n;
    palette->has_alpha = r->palette_alpha != 0;
    for (size_t i = 0; i < 256; i++) {
        memcpy(palette->rgb[i], entries + 4 * i, 3);
        palette->alpha[i] = entries[4 * i + 3];
    }
}

/* A picture as a decoder holds it. */
typedef struct source {
    const uint8_t *pixels;
    uint8_t *planes; /* NULL: not RGB */
    size_t stride;   /* of the planes */
} source;

/* RGB also as planes, with the margins that a planar strip has. */
static source source_of(const mr__picture *p, const uint8_t *pixels)
{
    const size_t margin = MR__STRIP_MARGIN, n = (size_t)p->width * p->height;
    source s = {.pixels = pixels, .stride = p->width + 2 * margin};

    if (p->mode != MR__MODE_RGB)
        return s;
    s.planes = need(3 * s.stride * p->height);
    memset(s.planes, 0xcc, 3 * s.stride * p->height);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            s.planes[(c * p->height + i / p->width) * s.stride + margin + i % p->width] =
                pixels[3 * i + c];
    return s;
}

static mr__strip strip_of(const mr__picture *p, const source *s, uint32_t x, uint32_t y, uint32_t n)
{
    const size_t size = mr__mode_bytes(p->mode);
    mr__strip strip = {.planes = {s->pixels + (y * (size_t)p->width + x) * size},
                       .stride = p->width * size,
                       .n_rows = n};

    if (s->planes == NULL || p->width % 2 == 0)
        return strip;
    strip.planar = true;
    strip.stride = s->stride;
    for (size_t c = 0; c < 3; c++)
        strip.planes[c] = s->planes + (c * p->height + y) * s->stride + MR__STRIP_MARGIN + x;
    return strip;
}

/* Gives the region in strips of 1, 2, 3, ... rows, or of 16, pixels or planes, with a column more
 * on each side where there is one. */
static mr_status run(mr__transform *t, const mr__picture *p, const source *s, uint8_t *dst,
                     mr_error *err)
{
    mr__region region;
    mr_status status = mr__transform_begin(t, p, dst, &region, err);
    const uint32_t more = p->height % 2;
    uint32_t x0, n = more ? 1 : 16;
    mr__strip strip;

    if (status != MR_OK)
        return status;
    x0 = region.x0 - (region.x0 > 0);
    mr__transform_columns(t, x0, region.x1 + (region.x1 < p->width) - x0);
    for (uint32_t y = region.y0; status == MR_OK && y < region.y1; y += n, n += more) {
        if (n > region.y1 - y)
            n = region.y1 - y;
        strip = strip_of(p, s, x0, y, n);
        status = mr__transform_rows(t, &strip, err);
    }
    return status == MR_OK ? mr__transform_finish(t, err) : status;
}

static mr__cpu_level level(void)
{
    mr__cpu_level best = MR__CPU_C;
    mr_error err = {0};

    if (mr__cpu_level_detect(getenv("MILLRACE_CPU"), &best, &err) != MR_OK)
        fail(err.message);
    return best;
}

static void one(const record *r, long times)
{
    mr__plan_spec spec = spec_of(r);
    mr__picture p = {.mode = (mr__mode)r->mode,
                     .width = r->width,
                     .height = r->height,
                     .orientation = (uint8_t)r->orientation,
                     .has_transparency = r->transparency != 0};
    size_t in = (size_t)r->width * r->height * mr__mode_bytes(p.mode);
    size_t out =
        (size_t)spec.out_width * spec.out_height * 3 * (spec.dtype == MR_DTYPE_F32 ? 4 : 1);
    uint64_t best = UINT64_MAX;
    mr__transform *t = NULL;
    uint8_t *pixels, *dst;
    mr_error err = {0};
    uint32_t answer = 0;
    source s;

    if (p.mode == MR__MODE_P)
        read_palette(r, &p.palette);
    pixels = need(in);
    dst = need(out);
    read_all(pixels, in);
    memset(dst, 0xa5, out);
    s = source_of(&p, pixels);
    if (mr__transform_open(&spec, level(), &t, &err) != MR_OK)
        fail(err.message);
    for (long i = 0; i < times && answer == 0; i++) {
        uint64_t begin = mr__clock_ns(), took;

        if (run(t, &p, &s, dst, &err) != MR_OK)
            answer = (uint32_t)err.code + (err.status == MR_E_ITEM ? 0 : 1000);
        took = mr__clock_ns() - begin;
        best = took < best ? took : best;
    }
    if (times > 1)
        (void)fprintf(stderr, "%llu\n", (unsigned long long)best);
    (void)fwrite(&answer, sizeof answer, 1, stdout);
    if (answer == 0)
        (void)fwrite(dst, 1, out, stdout);
    mr__transform_close(&t);
    free(s.planes);
    free(pixels);
    free(dst);
}

int main(int argc, char **argv)
{
    long times = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    record r;

    while (fread(&r, sizeof r, 1, stdin) == 1)
        one(&r, times);
    return 0;
}
