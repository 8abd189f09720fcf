/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of timm, or the pretrained_cfg in it, as timm 1.0 makes an evaluation transform of
 * it. */
#include <string.h>

#include "plan/config.h"

/* [3,H,W], which must be square: others are resized by a rule of their own. */
static mr_status edge_of(const json_t *section, const char *key, uint32_t *edge, mr_error *err)
{
    const json_t *value = json_object_get(section, key);
    uint32_t height = 0;
    mr_status status;

    if (value == NULL || json_is_null(value))
        return MR_OK;
    if (json_array_size(value) != 3 || json_integer_value(json_array_get(value, 0)) != 3)
        return mr__config_refuse(key, "only [3,SIDE,SIDE] is known", err);
    status = mr__config_side(json_array_get(value, 1), key, &height, err);
    if (status == MR_OK)
        status = mr__config_side(json_array_get(value, 2), key, edge, err);
    if (status == MR_OK && height != *edge)
        status = mr__config_refuse(key, "only squares are known", err);
    return status;
}

static mr_status filter_of(const json_t *section, mr__recipe *r, mr_error *err)
{
    static const char *const names[] = {"nearest", "box",     "bilinear",
                                        "hamming", "bicubic", "lanczos"};
    const char *name = "bicubic";
    mr_status status = mr__config_text(section, "interpolation", &name, err);

    if (status != MR_OK)
        return status;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) {
            r->filter = (mr__filter)i;
            return MR_OK;
        }
    return mr__config_refuse("interpolation", "needs one fixed filter of Pillow", err);
}

static mr_status mode_of(const json_t *section, mr__recipe *r, mr_error *err)
{
    const char *mode = "center";
    mr_status status = mr__config_text(section, "crop_mode", &mode, err);

    if (status != MR_OK)
        return status;
    r->resize = strcmp(mode, "squash") == 0 ? MR__RESIZE_SQUASH : MR__RESIZE_SHORTEST;
    if (r->resize == MR__RESIZE_SHORTEST && strcmp(mode, "center") != 0)
        return mr__config_refuse("crop_mode", "center and squash are known", err);
    return MR_OK;
}

static mr_status sizes_of(const json_t *section, bool test_size, mr__recipe *r, mr_error *err)
{
    uint32_t edge = 224;
    double share = 0.875;
    mr_status status = edge_of(section, "input_size", &edge, err);

    if (status == MR_OK && test_size)
        status = edge_of(section, "test_input_size", &edge, err);
    if (status == MR_OK)
        status = mr__config_number(section, "crop_pct", &share, err);
    if (status == MR_OK && test_size)
        status = mr__config_number(section, "test_crop_pct", &share, err);
    return status == MR_OK ? mr__config_crop_share(r, edge, share, err) : status;
}

mr_status mr__config_timm(const json_t *object, bool test_size, mr__plan_spec *out, mr_error *err)
{
    static const mr__recipe imagenet = {.mean = {0.485f, 0.456f, 0.406f},
                                        .std = {0.229f, 0.224f, 0.225f}};
    const json_t *section = json_object_get(object, "pretrained_cfg");
    mr__recipe r;
    mr_status status;

    if (section == NULL)
        section = object;
    if (!json_is_object(section))
        return mr__error_set(err, MR_E_INVALID, "pretrained_cfg: must be an object");
    mr__recipe_init(&r);
    memcpy(r.mean, imagenet.mean, sizeof r.mean);
    memcpy(r.std, imagenet.std, sizeof r.std);
    status = sizes_of(section, test_size, &r, err);
    if (status == MR_OK)
        status = filter_of(section, &r, err);
    if (status == MR_OK)
        status = mode_of(section, &r, err);
    if (status == MR_OK)
        status = mr__config_floats(section, "mean", r.mean, err);
    if (status == MR_OK)
        status = mr__config_floats(section, "std", r.std, err);
    if (status == MR_OK)
        mr__family_spec(MR__FAMILY_TIMM, &r, out);
    return status;
}
