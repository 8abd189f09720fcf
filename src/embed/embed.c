/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of embedders: "NAME" or "NAME:REST" picks a line of the table. */
#include "embed/embed.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

static const mr__embed_ops *const embedders[] = {&mr__embed_builtin, &mr__embed_fake};

/* names that need a module which this build does not have */
static const char *const modules[] = {"onnx", "triton"};

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
    return best;
}

static mr_status unknown(const char *name, mr_error *err)
{
    for (size_t i = 0; i < N_MODULES; i++) {
        if (strcmp(modules[i], name) == 0)
            return mr__error_set(err, MR_E_UNSUPPORTED,
                                 "embedder \"%s\" needs a module that this build does not have; "
                                 "it has builtin and fake:DIM",
                                 name);
    }
    return mr__error_set(err, MR_E_INVALID, "no embedder \"%s\"; did you mean \"%s\"?", name,
                         nearest(name));
}

mr_status mr_embedder_open(const char *spec, const mr_plan *plan, const mr_logger *logger,
                           mr_embedder **out, mr_error *err)
{
    const mr__embed_ops *ops;
    char name[NAME_MAX];
    const char *rest;
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
    if (!ops)
        return unknown(name, err);
    return ops->open(rest, plan ? mr__plan_spec_of(plan) : NULL, logger, out, err);
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
        return mr__error_wrap(err, "embed %s", embedder->info.spec);
    return MR_OK;
}

void mr_embedder_close(mr_embedder **embedder)
{
    if (!embedder || !*embedder)
        return;
    (*embedder)->ops->close(*embedder);
    *embedder = NULL;
}

void mr__embed_normalise(float *vectors, size_t n, uint32_t dim)
{
    for (size_t i = 0; i < n; i++) {
        float *v = vectors + i * dim;
        double sum = 0.0;
        for (uint32_t d = 0; d < dim; d++)
            sum += (double)v[d] * (double)v[d];
        if (!(sum > 0.0)) {
            memset(v, 0, dim * sizeof *v);
            v[0] = 1.0F;
            continue;
        }
        double length = sqrt(sum);
        for (uint32_t d = 0; d < dim; d++)
            v[d] = (float)((double)v[d] / length);
    }
}
