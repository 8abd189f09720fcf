/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fast: the largest shrink is taken that leaves at least twice the resized picture on both axes:
 * what the scaled inverse DCT does differently from an average then lies beyond what the filter
 * lets pass.
 *
 * A side that the shrink does not divide gets a last pixel that lies only partly in the picture.
 * The resize leaves the rest of it out, as Pillow's draft and resize with a box do, so that nothing
 * moves (a draft without a thumbnail is a picture of its own): at the end of a stored side, which
 * in a turned picture may be the begin of an upright one.
 */
#include "transform/shrink.h"

#define LEFT_TO_RESIZE 2u

static bool leaves_enough(uint32_t side, uint32_t resized, uint32_t halved)
{
    return side >= (uint64_t)LEFT_TO_RESIZE * resized << halved;
}

static uint32_t fast_of(const mr__orient *o, const mr__geometry *g)
{
    uint32_t halved = MR__HALVED_MAX;

    while (halved > 0 && !(leaves_enough(o->up_width, g->resized_width, halved) &&
                           leaves_enough(o->up_height, g->resized_height, halved)))
        halved--;
    return halved;
}

/* Image.draft of the size that the plan names, or of that times the gap: whole multiples of it,
 * rounded down to a scale that there is. The picture is taken as it is stored. */
static uint32_t draft_of(const mr__plan_spec *spec, const mr__picture *picture)
{
    const double gap = spec->resize == MR__RESIZE_THUMBNAIL ? spec->reducing_gap : 1.0;
    const uint64_t x = picture->width / (uint64_t)((double)spec->resize_width * gap);
    const uint64_t y = picture->height / (uint64_t)((double)spec->resize_height * gap);
    const uint64_t scale = x < y ? x : y;
    uint32_t halved = MR__HALVED_MAX;

    while (halved > 0 && scale < 1u << halved)
        halved--;
    return halved;
}

static uint8_t turn_of(const mr__plan_spec *spec, const mr__picture *picture)
{
    return spec->exif == MR__EXIF_APPLY ? picture->orientation : 1;
}

static void orient_halved(mr__orient *orient, uint32_t halved)
{
    mr__orient_init(orient, orient->orientation, mr__halved_side(orient->width, halved),
                    mr__halved_side(orient->height, halved));
}

mr_status mr__shrink_plan(const mr__plan_spec *spec, const mr__picture *picture, mr__orient *orient,
                          mr__geometry *geometry, mr__shrink *out, mr_error *err)
{
    const bool jpeg = picture->format == MR__FORMAT_JPEG;
    mr__orient decoded;
    mr_status status;

    *out = (mr__shrink){.parts = true};
    mr__orient_init(orient, turn_of(spec, picture), picture->width, picture->height);
    if (jpeg && spec->decode == MR__DECODE_DRAFT) {
        out->halved = draft_of(spec, picture);
        out->parts = spec->resize == MR__RESIZE_THUMBNAIL;
        if (!out->parts) /* a draft is a picture of its own */
            orient_halved(orient, out->halved);
    }
    status = mr__plan_geometry(spec, orient->up_width, orient->up_height, geometry, err);
    if (status != MR_OK)
        return status;
    if (jpeg && spec->decode == MR__DECODE_FAST)
        out->halved = fast_of(orient, geometry);
    decoded = *orient;
    if (out->parts)
        orient_halved(&decoded, out->halved);
    out->resized = geometry->resized_width != decoded.up_width ||
                   geometry->resized_height != decoded.up_height;
    return MR_OK;
}

static void set_axis(mr__coeffs_key *key, uint32_t side, uint32_t halved, bool mirrored)
{
    key->n = mr__halved_side(side, halved);
    key->begin = key->end = 0.0f;
    if (key->n << halved == side)
        return;
    /* an eighth of a number below 2^16 is exact in a float */
    key->end = (float)side / (float)(1u << halved);
    if (mirrored) {
        key->begin = (float)key->n - key->end;
        key->end = (float)key->n;
    }
}

void mr__shrink_axes(const mr__shrink *shrink, const mr__geometry *g, mr__orient *orient,
                     mr__resize_job *resize)
{
    const uint32_t halved = shrink->parts ? shrink->halved : 0;
    const uint8_t turn = orient->orientation;

    resize->h.m = g->resized_width;
    resize->h.from = g->crop_x;
    resize->h.count = g->crop_width;
    resize->v.m = g->resized_height;
    resize->v.from = g->crop_y;
    resize->v.count = g->crop_height;
    set_axis(&resize->h, orient->up_width, halved,
             turn == 2 || turn == 3 || turn == 6 || turn == 7);
    set_axis(&resize->v, orient->up_height, halved,
             turn == 3 || turn == 4 || turn == 7 || turn == 8);
    if (!shrink->resized) /* as it is, parts of pixels and all */
        resize->h.begin = resize->h.end = resize->v.begin = resize->v.end = 0.0f;
    orient_halved(orient, halved);
}
