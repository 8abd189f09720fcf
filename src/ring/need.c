/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for memory and granting it: see need.h. */
#include "ring/need.h"

#define NUMBER_SHIFT 48
#define BYTES_MASK   ((UINT64_C(1) << NUMBER_SHIFT) - 1)

void mr__need_ask(mr__control *control, uint16_t number, uint64_t bytes)
{
    if (bytes > MR__NEED_BYTES_MAX)
        bytes = MR__NEED_BYTES_MAX;
    mr__wide_store(&control->need, (uint64_t)number << NUMBER_SHIFT | bytes);
}

mr__grant_answer mr__need_answer(const mr__control *control, uint16_t number)
{
    uint64_t grant = mr__wide_load(&control->grant);

    if (grant >> NUMBER_SHIFT != number)
        return MR__GRANT_PENDING;
    return (mr__grant_answer)(grant & BYTES_MASK);
}

bool mr__need_look(const mr__control *control, uint16_t *number, uint64_t *bytes)
{
    uint64_t need = mr__wide_load(&control->need);

    if (need >> NUMBER_SHIFT == *number)
        return false;
    *number = (uint16_t)(need >> NUMBER_SHIFT);
    *bytes = need & BYTES_MASK;
    return true;
}

void mr__need_grant(mr__control *control, uint16_t number, mr__grant_answer answer)
{
    mr__wide_store(&control->grant, (uint64_t)number << NUMBER_SHIFT | (uint64_t)answer);
}
