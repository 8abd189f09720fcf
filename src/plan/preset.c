/* SPDX-License-Identifier: Apache-2.0 */
/* The presets. What each equals, and in which version, is part of its entry. */
#include "plan/plan.h"

/* clang-format off */
#define CLIP_MEAN     {0.48145466f, 0.4578275f, 0.40821073f}
#define CLIP_STD      {0.26862954f, 0.26130258f, 0.27577711f}
#define IMAGENET_MEAN {0.485f, 0.456f, 0.406f}
#define IMAGENET_STD  {0.229f, 0.224f, 0.225f}
#define HALF          {0.5f, 0.5f, 0.5f}
#define ZERO          {0.0f, 0.0f, 0.0f}
#define ONE           {1.0f, 1.0f, 1.0f}

static const mr__preset_entry presets[] = {
    {
        /* open_clip 3.3: Resize, CenterCrop, convert("RGB"), ToTensor, Normalize */
        .info = {"openai/clip-vit-base-patch32@openclip", "Pillow 13.0",
                 "CLIP as OpenCLIP and OpenAI run it: resize, crop, then RGB", true, 0.0},
        .spec = {.colour_order = MR__RGB_LAST, .resize = MR__RESIZE_SHORTEST,
                 .resize_width = 224, .resize_height = 224, .filter = MR__FILTER_BICUBIC,
                 .pass_order = MR__PASS_PILLOW_13, .crop = MR__CROP_CENTRE_HALF_EVEN,
                 .crop_width = 224, .crop_height = 224, .norm = MR__NORM_TORCHVISION,
                 .mean = CLIP_MEAN, .std = CLIP_STD},
    },
    {
        /* transformers 5.23, CLIPImageProcessorPil */
        .info = {"openai/clip-vit-base-patch32@transformers", "Pillow 13.0",
                 "CLIP as transformers' PIL processor runs it: RGB on white, resize, crop", true, 0.0},
        .spec = {.colour_order = MR__RGB_FIRST, .alpha = MR__ALPHA_WHITE,
                 .resize = MR__RESIZE_SHORTEST, .resize_width = 224, .resize_height = 224,
                 .filter = MR__FILTER_BICUBIC, .pass_order = MR__PASS_PILLOW_13,
                 .crop = MR__CROP_CENTRE_FLOOR, .crop_width = 224, .crop_height = 224,
                 .norm = MR__NORM_HF, .rescale = 1.0 / 255.0, .mean = CLIP_MEAN, .std = CLIP_STD},
    },
    {
        /* timm 1.0.31: crop_pct 0.95, so floor(224 / 0.95) = 235; bicubic */
        .info = {"resnet50.a1_in1k@timm", "Pillow 13.0",
                 "ImageNet ResNet-50 as timm runs it: shortest edge 235, centre 224", true, 0.0},
        .spec = {.colour_order = MR__RGB_FIRST, .resize = MR__RESIZE_SHORTEST,
                 .resize_width = 235, .resize_height = 235, .filter = MR__FILTER_BICUBIC,
                 .pass_order = MR__PASS_PILLOW_13, .crop = MR__CROP_CENTRE_HALF_EVEN,
                 .crop_width = 224, .crop_height = 224, .norm = MR__NORM_TORCHVISION,
                 .mean = IMAGENET_MEAN, .std = IMAGENET_STD},
    },
    {
        /* transformers 5.23, SiglipImageProcessorPil */
        .info = {"google/siglip-base-patch16-224@transformers", "Pillow 13.0",
                 "SigLIP as transformers' PIL processor runs it: RGB on white, squash", true, 0.0},
        .spec = {.colour_order = MR__RGB_FIRST, .alpha = MR__ALPHA_WHITE,
                 .resize = MR__RESIZE_SQUASH, .resize_width = 224, .resize_height = 224,
                 .filter = MR__FILTER_BICUBIC, .pass_order = MR__PASS_PILLOW_13,
                 .norm = MR__NORM_HF, .rescale = 1.0 / 255.0, .mean = HALF, .std = HALF},
    },
    {
        .info = {"letterbox", "Pillow 13.0",
                 "whole picture inside 640x640 (or :WIDTHxHEIGHT) on grey 114, 0..1", true, 0.0},
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
        .info = {"raw", "Pillow 13.0",
                 "decoded RGB bytes, centre 224x224 (or :WIDTHxHEIGHT), not resized", true, 0.0},
        .size = MR__PRESET_CROP,
        .spec = {.colour_order = MR__RGB_FIRST, .crop = MR__CROP_CENTRE_FLOOR,
                 .crop_width = 224, .crop_height = 224, .dtype = MR_DTYPE_U8,
                 .layout = MR_LAYOUT_NHWC},
    },
    {
        .info = {"millrace/builtin", "Pillow 13.0",
                 "what the builtin embedder takes: upright, RGB on white, squash to 128x128", true, 0.0},
        .spec = {.colour_order = MR__RGB_FIRST, .alpha = MR__ALPHA_WHITE, .exif = MR__EXIF_APPLY,
                 .resize = MR__RESIZE_SQUASH, .resize_width = 128, .resize_height = 128,
                 .filter = MR__FILTER_BILINEAR, .pass_order = MR__PASS_PILLOW_13,
                 .dtype = MR_DTYPE_U8, .layout = MR_LAYOUT_NHWC},
    },
};
/* clang-format on */

const mr__preset_entry *mr__preset_entry_at(size_t index)
{
    return index < sizeof presets / sizeof presets[0] ? &presets[index] : NULL;
}

bool mr_preset_at(size_t index, mr_preset *out)
{
    const mr__preset_entry *entry = mr__preset_entry_at(index);

    if (entry != NULL) {
        *out = entry->info;
        out->max_error = mr__spec_max_error(&entry->spec);
        out->exact = out->max_error == 0.0;
    }
    return entry != NULL;
}
