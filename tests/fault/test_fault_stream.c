/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation and every system call of the host fails in turn, in the life of a stream: open,
 * a few pictures from files, close. Each ends in a clean error or in all items, delivered or failed
 * with a reason; never in a crash or a hang, and nothing is left: no descriptor, no child, no
 * block.
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

static char picture_dir[128];

static mr_status drain(mr_stream *stream, size_t *items, mr_error *err)
{
    mr_batch *batch;
    mr_status s;

    while ((s = mr_stream_next(stream, -1, &batch, err)) == MR_OK) {
        *items += (size_t)batch->n_ok + batch->n_failed;
        mr_batch_release(&batch);
    }
    return s;
}

/* One life. Says what went wrong, NULL if all is as it should be. */
static const char *live_once(mr_error *err)
{
    const char *const specs[] = {picture_dir};
    mr_stream_options options;
    mr_source *source = NULL;
    mr_stream *stream = NULL;
    mr_plan *plan = NULL;
    const char *wrong = NULL;
    size_t items = 0;
    mr_status s;

    mr_stream_options_init(&options);
    options.batch = 4;
    options.fetch_threads = 1;
    options.pool.workers = 1;
    options.pool.slab_bytes = 1 << 20;
    options.pool.worker_path = testing_worker();
    s = mr_source_open(specs, 1, NULL, &source, err);
    if (s == MR_OK)
        s = mr_plan_open("raw:16x16", &plan, err);
    if (s == MR_OK)
        s = mr_stream_open(source, plan, NULL, &options, &stream, err);
    if (s != MR_OK && stream)
        wrong = "an open that failed gave a stream";
    if (s == MR_OK) {
        s = drain(stream, &items, err);
        if (s == MR_EOF && items != FOLDER_PICTURES)
            wrong = "items are missing";
    }
    if (s < 0 && err->message[0] == '\0')
        wrong = "an error without a message";
    mr_stream_close(&stream);
    mr_plan_close(&plan);
    mr_source_close(&source);
    return wrong;
}

static void fail_each(shim_call call, bool lasting)
{
    size_t files = open_files();
    uint64_t nth;
    bool hit = true;

    for (nth = 1; hit; nth++) {
        int64_t before = shim_live();
        mr_error err = {0};
        const char *wrong;

        folder_watch(shim_name(call), nth);
        shim_arm(call, nth, lasting);
        wrong = live_once(&err);
        hit = shim_disarm();
        if (wrong)
            fail_msg("%s number %llu: %s (%s)", shim_name(call), (unsigned long long)nth, wrong,
                     err.message);
        folder_assert_clean(files, shim_name(call), nth);
        if (shim_live() > before)
            fail_msg("%s number %llu: %lld blocks are left", shim_name(call),
                     (unsigned long long)nth, (long long)(shim_live() - before));
    }
    print_message("# %s: %llu made to fail\n", shim_name(call), (unsigned long long)nth - 2);
    /* the first of its kind was made to fail, or nothing was tested */
    assert_true(nth > 2);
}

static void test_each_allocation(void **state)
{
    (void)state;
    fail_each(SHIM_ALLOC, false);
}

static void test_each_system_call(void **state)
{
    static const shim_call calls[] = {
        SHIM_MEMFD_CREATE, SHIM_FTRUNCATE,    SHIM_FALLOCATE,      SHIM_MMAP,   SHIM_FCNTL,
        SHIM_EVENTFD,      SHIM_EPOLL_CREATE, SHIM_TIMERFD_CREATE, SHIM_THREAD, SHIM_SPAWN,
        SHIM_PIDFD_OPEN,   SHIM_EPOLL_CTL,    SHIM_OPEN,           SHIM_READ,   SHIM_FSTAT};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof calls / sizeof calls[0]; i++)
        fail_each(calls[i], false);
}

static int set_up(void **state)
{
    const char *base = folder_make();
    mr_error err = {0};

    (void)state;
    if (!base)
        return -1;
    (void)snprintf(picture_dir, sizeof picture_dir, "%s/pictures", base);
    /* what libraries keep for good is allocated now */
    for (int i = 0; i < 2; i++) {
        if (live_once(&err) || err.message[0]) {
            print_error("%s\n", err.message);
            return -1;
        }
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    folder_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation),
        cmocka_unit_test(test_each_system_call),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
