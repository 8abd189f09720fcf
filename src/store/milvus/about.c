/* SPDX-License-Identifier: Apache-2.0 */
/* See about.h. */
#include "store/milvus/about.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FORMAT     1
#define MAX_MEMBER ((size_t)256 << 10)

static const struct {
    const char *key;
    size_t at;
} texts[] = {
    {"description", offsetof(mr__mv_about, description)},
    {"plan_name", offsetof(mr__mv_about, plan_name)},
    {"plan", offsetof(mr__mv_about, plan_text)},
    {"fingerprint", offsetof(mr__mv_about, fingerprint)},
    {"embedder", offsetof(mr__mv_about, embedder)},
    {"index", offsetof(mr__mv_about, index)},
    {"stamp", offsetof(mr__mv_about, stamp)},
};

enum { N_TEXTS = sizeof texts / sizeof texts[0] };

static char **member(mr__mv_about *about, size_t i)
{
    return (char **)(void *)((char *)about + texts[i].at);
}

static bool read_members(const json_t *root, mr__mv_about *out)
{
    const char *metric = json_string_value(json_object_get(root, "metric"));
    const json_t *params = json_object_get(root, "index_params");
    size_t i;

    for (i = 0; i < N_TEXTS; i++) {
        const json_t *value = json_object_get(root, texts[i].key);
        const char *text =
            json_string_length(value) <= MAX_MEMBER ? json_string_value(value) : NULL;

        *member(out, i) = strdup(text ? text : "");
        if (!*member(out, i))
            return false;
    }
    if (mr_metric_from_name(metric ? metric : "", &out->metric, NULL) != MR_OK)
        out->metric = MR_METRIC_ANY;
    out->index_params = json_is_object(params) ? json_dumps(params, JSON_COMPACT) : strdup("{}");
    return out->index_params != NULL;
}

mr_status mr__mv_about_read(const char *text, size_t n, mr__mv_about *out, mr_error *err)
{
    json_t *root = json_loadb(text ? text : "", n, JSON_REJECT_DUPLICATES, NULL);
    bool ok;

    *out = (mr__mv_about){.metric = MR_METRIC_ANY};
    out->ours = json_is_integer(json_object_get(root, "millrace"));
    ok = read_members(out->ours ? root : NULL, out);
    if (ok && !out->ours && mr__text_is_utf8(text ? text : "", n)) {
        free(out->description);
        out->description = strndup(text ? text : "", n);
        ok = out->description != NULL;
    }
    json_decref(root);
    if (ok)
        return MR_OK;
    mr__mv_about_fini(out);
    return mr__error_no_memory(err, "collection");
}

char *mr__mv_about_print(const mr__mv_about *about)
{
    json_t *root = json_pack("{s:i}", "millrace", FORMAT), *params;
    char *out = NULL;
    size_t i;
    bool ok = root != NULL;

    for (i = 0; i < N_TEXTS && ok; i++) {
        const char *text = *member((mr__mv_about *)(uintptr_t)about, i);

        ok = json_object_set_new(root, texts[i].key, json_string(text ? text : "")) == 0;
    }
    if (ok && about->metric != MR_METRIC_ANY)
        ok = json_object_set_new(root, "metric", json_string(mr_metric_name(about->metric))) == 0;
    params = json_loads(about->index_params ? about->index_params : "{}", 0, NULL);
    if (ok)
        ok = json_object_set_new(root, "index_params", params ? params : json_object()) == 0;
    else
        json_decref(params);
    if (ok)
        out = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return out;
}

void mr__mv_about_fini(mr__mv_about *about)
{
    size_t i;

    for (i = 0; i < N_TEXTS; i++)
        free(*member(about, i));
    free(about->index_params);
    *about = (mr__mv_about){.metric = MR_METRIC_ANY};
}
