/* SPDX-License-Identifier: Apache-2.0 */
/* Transitions of the unit word: see unit.h. */
#include "ring/unit.h"

#include <stddef.h>

static uint32_t word_of(uint32_t generation, mr__unit_state state)
{
    return generation << 3 | (uint32_t)state;
}

/* Only the items that are there cross the border: a unit of one item costs one cache line or two.
 */
static size_t desc_bytes(uint32_t n_items)
{
    return offsetof(mr__unit_desc, items) + n_items * sizeof(mr__item_desc);
}

void mr__unit_publish(mr__unit *unit, uint32_t generation, const mr__unit_desc *desc)
{
    mr__copy_in(&unit->desc, desc, desc_bytes(desc->n_items));
    mr__word_store(&unit->word, word_of(generation, MR__UNIT_QUEUED));
}

bool mr__unit_revoke(mr__unit *unit, uint32_t generation)
{
    if (!mr__word_cas(&unit->word, word_of(generation, MR__UNIT_QUEUED),
                      word_of(generation, MR__UNIT_REVOKED)))
        return false;
    mr__word_store(&unit->word, word_of(generation, MR__UNIT_FREE));
    return true;
}

bool mr__unit_collect(mr__unit *unit, uint32_t generation, uint32_t n_items,
                      mr__unit_answer *answer)
{
    if (mr__word_load(&unit->word) != word_of(generation, MR__UNIT_DONE))
        return false;
    mr__copy_out(answer, &unit->answer, n_items * sizeof answer->items[0]);
    mr__word_store(&unit->word, word_of(generation, MR__UNIT_FREE));
    return true;
}

bool mr__unit_reclaim(mr__unit *unit, uint32_t generation)
{
    uint32_t word = mr__word_load(&unit->word);

    mr__word_store(&unit->word, word_of(generation, MR__UNIT_FREE));
    /* a hostile worker may have left anything; whatever is not plainly untouched counts as begun */
    return word != word_of(generation, MR__UNIT_QUEUED);
}

bool mr__unit_claim(mr__unit *unit, mr__unit_desc *desc)
{
    uint32_t word = mr__word_load(&unit->word);
    uint32_t n_items;

    if (mr__unit_state_of(word) != MR__UNIT_QUEUED)
        return false;
    if (!mr__word_cas(&unit->word, word, word_of(word >> 3, MR__UNIT_STARTED)))
        return false;
    mr__copy_out(&n_items, &unit->desc.n_items, sizeof n_items);
    if (n_items > MR__UNIT_ITEMS)
        n_items = MR__UNIT_ITEMS;
    mr__copy_out(desc, &unit->desc, desc_bytes(n_items));
    desc->n_items = n_items;
    return true;
}

void mr__unit_answer_publish(mr__unit *unit, const mr__unit_answer *answer, uint32_t n_items)
{
    uint32_t word = mr__word_load(&unit->word);

    mr__copy_in(&unit->answer, answer, n_items * sizeof answer->items[0]);
    (void)mr__word_cas(&unit->word, word_of(word >> 3, MR__UNIT_STARTED),
                       word_of(word >> 3, MR__UNIT_DONE));
}
