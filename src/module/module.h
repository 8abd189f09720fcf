/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules: parts with heavy libraries, shared objects of their own beside the library, loaded on
 * first use. The core starts without them, installs without them, and a program that never asks for
 * one never maps what it drags along (docs/decisions/0007-modules.md).
 *
 * A module "embed-onnx" is the file millrace-embed-onnx.so. It exports one symbol, the constant
 * `mr__module_entry`, and links what it needs of `base` itself. The table behind `ops` is the same
 * struct that a built-in part has; `kind` says which.
 */
#ifndef MR_MODULE_MODULE_H
#define MR_MODULE_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define MR__MODULE_MAGIC 0x6d6c6d64u /* "mlmd" */

/* Raised with every change of a struct that crosses this border: this one and the ops tables. */
#define MR__MODULE_ABI 7u

#define MR__MODULE_SYMBOL "mr__module_entry"

typedef struct mr__module {
    uint32_t magic, abi;
    const char *version; /* MR_VERSION of its build: must be the library's */
    const char *name;    /* "embed-onnx" */
    const char *kind;    /* "embedder": `ops` is a mr__embed_ops; "store": a mr__store_ops */
    const void *ops;
    /* Why it is ready or not, for doctor: "onnxruntime 1.20.1 at PATH" with MR_OK, else an error
     * that says the next step. Any thread. */
    mr_status (*probe)(char *state, size_t size, mr_error *err);
} mr__module;

/*
 * Finds and loads a module of `kind`. MR_E_UNSUPPORTED: it is not installed (the places are
 * named); MR_E_ENV: it does not load, or belongs to another build. It stays loaded until the
 * process ends. Any thread.
 */
mr_status mr__module_load(const char *name, const char *kind, const mr__module **out,
                          mr_error *err);

#endif
