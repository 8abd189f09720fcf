/* SPDX-License-Identifier: Apache-2.0 */
/* The border behind which embedders live: one file and one table line each. */
#ifndef MR_EMBED_EMBED_H
#define MR_EMBED_EMBED_H

#include <stdbool.h>

#include "base/log.h"
#include "base/stop.h"
#include "millrace/embed.h"
#include "plan/spec.h"

/* What an embedder may want to know of where it runs. */
typedef struct mr__embed_context {
    const mr_logger *logger; /* may be NULL */
    uint32_t workers;        /* processes that want the CPUs too; 0: none */
    const mr__stop *stop;    /* raised: who waits for a server gives up (MR_E_INTERRUPTED); may be
                                NULL; outlives the embedder */
} mr__embed_context;

/* The memory that the rows of a run will lie in. */
typedef struct mr__embed_region {
    const char *key; /* under which shm_open finds it; NULL: it has no name */
    const char *why; /* it has none */
    void *base;
    size_t bytes;
} mr__embed_region;

/* Crosses the border of modules: a change raises MR__MODULE_ABI. */
typedef struct mr__embed_ops {
    const char *name; /* scheme: "builtin", "fake" */
    /* `rest`: what follows "name:" in the specification, "" if nothing. `spec` NULL: facts only. */
    mr_status (*open)(const char *rest, const mr__plan_spec *spec, const mr__embed_context *context,
                      mr_embedder **out, mr_error *err);
    /* MR_E_ITEM: it looked at these rows and refuses them for good; a pipeline then gives them one
     * by one, and what is refused again fails alone. Anything else, such as a server that does not
     * answer, ends the run. */
    mr_status (*run)(mr_embedder *embedder, const void *rows, size_t n, float *vectors,
                     mr_error *err);
    void (*close)(mr_embedder *embedder);
    /* Does this canonical specification mean the same vectors, though it is spelt otherwise? NULL:
     * never. */
    bool (*same)(const mr_embedder *embedder, const char *rest);
    /* For those whose info says `named_slots`: before the first run that may use it; it lasts until
     * the last one. NULL: of no use. */
    mr_status (*attach)(mr_embedder *embedder, const mr__embed_region *region, mr_error *err);
} mr__embed_ops;

extern const mr__embed_ops mr__embed_builtin;
extern const mr__embed_ops mr__embed_fake;
extern const mr__embed_ops mr__embed_triton;

/* Every implementation's struct starts with this. */
struct mr_embedder {
    const mr__embed_ops *ops;
    mr_embedder_info info;
};

/* mr_embedder_open with all that is known; `context` is borrowed for the call. */
mr_status mr__embed_open(const char *spec, const mr_plan *plan, const mr__embed_context *context,
                         mr_embedder **out, mr_error *err);

/* Would `spec`, as a store remembers it, give the same vectors? */
bool mr__embed_same(const mr_embedder *embedder, const char *spec);

/* Tells an embedder that wants it where the rows lie. */
mr_status mr__embed_attach(mr_embedder *embedder, const mr__embed_region *region, mr_error *err);

/* Divides each of `n` vectors of `dim` by its Euclidean length; a zero vector becomes e_0, one that
 * is not finite has no finite component afterwards. */
void mr__embed_normalise(float *vectors, size_t n, uint32_t dim);

#endif
