/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker can get, and put off, by asking for memory: looked at from the host's books. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "proc/pool.h"
#include "ring/need.h"

#define TOTAL 1000

static mr_pool *pool_of(uint32_t n_workers)
{
    mr_pool *pool = calloc(1, sizeof *pool);
    uint32_t i;

    pool->workers = calloc(n_workers, sizeof pool->workers[0]);
    pool->n_workers = n_workers;
    pool->grant_total = pool->grant_free = TOTAL;
    for (i = 0; i < n_workers; i++) {
        pool->workers[i].state = MR__WORKER_READY;
        pool->workers[i].control = aligned_alloc(MR__CACHE_LINE, sizeof *pool->workers[i].control);
        assert_non_null(pool->workers[i].control);
        mr__wide_store(&pool->workers[i].control->need, 0);
        mr__wide_store(&pool->workers[i].control->grant, 0);
        mr__word_store(&pool->workers[i].control->doorbell, 0);
    }
    return pool;
}

static void pool_free(mr_pool *pool)
{
    uint32_t i;

    for (i = 0; i < pool->n_workers; i++)
        free(pool->workers[i].control);
    free(pool->workers);
    free(pool);
}

/* As if a unit had been with the worker for `ns`. */
static void give_unit(mr__worker *worker, uint64_t ns)
{
    worker->tail = worker->head + 1;
    worker->head_since_ns = mr__clock_ns() - ns;
}

static mr__grant_answer ask(mr_pool *pool, uint32_t w, uint16_t number, uint64_t bytes)
{
    mr__need_ask(pool->workers[w].control, number, bytes);
    mr__grants_look(pool, &pool->workers[w]);
    mr__grants_answer(pool);
    return mr__need_answer(pool->workers[w].control, number);
}

static void test_granted_waited_for_and_refused(void **state)
{
    mr_pool *pool = pool_of(2);

    (void)state;
    give_unit(&pool->workers[0], 0);
    give_unit(&pool->workers[1], 0);
    assert_int_equal(ask(pool, 0, 1, TOTAL + 1), MR__GRANT_REFUSED);
    assert_int_equal(ask(pool, 0, 2, 600), MR__GRANT_GRANTED);
    assert_int_equal(ask(pool, 1, 1, 600), MR__GRANT_PENDING);
    assert_int_equal(pool->workers[1].head_since_ns, 0);
    mr__grants_end(pool, &pool->workers[0]);
    mr__grants_answer(pool);
    assert_int_equal(mr__need_answer(pool->workers[1].control, 1), MR__GRANT_GRANTED);
    assert_int_equal(pool->grant_free, TOTAL - 600);
    pool_free(pool);
}

/* Nothing would ever end such a grant: everybody else would wait for it for ever. */
static void test_no_memory_without_a_unit(void **state)
{
    mr_pool *pool = pool_of(2);

    (void)state;
    assert_int_equal(ask(pool, 0, 1, TOTAL), MR__GRANT_REFUSED);
    assert_int_equal(pool->grant_free, TOTAL);
    give_unit(&pool->workers[1], 0);
    assert_int_equal(ask(pool, 1, 1, TOTAL), MR__GRANT_GRANTED);
    pool_free(pool);
}

static void test_asking_does_not_put_the_deadline_off(void **state)
{
    const uint64_t second = 1000000000;
    mr_pool *pool = pool_of(1);
    mr__worker *worker = &pool->workers[0];
    uint16_t number;

    (void)state;
    give_unit(worker, 5 * second);
    for (number = 1; number < 1000; number++)
        (void)ask(pool, 0, number, number % 3 == 0 ? TOTAL + 1 : 10);
    assert_true(mr__clock_ns() - worker->head_since_ns >= 5 * second);
    pool_free(pool);
}

/* Waiting stands the clock still; asking anew meanwhile neither moves it nor loses the place. */
static void test_asking_anew_while_waiting(void **state)
{
    const uint64_t second = 1000000000;
    mr_pool *pool = pool_of(3);
    uint64_t since;

    (void)state;
    give_unit(&pool->workers[0], 0);
    give_unit(&pool->workers[1], 5 * second);
    give_unit(&pool->workers[2], 0);
    assert_int_equal(ask(pool, 0, 1, TOTAL), MR__GRANT_GRANTED);
    assert_int_equal(ask(pool, 1, 1, 10), MR__GRANT_PENDING);
    since = pool->workers[1].need_since_ns;
    assert_int_equal(ask(pool, 2, 1, TOTAL), MR__GRANT_PENDING);
    assert_int_equal(ask(pool, 1, 2, 20), MR__GRANT_PENDING);
    assert_true(pool->workers[1].need_since_ns == since);
    mr__grants_end(pool, &pool->workers[0]);
    mr__grants_answer(pool);
    assert_int_equal(mr__need_answer(pool->workers[1].control, 2), MR__GRANT_GRANTED);
    assert_true(mr__clock_ns() - pool->workers[1].head_since_ns >= 5 * second);
    assert_int_equal(mr__need_answer(pool->workers[2].control, 1), MR__GRANT_PENDING);
    pool_free(pool);
}

/* The host takes memory too: at once what is free, the rest as decodes end; who can then never be
 * served is told so. */
static void test_host_takes_its_share(void **state)
{
    mr_pool *pool = pool_of(3);
    uint32_t i;

    (void)state;
    pthread_cond_init(&pool->slab_changed, NULL);
    for (i = 0; i < 3; i++)
        give_unit(&pool->workers[i], 0);
    assert_false(mr__grants_take(pool, TOTAL + 1));
    assert_int_equal(pool->grant_total, TOTAL);
    assert_int_equal(ask(pool, 0, 1, 700), MR__GRANT_GRANTED);
    assert_int_equal(ask(pool, 1, 1, 900), MR__GRANT_PENDING);
    assert_true(mr__grants_take(pool, 400));
    assert_int_equal(mr__need_answer(pool->workers[1].control, 1), MR__GRANT_REFUSED);
    assert_int_equal(pool->grant_owed, 100);
    assert_int_equal(ask(pool, 2, 1, 600), MR__GRANT_PENDING);
    mr__grants_end(pool, &pool->workers[0]);
    mr__grants_answer(pool);
    assert_int_equal(pool->grant_owed, 0);
    assert_int_equal(mr__need_answer(pool->workers[2].control, 1), MR__GRANT_GRANTED);
    assert_int_equal(pool->grant_free, 0);
    mr__grants_give(pool, 400);
    mr__grants_end(pool, &pool->workers[2]);
    assert_int_equal(pool->grant_free, TOTAL);
    assert_int_equal(pool->grant_total, TOTAL);
    pthread_cond_destroy(&pool->slab_changed);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_granted_waited_for_and_refused),
        cmocka_unit_test(test_host_takes_its_share),
        cmocka_unit_test(test_no_memory_without_a_unit),
        cmocka_unit_test(test_asking_does_not_put_the_deadline_off),
        cmocka_unit_test(test_asking_anew_while_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
