/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of cmocka as the unit tests that are built for another machine use: the library itself is
 * not there for it. The first assertion that fails ends the program.
 */
#ifndef MR_TESTS_CROSS_CMOCKA_H
#define MR_TESTS_CROSS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>

#define assert_true(what)                                                                          \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                       \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#define assert_false(what)         assert_true(!(what))
#define assert_non_null(what)      assert_true((what) != NULL)
#define assert_null(what)          assert_true((what) == NULL)
#define assert_int_equal(a, b)     assert_true((a) == (b))
#define assert_int_not_equal(a, b) assert_true((a) != (b))
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        (void)fprintf(stderr, __VA_ARGS__);                                                        \
        (void)fputc('\n', stderr);                                                                 \
        exit(1);                                                                                   \
    } while (0)
#define skip() fail_msg("%s:%d: nothing to compare on this machine", __FILE__, __LINE__)

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function)                                                                 \
    {                                                                                              \
#function, function                                                                        \
    }
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cross_run(tests, sizeof(tests) / sizeof((tests)[0]))

/* Prints the count line that tools/check.py reads. */
static int cross_run(const struct CMUnitTest *tests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)printf("%s\n", tests[i].name);
        (void)fflush(stdout);
        tests[i].run(NULL);
    }
    (void)printf("%zu passed, 0 failed\n", n);
    return 0;
}

#endif
