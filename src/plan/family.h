/* SPDX-License-Identifier: Apache-2.0 */
/* What the models of one library have in common: presets and readers of configurations fill in the
 * rest. */
#ifndef MR_PLAN_FAMILY_H
#define MR_PLAN_FAMILY_H

#include "plan/spec.h"

typedef enum mr__family {
    MR__FAMILY_OPENCLIP = 0,     /* open_clip 3.3, and OpenAI's own: RGB last */
    MR__FAMILY_TIMM,             /* timm 1.0 */
    MR__FAMILY_TORCHVISION,      /* transforms of torchvision's weights on pictures in RGB */
    MR__FAMILY_TRANSFORMERS,     /* the PIL backend of transformers 5.23: alpha on white */
    MR__FAMILY_TRANSFORMERS_TV,  /* its torchvision backend on a CPU */
    MR__FAMILY_TRANSFORMERS_520, /* the PIL backend up to 5.20: alpha dropped */
    MR__FAMILY_DINOV3,           /* DINOv3ViTImageProcessor: scaled, resized in float32 */
    MR__FAMILY_COUNT
} mr__family;

/* What differs from model to model. */
typedef struct mr__recipe {
    mr__resize_rule resize;           /* shortest, squash or none */
    uint32_t width, height;           /* of the resize */
    uint32_t crop_width, crop_height; /* 0: no crop */
    mr__filter filter;
    bool rescale, normalise; /* is 0..255 brought to 0..1, are mean and std applied */
    bool twice;              /* std divides once more: EfficientNet's include_top */
    double factor;           /* of transformers */
    float mean[3], std[3];
} mr__recipe;

/* The start of a recipe: nothing is done but rescale and normalise, by 1 / 255, 0 and 1. */
void mr__recipe_init(mr__recipe *recipe);

/* The plan of a recipe, not resolved yet. */
void mr__family_spec(mr__family family, const mr__recipe *recipe, mr__plan_spec *out);

/* "Pillow 13.0": whose bytes they are. */
const char *mr__family_reference(mr__family family);

/* One line for people. */
const char *mr__family_summary(mr__family family);

/* The family that "@SUFFIX" names; false if there is none. */
bool mr__family_named(const char *suffix, mr__family *out);

#endif
