/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's loop: claim a unit, run its items, answer, ring. The same code runs as a process or
 * as a thread. */
#ifndef MR_WORKER_SERVE_H
#define MR_WORKER_SERVE_H

#include "base/error.h"
#include "decode/decode.h"
#include "ring/need.h"
#include "worker/areas.h"

typedef struct mr__serve mr__serve;

/* Allocates scratch and warms everything up, so that nothing is loaded or resolved later. `areas`
 * is copied. */
mr_status mr__serve_open(const mr__areas *areas, mr__serve **out, mr_error *err);

/* In the place of decode and transform, for programs that are not millrace-worker: fills in the
 * answer to each item of a unit. `detail`, MR__DETAIL_MAX bytes, is shared memory. */
typedef void mr__serve_unit_fn(void *cookie, const mr__unit_desc *unit, mr__unit_answer *answer,
                               char *detail);
void mr__serve_hook(mr__serve *serve, mr__serve_unit_fn *unit, void *cookie);

/* What a hook needs: asking the host for memory over the standing allowance (may block), the
 * decoder, and the judgement whether an item lies inside of the areas. */
mr__grant_answer mr__serve_ask(void *serve, uint64_t bytes);
mr__decoder *mr__serve_decoder(mr__serve *serve);
bool mr__serve_holds(const mr__serve *serve, const mr__item_desc *item, size_t row_bytes);

/* Serves the mailbox until the host says shutdown. */
void mr__serve_run(mr__serve *serve);

void mr__serve_close(mr__serve **serve);

#endif
