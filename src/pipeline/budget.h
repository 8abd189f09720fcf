/* SPDX-License-Identifier: Apache-2.0 */
/* The error budget: how many bad items a run may have and still count as a success. */
#ifndef MR_PIPELINE_BUDGET_H
#define MR_PIPELINE_BUDGET_H

#include "base/error.h"
#include "millrace/pipeline.h"

#define MR__BUDGET_WINDOW 10000 /* items over which an endless source is judged */

typedef struct mr__budget {
    mr_error_budget rule;
    uint64_t items, bad;
    uint32_t window_bad;
    uint8_t window[MR__BUDGET_WINDOW]; /* 1: bad; position = item number modulo its length */
} mr__budget;

/* MR_E_INVALID for a value that is negative, not finite, or over 100 per cent. */
mr_status mr__budget_init(mr__budget *budget, const mr_error_budget *rule, mr_error *err);

/* Counts one item that came out of the stream (a duplicate is not bad). */
void mr__budget_note(mr__budget *budget, bool bad);

/* A rule in items is broken: the run takes nothing more. */
bool mr__budget_spent(const mr__budget *budget);

/* At the end. `skipped`: items that never entered the stream, part of what a percentage is of.
 * `interrupted`: the source had not ended, so a percentage is that of the window. */
bool mr__budget_exceeded(const mr__budget *budget, uint64_t skipped, bool interrupted);

#endif
