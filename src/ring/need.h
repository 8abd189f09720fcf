/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is part of the protocol: a decode that needs more than the standing allowance asks first.
 *
 * Two words, each with one writer. The worker stores `need` = number << 48 | bytes and raises the
 * event; the host stores `grant` = number << 48 | answer and rings the bell. The number, raised by
 * each request, ties the answer to the question. A worker asks for one decode at a time, so a grant
 * ends when its unit is answered.
 */
#ifndef MR_RING_NEED_H
#define MR_RING_NEED_H

#include "ring/layout.h"

typedef enum mr__grant_answer {
    MR__GRANT_PENDING = 0,
    MR__GRANT_GRANTED,
    MR__GRANT_REFUSED, /* can never be met: too_many_pixels */
    MR__GRANT_REQUEUE  /* not now: give the item back undone */
} mr__grant_answer;

#define MR__NEED_BYTES_MAX (UINT64_C(1) << 47)

/* Worker: asks for `bytes` (capped at MR__NEED_BYTES_MAX) under `number`, 1..65535. The caller then
 * raises the event. */
void mr__need_ask(mr__control *control, uint16_t number, uint64_t bytes);

/* Worker: the answer to request `number`, MR__GRANT_PENDING if there is none yet. */
mr__grant_answer mr__need_answer(const mr__control *control, uint16_t number);

/* Host: is there a request that is not `*number`? Then fills in its number and size. */
bool mr__need_look(const mr__control *control, uint16_t *number, uint64_t *bytes);

/* Host: answers request `number`. The caller then rings the bell. */
void mr__need_grant(mr__control *control, uint16_t number, mr__grant_answer answer);

#endif
