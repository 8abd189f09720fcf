/* SPDX-License-Identifier: Apache-2.0 */
/* Pools that fail, hosts with habits, and streams closed at the worst moment: a clean error or a
 * clean end, never a hang, nothing left behind. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "pictures.h"

#define SECOND UINT64_C(1000000000)

static pictures set;

typedef struct run {
    feed f;
    mr_source *source;
    mr_plan *plan;
    mr_stream *stream;
    mr_error err;
} run;

static mr_stream_options options_of(const char *worker, uint32_t workers, uint32_t batch)
{
    mr_stream_options options;

    mr_stream_options_init(&options);
    options.batch = batch;
    options.pool.workers = workers;
    options.pool.worker_path = worker;
    return options;
}

static mr_status run_open(run *r, mr_pool *pool, const mr_stream_options *options, size_t total)
{
    *r = (run){.f = {.set = &set, .total = total}};
    r->source = feed_open(&r->f);
    assert_int_equal(mr_plan_open("raw:32x32", &r->plan, &r->err), MR_OK);
    return mr_stream_open(r->source, r->plan, pool, options, &r->stream, &r->err);
}

/* To the end, or to the error; counts what came. */
static mr_status run_drain(run *r, size_t *n_ok, size_t *n_failed)
{
    mr_batch *batch;
    mr_status s;

    *n_ok = *n_failed = 0;
    while ((s = mr_stream_next(r->stream, 20000, &batch, &r->err)) == MR_OK) {
        *n_ok += batch->n_ok;
        *n_failed += batch->n_failed;
        mr_batch_release(&batch);
    }
    return s;
}

static void run_close(run *r)
{
    mr_stream_close(&r->stream);
    mr_plan_close(&r->plan);
    mr_source_close(&r->source);
}

static void test_missing_worker_is_named(void **state)
{
    mr_stream_options options = options_of("/nowhere/millrace-worker", 1, 8);
    run r;

    (void)state;
    assert_int_equal(run_open(&r, NULL, &options, 10), MR_E_ENV);
    assert_null(r.stream);
    assert_non_null(strstr(r.err.message, "/nowhere/millrace-worker"));
    run_close(&r);
}

/* /bin/false dies at once, and nothing else wakes a consumer that waits: the failure itself must.
 */
static void test_worker_that_dies_at_start_fails_every_stream(void **state)
{
    mr_stream_options options = options_of("/bin/false", 2, 8);
    mr_pool *pool = NULL;
    size_t ok, failed;
    mr_error err = {0};
    mr_status s;
    run a, b;

    (void)state;
    options.pool.slots_bytes = 1 << 20;
    s = mr_pool_open(&options.pool, &pool, &err);
    if (s != MR_OK) { /* all three starts were over already */
        assert_int_equal(s, MR_E_ENV);
        assert_non_null(strstr(err.message, "workers do not start"));
        return;
    }
    assert_int_equal(run_open(&a, pool, &options, 1000), MR_OK);
    assert_int_equal(run_open(&b, pool, &options, 1000), MR_OK);
    assert_int_equal(run_drain(&a, &ok, &failed), MR_E_ENV);
    assert_non_null(strstr(a.err.message, "workers do not start"));
    assert_int_equal(run_drain(&b, &ok, &failed), MR_E_ENV);
    assert_int_equal(ok + failed, 0);
    run_close(&a);
    run_close(&b);
    mr_pool_close(&pool);
}

/* The failure comes while the consumer already sleeps and the feeder waits for a slot. */
static void test_pool_that_fails_under_a_sleeping_consumer(void **state)
{
    mr_stream_options options = options_of("/bin/false", 1, 2);
    size_t ok, failed;
    int round;

    (void)state;
    options.batch_wait_ms = 0;
    for (round = 0; round < 10; round++) {
        run r;
        if (run_open(&r, NULL, &options, 1000) == MR_OK)
            assert_int_equal(run_drain(&r, &ok, &failed), MR_E_ENV);
        assert_non_null(strstr(r.err.message, "workers do not start"));
        run_close(&r);
    }
}

static void test_asking_for_memory_does_not_put_the_deadline_off(void **state)
{
    mr_stream_options options = options_of(getenv("MILLRACE_TESTING_LIAR"), 1, 2);
    size_t ok, failed;
    run r;

    (void)state;
    options.pool.item_timeout_ms = 100;
    assert_int_equal(setenv("MILLRACE_FAILPOINTS", "liar.asks", 1), 0);
    assert_int_equal(run_open(&r, NULL, &options, 2), MR_OK);
    assert_int_equal(unsetenv("MILLRACE_FAILPOINTS"), 0);
    assert_int_equal(run_drain(&r, &ok, &failed), MR_EOF);
    assert_int_equal(ok, 0);
    assert_int_equal(failed, 2);
    run_close(&r);
}

/* Its deadline is a minute; closing does not wait for it. */
static void test_closing_does_not_wait_for_a_stopped_worker(void **state)
{
    mr_stream_options options = options_of(testing_worker(), 1, 4);
    uint64_t from;
    int pid = 0;
    mr_batch *batch;
    run r;

    (void)state;
    options.pool.item_timeout_ms = 60000;
    assert_int_equal(run_open(&r, NULL, &options, 100000), MR_OK);
    assert_int_equal(mr_stream_next(r.stream, 20000, &batch, &r.err), MR_OK);
    assert_int_equal(mr_pool_pids(mr_stream_pool(r.stream), &pid, 1), 1);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    mr_batch_release(&batch);
    from = mr__clock_ns();
    run_close(&r);
    assert_true(mr__clock_ns() - from < 10 * SECOND);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Until both workers serve after so many restarts: those that are killed while they start are said
 * not to start at all. */
static void wait_for_both(mr_pool *pool, uint64_t restarts, int pids[2])
{
    uint64_t deadline = mr__clock_ns() + 20 * SECOND;
    mr_pool_stats stats = {0};

    while ((stats.workers_ready < 2 || stats.worker_restarts < restarts) &&
           mr__clock_ns() < deadline) {
        (void)sched_yield();
        mr_pool_stats_get(pool, &stats);
    }
    assert_int_equal(stats.workers_ready, 2);
    assert_int_equal(stats.worker_restarts, restarts);
    assert_int_equal(mr_pool_pids(pool, pids, 2), 2);
}

/* A child that the host forked keeps copies of everything, also of the pidfds of workers that end.
 */
static void test_host_that_forks(void **state)
{
    mr_stream_options options = options_of(testing_worker(), 2, 8);
    size_t ok, failed, round, seen = 0;
    int pids[2] = {0};
    mr_batch *batch;
    pid_t child;
    run r;

    (void)state;
    assert_int_equal(run_open(&r, NULL, &options, 400), MR_OK);
    assert_int_equal(mr_stream_next(r.stream, 20000, &batch, &r.err), MR_OK);
    seen += batch->n_ok + batch->n_failed;
    mr_batch_release(&batch);
    child = fork();
    if (child == 0)
        for (;;)
            (void)pause();
    assert_true(child > 0);
    for (round = 0; round < 3; round++) {
        wait_for_both(mr_stream_pool(r.stream), round, pids);
        assert_int_equal(kill(pids[0], SIGKILL), 0);
        assert_int_equal(mr_stream_next(r.stream, 20000, &batch, &r.err), MR_OK);
        seen += batch->n_ok + batch->n_failed;
        mr_batch_release(&batch);
    }
    assert_int_equal(run_drain(&r, &ok, &failed), MR_EOF);
    assert_int_equal(seen + ok + failed, 400);
    assert_true(failed <= 1); /* one that a killed worker had each time */
    run_close(&r);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* Our descriptors may then be 0, 1 and 2: they are used, closed, and nobody else's is. */
static int run_without_standard_descriptors(void)
{
    mr_stream_options options = options_of(testing_worker(), 1, 8);
    size_t ok = 0, failed = 0;
    mr_status s;
    run r;
    int fd;

    for (fd = 0; fd < 3; fd++)
        (void)close(fd);
    if (run_open(&r, NULL, &options, 20) != MR_OK)
        return 1;
    s = run_drain(&r, &ok, &failed);
    run_close(&r);
    if (s != MR_EOF || ok != 20 || failed != 0)
        return 2;
    for (fd = 0; fd < 3; fd++)
        if (close(fd) == 0)
            return 3;
    /* and an open that fails half way closes nothing that is not its own */
    if (open("/dev/null", O_RDONLY) != 0)
        return 4;
    options.pool.slab_bytes = UINT64_MAX;
    if (run_open(&r, NULL, &options, 20) != MR_E_NO_MEMORY)
        return 5;
    run_close(&r);
    return close(0) == 0 ? 0 : 6;
}

static void test_host_without_standard_descriptors(void **state)
{
    pid_t child = fork();
    int status = 0;

    (void)state;
    if (child == 0)
        _exit(run_without_standard_descriptors());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_no_work_and_extreme_batches(void **state)
{
    static const uint32_t batches[] = {1, 4096};
    static const size_t totals[] = {0, 1, 70};
    size_t b, t, ok, failed;

    (void)state;
    for (b = 0; b < 2; b++)
        for (t = 0; t < 3; t++) {
            mr_stream_options options = options_of(testing_worker(), 2, batches[b]);
            run r;
            assert_int_equal(run_open(&r, NULL, &options, totals[t]), MR_OK);
            assert_int_equal(run_drain(&r, &ok, &failed), MR_EOF);
            assert_int_equal(ok, totals[t]);
            assert_int_equal(failed, 0);
            run_close(&r);
        }
}

static mr_status blocked_next(void *cookie, mr_item *item, mr_error *err)
{
    uint64_t count;

    (void)item;
    (void)err;
    (void)!read(*(int *)cookie, &count, sizeof count);
    return MR_EOF;
}

static void blocked_wake(void *cookie)
{
    const uint64_t one = 1;

    (void)!write(*(int *)cookie, &one, sizeof one);
}

static void test_closing_while_the_source_blocks(void **state)
{
    mr_stream_options options = options_of(testing_worker(), 1, 8);
    int fd = eventfd(0, EFD_CLOEXEC), round;
    mr_source *source = NULL;
    mr_stream *stream = NULL;
    mr_plan *plan = NULL;
    mr_batch *batch = NULL;
    mr_error err = {0};

    (void)state;
    assert_int_equal(mr_plan_open("raw:32x32", &plan, &err), MR_OK);
    for (round = 0; round < 3; round++) {
        assert_int_equal(
            mr_source_from_callback(blocked_next, blocked_wake, NULL, &fd, &source, &err), MR_OK);
        assert_int_equal(mr_stream_open(source, plan, NULL, &options, &stream, &err), MR_OK);
        if (round == 1)
            assert_int_equal(mr_stream_next(stream, 50, &batch, &err), MR_AGAIN);
        if (round == 2) {
            mr_stream_stop(stream);
            assert_int_equal(mr_stream_next(stream, 20000, &batch, &err), MR_EOF);
        }
        mr_stream_close(&stream);
        mr_source_close(&source);
        (void)eventfd_write(fd, 1);
        blocked_next(&fd, NULL, NULL);
    }
    mr_plan_close(&plan);
    (void)close(fd);
}

/* Four streams of one pool, closed one after the other while the rest goes on. */
static void test_streams_of_one_pool_end_one_by_one(void **state)
{
    mr_stream_options options = options_of(testing_worker(), 2, 4);
    mr_pool *pool = NULL;
    mr_error err = {0};
    size_t ok, failed;
    mr_batch *batch;
    run r[4];
    int i, k;

    (void)state;
    options.slots = 2;
    assert_int_equal(mr_pool_open(&options.pool, &pool, &err), MR_OK);
    for (i = 0; i < 4; i++)
        assert_int_equal(run_open(&r[i], pool, &options, i == 3 ? 200 : 100000), MR_OK);
    for (i = 0; i < 3; i++) {
        for (k = i; k < 4; k++) {
            assert_int_equal(mr_stream_next(r[k].stream, 20000, &batch, &err), MR_OK);
            mr_batch_release(&batch);
        }
        run_close(&r[i]);
    }
    assert_int_equal(run_drain(&r[3], &ok, &failed), MR_EOF);
    assert_int_equal(ok, 200 - 3 * 4);
    run_close(&r[3]);
    mr_pool_close(&pool);
}

static void test_slab_that_is_full(void **state)
{
    mr_stream_options options = options_of(testing_worker(), 1, 64);
    size_t ok, failed;
    run r;

    (void)state;
    /* two or three pictures at a time, and no multiple of anything */
    options.pool.slab_bytes = 60001;
    assert_int_equal(run_open(&r, NULL, &options, 300), MR_OK);
    assert_int_equal(run_drain(&r, &ok, &failed), MR_EOF);
    assert_int_equal(ok, 300);
    run_close(&r);
    assert_int_equal(run_open(&r, NULL, &options, 100000), MR_OK);
    run_close(&r);
}

static int make_set(void **state)
{
    static size_t files;

    set = pictures_make(24);
    files = open_files();
    *state = &files;
    return 0;
}

static int free_set(void **state)
{
    pictures_free(&set);
    if (open_files() != *(size_t *)*state || waitpid(-1, NULL, WNOHANG) != -1) {
        print_error("descriptors or children are left\n");
        return 1;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_worker_is_named),
        cmocka_unit_test(test_worker_that_dies_at_start_fails_every_stream),
        cmocka_unit_test(test_pool_that_fails_under_a_sleeping_consumer),
        cmocka_unit_test(test_asking_for_memory_does_not_put_the_deadline_off),
        cmocka_unit_test(test_closing_does_not_wait_for_a_stopped_worker),
        cmocka_unit_test(test_host_that_forks),
        cmocka_unit_test(test_host_without_standard_descriptors),
        cmocka_unit_test(test_no_work_and_extreme_batches),
        cmocka_unit_test(test_closing_while_the_source_blocks),
        cmocka_unit_test(test_streams_of_one_pool_end_one_by_one),
        cmocka_unit_test(test_slab_that_is_full),
    };

    return cmocka_run_group_tests(tests, make_set, free_set);
}
