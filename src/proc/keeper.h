/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that a caller keeps in the memory of a slot, for longer than the batch, the stream or the
 * pool.
 *
 * The keeper is shared by the pool and what is kept: as long as there is a pool, a slot that is
 * given up goes back to it; when the pool is closed, its mapping is undone but for the slots that
 * are kept.
 */
#ifndef MR_PROC_KEEPER_H
#define MR_PROC_KEEPER_H

#include "millrace/stream.h"
#include "proc/area.h"

typedef struct mr__keeper mr__keeper;

mr_status mr__keeper_open(mr_pool *pool, mr__keeper **out, mr_error *err);

/*
 * Exchanges the slot of `bytes` at `*offset` for a free one, and keeps what was there. MR_AGAIN: so
 * much was not set aside, or has no memory yet. Any thread; takes the pool's lock.
 */
mr_status mr__keeper_take(mr__keeper *keeper, uint64_t bytes, uint64_t *offset, mr_kept **out,
                          mr_error *err);

/* Slots of `bytes` will be exchanged: the first two get their memory. With the pool's lock held. */
void mr__keeper_want(const mr__keeper *keeper, uint64_t bytes);

/* The pool ends: unmaps and closes its area, but for what is kept. NULL: all of it. */
void mr__keeper_part(mr__keeper **keeper, mr__area *area);

#endif
