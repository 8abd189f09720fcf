/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows "onnx:" in a specification: MODEL[?KEY=VALUE[&KEY=VALUE]...].
 *
 *   output=NAME        which output, where the model has several
 *   pooling=cls|mean   how [N,T,D] becomes [N,D]: the first token, or the mean of all
 *   batch=N            rows a run, always; default: as many as there are, or what the model fixes
 *   sha256=HEX         refuse a model with another digest
 *   provider=cpu|cuda|tensorrt|openvino, device=NAME     where it runs
 *   threads=N          threads of a run on the CPU
 *   runtime=PATH       ONNX Runtime: the library, or a folder that holds it
 *
 * The last '?' separates; MODEL is a plain path. In values %XX stands for a byte.
 * The first three and the digest are what the vectors depend on: the canonical text has those, and
 * the absolute path, so that a store can find and prove the model again.
 */
#ifndef MR_EMBED_ONNX_OPTIONS_H
#define MR_EMBED_ONNX_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    MR__ONNX_PATH_SIZE = 4096,
    MR__ONNX_NAME_SIZE = 256,
    MR__ONNX_SPEC_SIZE = MR__ONNX_PATH_SIZE + 3 * MR__ONNX_NAME_SIZE + 256
};

typedef enum mr__onnx_pooling {
    MR__ONNX_POOL_NONE = 0,
    MR__ONNX_POOL_CLS,
    MR__ONNX_POOL_MEAN
} mr__onnx_pooling;

typedef enum mr__onnx_provider {
    MR__ONNX_CPU = 0,
    MR__ONNX_CUDA,
    MR__ONNX_TENSORRT,
    MR__ONNX_OPENVINO
} mr__onnx_provider;

typedef struct mr__onnx_options {
    char model[MR__ONNX_PATH_SIZE];
    char output[MR__ONNX_NAME_SIZE]; /* "": the only one, or the only one of the right shape */
    mr__onnx_pooling pooling;
    uint32_t batch; /* 0: not said */
    char sha256[64 + 1];
    mr__onnx_provider provider;
    char device[64];
    uint32_t threads;                 /* 0: not said */
    char runtime[MR__ONNX_PATH_SIZE]; /* "": search for it */
} mr__onnx_options;

/* MR_E_INVALID names what is wrong, and the nearest key. */
mr_status mr__onnx_options_parse(const char *rest, mr__onnx_options *out, mr_error *err);

/* Canonical specification of a model with an absolute path and a digest. */
mr_status mr__onnx_options_print(const mr__onnx_options *options, char *text, size_t size,
                                 mr_error *err);

/* "cuda" */
const char *mr__onnx_provider_name(mr__onnx_provider provider);

#endif
