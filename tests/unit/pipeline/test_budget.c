/* SPDX-License-Identifier: Apache-2.0 */
/* The error budget: per cent at the end, a number at once, none never. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pipeline/budget.h"

static mr__budget budget;

static void begin(int kind, double value)
{
    mr_error_budget rule = {.kind = (unsigned)kind, .value = value};

    assert_int_equal(mr__budget_init(&budget, &rule, NULL), MR_OK);
}

static void note(unsigned good, unsigned bad)
{
    while (good-- > 0)
        mr__budget_note(&budget, false);
    while (bad-- > 0)
        mr__budget_note(&budget, true);
}

static void test_percent(void **state)
{
    (void)state;
    begin(MR_BUDGET_PERCENT, 1);
    note(594, 6);
    assert_false(mr__budget_exceeded(&budget, 0, false)); /* 6 of 600 are 1 %: within */
    assert_false(mr__budget_spent(&budget));
    note(0, 1);
    assert_true(mr__budget_exceeded(&budget, 0, false));
    assert_false(mr__budget_spent(&budget)); /* a percentage never stops a run */

    begin(MR_BUDGET_PERCENT, 1);
    note(0, 6);
    assert_true(mr__budget_exceeded(&budget, 0, false));
    assert_false(mr__budget_exceeded(&budget, 594, false)); /* the second run of the same list */

    begin(MR_BUDGET_PERCENT, 0);
    note(10, 0);
    assert_false(mr__budget_exceeded(&budget, 0, false));
    note(0, 1);
    assert_true(mr__budget_exceeded(&budget, 0, false));
    begin(MR_BUDGET_PERCENT, 1);
    assert_false(mr__budget_exceeded(&budget, 0, false)); /* nothing came, nothing failed */
}

static void test_count(void **state)
{
    (void)state;
    begin(MR_BUDGET_COUNT, 2);
    note(0, 2);
    assert_false(mr__budget_spent(&budget));
    note(100, 1);
    assert_true(mr__budget_spent(&budget));
    assert_true(mr__budget_exceeded(&budget, 1000000, false));
    begin(MR_BUDGET_COUNT, 0);
    note(0, 1);
    assert_true(mr__budget_spent(&budget));
}

static void test_none(void **state)
{
    (void)state;
    begin(MR_BUDGET_NONE, 0);
    note(0, 1000);
    assert_false(mr__budget_spent(&budget));
    assert_false(mr__budget_exceeded(&budget, 0, false));
    assert_false(mr__budget_exceeded(&budget, 0, true));
}

/* An endless source is judged by its last 10,000 items, one that ended by all of them. */
static void test_window(void **state)
{
    (void)state;
    begin(MR_BUDGET_PERCENT, 1);
    note(0, 5000);
    note(20000, 0);
    assert_true(mr__budget_exceeded(&budget, 0, false));
    assert_false(mr__budget_exceeded(&budget, 0, true));
    note(0, 100);
    assert_false(mr__budget_exceeded(&budget, 0, true));
    note(0, 1);
    assert_true(mr__budget_exceeded(&budget, 0, true));
}

static void test_range(void **state)
{
    const mr_error_budget wrong[] = {{.kind = MR_BUDGET_PERCENT, .value = 100.5},
                                     {.kind = MR_BUDGET_PERCENT, .value = -1},
                                     {.kind = MR_BUDGET_COUNT, .value = -1},
                                     {.kind = MR_BUDGET_COUNT, .value = (double)INFINITY}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(mr__budget_init(&budget, &wrong[i], NULL), MR_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent), cmocka_unit_test(test_count), cmocka_unit_test(test_none),
        cmocka_unit_test(test_window),  cmocka_unit_test(test_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
