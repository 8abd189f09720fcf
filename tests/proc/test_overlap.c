/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding, embedding and storing go on at once, and what cannot be embedded fails alone. Nothing
 * here is measured: an embedder and a store each wait for what only happens if the others go on
 * meanwhile, and note if it never does.
 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "embed/embed.h"
#include "pictures.h"
#include "pipeline/embedding.h"

#define BATCH   4u
#define BATCHES 12u
#define DIM     2u
#define TOTAL   (BATCH * BATCHES)
#define LONG_S  60

typedef struct rig rig;

typedef struct model {
    mr_embedder base;
    rig *r;
} model;

typedef struct shelf {
    mr_store base;
    rig *r;
} shelf;

/* What became of an item. */
typedef struct fate {
    char state[16], code[24], message[160];
    unsigned times;
    float vector[DIM];
} fate;

struct rig {
    model model;
    shelf shelf;
    mr_stream *stream;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned calls, ended, inside, most_inside; /* of the embedder */
    unsigned embedded, commits, failures;
    bool late; /* something that was waited for did not come */
    uint64_t next_batch;
    fate fates[TOTAL];
    /* what the test wants */
    uint64_t decoded_first;  /* items that must be decoded before the first call ends */
    unsigned calls_first;    /* calls that must have ended before the first one does */
    unsigned inside_first;   /* calls that must be inside before any ends */
    unsigned embedded_first; /* batches that must be embedded before the first commit ends */
    int patience_ms;
    mr_status (*judge)(unsigned call, size_t n, float *vectors, mr_error *err);
};

static struct timespec deadline(const rig *r)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += r->patience_ms / 1000;
    at.tv_nsec += (long)(r->patience_ms % 1000) * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* With the lock: waits until `*counter` is that large. */
static void wait_for(rig *r, const unsigned *counter, unsigned value)
{
    const struct timespec at = deadline(r);

    while (*counter < value && !r->late)
        if (pthread_cond_timedwait(&r->changed, &r->lock, &at) != 0)
            r->late = *counter < value;
}

/* Nobody tells what is decoded, so it is looked at, over and over. */
static void wait_decoded(rig *r)
{
    uint64_t until = mr__clock_ns() + (uint64_t)r->patience_ms * 1000000;
    mr_stream_stats stats;

    do {
        mr_stream_stats_get(r->stream, &stats);
        (void)sched_yield();
    } while (stats.ok < r->decoded_first && mr__clock_ns() < until);
    r->late |= stats.ok < r->decoded_first;
}

static mr_status model_run(mr_embedder *embedder, const void *rows, size_t n, float *vectors,
                           mr_error *err)
{
    rig *r = ((model *)embedder)->r;
    mr_status status = MR_OK;
    unsigned call;
    size_t i;

    (void)rows;
    pthread_mutex_lock(&r->lock);
    call = r->calls++;
    if (++r->inside > r->most_inside)
        r->most_inside = r->inside;
    pthread_cond_broadcast(&r->changed);
    wait_for(r, &r->most_inside, r->inside_first);
    if (call == 0) {
        wait_for(r, &r->ended, r->calls_first);
        wait_decoded(r);
    }
    pthread_mutex_unlock(&r->lock);
    for (i = 0; i < n; i++) {
        vectors[i * DIM] = 1.0F;
        vectors[i * DIM + 1] = 0.0F;
    }
    if (r->judge)
        status = r->judge(call, n, vectors, err);
    pthread_mutex_lock(&r->lock);
    r->inside--;
    r->ended++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return status;
}

static mr_status shelf_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    rig *r = ((shelf *)store)->r;
    size_t i, row = 0;

    (void)err;
    pthread_mutex_lock(&r->lock);
    r->late |= commit->batch != r->next_batch; /* one batch a commit, in order */
    r->next_batch = commit->batch + 1;
    if (r->commits++ == 0)
        wait_for(r, &r->embedded, r->embedded_first);
    for (i = 0; i < commit->n_entries; i++) {
        const mr_ledger_entry *entry = &commit->entries[i];
        fate *f = &r->fates[strtoul(entry->id + 5, NULL, 10)];

        f->times++;
        (void)snprintf(f->state, sizeof f->state, "%s", entry->state);
        (void)snprintf(f->code, sizeof f->code, "%s", mr_code_name(entry->code));
        (void)snprintf(f->message, sizeof f->message, "%s", entry->message);
        if (strcmp(entry->state, "stored") != 0)
            continue;
        if (strcmp(commit->rows[row].id, entry->id) == 0)
            memcpy(f->vector, commit->rows[row++].data, sizeof f->vector);
    }
    r->late |= row != commit->n_rows;
    pthread_mutex_unlock(&r->lock);
    return MR_OK;
}

static const mr__embed_ops model_ops = {.name = "model", .run = model_run};
static const mr__store_ops shelf_ops = {.name = "shelf", .commit = shelf_commit};

static void on_handed_out(void *cookie)
{
    (void)cookie;
}

static void on_embedded(void *cookie, const mr__record *record, double seconds)
{
    rig *r = cookie;

    (void)record;
    (void)seconds;
    pthread_mutex_lock(&r->lock);
    r->embedded++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void on_committed(void *cookie, const mr__record *record, double seconds)
{
    (void)cookie;
    (void)record;
    (void)seconds;
}

static void on_failed(void *cookie)
{
    rig *r = cookie;

    r->failures++;
    mr_stream_stop(r->stream);
}

static rig *make_rig(void)
{
    rig *r = calloc(1, sizeof *r);

    assert_non_null(r);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->model = (model){.base = {.ops = &model_ops, .info = {.spec = "model", .dim = DIM}}, .r = r};
    r->shelf = (shelf){.base = {.ops = &shelf_ops}, .r = r};
    r->patience_ms = LONG_S * 1000;
    return r;
}

static void free_rig(rig *r)
{
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Runs `total` pictures through it, in batches of `batch`. */
static mr_status run(rig *r, uint32_t threads, uint32_t total, uint32_t batch, mr_error *err)
{
    pictures set = pictures_make(5);
    feed f = {.set = &set, .total = total};
    mr_source *source = feed_open(&f);
    mr__sink_options sink = {.store = &r->shelf.base,
                             .batch = batch,
                             .dim = DIM,
                             .records = threads + 4,
                             .threads = 1,
                             .committed = on_committed,
                             .failed = on_failed,
                             .cookie = r};
    mr__embedding_options embedding = {.embedder = &r->model.base,
                                       .dim = DIM,
                                       .threads = threads,
                                       .fingerprint = "mr1:x",
                                       .handed_out = on_handed_out,
                                       .embedded = on_embedded,
                                       .failed = on_failed,
                                       .cookie = r};
    mr_stream_options options;
    mr_plan *plan = NULL;
    mr_status status;

    mr_stream_options_init(&options);
    options.batch = batch;
    options.slots = 4;
    options.pool.workers = 2;
    options.pool.worker_path = testing_worker();
    assert_int_equal(mr_plan_open("raw:16x16", &plan, err), MR_OK);
    assert_int_equal(mr_stream_open(source, plan, NULL, &options, &r->stream, err), MR_OK);
    assert_int_equal(mr__sink_open(&sink, &embedding.sink, err), MR_OK);
    embedding.stream = r->stream;
    status = mr__embedding_run(&embedding, err);
    assert_int_equal(mr__sink_drain(embedding.sink, NULL), MR_OK);
    mr__sink_close(&embedding.sink);
    mr_stream_close(&r->stream);
    mr_plan_close(&plan);
    mr_source_close(&source);
    pictures_free(&set);
    return status;
}

static unsigned count(const rig *r, const char *state)
{
    unsigned n = 0, i;

    for (i = 0; i < TOTAL; i++)
        n += r->fates[i].times == 1 && strcmp(r->fates[i].state, state) == 0;
    return n;
}

/* Runs them all without a fault; did everything that was waited for come? */
static bool all_in_time(rig *r, uint32_t threads)
{
    mr_error err = {0};
    bool in_time;

    if (run(r, threads, TOTAL, BATCH, &err) != MR_OK)
        fail_msg("%s", err.message);
    in_time = !r->late;
    assert_int_equal(count(r, "stored"), TOTAL);
    assert_int_equal(r->failures, 0);
    free_rig(r);
    return in_time;
}

static void test_decoding_goes_on_while_a_batch_is_embedded(void **state)
{
    rig *r = make_rig();

    (void)state;
    r->decoded_first = 3 * BATCH;
    assert_true(all_in_time(r, 1));
    /* the control: more than four slots hold cannot be decoded before one is given back */
    r = make_rig();
    r->decoded_first = 5 * BATCH;
    r->patience_ms = 500;
    assert_false(all_in_time(r, 1));
}

static void test_batches_are_embedded_at_once_and_stored_in_order(void **state)
{
    rig *r = make_rig();

    (void)state;
    r->inside_first = 3;
    r->calls_first = 5; /* and batches that are done early wait for the one before them */
    assert_true(all_in_time(r, 3));
    r = make_rig();
    r->inside_first = 3;
    r->patience_ms = 500;
    assert_false(all_in_time(r, 2));
}

static void test_embedding_goes_on_while_a_batch_is_stored(void **state)
{
    rig *r = make_rig();

    (void)state;
    r->embedded_first = 4;
    assert_true(all_in_time(r, 1));
    /* five records: one is being committed, so a sixth batch has nowhere to go */
    r = make_rig();
    r->embedded_first = 6;
    r->patience_ms = 500;
    assert_false(all_in_time(r, 1));
}

/* Of batch 1 rows 0 and 2 cannot be embedded; of batch 2 row 1 comes out infinite. Calls: batch 0,
 * batch 1, its four rows, batch 2. */
static mr_status some_bad(unsigned call, size_t n, float *vectors, mr_error *err)
{
    if (call == 1 || call == 2 || call == 4)
        return mr__error_set(err, MR_E_ITEM, "no such token");
    if (call == 6) {
        assert_int_equal(n, BATCH);
        vectors[DIM] = INFINITY;
    }
    return MR_OK;
}

static void test_rows_fail_alone(void **state)
{
    static const unsigned bad[] = {BATCH, BATCH + 2, 2 * BATCH + 1};
    rig *r = make_rig();
    mr_error err = {0};
    unsigned i;

    (void)state;
    r->judge = some_bad;
    assert_int_equal(run(r, 1, TOTAL, BATCH, &err), MR_OK);
    assert_false(r->late);
    assert_int_equal(count(r, "stored"), TOTAL - 3);
    assert_int_equal(count(r, "failed"), 3);
    for (i = 0; i < 3; i++)
        assert_string_equal(r->fates[bad[i]].code, "embed_failed");
    assert_non_null(strstr(r->fates[BATCH + 2].message, "no such token"));
    assert_non_null(strstr(r->fates[2 * BATCH + 1].message, "not finite"));
    for (i = 0; i < TOTAL; i++)
        if (strcmp(r->fates[i].state, "stored") == 0)
            assert_true(r->fates[i].vector[0] > 0.9F);
    free_rig(r);
}

static mr_status all_bad(unsigned call, size_t n, float *vectors, mr_error *err)
{
    (void)call;
    vectors[(n - 1) * DIM] = 0.0F;
    return mr__error_set(err, MR_E_ITEM, "wrong shape");
}

static void test_an_embedder_that_takes_nothing_is_to_blame(void **state)
{
    rig *r = make_rig();
    mr_error err = {0};

    (void)state;
    r->judge = all_bad;
    assert_int_equal(run(r, 1, TOTAL, BATCH, &err), MR_E_ENV);
    assert_non_null(strstr(err.message, "each of the first 4 pictures"));
    assert_non_null(strstr(err.message, "wrong shape"));
    assert_int_equal(r->failures, 1);
    assert_int_equal(r->commits, 0);
    free_rig(r);
    /* a single picture says nothing of the model */
    r = make_rig();
    r->judge = all_bad;
    assert_int_equal(run(r, 1, 1, BATCH, &err), MR_OK);
    assert_int_equal(count(r, "failed"), 1);
    free_rig(r);
}

static mr_status gone_at_five(unsigned call, size_t n, float *vectors, mr_error *err)
{
    vectors[(n - 1) * DIM + 1] = 0.0F;
    return call == 5 ? mr__error_set(err, MR_E_ENV, "connection refused") : MR_OK;
}

/* What was embedded before is stored, whatever thread it was on. */
static void test_an_embedder_that_is_gone_ends_the_run(void **state)
{
    rig *r;
    mr_error err = {0};
    uint32_t threads;

    (void)state;
    for (threads = 1; threads <= 3; threads += 2) {
        r = make_rig();
        r->judge = gone_at_five;
        assert_int_equal(run(r, threads, TOTAL, BATCH, &err), MR_E_ENV);
        assert_non_null(strstr(err.message, "connection refused"));
        assert_int_equal(r->failures, 1);
        assert_int_equal(count(r, "stored"), r->embedded * BATCH);
        assert_true(r->embedded >= 5);
        free_rig(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoding_goes_on_while_a_batch_is_embedded),
        cmocka_unit_test(test_batches_are_embedded_at_once_and_stored_in_order),
        cmocka_unit_test(test_embedding_goes_on_while_a_batch_is_stored),
        cmocka_unit_test(test_rows_fail_alone),
        cmocka_unit_test(test_an_embedder_that_takes_nothing_is_to_blame),
        cmocka_unit_test(test_an_embedder_that_is_gone_ends_the_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
