/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers that die, stop or hang: nothing lost, nothing twice, order kept, deaths counted. Where a
 * worker dies is named by a failpoint (base/failpoint.h) that it inherits through the environment.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pictures.h"

#define ROUNDS 20
#define TOTAL  96

static pictures set;
static taken reference;

static mr_stream_options options_of(uint32_t workers)
{
    mr_stream_options options;

    mr_stream_options_init(&options);
    options.batch = 16;
    options.pool.workers = workers;
    options.pool.worker_path = testing_worker();
    return options;
}

typedef struct run {
    feed f;
    mr_source *source;
    mr_plan *plan;
    mr_stream *stream;
    taken t;
} run;

static void run_open(run *r, const mr_stream_options *options, size_t total)
{
    mr_error err = {0};

    *r = (run){.f = {.set = &set, .total = total}};
    r->source = feed_open(&r->f);
    taken_init(&r->t, total);
    if (mr_plan_open("millrace/builtin", &r->plan, &err) != MR_OK ||
        mr_stream_open(r->source, r->plan, NULL, options, &r->stream, &err) != MR_OK)
        fail_msg("%s", err.message);
}

static bool run_take(run *r)
{
    mr_batch *batch;
    mr_error err = {0};
    mr_status s = mr_stream_next(r->stream, -1, &batch, &err);

    if (s == MR_EOF)
        return false;
    if (s != MR_OK)
        fail_msg("%s", err.message);
    taken_add(&r->t, batch);
    mr_batch_release(&batch);
    return true;
}

static uint64_t run_close(run *r)
{
    mr_pool_stats stats;

    mr_pool_stats_get(mr_stream_pool(r->stream), &stats);
    mr_stream_close(&r->stream);
    mr_plan_close(&r->plan);
    mr_source_close(&r->source);
    taken_fini(&r->t);
    return stats.worker_restarts;
}

static void assert_all_there(const taken *t, bool ordered)
{
    size_t i;

    for (i = 0; i < t->total; i++)
        assert_int_equal(t->times[i], 1);
    assert_int_equal(t->n_ok, t->total);
    assert_memory_equal(t->hash, reference.hash, t->total * sizeof t->hash[0]);
    if (ordered)
        assert_int_equal(t->out_of_order, 0);
}

/* Each worker dies at its nth pass of `point`; what it held is done by its successors. */
static void die_at(const char *point, bool unordered)
{
    char value[64];
    int round;

    for (round = 0; round < ROUNDS; round++) {
        mr_stream_options options = options_of(1 + (uint32_t)round % 3);
        uint64_t restarts;
        run r;

        options.unordered = unordered;
        (void)snprintf(value, sizeof value, "%s:%d", point, 5 + round);
        assert_int_equal(setenv("MILLRACE_FAILPOINTS", value, 1), 0);
        run_open(&r, &options, TOTAL);
        while (run_take(&r))
            ;
        assert_int_equal(unsetenv("MILLRACE_FAILPOINTS"), 0);
        assert_all_there(&r.t, !unordered);
        restarts = run_close(&r);
        assert_true(restarts >= 1);
    }
}

static void test_killed_when_it_has_claimed(void **state)
{
    (void)state;
    die_at("worker.claimed", false);
}

static void test_killed_with_half_a_row_written(void **state)
{
    (void)state;
    die_at("worker.half_row", false);
}

static void test_killed_when_it_has_answered_but_not_signalled(void **state)
{
    (void)state;
    die_at("worker.answered", false);
}

static void test_killed_when_order_does_not_matter(void **state)
{
    (void)state;
    die_at("worker.half_row", true);
}

/* From outside, at whatever point it happens to be. */
static void test_killed_while_idle(void **state)
{
    int round;

    (void)state;
    for (round = 0; round < ROUNDS; round++) {
        mr_stream_options options = options_of(2);
        int pids[2] = {0};
        run r;

        run_open(&r, &options, TOTAL);
        (void)run_take(&r);
        /* every slot is full of what nobody takes: the workers idle */
        assert_int_equal(mr_pool_pids(mr_stream_pool(r.stream), pids, 2), 2);
        assert_int_equal(kill(pids[round % 2], SIGKILL), 0);
        while (run_take(&r))
            ;
        assert_all_there(&r.t, true);
        (void)run_close(&r);
    }
}

/* A death in the first claim of every worker: the second death of an item is its quarantine. */
static void test_two_deaths_quarantine_the_item_and_no_other(void **state)
{
    mr_stream_options options = options_of(1);
    run r;
    size_t i;

    (void)state;
    assert_int_equal(setenv("MILLRACE_FAILPOINTS", "worker.claimed:1", 1), 0);
    run_open(&r, &options, 3);
    while (run_take(&r))
        ;
    assert_int_equal(unsetenv("MILLRACE_FAILPOINTS"), 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(r.t.times[i], 1);
        assert_int_equal(r.t.code[i], MR_CODE_CRASHED);
        assert_int_equal(r.t.state[i], MR_ITEM_QUARANTINED);
        assert_int_equal(r.t.attempts[i], 2);
    }
    assert_true(run_close(&r) >= 6);
}

/* A stopped worker never answers: its item runs into the deadline, is tried again, and the rest
 * goes on. */
static void test_stopped_worker_times_out(void **state)
{
    mr_stream_options options = options_of(2);
    int pids[2] = {0};
    run r;

    (void)state;
    options.pool.item_timeout_ms = 300;
    run_open(&r, &options, TOTAL);
    (void)run_take(&r);
    assert_int_equal(mr_pool_pids(mr_stream_pool(r.stream), pids, 2), 2);
    assert_int_equal(kill(pids[0], SIGSTOP), 0);
    while (run_take(&r))
        ;
    assert_all_there(&r.t, true);
    assert_true(run_close(&r) >= 1);
}

/* The host may ignore SIGCHLD: children then vanish unseen, and still every death is noticed. */
static void test_host_that_ignores_sigchld(void **state)
{
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);

    (void)state;
    die_at("worker.claimed", false);
    (void)signal(SIGCHLD, before);
}

static void test_no_child_is_left(void **state)
{
    (void)state;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int make_set(void **state)
{
    mr_stream_options options = options_of(1);
    run r;

    (void)state;
    set = pictures_make(24);
    run_open(&r, &options, TOTAL);
    while (run_take(&r))
        ;
    reference = r.t;
    r.t = (taken){0};
    (void)run_close(&r);
    return 0;
}

static int free_set(void **state)
{
    (void)state;
    taken_fini(&reference);
    pictures_free(&set);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_when_it_has_claimed),
        cmocka_unit_test(test_killed_with_half_a_row_written),
        cmocka_unit_test(test_killed_when_it_has_answered_but_not_signalled),
        cmocka_unit_test(test_killed_when_order_does_not_matter),
        cmocka_unit_test(test_killed_while_idle),
        cmocka_unit_test(test_two_deaths_quarantine_the_item_and_no_other),
        cmocka_unit_test(test_stopped_worker_times_out),
        cmocka_unit_test(test_host_that_ignores_sigchld),
        cmocka_unit_test(test_no_child_is_left),
    };

    return cmocka_run_group_tests(tests, make_set, free_set);
}
