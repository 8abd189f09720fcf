/* SPDX-License-Identifier: Apache-2.0 */
/* The resolved plan as plain values, and the geometry that it gives a picture. */
#ifndef MR_PLAN_SPEC_H
#define MR_PLAN_SPEC_H

#include "base/error.h"
#include "millrace/plan.h"
#include "plan/picture.h"

#define MR__PLAN_TEXT_MAX 4096 /* canonical text with its terminator */

/* Whose arithmetic the resize is. */
typedef enum mr__engine_kind {
    MR__ENGINE_PILLOW = 0,  /* Pillow's: rounded to bytes after each pass, byte-exact */
    MR__ENGINE_FLOAT,       /* jax.image.resize's: float32 throughout, never rounded or clamped */
    MR__ENGINE_TORCH_UINT8, /* torch's for uint8 on CPUs, and Pillow-SIMD's: weights of 16 bits,
                               rounded to bytes after each pass, byte-exact */
    MR__ENGINE_TORCH_FLOAT /* torch's for float32: rounded to bytes, if at all, after both passes */
} mr__engine_kind;

typedef enum mr__filter {
    MR__FILTER_NEAREST = 0,
    MR__FILTER_BOX,
    MR__FILTER_BILINEAR,
    MR__FILTER_HAMMING,
    MR__FILTER_BICUBIC,
    MR__FILTER_LANCZOS,
    MR__FILTER_MKS2013, /* since Pillow 13 */
    MR__FILTER_MKS2021
} mr__filter;

/* Which of Pillow's two passes runs first (preprocess.md 1.1): it changes bytes. */
typedef enum mr__pass_order {
    MR__PASS_HORIZONTAL_FIRST = 0, /* Pillow up to 12.1 */
    MR__PASS_PILLOW_13,            /* vertical first iff dh > 0 and dh > 2 * dw */
    MR__PASS_PILLOW_12_2           /* below 13.0: vertical first iff height > 100 * width, dh > 0 */
} mr__pass_order;

typedef enum mr__colour_order { MR__RGB_FIRST = 0, MR__RGB_LAST = 1 } mr__colour_order;
typedef enum mr__alpha_rule { MR__ALPHA_DROP = 0, MR__ALPHA_WHITE = 1 } mr__alpha_rule;
typedef enum mr__exif_rule { MR__EXIF_IGNORE = 0, MR__EXIF_APPLY = 1 } mr__exif_rule;

/* How far a JPEG is decoded before the resize. */
typedef enum mr__decode_rule {
    MR__DECODE_EXACT = 0, /* to all its pixels */
    MR__DECODE_FAST,      /* to 1/2, 1/4 or 1/8 of its sides, where that leaves enough to resize */
    MR__DECODE_DRAFT /* the same as far as Pillow's Image.draft goes: not below what is asked for */
} mr__decode_rule;

typedef enum mr__resize_rule {
    MR__RESIZE_NONE = 0,
    MR__RESIZE_SHORTEST,  /* shortest edge = width, the other truncated */
    MR__RESIZE_SQUASH,    /* exactly width x height */
    MR__RESIZE_LETTERBOX, /* keep ratio inside width x height; the rest is padding */
    MR__RESIZE_MASKED,    /* squash, and padding over all but the rectangle of a letterbox */
    MR__RESIZE_THUMBNAIL  /* Pillow's thumbnail: as a letterbox, but rounded, and never enlarged */
} mr__resize_rule;

typedef enum mr__crop_rule {
    MR__CROP_NONE = 0,
    MR__CROP_CENTRE_HALF_EVEN, /* torchvision, OpenCLIP, timm */
    MR__CROP_CENTRE_FLOOR,     /* Hugging Face PIL processors */
    MR__CROP_CENTRE_TRUNC      /* Hugging Face's torchvision backend: pads as torchvision */
} mr__crop_rule;

/* The order of float operations that turns 0..255 into the output (preprocess.md 1.8). */
typedef enum mr__norm_rule {
    MR__NORM_NONE = 0,      /* the value itself */
    MR__NORM_TORCHVISION,   /* ((float)x / 255 - mean) / std */
    MR__NORM_HF,            /* ((float)((double)x * factor) - mean) / std */
    MR__NORM_HF_FUSED,      /* (x - mean * (1 / factor)) / (std * (1 / factor)), all float32 */
    MR__NORM_RESCALE_FIRST, /* x * (float)factor before the resize, (v - mean) / std after it */
    MR__NORM_HF_FLOAT,      /* (x * (float)factor - mean) / std, all float32 */
    MR__NORM_HF_TWICE       /* MR__NORM_HF, and divided by std once more */
} mr__norm_rule;

typedef struct mr__plan_spec {
    mr__colour_order colour_order;
    mr__alpha_rule alpha;
    mr__exif_rule exif;
    mr__decode_rule decode;
    mr__resize_rule resize;
    uint32_t resize_width, resize_height;
    mr__engine_kind engine;
    mr__filter filter;
    mr__pass_order pass_order;
    double reducing_gap; /* 0: none; of Pillow's resize(): whole factors are averaged before */
    mr__crop_rule crop;
    uint32_t crop_width, crop_height;
    uint8_t fill[3]; /* RGB of padding, before normalisation */
    mr__norm_rule norm;
    double rescale; /* MR__NORM_HF and those below it: the factor */
    float mean[3], std[3];
    mr_dtype dtype;
    mr_layout layout;
    uint32_t out_width, out_height; /* follows from the above */
} mr__plan_spec;

/* The values of a plan. Lives as long as the plan. */
const mr__plan_spec *mr__plan_spec_of(const mr_plan *plan);

/* An independent copy. */
mr_status mr__plan_copy(const mr_plan *plan, mr_plan **out, mr_error *err);

/* Where a picture of width x height goes. All sizes in pixels. */
typedef struct mr__geometry {
    uint32_t resized_width, resized_height; /* after resize */
    /* the part of the resized picture that survives, and where it lands in the output */
    uint32_t crop_x, crop_y, crop_width, crop_height;
    uint32_t pad_x, pad_y;
} mr__geometry;

/* `width`, `height`: after EXIF rotation if the plan applies it. MR_E_ITEM bad_dimensions if a side
 * becomes 0. */
mr_status mr__plan_geometry(const mr__plan_spec *spec, uint32_t width, uint32_t height,
                            mr__geometry *out, mr_error *err);

#endif
