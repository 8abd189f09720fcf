/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what a server says over HTTP. All of it is hostile until it was checked. */
#ifndef MR_EMBED_TRITON_ANSWER_H
#define MR_EMBED_TRITON_ANSWER_H

#include "embed/triton/transport.h"

/* Each: MR_E_ENV when the text is not what it has to be. */

/* GET /v2 */
mr_status mr__triton_read_server(const char *text, size_t n, mr__triton_server *out, mr_error *err);
/* GET /v2/models/M: inputs and outputs. */
mr_status mr__triton_read_metadata(const char *text, size_t n, mr__triton_model *out,
                                   mr_error *err);
/* GET /v2/models/M/config: the rest. */
mr_status mr__triton_read_config(const char *text, size_t n, mr__triton_model *out, mr_error *err);

/*
 * POST .../infer: `json_bytes` of JSON, then the outputs' bytes in the order in which the JSON has
 * them. Finds `output`; `out->data` points into `body`.
 */
mr_status mr__triton_read_answer(const char *body, size_t n, size_t json_bytes, const char *output,
                                 mr__triton_answer *out, mr_error *err);

/* The text of {"error":"text"}, else the beginning of what came instead. */
void mr__triton_read_error(const char *body, size_t n, char *out, size_t size);

#endif
