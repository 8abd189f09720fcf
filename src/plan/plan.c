/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as objects: resolved once, then only read. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "base/text.h"
#include "plan/config.h"

static void print_fingerprint(mr_plan *plan)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx hash;
    char *to = plan->fingerprint + 4;

    sha256_init(&hash);
    sha256_update(&hash, strlen(plan->text), (const uint8_t *)plan->text);
    sha256_digest(&hash, sizeof digest, digest);
    memcpy(plan->fingerprint, "mr1:", 4);
    for (size_t i = 0; i < sizeof digest; i++) {
        *to++ = hex[digest[i] >> 4];
        *to++ = hex[digest[i] & 15];
    }
    *to = '\0';
}

/* A plan from a resolved spec. */
static mr_status plan_make(const mr__plan_spec *spec, const char *name, bool verified,
                           mr_plan **out, mr_error *err)
{
    mr_plan *plan = calloc(1, sizeof *plan);
    mr_status status;

    if (plan == NULL)
        return mr__error_no_memory(err, "a plan");
    plan->spec = *spec;
    plan->verified = verified;
    (void)mr__text_copy(plan->name, sizeof plan->name, name);
    status = mr__spec_print(&plan->spec, plan->text, sizeof plan->text, err);
    if (status == MR_OK) {
        print_fingerprint(plan);
        plan->json = mr__plan_json_make(plan);
        if (plan->json == NULL)
            status = mr__error_no_memory(err, "the JSON of a plan");
    }
    if (status != MR_OK)
        mr_plan_close(&plan);
    *out = plan;
    return status;
}

/* ":WIDTHxHEIGHT" behind the name of a preset that takes one */
static mr_status apply_size(const mr__preset_entry *entry, const char *text, mr__plan_spec *spec,
                            mr_error *err)
{
    const char *x = strchr(text, 'x');
    char width[16] = "";
    uint64_t w = 0, h = 0;

    if (entry->size == MR__PRESET_FIXED)
        return mr__error_set(err, MR_E_INVALID, "%s has its own size and takes none",
                             entry->info.name);
    if (x != NULL && (size_t)(x - text) < sizeof width)
        memcpy(width, text, (size_t)(x - text));
    if (x == NULL || !mr__text_u64(width, &w) || !mr__text_u64(x + 1, &h) || w < 1 || h < 1 ||
        w > MR__PLAN_SIDE_MAX || h > MR__PLAN_SIDE_MAX)
        return mr__error_set(err, MR_E_INVALID,
                             "%s:%.64s: a size is WIDTHxHEIGHT, 1 to 16384 pixels each",
                             entry->info.name, text);
    if (entry->size == MR__PRESET_RESIZE) {
        spec->resize_width = (uint32_t)w;
        spec->resize_height = (uint32_t)h;
    } else {
        spec->crop_width = (uint32_t)w;
        spec->crop_height = (uint32_t)h;
    }
    return MR_OK;
}

/* "key=value&key=value" behind the name of a preset: lines of its text, changed. */
static mr_status apply_options(const char *text, mr__plan_spec *spec, mr_error *err)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "&");
        char option[256], *equals;
        mr_status status;

        if (n >= sizeof option)
            return mr__error_set(err, MR_E_INVALID, "an option is longer than 255 bytes");
        memcpy(option, text, n);
        option[n] = '\0';
        equals = strchr(option, '=');
        if (equals == NULL)
            return mr__error_set(err, MR_E_INVALID, "not key=value: %.64s", option);
        *equals = '\0';
        status = mr__spec_set(spec, option, equals + 1, err);
        if (status != MR_OK)
            return status;
        text += text[n] == '&' ? n + 1 : n;
    }
    return MR_OK;
}

/* What stands behind the name of a preset: nothing, ":WIDTHxHEIGHT", "?OPTIONS", or both. */
static mr_status apply(const mr__preset_entry *entry, const char *text, mr__plan_spec *spec,
                       mr_error *err)
{
    mr_status status = MR_OK;
    const char *key = "";

    if (*text == ':') {
        size_t n = strcspn(++text, "?");
        char size[64];

        if (n >= sizeof size)
            n = sizeof size - 1; /* too long to be one, and told so */
        memcpy(size, text, n);
        size[n] = '\0';
        status = apply_size(entry, size, spec, err);
        text += strcspn(text, "?");
    }
    if (status == MR_OK && *text == '?')
        status = apply_options(text + 1, spec, err);
    if (status == MR_OK)
        status = mr__spec_resolve(spec, &key, err);
    return status;
}

/* The preset that was probably meant: one that contains the word, else the one with the fewest
 * edits. */
static const char *nearest_preset(const char *name)
{
    mr__preset_entry entry;
    const char *best = "";
    size_t best_distance = SIZE_MAX;

    for (size_t i = 0; mr__preset_entry_at(i, &entry); i++) {
        size_t distance = mr__text_distance(name, entry.info.name);

        if (strlen(name) >= 3 && strstr(entry.info.name, name) != NULL)
            return entry.info.name;
        if (distance < best_distance) {
            best_distance = distance;
            best = entry.info.name;
        }
    }
    return best;
}

static mr_status open_preset(const mr__preset_entry *entry, const char *name, mr_plan **out,
                             mr_error *err)
{
    const char *behind = name + strlen(entry->info.name);
    mr__plan_spec spec = entry->spec;
    mr_status status;

    if (entry->info.unsupported != NULL)
        return mr__error_set(err, MR_E_UNSUPPORTED, "plan %s: %s", entry->info.name,
                             entry->info.unsupported);
    status = apply(entry, behind, &spec, err);
    if (status != MR_OK && strchr(name, '?') != NULL)
        mr__error_wrap(err, "plan %.128s", name);
    return status == MR_OK
               ? plan_make(&spec, name, entry->info.verified && *behind == '\0', out, err)
               : status;
}

mr_status mr_plan_open(const char *name, mr_plan **out, mr_error *err)
{
    mr__preset_entry entry;
    size_t n;

    *out = NULL;
    if (name == NULL)
        return mr__error_set(err, MR_E_INVALID, "a plan needs a name");
    if (strncmp(name, "millrace-plan ", 14) == 0)
        return mr_plan_parse(name, out, err);
    n = strcspn(name, ":?");
    for (size_t i = 0; mr__preset_entry_at(i, &entry); i++)
        if (strlen(entry.info.name) == n && strncmp(entry.info.name, name, n) == 0)
            return open_preset(&entry, name, out, err);
    return mr__error_set(err, MR_E_NOT_FOUND, "no preset named %.128s: did you mean %s?", name,
                         nearest_preset(name));
}

mr_status mr_plan_parse(const char *text, mr_plan **out, mr_error *err)
{
    mr__plan_spec spec;
    mr_status status;

    *out = NULL;
    if (text == NULL)
        return mr__error_set(err, MR_E_INVALID, "a plan needs a text");
    if (text[strspn(text, " \t\r\n")] == '{')
        return mr_plan_parse_config(text, NULL, out, err);
    status = mr__spec_parse(text, &spec, err);
    return status == MR_OK ? plan_make(&spec, "custom", false, out, err) : status;
}

mr_status mr_plan_parse_config(const char *text, const char *library, mr_plan **out, mr_error *err)
{
    mr__plan_spec spec;
    mr_status status;

    *out = NULL;
    if (text == NULL)
        return mr__error_set(err, MR_E_INVALID, "a plan needs a text");
    status = mr__config_parse(text, library, &spec, err);
    return status == MR_OK ? plan_make(&spec, "custom", false, out, err) : status;
}

mr_status mr__plan_copy(const mr_plan *plan, mr_plan **out, mr_error *err)
{
    return plan_make(&plan->spec, plan->name, plan->verified, out, err);
}

void mr_plan_close(mr_plan **plan)
{
    if (plan == NULL || *plan == NULL)
        return;
    free((*plan)->json);
    free(*plan);
    *plan = NULL;
}

const char *mr_plan_name(const mr_plan *plan)
{
    return plan->name;
}

const char *mr_plan_text(const mr_plan *plan)
{
    return plan->text;
}

const char *mr_plan_fingerprint(const mr_plan *plan)
{
    return plan->fingerprint;
}

const char *mr_plan_json(const mr_plan *plan)
{
    return plan->json;
}

const mr__plan_spec *mr__plan_spec_of(const mr_plan *plan)
{
    return &plan->spec;
}

mr_row_shape mr_plan_row_shape(const mr_plan *plan)
{
    const mr__plan_spec *s = &plan->spec;
    mr_row_shape shape = {.dtype = s->dtype,
                          .layout = s->layout,
                          .channels = 3,
                          .height = s->out_height,
                          .width = s->out_width};

    /* at most 3 * 2^14 * 2^14 * 4 bytes: no overflow in 64 bits */
    shape.bytes =
        (size_t)3 * s->out_height * s->out_width * (s->dtype == MR_DTYPE_F32 ? sizeof(float) : 1);
    return shape;
}
