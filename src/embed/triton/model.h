/* SPDX-License-Identifier: Apache-2.0 */
/* What a served model takes and gives, and whether the plan fits it. */
#ifndef MR_EMBED_TRITON_MODEL_H
#define MR_EMBED_TRITON_MODEL_H

#include <stdbool.h>

#include "embed/triton/options.h"
#include "plan/spec.h"

enum {
    MR__TRITON_RANK_MAX = 8,
    MR__TRITON_TENSORS_MAX = 32,
    MR__TRITON_DIM_MAX = 32768 /* numbers of a vector */
};

typedef enum mr__triton_type {
    MR__TRITON_OTHER = 0, /* one that no picture is made of */
    MR__TRITON_UINT8,
    MR__TRITON_FP16,
    MR__TRITON_BF16,
    MR__TRITON_FP32
} mr__triton_type;

/* A tensor as it is declared, or as it was answered; -1 stands for any size. */
typedef struct mr__triton_tensor {
    char name[MR__TRITON_NAME_SIZE];
    mr__triton_type type;
    uint32_t rank;
    int64_t dim[MR__TRITON_RANK_MAX];
} mr__triton_tensor;

/* As the server tells it: shapes with the batch in front. */
typedef struct mr__triton_model {
    mr__triton_tensor inputs[MR__TRITON_TENSORS_MAX], outputs[MR__TRITON_TENSORS_MAX];
    uint32_t n_inputs, n_outputs;
    bool has_config;
    int64_t max_batch; /* 0: the model knows no batches; shapes are as they are */
    uint32_t instances;
    bool decoupled;
} mr__triton_model;

/* What a run needs of it. */
typedef struct mr__triton_fit {
    mr__triton_tensor input; /* [rows, and the three sizes of the plan] */
    mr__triton_tensor output;
    size_t row_bytes, row_elements; /* of the plan's rows */
    bool to_half;                   /* the plan gives float32, the model takes float16 */
    uint32_t max_rows;              /* of one request */
    bool exactly;                   /* every request has `max_rows` */
} mr__triton_fit;

/* Of a wire name, "FP32". */
mr__triton_type mr__triton_type_of(const char *name);
const char *mr__triton_type_name(mr__triton_type type);
size_t mr__triton_type_bytes(mr__triton_type type);

/* "FP32 [N,3,224,224]" */
const char *mr__triton_shape_text(const mr__triton_tensor *tensor, char *text, size_t size);

/* Compares model and plan. MR_E_INVALID, MR_E_UNSUPPORTED: they do not fit; both are named. */
mr_status mr__triton_model_fit(const mr__triton_model *model, const mr__triton_options *options,
                               const mr__plan_spec *spec, mr__triton_fit *out, mr_error *err);

/* Is it [n,D], also with ones behind, with the bytes that this takes? `*dim` is D; one that is not
 * 0 before has to be met. */
mr_status mr__triton_output_check(const mr__triton_tensor *got, size_t bytes, size_t n,
                                  uint32_t *dim, mr_error *err);

#endif
