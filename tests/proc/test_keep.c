/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are kept where they are: theirs alone, as long as they are held, and at nobody's cost.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pictures.h"

#define BATCH   8u
#define SLOTS   4u
#define SPARE   3u
#define BATCHES 40u
#define WAIT_S  60 /* for memory that is on its way */

static pictures set;

typedef struct run {
    feed f;
    mr_source *source;
    mr_plan *plan;
    mr_stream *stream;
} run;

static size_t slot_bytes(void)
{
    mr_plan *plan = NULL;
    mr_error err = {0};
    size_t bytes;

    assert_int_equal(mr_plan_open("millrace/builtin", &plan, &err), MR_OK);
    bytes = (mr_plan_row_shape(plan).bytes * BATCH + 4095) / 4096 * 4096;
    mr_plan_close(&plan);
    return bytes;
}

static mr_pool *open_pool(size_t spare)
{
    mr_pool_options options;
    mr_pool *pool = NULL;
    mr_error err = {0};

    mr_pool_options_init(&options);
    options.workers = 2;
    options.worker_path = testing_worker();
    options.slots_bytes = (SLOTS + spare) * slot_bytes();
    options.spare_bytes = spare * slot_bytes();
    if (mr_pool_open(&options, &pool, &err) != MR_OK)
        fail_msg("%s", err.message);
    return pool;
}

static void run_open(run *r, mr_pool *pool, size_t total)
{
    mr_stream_options options;
    mr_error err = {0};

    mr_stream_options_init(&options);
    options.batch = BATCH;
    options.slots = SLOTS;
    options.batch_wait_ms = 0;
    *r = (run){.f = {.set = &set, .total = total}};
    r->source = feed_open(&r->f);
    if (mr_plan_open("millrace/builtin", &r->plan, &err) != MR_OK ||
        mr_stream_open(r->source, r->plan, pool, &options, &r->stream, &err) != MR_OK)
        fail_msg("%s", err.message);
    assert_ptr_equal(mr_stream_pool(r->stream), pool);
}

static void run_close(run *r)
{
    mr_stream_close(&r->stream);
    mr_source_close(&r->source);
    mr_plan_close(&r->plan);
}

static mr_batch *next(run *r)
{
    mr_batch *batch = NULL;
    mr_error err = {0};
    mr_status s = mr_stream_next(r->stream, -1, &batch, &err);

    if (s != MR_OK && s != MR_EOF)
        fail_msg("%s", err.message);
    return batch;
}

static mr_status keep(mr_batch *batch, mr_kept **out)
{
    mr_error err = {0};

    return mr_batch_keep(batch, out, &err);
}

/* The same once the memory is there. */
static mr_kept *keep_surely(mr_batch *batch)
{
    time_t until = time(NULL) + WAIT_S;
    mr_kept *kept = NULL;
    mr_status s;

    while ((s = keep(batch, &kept)) == MR_AGAIN && time(NULL) < until)
        (void)sched_yield();
    assert_int_equal(s, MR_OK);
    assert_ptr_equal(kept->data, batch->data);
    return kept;
}

static uint64_t hash(const void *data, size_t n)
{
    const unsigned char *byte = data;
    uint64_t h = UINT64_C(1469598103934665603);

    while (n-- > 0)
        h = (h ^ *byte++) * UINT64_C(1099511628211);
    return h;
}

static uint64_t hash_of(const mr_batch *batch)
{
    return hash(batch->data, batch->n_ok * batch->row_bytes);
}

/* What every batch holds, without keeping any. */
static void expect(uint64_t *hashes)
{
    mr_pool *pool = open_pool(0);
    mr_batch *batch;
    mr_kept *kept;
    run r;

    run_open(&r, pool, (size_t)BATCH * BATCHES);
    while ((batch = next(&r)) != NULL) {
        assert_int_equal(keep(batch, &kept), MR_AGAIN); /* a pool without room for it */
        assert_null(kept);
        hashes[batch->index] = hash_of(batch);
        mr_batch_release(&batch);
    }
    run_close(&r);
    mr_pool_close(&pool);
}

static void test_values_stay_after_stream_and_pool(void **state)
{
    uint64_t expected[BATCHES];
    mr_kept *kept[SPARE], *more;
    mr_pool *pool = open_pool(SPARE);
    size_t bytes = 0, i;
    mr_batch *batch;
    run r;

    (void)state;
    expect(expected);
    run_open(&r, pool, (size_t)BATCH * BATCHES);
    for (i = 0; i < SPARE; i++) {
        batch = next(&r);
        bytes = batch->n_ok * batch->row_bytes;
        kept[i] = keep_surely(batch);
        assert_int_equal(keep(batch, &more), MR_E_INVALID);
        mr_batch_release(&batch);
    }
    while ((batch = next(&r)) != NULL) {
        assert_int_equal(hash_of(batch), expected[batch->index]);
        assert_int_equal(keep(batch, &more), MR_AGAIN); /* as many as were set aside */
        mr_batch_release(&batch);
    }
    for (i = 0; i < SPARE; i++)
        assert_int_equal(hash(kept[i]->data, bytes), expected[i]);
    run_close(&r);
    mr_pool_close(&pool);
    for (i = 0; i < SPARE; i++) {
        assert_int_equal(hash(kept[i]->data, bytes), expected[i]);
        memset(kept[i]->data, (int)i, kept[i]->bytes);
    }
    /* negative control: what is written there is seen */
    assert_int_not_equal(hash(kept[0]->data, bytes), expected[0]);
    mr_kept_release(&kept[1]);
    assert_null(kept[1]);
    assert_int_equal(*((unsigned char *)kept[2]->data + bytes - 1), 2);
    mr_kept_release(&kept[0]);
    mr_kept_release(&kept[2]);
    mr_kept_release(&kept[2]);
}

static void test_what_is_given_back_is_used_again(void **state)
{
    void *seen[SLOTS + SPARE] = {NULL};
    uint64_t expected[BATCHES];
    mr_pool *pool = open_pool(SPARE);
    mr_kept *last = NULL, *kept;
    size_t n_seen = 0, i;
    mr_batch *batch;
    run r;
    int round;

    (void)state;
    expect(expected);
    for (round = 0; round < 2;
         round++) { /* the second stream begins while a batch of the first is held */
        run_open(&r, pool, (size_t)BATCH * BATCHES);
        while ((batch = next(&r)) != NULL) {
            assert_int_equal(hash_of(batch), expected[batch->index]);
            kept = keep_surely(batch);
            mr_batch_release(&batch);
            memset(kept->data, 0xaa, kept->bytes); /* nobody else's */
            mr_kept_release(&last);
            last = kept;
            for (i = 0; i < n_seen && seen[i] != kept->data; i++)
                continue;
            assert_true(i < SLOTS + SPARE);
            seen[i] = kept->data;
            n_seen = i == n_seen ? n_seen + 1 : n_seen;
        }
        run_close(&r);
    }
    assert_true(n_seen > 1);
    mr_pool_close(&pool);
    mr_kept_release(&last);
}

static void test_what_is_mostly_empty_is_not_kept(void **state)
{
    mr_pool *pool = open_pool(SPARE);
    mr_kept *kept = NULL;
    mr_batch *batch;
    run r;

    (void)state;
    run_open(&r, pool, BATCH + BATCH / 2 - 1);
    batch = next(&r);
    kept = keep_surely(batch);
    mr_batch_release(&batch);
    batch = next(&r);
    assert_int_equal(batch->n_ok, BATCH / 2 - 1);
    mr_kept_release(&kept);
    assert_int_equal(keep(batch, &kept), MR_AGAIN);
    mr_batch_release(&batch);
    run_close(&r);
    mr_pool_close(&pool);
}

static void test_more_than_the_slots_is_refused(void **state)
{
    mr_pool_options options;
    mr_pool *pool = NULL;
    mr_error err = {0};

    (void)state;
    mr_pool_options_init(&options);
    options.worker_path = testing_worker();
    options.slots_bytes = 8 << 20;
    options.spare_bytes = options.slots_bytes + 1;
    assert_int_equal(mr_pool_open(&options, &pool, &err), MR_E_INVALID);
    assert_non_null(strstr(err.message, "8388609"));
}

static int make_set(void **state)
{
    (void)state;
    set = pictures_make(40);
    return 0;
}

static int free_set(void **state)
{
    (void)state;
    pictures_free(&set);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_stay_after_stream_and_pool),
        cmocka_unit_test(test_what_is_given_back_is_used_again),
        cmocka_unit_test(test_what_is_mostly_empty_is_not_kept),
        cmocka_unit_test(test_more_than_the_slots_is_refused),
    };

    return cmocka_run_group_tests(tests, make_set, free_set);
}
