/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a model: where it is, and its digest. */
#ifndef MR_EMBED_ONNX_MODEL_H
#define MR_EMBED_ONNX_MODEL_H

#include "embed/onnx/options.h"

/* Makes the path absolute. MR_E_ENV: no regular file, or not readable. */
mr_status mr__onnx_model_find(mr__onnx_options *options, mr_error *err);

/*
 * Sets `options->sha256`: of the file, followed by the weights that lie beside it under a name
 * derived from it (MODEL.data, MODEL_data), if there are any. MR_E_MISMATCH if another one was
 * asked for.
 */
mr_status mr__onnx_model_digest(mr__onnx_options *options, mr_error *err);

#endif
