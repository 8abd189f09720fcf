/* SPDX-License-Identifier: Apache-2.0 */
/* A worker program that is confined, and one that is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lender.h"

static void test_confinement_is_in_force_when_asked_for(void **state)
{
    static outcome out[2];
    const given items[] = {lender_array(3, 4, 3, 5)};
    setup free_one = lender_setup_of("confined"), confined = lender_setup_of("confined");

    (void)state;
    free_one.options.pool.workers = confined.options.pool.workers = 1;
    assert_int_equal(lender_run(&free_one, items, 1, &out[0]), 0);
    assert_int_equal((int)out[0].row[0], 0);
    assert_int_equal((int)out[0].row[2], 0);
    assert_int_equal((int)out[0].row[3], 0);
    confined.options.pool.require_sandbox = true;
    assert_int_equal(lender_run(&confined, items, 1, &out[1]), 0);
    assert_int_equal((int)out[1].row[0], EACCES);
    assert_int_equal((int)out[1].row[1], 0);
    assert_int_equal((int)out[1].row[2], EPERM);
    assert_int_equal((int)out[1].row[3], EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confinement_is_in_force_when_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
