/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of embedders: "NAME" or "NAME:REST" picks a line of the table. */
#include "embed/embed.h"

#include <string.h>

#include "base/text.h"
#include "module/module.h"

static const mr__embed_ops *const embedders[] = {&mr__embed_builtin, &mr__embed_fake,
                                                 &mr__embed_triton};

/* schemes that a module has */
static const struct {
    const char *name, *module;
} modules[] = {{"onnx", "embed-onnx"}};

enum {
    N_EMBEDDERS = sizeof embedders / sizeof embedders[0],
    N_MODULES = sizeof modules / sizeof modules[0],
    NAME_MAX = 64 /* longer is no name of the table */
};

static const mr__embed_ops *find(const char *name)
{
    for (size_t i = 0; i < N_EMBEDDERS; i++) {
        if (strcmp(embedders[i]->name, name) == 0)
            return embedders[i];
    }
    return NULL;
}

static const char *nearest(const char *name)
{
    const char *best = embedders[0]->name;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < N_EMBEDDERS; i++) {
        size_t distance = mr__text_distance(name, embedders[i]->name);
        if (distance < least) {
            least = distance;
            best = embedders[i]->name;
        }
    }
    for (size_t i = 0; i < N_MODULES; i++) {
        size_t distance = mr__text_distance(name, modules[i].name);
        if (distance < least) {
            least = distance;
            best = modules[i].name;
        }
    }
    return best;
}

/* Not among those that are built in: a module's, or a mistake. */
static mr_status find_elsewhere(const char *name, const mr__embed_ops **out, mr_error *err)
{
    const mr__module *module;
    mr_status status;
    size_t i = 0;

    while (i < N_MODULES && strcmp(modules[i].name, name) != 0)
        i++;
    if (i == N_MODULES)
        return mr__error_set(err, MR_E_INVALID, "no embedder \"%s\"; did you mean \"%s\"?", name,
                             nearest(name));
    status = mr__module_load(modules[i].module, "embedder", &module, err);
    if (status != MR_OK)
        return mr__error_wrap(err, "embedder %s", name);
    *out = module->ops;
    return MR_OK;
}

mr_status mr__embed_open(const char *spec, const mr_plan *plan, const mr__embed_context *context,
                         mr_embedder **out, mr_error *err)
{
    const mr__embed_ops *ops;
    char name[NAME_MAX];
    const char *rest;
    mr_status status;
    size_t len;

    if (!spec || !out)
        return mr__error_set(err, MR_E_INVALID, "embedder: no specification or no place for it");
    *out = NULL;
    len = strcspn(spec, ":");
    rest = spec[len] == ':' ? spec + len + 1 : spec + len;
    if (len >= sizeof name)
        return mr__error_set(err, MR_E_INVALID, "embedder: a name has at most %d bytes",
                             NAME_MAX - 1);
    memcpy(name, spec, len);
    name[len] = '\0';
    ops = find(name);
    status = ops ? MR_OK : find_elsewhere(name, &ops, err);
    if (status != MR_OK)
        return status;
    return ops->open(rest, plan ? mr__plan_spec_of(plan) : NULL, context, out, err);
}

mr_status mr_embedder_open(const char *spec, const mr_plan *plan, const mr_logger *logger,
                           mr_embedder **out, mr_error *err)
{
    const mr__embed_context context = {.logger = logger};

    return mr__embed_open(spec, plan, &context, out, err);
}

bool mr__embed_same(const mr_embedder *embedder, const char *spec)
{
    size_t len = strcspn(spec, ":");

    if (strcmp(embedder->info.spec, spec) == 0)
        return true;
    return embedder->ops->same && strlen(embedder->ops->name) == len &&
           strncmp(embedder->ops->name, spec, len) == 0 && spec[len] == ':' &&
           embedder->ops->same(embedder, spec + len + 1);
}

mr_status mr__embed_attach(mr_embedder *embedder, const mr__embed_region *region, mr_error *err)
{
    if (!embedder->info.named_slots || !embedder->ops->attach)
        return MR_OK;
    return embedder->ops->attach(embedder, region, err);
}

void mr_embedder_info_get(const mr_embedder *embedder, mr_embedder_info *out)
{
    *out = embedder->info;
}

mr_status mr_embedder_run(mr_embedder *embedder, const void *rows, size_t n, float *vectors,
                          mr_error *err)
{
    if (!embedder || (n > 0 && (!rows || !vectors)))
        return mr__error_set(err, MR_E_INVALID, "embedder: no embedder, rows or vectors");
    if (n == 0)
        return MR_OK;
    if (embedder->ops->run(embedder, rows, n, vectors, err) != MR_OK)
        return mr__error_wrap(err, "embed %.*s", (int)strcspn(embedder->info.spec, "?"),
                              embedder->info.spec);
    return MR_OK;
}

void mr_embedder_close(mr_embedder **embedder)
{
    if (!embedder || !*embedder)
        return;
    (*embedder)->ops->close(*embedder);
    *embedder = NULL;
}
