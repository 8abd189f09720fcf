/* SPDX-License-Identifier: Apache-2.0 */
/* One picture, from encoded bytes to its row of the tensor: where decode and transform meet. */
#ifndef MR_WORKER_JOB_H
#define MR_WORKER_JOB_H

#include "base/error.h"
#include "decode/decode.h"
#include "ring/layout.h"
#include "ring/need.h"
#include "transform/transform.h"

/* Asks for `bytes` of working memory over the standing allowance; may block. */
typedef mr__grant_answer mr__job_ask_fn(void *cookie, uint64_t bytes);

typedef struct mr__job_input {
    const uint8_t *bytes;
    size_t n_bytes;
    mr__input_kind kind;
    mr__mode raw_mode; /* raw pixels only: interleaved rows without gaps */
    uint32_t raw_width, raw_height;
    uint64_t max_pixels;
    mr__job_ask_fn *ask; /* NULL: everything is granted */
    void *ask_cookie;
} mr__job_input;

/*
 * Decodes and transforms `input` into `dst` (a row of the transform's plan, 64-byte aligned). Never
 * fails as a call: `answer` says what became of the item. One thread at a time per decoder and
 * transform.
 */
void mr__job_run(mr__decoder *decoder, mr__transform *transform, const mr__job_input *input,
                 void *dst, mr__item_answer *answer);

#endif
