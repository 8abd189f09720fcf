/* SPDX-License-Identifier: Apache-2.0 */
/* The resolved plan as one JSON object. The keys are those of the text; sizes are [width, height].
 */
#include <string.h>

#include <jansson.h>

#include "plan/plan.h"

/* Reals are given by the digits that the text shows: 0.48145466, not its float widened. */
static double shown(double value, bool is_float)
{
    char text[40];
    double back = value;

    if (mr__number_print(text, sizeof text, value, is_float))
        (void)mr__number_parse(text, &back);
    return back;
}

static json_t *floats(const float v[3])
{
    return json_pack("[f,f,f]", shown((double)v[0], true), shown((double)v[1], true),
                     shown((double)v[2], true));
}

static int add_choices(json_t *object, const mr__plan_spec *s)
{
    static const char *const keys[] = {"colour", "alpha",  "exif",   "decode",
                                       "resize", "engine", "filter", "pass_order",
                                       "crop",   "norm",   "dtype",  "layout"};
    int rc = 0;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        rc |= json_object_set_new(object, keys[i], json_string(mr__spec_choice(s, keys[i])));
    return rc;
}

char *mr__plan_json_make(const mr_plan *plan)
{
    const mr__plan_spec *s = &plan->spec;
    json_t *object = json_object();
    char *out = NULL;
    int rc = 0;

    rc |= json_object_set_new(object, "name", json_string(plan->name));
    rc |= json_object_set_new(object, "fingerprint", json_string(plan->fingerprint));
    rc |= json_object_set_new(object, "size", json_pack("[i,i]", s->out_width, s->out_height));
    rc |= json_object_set_new(object, "exact", json_boolean(mr__spec_max_error(s) == 0.0));
    rc |= json_object_set_new(object, "verified", json_boolean(plan->verified));
    rc |= json_object_set_new(object, "max_error", json_real(mr__spec_max_error(s)));
    rc |= add_choices(object, s);
    rc |= json_object_set_new(object, "resize_size",
                              json_pack("[i,i]", s->resize_width, s->resize_height));
    rc |=
        json_object_set_new(object, "crop_size", json_pack("[i,i]", s->crop_width, s->crop_height));
    rc |= json_object_set_new(object, "fill",
                              json_pack("[i,i,i]", s->fill[0], s->fill[1], s->fill[2]));
    rc |= json_object_set_new(object, "reducing_gap", json_real(s->reducing_gap));
    rc |= json_object_set_new(object, "rescale", json_real(shown(s->rescale, false)));
    rc |= json_object_set_new(object, "mean", floats(s->mean));
    rc |= json_object_set_new(object, "std", floats(s->std));
    rc |= json_object_set_new(object, "text", json_string(plan->text));
    if (rc == 0)
        out = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(16));
    json_decref(object);
    return out;
}
