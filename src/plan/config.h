/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's own configuration as a plan: what the readers of the libraries' files share. Each takes
 * what the library takes, with its defaults, and names the field that it cannot reproduce.
 */
#ifndef MR_PLAN_CONFIG_H
#define MR_PLAN_CONFIG_H

#include <jansson.h>

#include "plan/family.h"
#include "plan/plan.h"

/* Readers of one field of an object; absent or null leaves `*out` as it is, false or "" included.
 * MR_E_INVALID names the field. Numbers are finite. */
mr_status mr__config_bool(const json_t *object, const char *key, bool *out, mr_error *err);
mr_status mr__config_text(const json_t *object, const char *key, const char **out, mr_error *err);
mr_status mr__config_number(const json_t *object, const char *key, double *out, mr_error *err);

/* One number for all channels, or three. */
mr_status mr__config_floats(const json_t *object, const char *key, float out[3], mr_error *err);

/* A side in pixels, 1 to MR__PLAN_SIDE_MAX. */
mr_status mr__config_side(const json_t *value, const char *key, uint32_t *out, mr_error *err);

/* The crop of an edge, of which the resize before it keeps `share`: trunc(edge / share) pixels.
 * MR_E_INVALID. */
mr_status mr__config_crop_share(mr__recipe *recipe, uint32_t edge, double share, mr_error *err);

/* "KEY: WHY", MR_E_UNSUPPORTED. */
mr_status mr__config_refuse(const char *key, const char *why, mr_error *err);

/* preprocessor_config.json of transformers, slow and fast. `suffix`: "transformers",
 * "transformers-tv" or "transformers-5.20". */
mr_status mr__config_transformers(const json_t *object, const char *suffix, mr__plan_spec *out,
                                  mr_error *err);

/* open_clip_config.json */
mr_status mr__config_openclip(const json_t *object, mr__plan_spec *out, mr_error *err);

/* config.json of timm, or its pretrained_cfg alone. `test_size`: test_input_size, test_crop_pct. */
mr_status mr__config_timm(const json_t *object, bool test_size, mr__plan_spec *out, mr_error *err);

/* Whichever of the three it is. `suffix`: NULL or "" for the library's usual. */
mr_status mr__config_parse(const char *text, const char *suffix, mr__plan_spec *out, mr_error *err);

#endif
