/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries as the rules that all their models share. */
#include "plan/family.h"

#include <string.h>

typedef struct rules {
    const char *suffix, *reference, *summary;
    mr__colour_order colour;
    mr__alpha_rule alpha;
    mr__engine_kind engine;
    mr__crop_rule crop;
    mr__norm_rule norm;
} rules;

static const rules families[MR__FAMILY_COUNT] = {
    [MR__FAMILY_OPENCLIP] = {"openclip", "Pillow 13.0",
                             "open_clip 3.3 (and OpenAI's CLIP): resize, crop, then RGB",
                             MR__RGB_LAST, MR__ALPHA_DROP, MR__ENGINE_PILLOW,
                             MR__CROP_CENTRE_HALF_EVEN, MR__NORM_TORCHVISION},
    [MR__FAMILY_TIMM] = {"timm", "Pillow 13.0", "timm 1.0: RGB, resize, crop", MR__RGB_FIRST,
                         MR__ALPHA_DROP, MR__ENGINE_PILLOW, MR__CROP_CENTRE_HALF_EVEN,
                         MR__NORM_TORCHVISION},
    [MR__FAMILY_TORCHVISION] = {"torchvision", "Pillow 13.0",
                                "torchvision 0.29, transforms of the weights: RGB, resize, crop",
                                MR__RGB_FIRST, MR__ALPHA_DROP, MR__ENGINE_PILLOW,
                                MR__CROP_CENTRE_HALF_EVEN, MR__NORM_TORCHVISION},
    [MR__FAMILY_TRANSFORMERS] = {"transformers", "Pillow 13.0",
                                 "transformers 5.23, PIL backend: RGB on white, resize, crop",
                                 MR__RGB_FIRST, MR__ALPHA_WHITE, MR__ENGINE_PILLOW,
                                 MR__CROP_CENTRE_FLOOR, MR__NORM_HF},
    [MR__FAMILY_TRANSFORMERS_TV] = {"transformers-tv", "torchvision 0.29",
                                    "transformers 5.23, torchvision backend on a CPU",
                                    MR__RGB_FIRST, MR__ALPHA_WHITE, MR__ENGINE_TORCH_UINT8,
                                    MR__CROP_CENTRE_TRUNC, MR__NORM_HF_FUSED},
    [MR__FAMILY_TRANSFORMERS_520] = {"transformers-5.20", "Pillow 13.0",
                                     "transformers up to 5.20, PIL backend: RGB, alpha dropped",
                                     MR__RGB_FIRST, MR__ALPHA_DROP, MR__ENGINE_PILLOW,
                                     MR__CROP_CENTRE_FLOOR, MR__NORM_HF},
    [MR__FAMILY_DINOV3] = {"transformers-tv", "torch 2.15",
                           "transformers 5.23, scaled to 0..1, then resized in float32",
                           MR__RGB_FIRST, MR__ALPHA_WHITE, MR__ENGINE_TORCH_FLOAT,
                           MR__CROP_CENTRE_TRUNC, MR__NORM_RESCALE_FIRST},
};

void mr__recipe_init(mr__recipe *recipe)
{
    *recipe = (mr__recipe){
        .rescale = true, .normalise = true, .factor = 1.0 / 255.0, .std = {1.0f, 1.0f, 1.0f}};
}

/* Without a rescale or without mean and std it is the same arithmetic with neutral numbers. */
static mr__norm_rule norm_of(mr__norm_rule rule, const mr__recipe *r)
{
    if (!r->rescale && !r->normalise)
        return MR__NORM_NONE;
    if (r->twice)
        return MR__NORM_HF_TWICE;
    if (rule == MR__NORM_HF_FUSED && !(r->rescale && r->normalise))
        return MR__NORM_HF_FLOAT;
    return rule;
}

void mr__family_spec(mr__family family, const mr__recipe *recipe, mr__plan_spec *out)
{
    const rules *f = &families[family];
    mr__plan_spec s = {.colour_order = f->colour,
                       .alpha = f->alpha,
                       .engine = f->engine,
                       .resize = recipe->resize,
                       .resize_width = recipe->width,
                       .resize_height = recipe->height,
                       .filter = recipe->filter,
                       .pass_order = MR__PASS_PILLOW_13,
                       .norm = norm_of(f->norm, recipe),
                       .rescale = recipe->rescale ? recipe->factor : 1.0};

    if (recipe->crop_width != 0 &&
        (recipe->resize != MR__RESIZE_SQUASH || recipe->crop_width != recipe->width ||
         recipe->crop_height != recipe->height)) {
        s.crop = f->crop;
        s.crop_width = recipe->crop_width;
        s.crop_height = recipe->crop_height;
    }
    for (int c = 0; c < 3; c++) {
        s.mean[c] = recipe->normalise ? recipe->mean[c] : 0.0f;
        s.std[c] = recipe->normalise ? recipe->std[c] : 1.0f;
    }
    *out = s;
}

const char *mr__family_reference(mr__family family)
{
    return families[family].reference;
}

const char *mr__family_summary(mr__family family)
{
    return families[family].summary;
}

bool mr__family_named(const char *suffix, mr__family *out)
{
    for (size_t i = 0; i < MR__FAMILY_COUNT; i++)
        if (strcmp(families[i].suffix, suffix) == 0) {
            *out = (mr__family)i;
            return true;
        }
    return false;
}
