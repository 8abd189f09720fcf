/* SPDX-License-Identifier: Apache-2.0 */
/* The presets that belong to no model, behind those that do (preset_models.c). What each equals,
 * and in which version, is part of its entry. */
#include "plan/plan.h"

/* clang-format off */
#define IMAGENET_MEAN {0.485f, 0.456f, 0.406f}
#define IMAGENET_STD  {0.229f, 0.224f, 0.225f}
#define ZERO          {0.0f, 0.0f, 0.0f}
#define ONE           {1.0f, 1.0f, 1.0f}

static const mr__preset_entry presets[] = {
    {
        .info = {.name = "letterbox", .reference = "Pillow 13.0",
                 .summary = "whole picture inside 640x640 (or :WIDTHxHEIGHT) on grey 114, 0..1"},
        .size = MR__PRESET_RESIZE,
        .spec = {.colour_order = MR__RGB_FIRST, .resize = MR__RESIZE_LETTERBOX,
                 .resize_width = 640, .resize_height = 640, .filter = MR__FILTER_BILINEAR,
                 .pass_order = MR__PASS_PILLOW_13, .fill = {114, 114, 114},
                 .norm = MR__NORM_TORCHVISION, .mean = ZERO, .std = ONE},
    },
    {
        .info = {.name = "original/masked-stretch", .reference = "JAX 0.10",
                 .summary = "whole picture stretched to 224x224 (or :WIDTHxHEIGHT), masked to its ratio"},
        .size = MR__PRESET_RESIZE,
        .spec = {.colour_order = MR__RGB_FIRST, .resize = MR__RESIZE_MASKED,
                 .resize_width = 224, .resize_height = 224, .engine = MR__ENGINE_FLOAT,
                 .filter = MR__FILTER_BILINEAR, .norm = MR__NORM_TORCHVISION,
                 .mean = IMAGENET_MEAN, .std = IMAGENET_STD},
    },
    {
        .info = {.name = "raw", .reference = "Pillow 13.0",
                 .summary = "decoded RGB bytes, centre 224x224 (or :WIDTHxHEIGHT), not resized"},
        .size = MR__PRESET_CROP,
        .spec = {.colour_order = MR__RGB_FIRST, .crop = MR__CROP_CENTRE_FLOOR,
                 .crop_width = 224, .crop_height = 224, .dtype = MR_DTYPE_U8,
                 .layout = MR_LAYOUT_NHWC},
    },
    {
        .info = {.name = "millrace/builtin", .reference = "Pillow 13.0",
                 .summary = "what the builtin embedder takes: upright, RGB on white, squash to 128x128"},
        .spec = {.colour_order = MR__RGB_FIRST, .alpha = MR__ALPHA_WHITE, .exif = MR__EXIF_APPLY,
                 .resize = MR__RESIZE_SQUASH, .resize_width = 128, .resize_height = 128,
                 .filter = MR__FILTER_BILINEAR, .pass_order = MR__PASS_PILLOW_13,
                 .dtype = MR_DTYPE_U8, .layout = MR_LAYOUT_NHWC},
    },
};
/* clang-format on */

static size_t count_models(void)
{
    mr__preset_entry entry;
    size_t n = 0;

    while (mr__preset_model_at(n, &entry))
        n++;
    return n;
}

bool mr__preset_entry_at(size_t index, mr__preset_entry *out)
{
    size_t models;

    if (mr__preset_model_at(index, out))
        return true;
    models = count_models();
    if (index - models >= sizeof presets / sizeof presets[0])
        return false;
    *out = presets[index - models];
    return true;
}

bool mr_preset_at(size_t index, mr_preset *out)
{
    mr__preset_entry entry;

    if (!mr__preset_entry_at(index, &entry))
        return false;
    *out = entry.info;
    if (out->unsupported == NULL) {
        out->max_error = mr__spec_max_error(&entry.spec);
        out->exact = out->max_error == 0.0;
    }
    return true;
}
