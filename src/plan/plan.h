/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this part share: the plan itself, its presets, its text. */
#ifndef MR_PLAN_PLAN_H
#define MR_PLAN_PLAN_H

#include "plan/spec.h"

#define MR__PLAN_NAME_MAX 256

struct mr_plan {
    mr__plan_spec spec;
    char name[MR__PLAN_NAME_MAX];
    char text[MR__PLAN_TEXT_MAX];
    char fingerprint[4 + 64 + 1]; /* "mr1:" and the digest in hex */
    char *json;
    bool verified; /* a preset as it is, and that one verified */
};

/* Largest side of a resize target, a crop or an output. */
#define MR__PLAN_SIDE_MAX 16384u

/* How a preset takes `:WIDTHxHEIGHT`. */
typedef enum mr__preset_size {
    MR__PRESET_FIXED = 0,
    MR__PRESET_RESIZE, /* it is the size of the resize */
    MR__PRESET_CROP    /* it is the size of the crop */
} mr__preset_size;

typedef struct mr__preset_entry {
    mr_preset info;
    mr__preset_size size;
    mr__plan_spec spec; /* out_width and out_height are left to mr__spec_resolve */
} mr__preset_entry;

/* Entry `index` of the tables; false past the end. */
bool mr__preset_entry_at(size_t index, mr__preset_entry *out);

/* Entry `index` of those that are models of a library. */
bool mr__preset_model_at(size_t index, mr__preset_entry *out);

/*
 * Checks the values against each other, sets those that mean nothing here to their neutral value,
 * and derives the output size: after it, equal meaning is equal bytes. MR_E_INVALID or
 * MR_E_UNSUPPORTED; `*key` then names the key that is to blame.
 */
mr_status mr__spec_resolve(mr__plan_spec *spec, const char **key, mr_error *err);

/* Prints a resolved spec as canonical text. */
mr_status mr__spec_print(const mr__plan_spec *spec, char *text, size_t size, mr_error *err);

/* Reads text into a resolved spec. MR_E_INVALID names the line. */
mr_status mr__spec_parse(const char *text, mr__plan_spec *out, mr_error *err);

/* Sets one key of the text to a value, both as the text has them. MR_E_INVALID names the nearest.
 */
mr_status mr__spec_set(mr__plan_spec *spec, const char *key, const char *value, mr_error *err);

/* Largest difference of the resize from its reference, in levels of 0..255; 0: none. */
double mr__spec_max_error(const mr__plan_spec *spec);

/* Shortest decimal digits from which a double (a float) comes back; independent of the locale. */
bool mr__number_print(char *out, size_t size, double value, bool is_float);

/* Reads a finite decimal number that uses the whole string; independent of the locale. */
bool mr__number_parse(const char *text, double *out);

/* The name of the choice that field `key` has in this spec: "bicubic" for "filter". */
const char *mr__spec_choice(const mr__plan_spec *spec, const char *key);

/* The resolved plan as a JSON object; free() it. NULL if out of memory. */
char *mr__plan_json_make(const mr_plan *plan);

#endif
