/* SPDX-License-Identifier: Apache-2.0 */
/* Several commits at once, and several batches a commit: in order, and nothing counted too early.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/error.h"
#include "pipeline/sink.h"

#define BATCH   2u
#define BATCHES 24u
#define LONG_S  60

/* A store whose commits end when the test lets them. */
typedef struct gate {
    mr_store base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned begun, inside, most_inside;
    unsigned open;     /* commits that may end */
    unsigned together; /* ... and only once so many have been inside */
    uint64_t fail_at;  /* number of the first batch of the commit */
    size_t rows[BATCHES];
    uint64_t counted[BATCHES]; /* batches that were acknowledged, in that order */
    unsigned n_counted, failures;
    bool late;
} gate;

/* With the lock: false if it took too long. */
static bool wait_a_little(gate *g)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += LONG_S;
    if (pthread_cond_timedwait(&g->changed, &g->lock, &at) != 0)
        g->late = true;
    return !g->late;
}

static mr_status gate_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    gate *g = (gate *)store;
    unsigned number;

    pthread_mutex_lock(&g->lock);
    number = g->begun++;
    if (number < BATCHES)
        g->rows[number] = commit->n_rows;
    if (++g->inside > g->most_inside)
        g->most_inside = g->inside;
    pthread_cond_broadcast(&g->changed);
    while ((g->open <= number || g->most_inside < g->together) && wait_a_little(g))
        ;
    g->inside--;
    pthread_mutex_unlock(&g->lock);
    return commit->batch == g->fail_at ? mr__error_set(err, MR_E_IO, "the gate fell") : MR_OK;
}

static const mr__store_ops gate_ops = {.name = "gate", .commit = gate_commit};

static void on_committed(void *cookie, const mr__record *record, double seconds)
{
    gate *g = cookie;

    (void)seconds;
    pthread_mutex_lock(&g->lock);
    g->counted[g->n_counted++] = record->index;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void on_failed(void *cookie)
{
    gate *g = cookie;

    g->failures++;
}

static gate *make_gate(void)
{
    gate *g = calloc(1, sizeof *g);

    assert_non_null(g);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
    g->base.ops = &gate_ops;
    g->fail_at = UINT64_MAX;
    return g;
}

static void free_gate(gate *g)
{
    assert_false(g->late);
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static mr__sink *open_sink(gate *g, uint32_t threads, uint32_t commit_rows, uint64_t bytes)
{
    const mr__sink_options options = {.store = &g->base,
                                      .batch = BATCH,
                                      .dim = 1,
                                      .records = BATCHES,
                                      .threads = threads,
                                      .commit_rows = commit_rows,
                                      .bytes = bytes,
                                      .committed = on_committed,
                                      .failed = on_failed,
                                      .cookie = g};
    mr__sink *sink;

    assert_int_equal(mr__sink_open(&options, &sink, NULL), MR_OK);
    return sink;
}

static mr_status put(mr__sink *sink, uint64_t number)
{
    mr_item_result good[BATCH] = {{.id = "a", .key = "a"}, {.seq = 1, .id = "b", .key = "b"}};
    mr_batch batch = {.index = number, .n_ok = BATCH, .items = good};
    mr__record_facts facts = {.fingerprint = "mr1:x"};
    mr__record *record;
    mr_status status = mr__sink_get(sink, &record, NULL);

    if (status != MR_OK)
        return status;
    assert_int_equal(mr__record_fill(record, &batch, &facts, NULL), MR_OK);
    mr__sink_put(sink, record);
    return MR_OK;
}

/* Lets `n` commits end, and waits until so many have begun. */
static void let(gate *g, unsigned n, unsigned begun)
{
    pthread_mutex_lock(&g->lock);
    g->open = n;
    pthread_cond_broadcast(&g->changed);
    while (g->begun < begun && wait_a_little(g))
        ;
    pthread_mutex_unlock(&g->lock);
}

static void check_order(const gate *g, unsigned n)
{
    unsigned i;

    assert_int_equal(g->n_counted, n);
    for (i = 0; i < n; i++)
        assert_int_equal(g->counted[i], i);
}

static void test_commits_at_once(void **state)
{
    gate *g = make_gate();
    mr__sink *sink = open_sink(g, 3, 0, 0);
    uint64_t i;

    (void)state;
    g->together = 3; /* none ends unless three are under way */
    let(g, BATCHES, 0);
    for (i = 0; i < BATCHES; i++)
        assert_int_equal(put(sink, i), MR_OK);
    assert_int_equal(mr__sink_drain(sink, NULL), MR_OK);
    assert_int_equal(g->most_inside, 3);
    assert_int_equal(g->begun, BATCHES);
    check_order(g, BATCHES);
    mr__sink_close(&sink);
    free_gate(g);
}

/* What waits while a commit is under way goes in the next one, as far as the store likes. */
static void test_what_waits_goes_together(void **state)
{
    gate *g = make_gate();
    mr__sink *sink = open_sink(g, 1, 4 * BATCH + 1, 0);
    uint64_t i;

    (void)state;
    assert_int_equal(put(sink, 0), MR_OK);
    let(g, 0, 1);
    for (i = 1; i < 8; i++)
        assert_int_equal(put(sink, i), MR_OK);
    let(g, BATCHES, 1);
    assert_int_equal(mr__sink_drain(sink, NULL), MR_OK);
    assert_int_equal(g->begun, 3);
    assert_int_equal(g->rows[0], BATCH); /* it did not wait for more */
    assert_int_equal(g->rows[1], 4 * BATCH);
    assert_int_equal(g->rows[2], 3 * BATCH);
    check_order(g, 8);
    mr__sink_close(&sink);
    free_gate(g);
}

/* Batches that were embedded early wait for the one before them. */
static void test_out_of_order(void **state)
{
    gate *g = make_gate();
    mr__sink *sink = open_sink(g, 2, 0, 0);

    (void)state;
    let(g, BATCHES, 0);
    assert_int_equal(put(sink, 2), MR_OK);
    assert_int_equal(put(sink, 1), MR_OK);
    assert_int_equal(g->begun, 0);
    assert_int_equal(put(sink, 0), MR_OK);
    assert_int_equal(put(sink, 4), MR_OK); /* and 3 never comes: its embedder failed */
    assert_int_equal(mr__sink_drain(sink, NULL), MR_OK);
    assert_int_equal(g->n_counted, 4);
    assert_int_equal(g->counted[2], 2);
    assert_int_equal(g->counted[3], 4);
    mr__sink_close(&sink);
    free_gate(g);
}

/* Of three commits under way the second fails: the first counts, the third does not. */
static void test_one_of_several_fails(void **state)
{
    gate *g = make_gate();
    mr__sink *sink = open_sink(g, 3, 0, 0);
    mr_error err = {0};
    uint64_t i;

    (void)state;
    g->together = 3;
    g->fail_at = 1;
    for (i = 0; i < 3; i++)
        assert_int_equal(put(sink, i), MR_OK);
    let(g, BATCHES, 3);
    for (i = 3; i < BATCHES && put(sink, i) == MR_OK; i++)
        ;
    assert_int_equal(mr__sink_drain(sink, &err), MR_E_IO);
    assert_non_null(strstr(err.message, "the gate fell"));
    check_order(g, 1);
    assert_int_equal(g->failures, 1);
    assert_int_equal(put(sink, i), MR_E_IO);
    mr__sink_close(&sink);
    free_gate(g);
}

typedef struct late_comer {
    gate *g;
    mr__sink *sink;
    unsigned counted; /* when it got a record */
} late_comer;

static void *come_late(void *arg)
{
    late_comer *l = arg;
    mr__record *record;

    if (mr__sink_get(l->sink, &record, NULL) != MR_OK)
        return NULL;
    pthread_mutex_lock(&l->g->lock);
    l->counted = l->g->n_counted;
    pthread_mutex_unlock(&l->g->lock);
    mr__sink_give_back(l->sink, record);
    return l;
}

/* Who fills records waits when those that wait hold too many bytes, though there are more. */
static void test_bytes(void **state)
{
    gate *g = make_gate();
    mr__sink *sink = open_sink(g, 1, 0, 1 + BATCH * (sizeof(mr__row) + sizeof(mr_ledger_entry)));
    late_comer late = {.g = g, .sink = sink};
    pthread_t thread;
    void *answer;

    (void)state;
    assert_int_equal(put(sink, 0), MR_OK);
    let(g, 0, 1);
    assert_int_equal(pthread_create(&thread, NULL, come_late, &late), 0);
    let(g, BATCHES, 1);
    assert_int_equal(pthread_join(thread, &answer), 0);
    assert_non_null(answer);
    assert_int_equal(late.counted, 1); /* the first was durable by then */
    assert_int_equal(put(sink, 1), MR_OK);
    assert_int_equal(mr__sink_drain(sink, NULL), MR_OK);
    check_order(g, 2);
    mr__sink_close(&sink);
    free_gate(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits_at_once), cmocka_unit_test(test_what_waits_goes_together),
        cmocka_unit_test(test_out_of_order),    cmocka_unit_test(test_one_of_several_fails),
        cmocka_unit_test(test_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
