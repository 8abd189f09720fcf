/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: preprocessing as an exact, named contract. Immutable once resolved; prints as canonical
 * text; the SHA-256 of that text is the fingerprint that travels with every vector.
 */
#ifndef MILLRACE_PLAN_H
#define MILLRACE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_plan mr_plan;

typedef enum mr_dtype {
    MR_DTYPE_F32 = 0,
    MR_DTYPE_U8 = 1,
    MR_DTYPE_F16 = 2,
    MR_DTYPE_BF16 = 3
} mr_dtype;
typedef enum mr_layout { MR_LAYOUT_NCHW = 0, MR_LAYOUT_NHWC = 1 } mr_layout;

/** Shape of one row of output: [C,H,W] or [H,W,C] by `layout`. */
typedef struct mr_row_shape {
    mr_dtype dtype;
    mr_layout layout;
    uint32_t channels; /**< 1..4 */
    uint32_t height;   /**< pixels, 1..16384 */
    uint32_t width;    /**< pixels, 1..16384 */
    size_t bytes;      /**< channels * height * width * size of dtype */
} mr_row_shape;

/** One preset of the table. Strings live as long as the library. */
typedef struct mr_preset {
    const char *name;        /**< "openai/clip-vit-base-patch32@openclip" */
    const char *reference;   /**< library whose bytes it equals: "Pillow 13.0" */
    const char *summary;     /**< one line for people */
    bool exact;              /**< byte-exact against `reference` */
    double max_error;        /**< largest difference from it, in levels of 0..255; 0 if exact */
    bool verified;           /**< compared with the library's own processor, made from the model's
                                own configuration */
    const char *unsupported; /**< NULL, or why mr_plan_open refuses it: MR_E_UNSUPPORTED */
} mr_preset;

/**
 * Resolves a preset name or a plan file's canonical text.
 * `name`: a preset name, with an optional `:WIDTHxHEIGHT` for `letterbox`, `raw` and
 * `original/masked-stretch`, and optional changes to lines of its text:
 * "original/masked-stretch:384x384?layout=nhwc&mean=0.5,0.5,0.5&std=0.5,0.5,0.5".
 * MR_E_NOT_FOUND names the nearest preset. On success the caller owns `*out`. Any thread.
 */
MR_API MR_MUST_CHECK mr_status mr_plan_open(const char *name, mr_plan **out, mr_error *err);

/** Resolves canonical text (as `mr_plan_text` printed it). MR_E_INVALID names the line. Any thread.
 */
MR_API MR_MUST_CHECK mr_status mr_plan_parse(const char *text, mr_plan **out, mr_error *err);

/**
 * Resolves a model's own configuration, as JSON text of at most 65,535 bytes:
 * preprocessor_config.json of transformers, open_clip_config.json, or timm's config.json. `library`
 * says as what, where there is a choice: "transformers" (its PIL backend; the default),
 * "transformers-tv", "transformers-5.20", "openclip", "timm" or "timm-test"; NULL or "" for the
 * default. MR_E_INVALID and MR_E_UNSUPPORTED name the field. `mr_plan_parse` reads such a text too,
 * with the default. Any thread.
 */
MR_API MR_MUST_CHECK mr_status mr_plan_parse_config(const char *text, const char *library,
                                                    mr_plan **out, mr_error *err);

/** Frees the plan and sets `*plan` to NULL. NULL is allowed. */
MR_API void mr_plan_close(mr_plan **plan);

/** Name it was resolved from, or "custom". Lives as long as the plan. */
MR_API const char *mr_plan_name(const mr_plan *plan);

/** Canonical text: one `key=value` a line, fixed order, at most 4,095 bytes. Lives with the plan.
 */
MR_API const char *mr_plan_text(const mr_plan *plan);

/** "mr1:" and the 64 hex digits of the SHA-256 of the canonical text. Lives with the plan. */
MR_API const char *mr_plan_fingerprint(const mr_plan *plan);

/** Shape of a row of output. */
MR_API mr_row_shape mr_plan_row_shape(const mr_plan *plan);

/** The resolved plan as one JSON object (`millrace plan NAME --json`). Lives with the plan. */
MR_API const char *mr_plan_json(const mr_plan *plan);

/** Preset number `index` from 0, in the order of the table; false past the end. Any thread. */
MR_API bool mr_preset_at(size_t index, mr_preset *out);

#ifdef __cplusplus
}
#endif
#endif
