/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping and waking across the process border: a futex on the doorbell towards a worker, one
 * eventfd towards the host's loop. Neither side polls. The order that loses no wake-up, on both
 * sides:
 *
 *   sleeper: note the bell (or clear the event), look for work, and only then sleep on the noted
 * value. waker:   publish the work, and only then ring.
 */
#ifndef MR_RING_WAKE_H
#define MR_RING_WAKE_H

#include "ring/atomic.h"

/* Sleeps until `word` is no longer `seen` (may also return early). */
void mr__wake_wait(mr__word *word, uint32_t seen);

/* Changes the doorbell and wakes whoever sleeps on it. Only by the doorbell's one writer. */
void mr__wake_ring(mr__word *doorbell);

/* Worker to host: makes the host's event readable. */
void mr__wake_raise(int event_fd);

/* Host: makes the event unreadable again, before looking for what was announced. */
void mr__wake_clear(int event_fd);

#endif
