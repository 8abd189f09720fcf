/* SPDX-License-Identifier: Apache-2.0 */
/* From values as written to values that agree with each other. */
#include <math.h>
#include <string.h>

#include "plan/plan.h"

static bool side_ok(uint32_t side)
{
    return side >= 1 && side <= MR__PLAN_SIDE_MAX;
}

static mr_status blame(const char **key, const char *name, mr_error *err, const char *why)
{
    *key = name;
    return mr__error_set(err, MR_E_INVALID, "%s: %s", name, why);
}

static mr_status resolve_sizes(mr__plan_spec *s, const char **key, mr_error *err)
{
    if (s->resize == MR__RESIZE_NONE) {
        s->resize_width = s->resize_height = 0;
        s->filter = MR__FILTER_NEAREST;
        s->pass_order = MR__PASS_PILLOW_13;
    } else if (!side_ok(s->resize_width) || !side_ok(s->resize_height)) {
        return blame(key, "resize_size", err, "sides are 1 to 16384 pixels");
    }
    if (s->resize == MR__RESIZE_SHORTEST && s->resize_width != s->resize_height)
        return blame(key, "resize_size", err, "one edge is one number: write it as SxS");
    if (s->crop == MR__CROP_NONE) {
        s->crop_width = s->crop_height = 0;
        if (s->resize == MR__RESIZE_NONE || s->resize == MR__RESIZE_SHORTEST)
            return blame(key, "crop", err, "without a crop the output would have no fixed size");
        s->out_width = s->resize_width;
        s->out_height = s->resize_height;
        return MR_OK;
    }
    if (s->resize == MR__RESIZE_LETTERBOX || s->resize == MR__RESIZE_MASKED ||
        s->resize == MR__RESIZE_THUMBNAIL)
        return blame(key, "crop", err, "a letterbox has nothing to crop");
    if (!side_ok(s->crop_width) || !side_ok(s->crop_height))
        return blame(key, "crop_size", err, "sides are 1 to 16384 pixels");
    s->out_width = s->crop_width;
    s->out_height = s->crop_height;
    return MR_OK;
}

/* Image.thumbnail: of the stored picture in its own mode, with a draft if there is a gap. */
static mr_status resolve_thumbnail(mr__plan_spec *s, const char **key, mr_error *err)
{
    if (s->colour_order != MR__RGB_LAST)
        return blame(key, "colour", err, "a thumbnail is made before RGB: use rgb-last");
    if (s->exif != MR__EXIF_IGNORE)
        return blame(key, "exif", err, "a thumbnail is of the picture as it is stored: use ignore");
    if (s->filter == MR__FILTER_NEAREST)
        return blame(key, "filter", err, "a thumbnail by nearest is not supported");
    if (s->decode == MR__DECODE_FAST)
        return blame(key, "decode", err, "of a thumbnail the reducing_gap says it: use draft");
    s->decode = s->reducing_gap > 0.0 ? MR__DECODE_DRAFT : MR__DECODE_EXACT;
    return MR_OK;
}

static mr_status resolve_decode(mr__plan_spec *s, const char **key, mr_error *err)
{
    if (s->resize == MR__RESIZE_THUMBNAIL)
        return resolve_thumbnail(s, key, err);
    /* where nothing is filtered, nothing hides what a smaller decode leaves out */
    if (s->resize == MR__RESIZE_NONE ||
        (s->filter == MR__FILTER_NEAREST && s->decode == MR__DECODE_FAST))
        s->decode = MR__DECODE_EXACT;
    return MR_OK;
}

static mr_status resolve_gap(mr__plan_spec *s, const char **key, mr_error *err)
{
    if (s->resize == MR__RESIZE_NONE || s->filter == MR__FILTER_NEAREST || s->reducing_gap == 0.0)
        s->reducing_gap = 0.0; /* no negative zero; nearest reduces nothing */
    else if (!(s->reducing_gap >= 1.0) || s->reducing_gap > 65536.0)
        return blame(key, "reducing_gap", err, "must be 0 (none) or 1 to 65536");
    else if (s->engine != MR__ENGINE_PILLOW)
        return blame(key, "reducing_gap", err, "only Pillow's engine has it");
    return MR_OK;
}

/* What the other engines cannot do. */
static mr_status resolve_engine(mr__plan_spec *s, const char **key, mr_error *err)
{
    if (s->resize == MR__RESIZE_NONE)
        s->engine = MR__ENGINE_PILLOW;
    if (s->norm == MR__NORM_RESCALE_FIRST && s->engine != MR__ENGINE_TORCH_FLOAT)
        return blame(key, "norm", err, "rescale-first needs the engine torch-float");
    if (s->engine == MR__ENGINE_PILLOW)
        return MR_OK;
    s->pass_order = MR__PASS_HORIZONTAL_FIRST;
    if (s->colour_order != MR__RGB_FIRST)
        return blame(key, "colour", err,
                     "only Pillow's engine resizes what is not RGB: use rgb-first");
    if (s->engine == MR__ENGINE_TORCH_UINT8 && s->filter == MR__FILTER_LANCZOS)
        return MR_OK;
    if (s->filter != MR__FILTER_BILINEAR && s->filter != MR__FILTER_BICUBIC)
        return blame(key, "filter", err,
                     "this engine has bilinear and bicubic, torch-uint8 lanczos as well");
    if (s->engine == MR__ENGINE_FLOAT && s->dtype == MR_DTYPE_U8)
        return blame(key, "dtype", err, "the float engine does not round: use f32");
    return MR_OK;
}

static mr_status resolve_norm(mr__plan_spec *s, const char **key, mr_error *err)
{
    if (s->norm == MR__NORM_RESCALE_FIRST && s->rescale != 1.0 / 255.0)
        return blame(key, "rescale", err, "before a resize it is 0.00392156862745098");
    if (s->norm == MR__NORM_NONE || s->norm == MR__NORM_TORCHVISION)
        s->rescale = 1.0;
    else if (!isfinite(s->rescale) || s->rescale <= 0.0)
        return blame(key, "rescale", err, "must be a positive number");
    for (int c = 0; c < 3; c++) {
        if (s->norm == MR__NORM_NONE) {
            s->mean[c] = 0.0f;
            s->std[c] = 1.0f;
        }
        if (!isfinite(s->mean[c]))
            return blame(key, "mean", err, "must be numbers that a float holds");
        if (!isfinite(s->std[c]) || s->std[c] <= 0.0f)
            return blame(key, "std", err, "must be positive numbers that a float holds");
        if (s->mean[c] == 0.0f)
            s->mean[c] = 0.0f; /* no negative zero */
    }
    return MR_OK;
}

mr_status mr__spec_resolve(mr__plan_spec *spec, const char **key, mr_error *err)
{
    mr_status status = resolve_sizes(spec, key, err);

    if (status == MR_OK)
        status = resolve_engine(spec, key, err);
    if (status == MR_OK)
        status = resolve_gap(spec, key, err);
    if (status == MR_OK)
        status = resolve_decode(spec, key, err);
    if (status == MR_OK)
        status = resolve_norm(spec, key, err);
    if (status != MR_OK)
        return status;
    if (spec->dtype == MR_DTYPE_F16 || spec->dtype == MR_DTYPE_BF16) {
        *key = "dtype";
        return mr__error_set(err, MR_E_UNSUPPORTED, "dtype: this build writes f32 and u8");
    }
    if (spec->dtype == MR_DTYPE_U8 && spec->norm != MR__NORM_NONE)
        return blame(key, "norm", err, "u8 output holds pixels as they are: use none");
    return MR_OK;
}

/* Of the resize from its reference; make test-oracles measures it. */
static double engine_error(const mr__plan_spec *spec)
{
    if (spec->engine == MR__ENGINE_TORCH_FLOAT && spec->norm != MR__NORM_RESCALE_FIRST)
        return 1.0;
    return spec->engine == MR__ENGINE_FLOAT || spec->engine == MR__ENGINE_TORCH_FLOAT ? 0.001 : 0.0;
}

/* Of a smaller decode from the whole one: bench/shrink.py measured 65 levels on noise, and 137 with
 * the hard edges of box. */
static double decode_error(const mr__plan_spec *spec)
{
    if (spec->decode != MR__DECODE_FAST)
        return 0.0;
    return spec->filter == MR__FILTER_BOX ? 160.0 : 80.0;
}

double mr__spec_max_error(const mr__plan_spec *spec)
{
    return engine_error(spec) + decode_error(spec);
}
