/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The largest shrink is taken that leaves at least twice the resized picture on both axes: what the
 * scaled inverse DCT does differently from an average then lies beyond what the filter lets pass.
 *
 * A side that the shrink does not divide gets a last pixel that lies only partly in the picture.
 * The resize leaves the rest of it out, as Pillow's draft and resize with a box do, so that nothing
 * moves: at the end of a stored side, which in a turned picture may be the begin of an upright one.
 */
#include "transform/shrink.h"

#define LEFT_TO_RESIZE 2u

static bool leaves_enough(uint32_t side, uint32_t resized, uint32_t halved)
{
    return side >= (uint64_t)LEFT_TO_RESIZE * resized << halved;
}

uint32_t mr__shrink_of(const mr__plan_spec *spec, const mr__picture *picture,
                       const mr__geometry *geometry)
{
    uint32_t halved = MR__HALVED_MAX;
    mr__orient o;

    if (spec->decode != MR__DECODE_FAST || picture->format != MR__FORMAT_JPEG)
        return 0;
    mr__orient_init(&o, spec->exif == MR__EXIF_APPLY ? picture->orientation : 1, picture->width,
                    picture->height);
    while (halved > 0 && !(leaves_enough(o.up_width, geometry->resized_width, halved) &&
                           leaves_enough(o.up_height, geometry->resized_height, halved)))
        halved--;
    return halved;
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

uint32_t mr__shrink_axes(uint32_t halved, const mr__geometry *g, mr__orient *orient,
                         mr__resize_job *resize)
{
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
    mr__orient_init(orient, turn, mr__halved_side(orient->width, halved),
                    mr__halved_side(orient->height, halved));
    return halved;
}
