/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preprocessor_config.json, as the image processors of transformers 5.23 read it: a field that is
 * not there has the default of the processor's class; null is false of a flag, and the default of
 * anything else. "Fast" and "Pil" at the end of a class, and the older feature_extractor_type, mean
 * the same class: the file does not say which backend runs, so the caller does.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "plan/config.h"

typedef enum constants { CLIP, IMAGENET, HALF } constants;

static const struct {
    float mean[3], std[3];
} numbers[] = {
    [CLIP] = {{0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}},
    [IMAGENET] = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}},
    [HALF] = {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}},
};

/* What a class does where the file says nothing. */
typedef struct class
{
    const char *name;
    bool square;  /* the size has two sides; otherwise it is the shortest edge */
    bool integer; /* default_to_square: a size of one number means two sides */
    bool crop;
    uint32_t size, crop_size; /* crop_size 0: it has none */
    int resample;
    constants constants;
    enum { PLAIN = 0, CROP_PCT, FLOATS, TOP } kind;
} class;

static const class classes[] = {
    {"CLIP", false, false, true, 224, 224, 3, CLIP, PLAIN},
    {"ChineseCLIP", false, false, true, 224, 224, 3, CLIP, PLAIN},
    {"Siglip", true, false, false, 224, 0, 3, HALF, PLAIN},
    {"ViT", true, true, false, 224, 0, 2, HALF, PLAIN},
    {"DeiT", true, true, true, 256, 224, 3, HALF, PLAIN},
    {"Beit", true, true, false, 224, 224, 3, HALF, PLAIN},
    {"Blip", true, true, false, 384, 0, 3, CLIP, PLAIN},
    {"Bit", false, false, true, 224, 224, 3, CLIP, PLAIN},
    {"ConvNext", false, false, false, 384, 0, 3, HALF, CROP_PCT},
    {"DINOv3ViT", true, true, false, 224, 0, 2, IMAGENET, FLOATS},
    {"EfficientNet", true, true, false, 346, 289, 3, HALF, TOP},
};

#define N_CLASSES (sizeof classes / sizeof classes[0])

/* ---- the class ---- */

static bool cut(char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    if (n < k || strcmp(name + n - k, end) != 0)
        return false;
    name[n - k] = '\0';
    return true;
}

static mr_status class_of(const json_t *object, const class **out, mr_error *err)
{
    const char *key = "image_processor_type", *text = NULL;
    char name[64] = "", shown[128];
    mr_status status = mr__config_text(object, key, &text, err);

    if (status == MR_OK && text == NULL) {
        key = "feature_extractor_type";
        status = mr__config_text(object, key, &text, err);
    }
    if (status != MR_OK)
        return status;
    if (text == NULL)
        return mr__error_set(err, MR_E_INVALID,
                             "image_processor_type is missing: not the configuration of a model "
                             "of transformers, open_clip or timm");
    if (mr__text_copy(name, sizeof name, text)) {
        (void)(cut(name, "Fast") || cut(name, "Pil"));
        (void)(cut(name, "ImageProcessor") || cut(name, "FeatureExtractor"));
        for (size_t i = 0; i < N_CLASSES; i++)
            if (strcmp(classes[i].name, name) == 0) {
                *out = &classes[i];
                return MR_OK;
            }
    }
    mr__text_escape(shown, sizeof shown, text, strlen(text));
    if (strcmp(name, "Siglip2") == 0)
        return mr__config_refuse(key, "Siglip2 makes patches of no fixed number (NaFlex)", err);
    return mr__error_set(err, MR_E_UNSUPPORTED,
                         "%s: %.64s: CLIP, ChineseCLIP, Siglip, ViT, DeiT, Beit, Blip, Bit, "
                         "ConvNext, DINOv3ViT and EfficientNet are known",
                         key, shown);
}

/* ---- sizes ---- */

static bool given(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return value != NULL && !json_is_null(value);
}

static mr_status two_sides(const json_t *value, const char *key, uint32_t *width, uint32_t *height,
                           mr_error *err)
{
    mr_status status = mr__config_side(json_object_get(value, "height"), key, height, err);

    return status == MR_OK ? mr__config_side(json_object_get(value, "width"), key, width, err)
                           : status;
}

/* `size` when it is an object. */
static mr_status size_object(const json_t *size, mr__recipe *r, mr_error *err)
{
    static const char *const refused[] = {"longest_edge", "max_height", "max_width"};

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (given(size, refused[i]))
            return mr__error_set(err, MR_E_UNSUPPORTED,
                                 "size.%s: rows of a size that follows the picture", refused[i]);
    if (given(size, "shortest_edge")) {
        r->resize = MR__RESIZE_SHORTEST;
        r->height = 0;
        return mr__config_side(json_object_get(size, "shortest_edge"), "size.shortest_edge",
                               &r->width, err);
    }
    r->resize = MR__RESIZE_SQUASH;
    return two_sides(size, "size", &r->width, &r->height, err);
}

static mr_status read_size(const json_t *object, const class *c, mr__recipe *r, mr_error *err)
{
    const json_t *size = json_object_get(object, "size");
    bool square = c->integer;
    mr_status status;

    r->resize = c->square ? MR__RESIZE_SQUASH : MR__RESIZE_SHORTEST;
    r->width = r->height = c->size;
    if (!given(object, "size"))
        return MR_OK;
    if (json_is_object(size)) {
        status = size_object(size, r, err);
    } else {
        status = mr__config_bool(object, "default_to_square", &square, err);
        if (status == MR_OK)
            status = mr__config_side(size, "size", &r->width, err);
        r->resize = square ? MR__RESIZE_SQUASH : MR__RESIZE_SHORTEST;
        r->height = r->width;
    }
    if (r->resize == MR__RESIZE_SHORTEST)
        r->height = r->width;
    return status;
}

static mr_status read_crop(const json_t *object, const class *c, mr__recipe *r, mr_error *err)
{
    const json_t *size = json_object_get(object, "crop_size");
    bool crop = c->crop && (json_object_get(object, "do_center_crop") == NULL ||
                            given(object, "do_center_crop"));
    mr_status status = mr__config_bool(object, "do_center_crop", &crop, err);

    r->crop_width = r->crop_height = 0;
    if (status != MR_OK || !crop)
        return status;
    if (c->kind == CROP_PCT || c->kind == FLOATS)
        return mr__config_refuse("do_center_crop", "not of this processor", err);
    r->crop_width = r->crop_height = c->crop_size;
    if (!given(object, "crop_size"))
        return c->crop_size != 0
                   ? MR_OK
                   : mr__error_set(err, MR_E_INVALID, "crop_size: do_center_crop needs it");
    if (json_is_object(size))
        return two_sides(size, "crop_size", &r->crop_width, &r->crop_height, err);
    status = mr__config_side(size, "crop_size", &r->crop_width, err);
    r->crop_height = r->crop_width;
    return status;
}

/* ConvNext: below 384 a larger resize and a crop, from there on squashed. */
static mr_status apply_crop_pct(const json_t *object, mr__recipe *r, mr_error *err)
{
    const uint32_t edge = r->width;
    double share = 224.0 / 256.0;
    mr_status status = mr__config_number(object, "crop_pct", &share, err);

    if (status != MR_OK)
        return status;
    if (r->resize != MR__RESIZE_SHORTEST)
        return mr__config_refuse("size", "ConvNext needs shortest_edge", err);
    if (edge >= 384) {
        r->resize = MR__RESIZE_SQUASH;
        return MR_OK;
    }
    return mr__config_crop_share(r, edge, share, err);
}

static mr_status read_geometry(const json_t *object, const class *c, mr__recipe *r, mr_error *err)
{
    bool resize = json_object_get(object, "do_resize") == NULL || given(object, "do_resize");
    mr_status status = mr__config_bool(object, "do_resize", &resize, err);

    if (status == MR_OK)
        status = read_size(object, c, r, err);
    if (status == MR_OK)
        status = read_crop(object, c, r, err);
    if (status == MR_OK && !resize)
        r->resize = MR__RESIZE_NONE;
    else if (status == MR_OK && c->kind == CROP_PCT)
        status = apply_crop_pct(object, r, err);
    if (status == MR_OK && r->resize != MR__RESIZE_SQUASH && r->crop_width == 0)
        status = mr__config_refuse(resize ? "do_center_crop" : "do_resize",
                                   "without it rows have no fixed size", err);
    return status;
}

/* ---- the rest ---- */

static mr_status read_filter(const json_t *object, const class *c, mr__recipe *r, mr_error *err)
{
    static const mr__filter of_pillow[] = {
        MR__FILTER_NEAREST, MR__FILTER_LANCZOS, MR__FILTER_BILINEAR, MR__FILTER_BICUBIC,
        MR__FILTER_BOX,     MR__FILTER_HAMMING, MR__FILTER_MKS2013,  MR__FILTER_MKS2021};
    double resample = c->resample;
    mr_status status = mr__config_number(object, "resample", &resample, err);

    if (status != MR_OK)
        return status;
    for (int i = 0; i < 8; i++)
        if (resample == (double)i) {
            r->filter = of_pillow[i];
            return MR_OK;
        }
    return mr__error_set(err, MR_E_INVALID, "resample: must be one of Pillow's filters, 0 to 7");
}

/* A flag that is true unless the file says otherwise. */
static mr_status read_flag(const json_t *object, const char *key, bool *out, mr_error *err)
{
    *out = json_object_get(object, key) == NULL || given(object, key);
    return mr__config_bool(object, key, out, err);
}

static mr_status read_numbers(const json_t *object, const class *c, mr__recipe *r, mr_error *err)
{
    mr_status status = read_flag(object, "do_rescale", &r->rescale, err);

    memcpy(r->mean, numbers[c->constants].mean, sizeof r->mean);
    memcpy(r->std, numbers[c->constants].std, sizeof r->std);
    if (status == MR_OK)
        status = read_flag(object, "do_normalize", &r->normalise, err);
    if (status == MR_OK)
        status = mr__config_number(object, "rescale_factor", &r->factor, err);
    if (status == MR_OK)
        status = mr__config_floats(object, "image_mean", r->mean, err);
    if (status == MR_OK)
        status = mr__config_floats(object, "image_std", r->std, err);
    if (status == MR_OK && c->kind == TOP)
        status = read_flag(object, "include_top", &r->twice, err);
    if (status == MR_OK && r->twice && !(r->rescale && r->normalise))
        status = mr__config_refuse("include_top", "needs do_rescale and do_normalize", err);
    if (status == MR_OK && c->kind == FLOATS && !(r->rescale && r->normalise))
        status =
            mr__config_refuse("do_rescale", "DINOv3ViT is known with it and do_normalize", err);
    return status;
}

static mr_status refuse_others(const json_t *object, mr_error *err)
{
    static const char *const flags[] = {
        "do_pad",        "do_thumbnail",   "do_align_long_axis", "do_flip_channel_order",
        "do_grayscale",  "do_split_image", "do_image_splitting", "crop_to_patches",
        "rescale_offset"};
    static const char *const values[] = {"max_num_patches", "size_divisor", "pad_size"};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        bool on = false;
        mr_status status = mr__config_bool(object, flags[i], &on, err);

        if (status != MR_OK)
            return status;
        if (on)
            return mr__config_refuse(flags[i], "true is not supported", err);
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (given(object, values[i]))
            return mr__config_refuse(values[i], "is not supported", err);
    return MR_OK;
}

static mr_status choose_family(const class *c, const char *suffix, const mr__recipe *r,
                               mr__family *out, mr_error *err)
{
    const bool torchvision = strcmp(suffix, "transformers-tv") == 0;

    *out = MR__FAMILY_TRANSFORMERS;
    if (strcmp(suffix, "transformers-5.20") == 0)
        *out = MR__FAMILY_TRANSFORMERS_520;
    if (torchvision)
        *out = MR__FAMILY_TRANSFORMERS_TV;
    if (c->kind == FLOATS) /* it has no other backend */
        *out = MR__FAMILY_DINOV3;
    if (torchvision && c->kind == TOP)
        return mr__config_refuse("image_processor_type",
                                 "EfficientNet is known with the PIL backend", err);
    if (*out != MR__FAMILY_TRANSFORMERS_TV && *out != MR__FAMILY_DINOV3)
        return MR_OK;
    if (r->resize != MR__RESIZE_NONE && r->filter != MR__FILTER_BILINEAR &&
        r->filter != MR__FILTER_BICUBIC && (r->filter != MR__FILTER_LANCZOS || c->kind == FLOATS))
        return mr__config_refuse("resample", "this filter of torch is not supported", err);
    return MR_OK;
}

mr_status mr__config_transformers(const json_t *object, const char *suffix, mr__plan_spec *out,
                                  mr_error *err)
{
    mr__family family = MR__FAMILY_TRANSFORMERS;
    const class *c = NULL;
    mr__recipe r;
    mr_status status;

    mr__recipe_init(&r);
    status = class_of(object, &c, err);
    if (status != MR_OK || c == NULL)
        return status;
    status = refuse_others(object, err);
    if (status == MR_OK)
        status = read_geometry(object, c, &r, err);
    if (status == MR_OK)
        status = read_filter(object, c, &r, err);
    if (status == MR_OK)
        status = read_numbers(object, c, &r, err);
    if (status == MR_OK)
        status = choose_family(c, suffix, &r, &family, err);
    if (status == MR_OK)
        mr__family_spec(family, &r, out);
    return status;
}
