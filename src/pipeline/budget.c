/* SPDX-License-Identifier: Apache-2.0 */
/* The error budget. Failed and quarantined items count; duplicates and skipped ones do not. */
#include "pipeline/budget.h"

#include <math.h>

mr_status mr__budget_init(mr__budget *budget, const mr_error_budget *rule, mr_error *err)
{
    *budget = (mr__budget){.rule = *rule};
    if (rule->kind == MR_BUDGET_NONE)
        return MR_OK;
    if (!isfinite(rule->value) || rule->value < 0 ||
        (rule->kind == MR_BUDGET_PERCENT && rule->value > 100))
        return mr__error_set(err, MR_E_INVALID, "error budget %g%s is out of range", rule->value,
                             rule->kind == MR_BUDGET_PERCENT ? "%" : "");
    return MR_OK;
}

void mr__budget_note(mr__budget *budget, bool bad)
{
    uint8_t *cell = &budget->window[budget->items % MR__BUDGET_WINDOW];

    budget->window_bad -= *cell;
    *cell = bad;
    budget->window_bad += bad;
    budget->bad += bad;
    budget->items++;
}

bool mr__budget_spent(const mr__budget *budget)
{
    return budget->rule.kind == MR_BUDGET_COUNT && (double)budget->bad > budget->rule.value;
}

bool mr__budget_exceeded(const mr__budget *budget, uint64_t skipped, bool interrupted)
{
    uint64_t items = budget->items + skipped, bad = budget->bad;

    if (budget->rule.kind != MR_BUDGET_PERCENT)
        return mr__budget_spent(budget);
    if (interrupted && budget->items > MR__BUDGET_WINDOW) {
        items = MR__BUDGET_WINDOW;
        bad = budget->window_bad;
    }
    return (double)bad * 100 > budget->rule.value * (double)items;
}
