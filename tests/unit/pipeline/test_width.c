/* SPDX-License-Identifier: Apache-2.0 */
/* How wide the stages are: what was asked for, what the parts can do, what memory allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/record.h"
#include "pipeline/width.h"

#define MIB (UINT64_C(1) << 20)

static mr_pipeline_options options_of(void)
{
    mr_pipeline_options options;

    mr_pipeline_options_init(&options);
    assert_int_equal(options.embed_workers, 0);
    assert_int_equal(options.commit_rows, 0);
    assert_int_equal(options.queue_batches, 0);
    return options;
}

static mr__width plan(const mr_pipeline_options *options, const mr__width_facts *facts)
{
    mr__width width;

    assert_int_equal(mr__width_plan(options, facts, &width, NULL), MR_OK);
    return width;
}

static void test_embedders(void **state)
{
    mr_pipeline_options options = options_of();
    mr__width_facts facts = {.dim = 512, .concurrency = 1, .row_bytes = 602112};
    mr__width width = plan(&options, &facts);

    (void)state;
    assert_int_equal(width.embed_threads, 1);
    assert_int_equal(width.slots, 0);
    facts.concurrency = 16;
    width = plan(&options, &facts);
    assert_int_equal(width.embed_threads, 4); /* and slots for them: 6 of 18 MiB of 512 */
    assert_int_equal(width.slots, 6);
    facts.worthwhile = 1;
    assert_int_equal(plan(&options, &facts).embed_threads, 1);
    options.embed_workers = 8; /* who asks for more gets it, if it is possible */
    width = plan(&options, &facts);
    assert_int_equal(width.embed_threads, 2); /* ten slots would be too large a part */
    assert_int_equal(width.slots, 0);
    options.stream.pool.memory_bytes = 4096 * MIB;
    width = plan(&options, &facts);
    assert_int_equal(width.embed_threads, 8);
    assert_int_equal(width.slots, 10);
    facts.concurrency = 3;
    assert_int_equal(plan(&options, &facts).embed_threads, 3);
    options.stream.slots = 3; /* asked for: one is left for decoding */
    width = plan(&options, &facts);
    assert_int_equal(width.embed_threads, 2);
    assert_int_equal(width.slots, 3);
}

static void test_stores(void **state)
{
    mr_pipeline_options options = options_of();
    mr__width_facts facts = {.dim = 8, .concurrency = 1, .row_bytes = 100};
    mr__width width = plan(&options, &facts);

    (void)state;
    assert_int_equal(width.store_threads, 1);
    assert_int_equal(width.records, 1 + 2);
    facts.commits = 4;
    facts.commit_rows = 1000;
    width = plan(&options, &facts);
    assert_int_equal(width.store_threads, 4);
    assert_int_equal(width.commit_rows, 1000);
    assert_int_equal(width.records, 1 + 5 * 32);
    assert_int_equal(width.bytes, width.records * mr__record_bytes(32, 8));
    options.commit_rows = 100;
    options.queue_batches = 7;
    width = plan(&options, &facts);
    assert_int_equal(width.commit_rows, 100);
    assert_int_equal(width.records, 1 + 7);
    /* tensors stay in their slots */
    facts = (mr__width_facts){.row_bytes = 100, .commits = 4};
    assert_int_equal(plan(&options, &facts).records, 1);
}

static void test_memory(void **state)
{
    mr_pipeline_options options = options_of();
    mr__width_facts facts = {.dim = 32768, .concurrency = 2, .row_bytes = 100, .commits = 1};
    mr__width width;

    (void)state;
    options.queue_batches = 1000000;
    width = plan(&options, &facts);
    assert_true(width.bytes <= options.stream.pool.memory_bytes / 16);
    assert_true(width.bytes + mr__record_bytes(32, 32768) > options.stream.pool.memory_bytes / 16);
    /* what cannot be less is still counted, and refused with the figures if it does not fit */
    options.stream.pool.memory_bytes = 64 * MIB;
    options.stream.batch = 4096;
    width = plan(&options, &facts);
    assert_int_equal(width.records, 3);
    assert_true(width.bytes > 1536 * MIB);
}

static void test_out_of_range(void **state)
{
    mr__width_facts facts = {.dim = 8, .concurrency = 1, .row_bytes = 100};
    mr_pipeline_options options = options_of();
    mr__width width;

    (void)state;
    options.embed_workers = 65;
    assert_int_equal(mr__width_plan(&options, &facts, &width, NULL), MR_E_INVALID);
    options = options_of();
    options.commit_rows = 1000001;
    assert_int_equal(mr__width_plan(&options, &facts, &width, NULL), MR_E_INVALID);
    options = options_of();
    options.queue_batches = 1000001;
    assert_int_equal(mr__width_plan(&options, &facts, &width, NULL), MR_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedders),
        cmocka_unit_test(test_stores),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
