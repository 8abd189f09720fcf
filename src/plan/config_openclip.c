/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_clip_config.json, as open_clip 3.3 makes a transform of it. The size is that of the model,
 * and only without it that of the section preprocess_cfg.
 */
#include <string.h>

#include "plan/config.h"

/* One side, or height and width. */
static mr_status read_size(const json_t *value, const char *key, mr__recipe *r, mr_error *err)
{
    mr_status status;

    if (!json_is_array(value)) {
        status = mr__config_side(value, key, &r->width, err);
        r->height = r->width;
        return status;
    }
    if (json_array_size(value) != 2)
        return mr__error_set(err, MR_E_INVALID, "%s: must be one side or two", key);
    status = mr__config_side(json_array_get(value, 0), key, &r->height, err);
    return status == MR_OK ? mr__config_side(json_array_get(value, 1), key, &r->width, err)
                           : status;
}

static mr_status size_of(const json_t *object, const json_t *section, mr__recipe *r, mr_error *err)
{
    const json_t *vision = json_object_get(json_object_get(object, "model_cfg"), "vision_cfg");
    const json_t *of_model = json_object_get(vision, "image_size");
    const json_t *own = json_object_get(section, "size");

    r->width = r->height = 224;
    if (of_model != NULL && !json_is_null(of_model))
        return read_size(of_model, "model_cfg.vision_cfg.image_size", r, err);
    return own != NULL && !json_is_null(own) ? read_size(own, "preprocess_cfg.size", r, err)
                                             : MR_OK;
}

static mr_status filter_of(const char *name, mr__recipe *r, mr_error *err)
{
    r->filter = strcmp(name, "bilinear") == 0 ? MR__FILTER_BILINEAR : MR__FILTER_BICUBIC;
    if (r->filter == MR__FILTER_BICUBIC && strcmp(name, "bicubic") != 0)
        return mr__config_refuse("preprocess_cfg.interpolation", "bicubic and bilinear are known",
                                 err);
    return MR_OK;
}

static mr_status mode_of(const char *name, mr__recipe *r, mr_error *err)
{
    if (strcmp(name, "squash") == 0) {
        r->resize = MR__RESIZE_SQUASH;
        return MR_OK;
    }
    r->resize = MR__RESIZE_SHORTEST;
    r->crop_width = r->width;
    r->crop_height = r->height;
    if (strcmp(name, "shortest") != 0)
        return mr__config_refuse("preprocess_cfg.resize_mode", "shortest and squash are known",
                                 err);
    return r->width == r->height ? MR_OK
                                 : mr__config_refuse("preprocess_cfg.resize_mode",
                                                     "shortest needs a square size", err);
}

mr_status mr__config_openclip(const json_t *object, mr__plan_spec *out, mr_error *err)
{
    static const mr__recipe clip = {.mean = {0.48145466f, 0.4578275f, 0.40821073f},
                                    .std = {0.26862954f, 0.26130258f, 0.27577711f}};
    const json_t *section = json_object_get(object, "preprocess_cfg");
    const char *filter = "bicubic", *mode = "shortest", *colour = "RGB";
    mr__recipe r;
    mr_status status;

    mr__recipe_init(&r);
    memcpy(r.mean, clip.mean, sizeof r.mean);
    memcpy(r.std, clip.std, sizeof r.std);
    status = size_of(object, section, &r, err);
    if (status == MR_OK)
        status = mr__config_floats(section, "mean", r.mean, err);
    if (status == MR_OK)
        status = mr__config_floats(section, "std", r.std, err);
    if (status == MR_OK)
        status = mr__config_text(section, "interpolation", &filter, err);
    if (status == MR_OK)
        status = mr__config_text(section, "resize_mode", &mode, err);
    if (status == MR_OK)
        status = mr__config_text(section, "mode", &colour, err);
    if (status == MR_OK && strcmp(colour, "RGB") != 0)
        status = mr__config_refuse("preprocess_cfg.mode", "only RGB is known", err);
    if (status == MR_OK)
        status = filter_of(filter, &r, err);
    if (status == MR_OK)
        status = mode_of(mode, &r, err);
    if (status == MR_OK)
        mr__family_spec(MR__FAMILY_OPENCLIP, &r, out);
    return status;
}
