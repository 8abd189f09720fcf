/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of models: which library's it is, and how a field is read. */
#include "plan/config.h"

#include <math.h>
#include <string.h>

#define CONFIG_MAX 65536 /* bytes */

mr_status mr__config_refuse(const char *key, const char *why, mr_error *err)
{
    return mr__error_set(err, MR_E_UNSUPPORTED, "%s: %s", key, why);
}

static mr_status wrong(const char *key, const char *wanted, mr_error *err)
{
    return mr__error_set(err, MR_E_INVALID, "%s: must be %s", key, wanted);
}

mr_status mr__config_bool(const json_t *object, const char *key, bool *out, mr_error *err)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL || json_is_null(value))
        return MR_OK;
    if (!json_is_boolean(value))
        return wrong(key, "true or false", err);
    *out = json_is_true(value);
    return MR_OK;
}

mr_status mr__config_text(const json_t *object, const char *key, const char **out, mr_error *err)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL || json_is_null(value))
        return MR_OK;
    if (!json_is_string(value))
        return wrong(key, "a text", err);
    *out = json_string_value(value);
    return MR_OK;
}

mr_status mr__config_number(const json_t *object, const char *key, double *out, mr_error *err)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL || json_is_null(value))
        return MR_OK;
    if (!json_is_number(value) || !isfinite(json_number_value(value)))
        return wrong(key, "a number", err);
    *out = json_number_value(value);
    return MR_OK;
}

mr_status mr__config_crop_share(mr__recipe *recipe, uint32_t edge, double share, mr_error *err)
{
    double resized = share > 0.0 ? trunc((double)edge / share) : 0.0;

    if (!(resized >= 1.0 && resized <= (double)MR__PLAN_SIDE_MAX))
        return mr__error_set(err, MR_E_INVALID,
                             "crop_pct: %u pixels over it must be 1 to 16384 pixels", edge);
    recipe->width = recipe->height = (uint32_t)resized;
    recipe->crop_width = recipe->crop_height = edge;
    return MR_OK;
}

/* A number that a float holds; the plan's own rules judge it further. */
static bool take_float(const json_t *value, float *out)
{
    double number = json_number_value(value);

    if (!json_is_number(value) || !isfinite(number) || fabs(number) > 1e38)
        return false;
    *out = (float)number;
    return true;
}

mr_status mr__config_floats(const json_t *object, const char *key, float out[3], mr_error *err)
{
    const json_t *value = json_object_get(object, key);
    bool one = json_is_number(value);

    if (value == NULL || json_is_null(value))
        return MR_OK;
    if (!one && json_array_size(value) != 3)
        return wrong(key, "a number or three", err);
    for (size_t c = 0; c < 3; c++)
        if (!take_float(one ? value : json_array_get(value, c), &out[c]))
            return wrong(key, "a number or three", err);
    return MR_OK;
}

mr_status mr__config_side(const json_t *value, const char *key, uint32_t *out, mr_error *err)
{
    json_int_t side = json_integer_value(value);

    if (!json_is_integer(value) || side < 1 || side > (json_int_t)MR__PLAN_SIDE_MAX)
        return wrong(key, "a side of 1 to 16384 pixels", err);
    *out = (uint32_t)side;
    return MR_OK;
}

static bool has(const json_t *object, const char *key)
{
    return json_object_get(object, key) != NULL;
}

static mr_status unknown_suffix(const char *suffix, const char *known, mr_error *err)
{
    return mr__error_set(err, MR_E_INVALID, "@%.64s: a configuration of this kind is read as %s",
                         suffix, known);
}

/* Which library writes such fields. */
static mr_status dispatch(const json_t *object, const char *suffix, mr__plan_spec *out,
                          mr_error *err)
{
    if (has(object, "preprocess_cfg") || has(object, "model_cfg")) {
        if (*suffix != '\0' && strcmp(suffix, "openclip") != 0)
            return unknown_suffix(suffix, "@openclip", err);
        return mr__config_openclip(object, out, err);
    }
    if (has(object, "pretrained_cfg") || has(object, "architecture") || has(object, "input_size")) {
        bool test_size = strcmp(suffix, "timm-test") == 0;

        if (*suffix != '\0' && !test_size && strcmp(suffix, "timm") != 0)
            return unknown_suffix(suffix, "@timm or @timm-test", err);
        return mr__config_timm(object, test_size, out, err);
    }
    if (*suffix == '\0')
        suffix = "transformers";
    if (strcmp(suffix, "transformers") != 0 && strcmp(suffix, "transformers-tv") != 0 &&
        strcmp(suffix, "transformers-5.20") != 0)
        return unknown_suffix(suffix, "@transformers, @transformers-tv or @transformers-5.20", err);
    return mr__config_transformers(object, suffix, out, err);
}

mr_status mr__config_parse(const char *text, const char *suffix, mr__plan_spec *out, mr_error *err)
{
    size_t n = strnlen(text, CONFIG_MAX);
    const char *key = "";
    json_error_t why;
    json_t *object;
    mr_status status;

    if (n == CONFIG_MAX)
        return mr__error_set(err, MR_E_INVALID, "a configuration is at most %d bytes",
                             CONFIG_MAX - 1);
    object = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (object == NULL)
        return mr__error_set(err, MR_E_INVALID, "not JSON: line %d: %.120s", why.line, why.text);
    if (json_is_object(object))
        status = dispatch(object, suffix != NULL ? suffix : "", out, err);
    else
        status = mr__error_set(err, MR_E_INVALID, "not the configuration of a model");
    if (status == MR_OK)
        status = mr__spec_resolve(out, &key, err);
    json_decref(object);
    return status;
}
