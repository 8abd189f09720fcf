/* SPDX-License-Identifier: Apache-2.0 */
/* Every part is done once, by several threads at a time, and none after one has failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "embed/triton/crew.h"

enum { PARTS = 64, CALLERS = 4, ROUNDS = 50 };

typedef struct work {
    atomic_int done[PARTS];
    size_t fails_at, meet;
    pthread_barrier_t barrier;
} work;

static bool part(void *cookie, size_t i)
{
    work *w = cookie;

    if (i < w->meet)
        (void)pthread_barrier_wait(&w->barrier); /* needs that many threads at once */
    atomic_fetch_add(&w->done[i], 1);
    return i != w->fails_at;
}

static void test_each_part_once(void **state)
{
    mr__crew crew;

    (void)state;
    mr__crew_init(&crew, 3);
    for (size_t n = 0; n <= PARTS; n += 7) {
        work w = {.fails_at = SIZE_MAX};
        mr__crew_run(&crew, n, part, &w);
        for (size_t i = 0; i < PARTS; i++)
            assert_int_equal(w.done[i], i < n ? 1 : 0);
    }
    assert_int_equal(crew.n_threads, 3);
    mr__crew_fini(&crew);
}

/* Would hang, if it were not four threads that work. */
static void test_at_once(void **state)
{
    work w = {.fails_at = SIZE_MAX, .meet = 4};
    mr__crew crew;

    (void)state;
    mr__crew_init(&crew, 3);
    assert_int_equal(pthread_barrier_init(&w.barrier, NULL, 4), 0);
    mr__crew_run(&crew, 4, part, &w);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(w.done[i], 1);
    (void)pthread_barrier_destroy(&w.barrier);
    mr__crew_fini(&crew);
}

static void test_alone(void **state)
{
    work w = {.fails_at = 5};
    mr__crew crew;

    (void)state;
    mr__crew_init(&crew, 0);
    mr__crew_run(&crew, PARTS, part, &w);
    for (size_t i = 0; i < PARTS; i++)
        assert_int_equal(w.done[i], i <= 5 ? 1 : 0);
    mr__crew_fini(&crew);
}

static void *call(void *arg)
{
    for (int round = 0; round < ROUNDS; round++) {
        work w = {.fails_at = SIZE_MAX};
        mr__crew_run(arg, PARTS, part, &w);
        for (size_t i = 0; i < PARTS; i++)
            if (w.done[i] != 1)
                return arg;
    }
    return NULL;
}

static void test_several_callers(void **state)
{
    pthread_t threads[CALLERS];
    mr__crew crew;

    (void)state;
    mr__crew_init(&crew, 3);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call, &crew), 0);
    for (int i = 0; i < CALLERS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    mr__crew_fini(&crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_part_once),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_several_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
