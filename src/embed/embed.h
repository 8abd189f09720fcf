/* SPDX-License-Identifier: Apache-2.0 */
/* The border behind which embedders live: one file and one table line each. */
#ifndef MR_EMBED_EMBED_H
#define MR_EMBED_EMBED_H

#include "base/log.h"
#include "millrace/embed.h"
#include "plan/spec.h"

typedef struct mr__embed_ops {
    const char *name; /* scheme: "builtin", "fake" */
    /* `rest`: what follows "name:" in the specification, "" if nothing. `spec` NULL: facts only. */
    mr_status (*open)(const char *rest, const mr__plan_spec *spec, const mr_logger *logger,
                      mr_embedder **out, mr_error *err);
    mr_status (*run)(mr_embedder *embedder, const void *rows, size_t n, float *vectors,
                     mr_error *err);
    void (*close)(mr_embedder *embedder);
} mr__embed_ops;

extern const mr__embed_ops mr__embed_builtin;
extern const mr__embed_ops mr__embed_fake;

/* Every implementation's struct starts with this. */
struct mr_embedder {
    const mr__embed_ops *ops;
    mr_embedder_info info;
};

/* Divides each of `n` vectors of `dim` by its Euclidean length; a zero vector becomes e_0. */
void mr__embed_normalise(float *vectors, size_t n, uint32_t dim);

#endif
