/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a picture goes: the size rules and the rounding of the libraries, in integers.
 *
 * Shortest edge (torchvision, OpenCLIP, Hugging Face): long = trunc(S * long_in / short_in).
 * Letterbox: the side that touches is exact, the other floor(side * target / side_in); the picture
 * stands at floor((target - side) / 2).
 * Thumbnail (Pillow): the side that touches is exact, the other that of the two whole numbers
 * beside it, in double, that keeps the ratio better, at least 1; never enlarged. It stands as a
 * letterbox. Masked stretch (the original pipeline): the picture is squashed, and of that only the
 * centred rectangle of max(1, trunc(side * s)) survives, s = min(W / width, H / height), all in
 * float32. Centre crop, d = size - crop >= 0: half-even(d / 2) (torchvision, timm) or floor(d / 2)
 * (Hugging Face). Smaller than the crop: padded before at floor(missing / 2) (torchvision, and
 * Hugging Face's backend of that name) or ceil(missing / 2) (Hugging Face's PIL backend).
 */
#include <math.h>

#include "plan/plan.h"

/* target * other / side; fits, as target <= 2^14 and other < 2^16 */
static uint32_t scaled(uint32_t target, uint32_t other, uint32_t side)
{
    return (uint32_t)((uint64_t)target * other / side);
}

static uint32_t crop_offset(mr__crop_rule rule, uint32_t d)
{
    uint32_t half = d / 2;

    if (rule == MR__CROP_CENTRE_HALF_EVEN && d % 2 == 1 && half % 2 == 1)
        half++;
    return half;
}

/* One axis: from `size` to `want` pixels. */
static void crop_axis(mr__crop_rule rule, uint32_t size, uint32_t want, uint32_t out[3])
{
    if (size >= want) {
        out[0] = crop_offset(rule, size - want);
        out[1] = want;
        out[2] = 0;
        return;
    }
    out[0] = 0;
    out[1] = size;
    out[2] = rule == MR__CROP_CENTRE_FLOOR ? (want - size + 1) / 2 : (want - size) / 2;
}

/* Of the whole numbers beside `side` the one for which `off` is less, the lower if they tie. */
static uint32_t better(double side, double lower_off, double upper_off)
{
    double best = upper_off < lower_off ? ceil(side) : floor(side);

    return best < 1.0 ? 1 : (uint32_t)best;
}

static void thumbnail_size(uint32_t w, uint32_t h, uint32_t width, uint32_t height,
                           mr__geometry *out)
{
    const double aspect = (double)width / (double)height, x = (double)w, y = (double)h;
    double side;

    out->resized_width = w < width || h < height ? w : width;
    out->resized_height = w < width || h < height ? h : height;
    if (w >= width && h >= height)
        return;
    if (x / y >= aspect) {
        side = y * aspect;
        out->resized_width =
            better(side, fabs(aspect - floor(side) / y), fabs(aspect - ceil(side) / y));
    } else {
        side = x / aspect;
        out->resized_height = better(side, side < 1.0 ? 0.0 : fabs(aspect - x / floor(side)),
                                     fabs(aspect - x / ceil(side)));
    }
}

static void resized_size(const mr__plan_spec *spec, uint32_t width, uint32_t height,
                         mr__geometry *out)
{
    uint32_t w = spec->resize_width, h = spec->resize_height;

    switch (spec->resize) {
    case MR__RESIZE_SHORTEST:
        out->resized_width = width <= height ? w : scaled(w, width, height);
        out->resized_height = width <= height ? scaled(w, height, width) : w;
        return;
    case MR__RESIZE_SQUASH:
    case MR__RESIZE_MASKED:
        out->resized_width = w;
        out->resized_height = h;
        return;
    case MR__RESIZE_LETTERBOX:
        if ((uint64_t)w * height <= (uint64_t)h * width) {
            out->resized_width = w;
            out->resized_height = scaled(w, height, width);
        } else {
            out->resized_width = scaled(h, width, height);
            out->resized_height = h;
        }
        return;
    case MR__RESIZE_THUMBNAIL:
        thumbnail_size(w, h, width, height, out);
        return;
    case MR__RESIZE_NONE:
    default:
        out->resized_width = width;
        out->resized_height = height;
        return;
    }
}

/* One axis of a masked stretch: of `want` pixels, those that the shrunken side would take. */
static void mask_axis(uint32_t side, float scale, uint32_t want, uint32_t out[3])
{
    uint32_t visible = (uint32_t)((float)side * scale);

    if (visible < 1)
        visible = 1;
    if (visible > want)
        visible = want;
    out[0] = out[2] = (want - visible) / 2;
    out[1] = visible;
}

static void mask(uint32_t width, uint32_t height, const mr__plan_spec *spec, uint32_t x[3],
                 uint32_t y[3])
{
    float across = (float)spec->out_width / (float)width;
    float down = (float)spec->out_height / (float)height;
    float scale = down < across ? down : across;

    mask_axis(width, scale, spec->out_width, x);
    mask_axis(height, scale, spec->out_height, y);
}

mr_status mr__plan_geometry(const mr__plan_spec *spec, uint32_t width, uint32_t height,
                            mr__geometry *out, mr_error *err)
{
    mr__geometry g = {0};
    uint32_t x[3], y[3];

    if (width == 0 || height == 0 || width > 65535 || height > 65535)
        return mr__error_item(err, MR_STAGE_TRANSFORM, MR_CODE_BAD_DIMENSIONS,
                              "%u x %u pixels: sides are 1 to 65535", width, height);
    resized_size(spec, width, height, &g);
    if (g.resized_width == 0 || g.resized_height == 0)
        return mr__error_item(err, MR_STAGE_TRANSFORM, MR_CODE_BAD_DIMENSIONS,
                              "%u x %u pixels: a side vanishes in %u x %u", width, height,
                              spec->resize_width, spec->resize_height);
    /* a letterbox is a floor-rounded crop to a size that is never exceeded */
    crop_axis(spec->crop, g.resized_width, spec->out_width, x);
    crop_axis(spec->crop, g.resized_height, spec->out_height, y);
    if (spec->resize == MR__RESIZE_MASKED)
        mask(width, height, spec, x, y);
    g.crop_x = x[0];
    g.crop_width = x[1];
    g.pad_x = x[2];
    g.crop_y = y[0];
    g.crop_height = y[1];
    g.pad_y = y[2];
    *out = g;
    return MR_OK;
}
