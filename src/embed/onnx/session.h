/* SPDX-License-Identifier: Apache-2.0 */
/* A model that is ready to run: what it takes, what it gives, and one run of it. */
#ifndef MR_EMBED_ONNX_SESSION_H
#define MR_EMBED_ONNX_SESSION_H

#include <stdbool.h>

#include "embed/onnx/options.h"
#include "embed/onnx/ort.h"
#include "plan/spec.h"

enum { MR__ONNX_RANK_MAX = 8 };

/* A shape as the model declares it; -1 stands for any. */
typedef struct mr__onnx_tensor {
    char name[MR__ONNX_NAME_SIZE];
    int type;
    size_t rank; /* at most MR__ONNX_RANK_MAX; more are not told */
    int64_t dim[MR__ONNX_RANK_MAX];
} mr__onnx_tensor;

typedef struct mr__onnx_session {
    mr__ort ort;
    mr__ort_env *env;
    mr__ort_session *session;
    mr__ort_memory *memory;
    mr__onnx_tensor input;  /* [batch or -1, and the three sizes of the plan] */
    mr__onnx_tensor output; /* as a run gave it */
    mr__onnx_pooling pooling;
    uint32_t batch;   /* rows of every run; 0: any number */
    size_t row_bytes; /* of the plan */
    size_t row_elements;
    bool to_half; /* the plan gives float32, the model takes float16 */
    uint32_t dim;
} mr__onnx_session;

/*
 * Loads the runtime and the model, and runs it once on an empty picture, which tells the dimension
 * and proves that model and plan fit. MR_E_INVALID: they do not (both are named). MR_E_ENV: no
 * runtime, no such provider, no model. On failure close it all the same.
 */
mr_status mr__onnx_session_open(const mr__onnx_options *options, const mr__plan_spec *spec,
                                mr__onnx_session *out, mr_error *err);
void mr__onnx_session_close(mr__onnx_session *session);

/* `n` rows of the plan in, float32 [n, dim] out, not normalised. Any number of threads at once. */
mr_status mr__onnx_session_run(mr__onnx_session *session, const void *rows, size_t n,
                               float *vectors, mr_error *err);

/* shape.c: what a model declares. */

/* Fills in type, rank and dimensions; a value that is no tensor has type 0. */
mr_status mr__onnx_shape_read(const mr__ort *ort, const mr__ort_shape *shape, mr__onnx_tensor *out,
                              mr_error *err);
/* "float32 [N,3,224,224]" */
const char *mr__onnx_shape_text(const mr__onnx_tensor *tensor, char *text, size_t size);

/* Looks at the inputs, compares the one with the plan, and fills in what a run needs of it. */
mr_status mr__onnx_input_choose(mr__onnx_session *session, const mr__plan_spec *spec,
                                mr_error *err);
/* Looks at the outputs; picks the one of that name, or the only one that could be meant. */
mr_status mr__onnx_output_choose(mr__onnx_session *session, const char *name, mr_error *err);

/* provider.c: adds the execution provider that was asked for. */
mr_status mr__onnx_provider_add(const mr__ort *ort, const mr__onnx_options *options,
                                mr__ort_options *to, mr_error *err);

#endif
