/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as text. Canonical form: the line "millrace-plan 1", then every key once, in the order of
 * the table below, `key=value`, each line ended by one newline. The fingerprint is the SHA-256 of
 * these bytes, so printing is deterministic: one spelling for each value, the shortest digits that
 * come back for each number, neutral values where a key means nothing.
 *
 * Reading is a little wider, for people: any order, blank lines, lines that begin with '#'. It is
 * not wider in meaning: every key must be there, once, and no other. Only a key that came later
 * than the first fingerprints is not written while it says what always held, and may then be
 * missing.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "plan/plan.h"

static const char head[] = "millrace-plan 1";

typedef enum kind { CHOICE, SIZE, BYTES3, DOUBLE, FLOATS3 } kind;

typedef struct field {
    const char *key;
    kind kind;
    size_t at;                  /* offset in mr__plan_spec */
    const char *const *choices; /* NULL-terminated, in the order of the enum */
    bool quiet;                 /* not written while it is the first choice, or 0 */
} field;

#define AT(member)  offsetof(mr__plan_spec, member)
#define NAMES(name) static const char *const name[]

NAMES(colour_names) = {"rgb-first", "rgb-last", NULL};
NAMES(alpha_names) = {"drop", "white", NULL};
NAMES(exif_names) = {"ignore", "apply", NULL};
NAMES(decode_names) = {"exact", "fast", "draft", NULL};
NAMES(resize_names) = {"none",           "shortest",  "squash", "letterbox",
                       "masked-stretch", "thumbnail", NULL};
NAMES(engine_names) = {"pillow", "float", "torch-uint8", "torch-float", NULL};
NAMES(filter_names) = {"nearest", "box",     "bilinear", "hamming", "bicubic",
                       "lanczos", "mks2013", "mks2021",  NULL};
NAMES(order_names) = {"horizontal-first", "pillow-13", "pillow-12.2", NULL};
NAMES(crop_names) = {"none", "centre-half-even", "centre-floor", "centre-trunc", NULL};
NAMES(norm_names) = {"none",          "torchvision", "hf",       "hf-fused",
                     "rescale-first", "hf-float",    "hf-twice", NULL};
NAMES(dtype_names) = {"f32", "u8", "f16", "bf16", NULL};
NAMES(layout_names) = {"nchw", "nhwc", NULL};

static const field fields[] = {
    {"colour", CHOICE, AT(colour_order), colour_names, false},
    {"alpha", CHOICE, AT(alpha), alpha_names, false},
    {"exif", CHOICE, AT(exif), exif_names, false},
    {"decode", CHOICE, AT(decode), decode_names, true},
    {"resize", CHOICE, AT(resize), resize_names, false},
    {"resize_size", SIZE, AT(resize_width), NULL, false},
    {"engine", CHOICE, AT(engine), engine_names, true},
    {"filter", CHOICE, AT(filter), filter_names, false},
    {"pass_order", CHOICE, AT(pass_order), order_names, false},
    {"reducing_gap", DOUBLE, AT(reducing_gap), NULL, true},
    {"crop", CHOICE, AT(crop), crop_names, false},
    {"crop_size", SIZE, AT(crop_width), NULL, false},
    {"fill", BYTES3, AT(fill), NULL, false},
    {"norm", CHOICE, AT(norm), norm_names, false},
    {"rescale", DOUBLE, AT(rescale), NULL, false},
    {"mean", FLOATS3, AT(mean), NULL, false},
    {"std", FLOATS3, AT(std), NULL, false},
    {"dtype", CHOICE, AT(dtype), dtype_names, false},
    {"layout", CHOICE, AT(layout), layout_names, false},
};

#define N_FIELDS (sizeof fields / sizeof fields[0])

_Static_assert(sizeof(mr__filter) == sizeof(uint32_t), "choices are read as 32-bit numbers");
_Static_assert(AT(resize_height) == AT(resize_width) + 4 && AT(crop_height) == AT(crop_width) + 4,
               "a size is two neighbours");

/* ---- printing ---- */

static bool add(char *text, size_t size, const char *piece)
{
    return mr__text_append(text, size, piece);
}

static bool print_floats(char *text, size_t size, const char *at)
{
    char number[40];
    float values[3];

    memcpy(values, at, sizeof values);
    for (int c = 0; c < 3; c++) {
        if (!mr__number_print(number, sizeof number, (double)values[c], true))
            return false;
        if (!add(text, size, c > 0 ? "," : "") || !add(text, size, number))
            return false;
    }
    return true;
}

static bool print_value(const mr__plan_spec *spec, const field *f, char *text, size_t size)
{
    const char *at = (const char *)spec + f->at;
    char piece[64];
    uint32_t n[2] = {0, 0};
    double number;

    switch (f->kind) {
    case CHOICE:
        memcpy(n, at, sizeof n[0]);
        return add(text, size, f->choices[n[0]]);
    case SIZE:
        memcpy(n, at, sizeof n);
        (void)snprintf(piece, sizeof piece, "%ux%u", n[0], n[1]);
        return add(text, size, piece);
    case BYTES3:
        (void)snprintf(piece, sizeof piece, "%u,%u,%u", (unsigned char)at[0], (unsigned char)at[1],
                       (unsigned char)at[2]);
        return add(text, size, piece);
    case DOUBLE:
        memcpy(&number, at, sizeof number);
        return mr__number_print(piece, sizeof piece, number, false) && add(text, size, piece);
    case FLOATS3:
    default:
        return print_floats(text, size, at);
    }
}

static bool is_first(const mr__plan_spec *spec, const field *f)
{
    double number;
    uint32_t n;

    if (f->kind == DOUBLE) {
        memcpy(&number, (const char *)spec + f->at, sizeof number);
        return number == 0.0;
    }
    memcpy(&n, (const char *)spec + f->at, sizeof n);
    return n == 0;
}

mr_status mr__spec_print(const mr__plan_spec *spec, char *text, size_t size, mr_error *err)
{
    bool ok;

    text[0] = '\0';
    ok = add(text, size, head) && add(text, size, "\n");
    for (size_t i = 0; ok && i < N_FIELDS; i++) {
        if (fields[i].quiet && is_first(spec, &fields[i]))
            continue;
        ok = add(text, size, fields[i].key) && add(text, size, "=") &&
             print_value(spec, &fields[i], text, size) && add(text, size, "\n");
    }
    return ok ? MR_OK : mr__error_set(err, MR_E_INTERNAL, "a plan that cannot be printed");
}

const char *mr__spec_choice(const mr__plan_spec *spec, const char *key)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        uint32_t n;

        if (strcmp(fields[i].key, key) != 0 || fields[i].kind != CHOICE)
            continue;
        memcpy(&n, (const char *)spec + fields[i].at, sizeof n);
        return fields[i].choices[n];
    }
    return "";
}

/* ---- reading ---- */

/* Takes the text up to `end_char` (or to the end if it is 0) out of `*at`; false if there is none
 * or it is too long. */
static bool take(const char **at, char end_char, char *piece, size_t size)
{
    const char *end = end_char != '\0' ? strchr(*at, end_char) : *at + strlen(*at);
    size_t n;

    if (end == NULL)
        return false;
    n = (size_t)(end - *at);
    if (n >= size)
        return false;
    memcpy(piece, *at, n);
    piece[n] = '\0';
    *at = end_char != '\0' ? end + 1 : end;
    return true;
}

static bool take_u32(const char **at, char end_char, uint64_t max, uint32_t *out)
{
    char piece[16];
    uint64_t v;

    if (!take(at, end_char, piece, sizeof piece) || !mr__text_u64(piece, &v) || v > max)
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool read_size(const char *value, char *at)
{
    uint32_t n[2];

    if (!take_u32(&value, 'x', 1000000, &n[0]) || !take_u32(&value, '\0', 1000000, &n[1]))
        return false;
    memcpy(at, n, sizeof n);
    return true;
}

static bool read_bytes(const char *value, char *at)
{
    for (int c = 0; c < 3; c++) {
        uint32_t n;

        if (!take_u32(&value, c < 2 ? ',' : '\0', 255, &n))
            return false;
        at[c] = (char)(unsigned char)n;
    }
    return true;
}

static bool read_floats(const char *value, char *at)
{
    float out[3];
    char piece[64];
    double number;

    for (int c = 0; c < 3; c++) {
        if (!take(&value, c < 2 ? ',' : '\0', piece, sizeof piece) ||
            !mr__number_parse(piece, &number) || number > 1e38 || number < -1e38)
            return false;
        out[c] = (float)number;
    }
    memcpy(at, out, sizeof out);
    return true;
}

static const char *nearest(const char *word, const char *const *list)
{
    const char *best = list[0];

    for (size_t i = 1; list[i] != NULL; i++)
        if (mr__text_distance(word, list[i]) < mr__text_distance(word, best))
            best = list[i];
    return best;
}

static mr_status read_value(const field *f, const char *value, mr__plan_spec *spec, mr_error *err)
{
    char *at = (char *)spec + f->at;
    static const char *const wanted[] = {"", "WIDTHxHEIGHT", "three numbers 0..255",
                                         "a finite number", "three finite numbers"};
    double number;
    bool ok = false;

    if (f->kind == CHOICE) {
        for (uint32_t i = 0; f->choices[i] != NULL; i++)
            if (strcmp(f->choices[i], value) == 0) {
                memcpy(at, &i, sizeof i);
                return MR_OK;
            }
        return mr__error_set(err, MR_E_INVALID, "%s=%.64s: did you mean %s?", f->key, value,
                             nearest(value, f->choices));
    }
    if (f->kind == SIZE) {
        ok = read_size(value, at);
    } else if (f->kind == BYTES3) {
        ok = read_bytes(value, at);
    } else if (f->kind == FLOATS3) {
        ok = read_floats(value, at);
    } else if (mr__number_parse(value, &number)) {
        memcpy(at, &number, sizeof number);
        ok = true;
    }
    return ok ? MR_OK
              : mr__error_set(err, MR_E_INVALID, "%s=%.64s: needs %s", f->key, value,
                              wanted[f->kind]);
}

/* The field of a key; NULL after the nearest was named. */
static const field *find(const char *key, mr_error *err)
{
    const char *keys[N_FIELDS + 1] = {NULL};

    for (size_t i = 0; i < N_FIELDS; i++) {
        keys[i] = fields[i].key;
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    }
    (void)mr__error_set(err, MR_E_INVALID, "unknown key %.64s: did you mean %s?", key,
                        nearest(key, keys));
    return NULL;
}

mr_status mr__spec_set(mr__plan_spec *spec, const char *key, const char *value, mr_error *err)
{
    const field *f = find(key, err);

    return f != NULL ? read_value(f, value, spec, err) : MR_E_INVALID;
}

/* One `key=value` line, already a string of its own. */
static mr_status read_line(char *text, unsigned line, mr__plan_spec *spec, unsigned *line_of,
                           mr_error *err)
{
    char *equals = strchr(text, '=');
    const field *f;

    if (equals == NULL)
        return mr__error_set(err, MR_E_INVALID, "not key=value: %.64s", text);
    *equals = '\0';
    f = find(text, err);
    if (f == NULL)
        return MR_E_INVALID;
    if (line_of[f - fields] != 0)
        return mr__error_set(err, MR_E_INVALID, "%s was set on line %u already", text,
                             line_of[f - fields]);
    line_of[f - fields] = line;
    return read_value(f, equals + 1, spec, err);
}

static mr_status read_lines(const char *text, mr__plan_spec *spec, unsigned *line_of, mr_error *err)
{
    unsigned line = 0;
    bool begun = false;

    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        char copy[256];

        line++;
        if (n >= sizeof copy)
            return mr__error_set(err, MR_E_INVALID, "plan line %u: longer than 255 bytes", line);
        memcpy(copy, text, n);
        copy[n] = '\0';
        text += text[n] == '\n' ? n + 1 : n;
        if (n == 0 || copy[0] == '#')
            continue;
        if (!begun) {
            if (strcmp(copy, head) != 0)
                return mr__error_set(err, MR_E_INVALID, "plan line %u: must be \"%s\"", line, head);
            begun = true;
        } else {
            mr_status status = read_line(copy, line, spec, line_of, err);

            if (status != MR_OK)
                return mr__error_wrap(err, "plan line %u", line), status;
        }
    }
    if (!begun)
        return mr__error_set(err, MR_E_INVALID, "plan line %u: must be \"%s\"", line, head);
    for (size_t i = 0; i < N_FIELDS; i++)
        if (line_of[i] == 0 && !fields[i].quiet)
            return mr__error_set(err, MR_E_INVALID, "plan line %u: the text ends without %s=", line,
                                 fields[i].key);
    return MR_OK;
}

mr_status mr__spec_parse(const char *text, mr__plan_spec *out, mr_error *err)
{
    unsigned line_of[N_FIELDS] = {0};
    mr__plan_spec spec = {0};
    const char *key = "";
    mr_status status;

    if (strnlen(text, MR__PLAN_TEXT_MAX) == MR__PLAN_TEXT_MAX)
        return mr__error_set(err, MR_E_INVALID, "a plan's text is at most %d bytes",
                             MR__PLAN_TEXT_MAX - 1);
    status = read_lines(text, &spec, line_of, err);
    if (status != MR_OK)
        return status;
    status = mr__spec_resolve(&spec, &key, err);
    for (size_t i = 0; status != MR_OK && i < N_FIELDS; i++)
        if (strcmp(fields[i].key, key) == 0)
            return mr__error_wrap(err, "plan line %u", line_of[i]), status;
    *out = spec;
    return status;
}
