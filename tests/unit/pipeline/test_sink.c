/* SPDX-License-Identifier: Apache-2.0 */
/* Records and the store thread: everything copied, order kept, a failing store ends it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "pipeline/sink.h"
#include "pipeline/tally.h"

#define BATCHES 50
#define DIM     3

/* A store that remembers what it was given and fails at one commit. */
typedef struct notebook {
    mr_store base;
    char spec[8];
    uint64_t batches[BATCHES];
    size_t n;
    uint64_t fail_at; /* number of the batch; BATCHES: never */
    float last_vector[DIM];
    char last_id[32], last_metadata[64];
    size_t last_entries;
} notebook;

static mr_status notebook_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    notebook *book = (notebook *)store;

    if (commit->batch == book->fail_at)
        return mr__error_set(err, MR_E_IO, "the notebook is full");
    book->batches[book->n++] = commit->batch;
    book->last_entries = commit->n_entries;
    if (commit->n_rows > 0) {
        const mr__row *row = &commit->rows[commit->n_rows - 1];

        memcpy(book->last_vector, row->data, sizeof book->last_vector);
        (void)snprintf(book->last_id, sizeof book->last_id, "%s", row->id);
        (void)snprintf(book->last_metadata, sizeof book->last_metadata, "%s", row->metadata);
    }
    return MR_OK;
}

static const mr__store_ops notebook_ops = {.name = "notebook", .commit = notebook_commit};

typedef struct fixture {
    notebook book;
    mr__tally tally;
    mr__sink *sink;
    unsigned failures;
} fixture;

static void on_committed(void *cookie, const mr__record *record, double seconds)
{
    fixture *f = cookie;

    mr__tally_committed(&f->tally, record, seconds);
}

static void on_failed(void *cookie)
{
    fixture *f = cookie;

    f->failures++;
}

static fixture *begin(uint64_t fail_at)
{
    fixture *f = calloc(1, sizeof *f);
    mr__sink_options options = {.batch = 4,
                                .dim = DIM,
                                .records = 3,
                                .threads = 1,
                                .committed = on_committed,
                                .failed = on_failed};

    assert_non_null(f);
    f->book.base = (mr_store){.ops = &notebook_ops, .spec = f->book.spec};
    f->book.fail_at = fail_at;
    mr__tally_init(&f->tally);
    options.store = &f->book.base;
    options.cookie = f;
    assert_int_equal(mr__sink_open(&options, &f->sink, NULL), MR_OK);
    return f;
}

static void end(fixture *f)
{
    mr__sink_close(&f->sink);
    mr__tally_fini(&f->tally);
    free(f);
}

/* Puts batch `number`: one good item and two bad ones around it, named after the batch. */
static mr_status put(fixture *f, uint64_t number, mr_error *err)
{
    char id[32] = "", metadata[32] = "";
    mr_item_result good = {.seq = 3 * number + 1, .id = id, .key = id, .uri = id};
    mr_item_result bad[] = {{.seq = 3 * number,
                             .id = "first",
                             .key = "first",
                             .state = MR_ITEM_FAILED,
                             .stage = MR_STAGE_DECODE,
                             .code = MR_CODE_TRUNCATED,
                             .message = "short"},
                            {.seq = 3 * number + 2,
                             .id = "last",
                             .key = "last",
                             .state = MR_ITEM_FAILED,
                             .stage = MR_STAGE_SOURCE,
                             .code = MR_CODE_DUPLICATE_ID}};
    mr_batch batch = {.index = number, .n_ok = 1, .n_failed = 2, .items = &good, .failures = bad};
    mr__record_facts facts = {.fingerprint = "mr1:x", .ms_embed = 2};
    mr__record *record;
    mr_status status = mr__sink_get(f->sink, &record, err);

    if (status != MR_OK)
        return status;
    (void)snprintf(id, sizeof id, "item-%u", (unsigned)number);
    (void)snprintf(metadata, sizeof metadata, "{\"n\":%u}", (unsigned)number);
    good.metadata = metadata;
    record->vectors[0] = (float)number;
    assert_int_equal(mr__record_fill(record, &batch, &facts, err), MR_OK);
    assert_int_equal(record->n_entries, 3);
    assert_string_equal(record->entries[0].id, "first");
    assert_string_equal(record->entries[0].state, "failed");
    assert_string_equal(record->entries[1].state, "stored");
    assert_true(record->entries[1].ms_embed > 1.9f);
    assert_string_equal(record->entries[2].state, "duplicate");
    /* nothing in the record points into what is about to be reused */
    memset(id, '!', sizeof id - 1);
    memset(metadata, '!', sizeof metadata - 1);
    mr__sink_put(f->sink, record);
    return MR_OK;
}

static void test_order_and_copies(void **state)
{
    fixture *f = begin(BATCHES);
    mr__counts counts;
    uint64_t i;

    (void)state;
    for (i = 0; i < BATCHES; i++)
        assert_int_equal(put(f, i, NULL), MR_OK);
    assert_int_equal(mr__sink_drain(f->sink, NULL), MR_OK);
    assert_int_equal(f->book.n, BATCHES);
    for (i = 0; i < BATCHES; i++)
        assert_int_equal(f->book.batches[i], i);
    assert_string_equal(f->book.last_id, "item-49");
    assert_string_equal(f->book.last_metadata, "{\"n\":49}");
    assert_true(f->book.last_vector[0] > 48.9f && f->book.last_vector[0] < 49.1f);
    assert_int_equal(f->book.last_entries, 3);
    counts = mr__tally_get(&f->tally);
    assert_int_equal(counts.ok, BATCHES);
    assert_int_equal(counts.failed, BATCHES);
    assert_int_equal(counts.duplicate, BATCHES);
    assert_int_equal(counts.quarantined, 0);
    assert_int_equal(counts.by_code[MR_CODE_TRUNCATED], BATCHES);
    assert_int_equal(counts.by_code[MR_CODE_DUPLICATE_ID], BATCHES);
    assert_int_equal(counts.by_code[MR_CODE_NONE], 0);
    assert_int_equal(f->failures, 0);
    end(f);
}

/* What was not acknowledged is not counted, and what comes after is not written. */
static void test_failing_store(void **state)
{
    fixture *f = begin(7);
    mr_error err = {0};
    mr_status status = MR_OK;
    uint64_t i;

    (void)state;
    for (i = 0; i < BATCHES && status == MR_OK; i++)
        status = put(f, i, &err);
    assert_int_equal(mr__sink_drain(f->sink, &err), MR_E_IO);
    assert_non_null(strstr(err.message, "the notebook is full"));
    assert_int_equal(f->book.n, 7);
    assert_int_equal(mr__tally_get(&f->tally).ok, 7);
    assert_int_equal(f->failures, 1);
    /* afterwards there is nothing to be had but the error */
    err = (mr_error){0};
    assert_int_equal(put(f, 8, &err), MR_E_IO);
    assert_non_null(strstr(err.message, "the notebook is full"));
    end(f);
}

/* A batch with more failures than the batch size, and one with nothing in it. */
static void test_odd_batches(void **state)
{
    enum { MANY = 100 };
    mr_item_result *failures = calloc(MANY, sizeof *failures);
    mr_batch batch = {.index = 0, .n_failed = MANY, .failures = failures};
    mr__record_facts facts = {.fingerprint = "mr1:x"};
    fixture *f = begin(BATCHES);
    mr__record *record;
    int i;

    (void)state;
    assert_non_null(failures);
    for (i = 0; i < MANY; i++)
        failures[i] = (mr_item_result){
            .seq = (uint64_t)i, .id = "a", .state = MR_ITEM_QUARANTINED, .code = MR_CODE_CRASHED};
    assert_int_equal(mr__sink_get(f->sink, &record, NULL), MR_OK);
    assert_int_equal(mr__record_fill(record, &batch, &facts, NULL), MR_OK);
    mr__sink_put(f->sink, record);
    batch = (mr_batch){.index = 1};
    assert_int_equal(mr__sink_get(f->sink, &record, NULL), MR_OK);
    assert_int_equal(mr__record_fill(record, &batch, &facts, NULL), MR_OK);
    mr__sink_put(f->sink, record);
    assert_int_equal(mr__sink_get(f->sink, &record, NULL), MR_OK);
    mr__sink_give_back(f->sink, record);
    assert_int_equal(mr__sink_drain(f->sink, NULL), MR_OK);
    assert_int_equal(f->book.n, 2);
    assert_int_equal(mr__tally_get(&f->tally).quarantined, MANY);
    end(f);
    free(failures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_copies),
        cmocka_unit_test(test_failing_store),
        cmocka_unit_test(test_odd_batches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
