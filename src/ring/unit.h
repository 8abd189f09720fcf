/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit word: the one shared word with two writers, and the whole of its state machine.
 *
 *            host publish             worker claim              worker answer
 *   FREE ───────────────▶ QUEUED ──────────────────▶ STARTED ─────────────────▶ DONE
 *    ▲                      │ host revoke (take back)                            │
 *    │                      ▼                                                    │ host collect
 *    └──────────────── REVOKED                                                   │
 *    └───────────────────────────────────────────────────────────────────────────┘
 *
 * Who owns the payload of a unit: FREE, REVOKED, DONE: the host. QUEUED: nobody (both may race for
 * the word). STARTED: the worker. claim and revoke compete for QUEUED and are compare-and-swaps:
 * exactly one wins. The word carries a generation above its state, raised by each publish, so that
 * a word seen earlier can never be mistaken for a later one. Units are served in the order of their
 * index; the host revokes only from the youngest end, so the worker's position is never overtaken.
 *
 * When a worker dies the host reaps it first, collects what is DONE, and then owns every word.
 */
#ifndef MR_RING_UNIT_H
#define MR_RING_UNIT_H

#include "ring/layout.h"

typedef enum mr__unit_state {
    MR__UNIT_FREE = 0,
    MR__UNIT_QUEUED,
    MR__UNIT_STARTED,
    MR__UNIT_DONE,
    MR__UNIT_REVOKED
} mr__unit_state;

static inline mr__unit_state mr__unit_state_of(uint32_t word)
{
    return (mr__unit_state)(word & 7);
}

/* Host: queues a unit that it owns. `generation` must differ from that of the unit's last publish.
 */
void mr__unit_publish(mr__unit *unit, uint32_t generation, const mr__unit_desc *desc);

/* Host: takes a unit back that the worker has not begun. False: too late, the worker has it. */
bool mr__unit_revoke(mr__unit *unit, uint32_t generation);

/* Host: copies `n_items` answers out if the unit is done. The caller still has to judge every
 * field. */
bool mr__unit_collect(mr__unit *unit, uint32_t generation, uint32_t n_items,
                      mr__unit_answer *answer);

/* Host, after the worker was reaped: had it begun this unit? Afterwards the unit is free. */
bool mr__unit_reclaim(mr__unit *unit, uint32_t generation);

/* Worker: takes the unit if it is queued, and copies what is to be done. False: nothing there. */
bool mr__unit_claim(mr__unit *unit, mr__unit_desc *desc);

/* Worker: publishes the answers to a unit that it claimed. */
void mr__unit_answer_publish(mr__unit *unit, const mr__unit_answer *answer, uint32_t n_items);

#endif
