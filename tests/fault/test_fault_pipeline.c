/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations and system calls of the host fail in turn while pictures go into a local store. Each
 * run ends in a clean error or with every item accounted for; what it acknowledged is in the store,
 * and the same run once more, with nothing failing, completes the set.
 *
 * There are too many allocations to fail them all each time: MILLRACE_FAULT_STEP=1 does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../proc/pictures.h"
#include "folder.h"
#include "shim.h"

static char picture_dir[128], store[128];

/* One run. MR_OK: `out` is filled in. */
static mr_status run_once(mr_summary *out, mr_error *err)
{
    const char *const specs[] = {picture_dir};
    mr_pipeline_options options;
    mr_pipeline *pipeline = NULL;
    mr_source *source = NULL;
    mr_status s;

    *out = (mr_summary){0};
    mr_pipeline_options_init(&options);
    options.store = store;
    options.embed = "fake:8";
    options.stream.batch = 2;
    options.stream.fetch_threads = 1;
    options.stream.pool.workers = 1;
    options.stream.pool.slab_bytes = 1 << 20;
    options.stream.pool.worker_path = testing_worker();
    s = mr_source_open(specs, 1, NULL, &source, err);
    if (s == MR_OK)
        s = mr_pipeline_open(source, &options, &pipeline, err);
    if (s == MR_OK)
        s = mr_pipeline_run(pipeline, out, err);
    mr_pipeline_close(&pipeline);
    mr_source_close(&source);
    return s;
}

static uint64_t entities(void)
{
    mr_store_options options;
    mr_collection collection = {0};
    mr_store *opened = NULL;
    mr_error err = {0};
    uint64_t n;

    mr_store_options_init(&options);
    options.read_only = true;
    if (mr_store_open(store, &options, &opened, &err) != MR_OK ||
        mr_store_collection(opened, NULL, &collection, &err) != MR_OK)
        fail_msg("%s", err.message);
    n = collection.num_entities;
    mr_collection_fini(&collection);
    mr_store_close(&opened);
    return n;
}

/* Fails the `nth` call; false if there were fewer. */
static bool fail_one(shim_call call, uint64_t nth, bool lasting, size_t files)
{
    mr_error err = {0}, again = {0};
    mr_summary first, second;
    mr_status s;
    bool hit;

    folder_remove_store("set.mill");
    folder_watch(shim_name(call), nth);
    shim_arm(call, nth, lasting);
    s = run_once(&first, &err);
    hit = shim_disarm();
    folder_assert_clean(files, shim_name(call), nth);
    if (s < 0 && err.message[0] == '\0')
        fail_msg("%s number %lu: no message", shim_name(call), nth);
    if (s == MR_OK && first.items != FOLDER_PICTURES)
        fail_msg("%s number %lu: %lu items", shim_name(call), nth, first.items);
    if (run_once(&second, &again) != MR_OK)
        fail_msg("%s number %lu: then: %s", shim_name(call), nth, again.message);
    /* acknowledged is stored: skipped now. Not acknowledged may be stored, or is done again. */
    if (second.skipped < first.ok || second.ok + second.skipped != FOLDER_PICTURES ||
        entities() != FOLDER_PICTURES)
        fail_msg("%s number %lu: acknowledged %lu, then %lu skipped, %lu done", shim_name(call),
                 nth, first.ok, second.skipped, second.ok);
    folder_assert_clean(files, shim_name(call), nth);
    return hit;
}

static void fail_each(shim_call call, bool lasting, uint64_t step)
{
    const char *asked = getenv("MILLRACE_FAULT_STEP");
    size_t files = open_files();
    uint64_t nth = 1;

    if (asked)
        step = strtoul(asked, NULL, 10);
    /* nothing is tested unless the first of its kind can be made to fail */
    assert_true(fail_one(call, nth, lasting, files));
    for (nth += step; fail_one(call, nth, lasting, files); nth += step)
        ;
}

static void test_allocations(void **state)
{
    (void)state;
    fail_each(SHIM_ALLOC, false, 17);
}

static void test_a_disk_that_is_full_or_fails(void **state)
{
    (void)state;
    fail_each(SHIM_PWRITE, false, 1);
    fail_each(SHIM_PWRITE, true, 2);
    fail_each(SHIM_FSYNC, false, 1);
    fail_each(SHIM_FSYNC, true, 1);
}

static void test_system_calls(void **state)
{
    (void)state;
    fail_each(SHIM_THREAD, false, 1);
    fail_each(SHIM_MMAP, false, 2);
    fail_each(SHIM_OPEN, false, 2);
    fail_each(SHIM_FSTAT, false, 2);
    fail_each(SHIM_FCNTL, false, 11);
}

static int set_up(void **state)
{
    const char *base = folder_make();
    mr_error err = {0};
    mr_summary summary;

    (void)state;
    if (!base)
        return -1;
    (void)snprintf(picture_dir, sizeof picture_dir, "%s/pictures", base);
    (void)snprintf(store, sizeof store, "%s/set.mill", base);
    if (run_once(&summary, &err) != MR_OK || summary.ok != FOLDER_PICTURES) {
        print_error("%s\n", err.message);
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    folder_remove_store("set.mill");
    folder_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_a_disk_that_is_full_or_fails),
        cmocka_unit_test(test_system_calls),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
