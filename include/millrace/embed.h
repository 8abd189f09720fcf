/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors to vectors. */
#ifndef MILLRACE_EMBED_H
#define MILLRACE_EMBED_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/log.h"
#include "millrace/plan.h"
#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_embedder mr_embedder;

/** Facts of an open embedder. Strings live as long as it does. */
typedef struct mr_embedder_info {
    const char *spec;     /**< canonical specification: what a store remembers */
    const char *plan;     /**< name of the plan it needs when the user names none; NULL: the user
                             must name one */
    uint32_t dim;         /**< length of a vector; 0: not known without a plan */
    uint32_t concurrency; /**< calls of mr_embedder_run that may run at once, at least 1 */
    uint32_t worthwhile;  /**< of them, those that make it faster; 0: all */
    bool named_slots; /**< it can share the batch slots with a server on this machine, if they have
                         a name (mr_pool_options.named_slots) */
} mr_embedder_info;

/**
 * Opens "builtin", "fake:DIM", "onnx:MODEL" (a file; options may follow:
 * "onnx:MODEL?pooling=mean&output=NAME", see docs/onnx.md) or "triton:http://HOST:PORT/MODEL" (see
 * docs/triton.md). `plan` NULL: only the facts are wanted (which plan it needs).
 * MR_E_INVALID: unknown name (the nearest is named) or a plan whose tensors it cannot read.
 * MR_E_UNSUPPORTED: its module is not installed. MR_E_ENV: no model, no server, or no library to
 * run it.
 * MR_E_MISMATCH: the model is not the one that the specification remembers.
 * On success the caller owns `*out`. Any thread; blocks while a model is loaded.
 */
MR_API MR_MUST_CHECK mr_status mr_embedder_open(const char *spec, const mr_plan *plan,
                                                const mr_logger *logger, mr_embedder **out,
                                                mr_error *err);

/** Copies the facts of an open embedder. Any thread. */
MR_API void mr_embedder_info_get(const mr_embedder *embedder, mr_embedder_info *out);

/**
 * Embeds `n` rows (shape of the plan given at open) into `vectors`, float32 [n, dim],
 * L2-normalised. At most `info.concurrency` calls at once; may block. MR_E_ITEM: these rows cannot
 * be embedded, others may be. A vector that is not finite belongs to a row that cannot.
 */
MR_API MR_MUST_CHECK mr_status mr_embedder_run(mr_embedder *embedder, const void *rows, size_t n,
                                               float *vectors, mr_error *err);

/** Closes the embedder and sets `*embedder` to NULL. NULL is allowed. */
MR_API void mr_embedder_close(mr_embedder **embedder);

#ifdef __cplusplus
}
#endif
#endif
