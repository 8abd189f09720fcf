/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a pool: whatever is asked for, what is dealt out of an area lies in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proc/pool.h"

static void assert_whole(const mr_pool_options *options)
{
    mr__budget budget = {0};
    mr_error err = {0};

    assert_int_equal(mr__budget_plan(options, &budget, &err), MR_OK);
    assert_true(budget.slab_bytes >= options->slab_bytes && budget.slab_bytes > 0);
    assert_true(budget.slots_bytes >= options->slots_bytes && budget.slots_bytes > 0);
    assert_int_equal(budget.slab_bytes % MR__SLAB_UNIT, 0);
    assert_int_equal(budget.slots_bytes % MR__SLOTS_UNIT, 0);
    assert_true(budget.fixed_bytes + budget.grant_bytes == options->memory_bytes);
}

static void test_areas_end_where_blocks_do(void **state)
{
    static const char *const program[] = {"/bin/true", NULL};
    uint64_t odd;

    (void)state;
    for (odd = 0; odd < 200; odd++) {
        mr_pool_options options;

        mr_pool_options_init(&options);
        options.workers = 1;
        options.memory_bytes = (UINT64_C(512) << 20) + odd * 7;
        assert_whole(&options);
        options.slab_bytes = 60000 + odd;
        options.slots_bytes = 6000000 + odd * 41;
        assert_whole(&options);
        options.slots_bytes = 0;
        options.worker_argv = program;
        assert_whole(&options);
    }
}

/* Nothing wraps: what no machine has is refused, with the figures. */
static void test_too_much_is_refused(void **state)
{
    mr_pool_options options;
    mr__budget budget = {0};
    mr_error err = {0};

    (void)state;
    mr_pool_options_init(&options);
    options.workers = 1;
    options.slab_bytes = UINT64_MAX;
    assert_int_equal(mr__budget_plan(&options, &budget, &err), MR_E_NO_MEMORY);
    options.slab_bytes = 1;
    options.slots_bytes = UINT64_MAX - 4095;
    assert_int_equal(mr__budget_plan(&options, &budget, &err), MR_E_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_areas_end_where_blocks_do),
        cmocka_unit_test(test_too_much_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
