/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path allocates nothing: between batch 20 and batch 60 of a stream no allocation is made,
 * neither by the host nor by the worker, which runs as a thread here. Excepted is libjpeg itself,
 * where it is needed: it is given a fresh object for each picture and takes its pools from malloc.
 */
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../proc/pictures.h"
#include "../proc/thread_process.h"
#include "proc/pool.h"
#include "shim.h"

#define BATCH 8

static int note_libjpeg(struct dl_phdr_info *info, size_t size, void *cookie)
{
    int i;

    (void)size;
    if (!strstr(info->dlpi_name, "libjpeg"))
        return 0;
    for (i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
            uintptr_t low = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            shim_except(low, low + info->dlpi_phdr[i].p_memsz);
            *(bool *)cookie = true;
        }
    return 1;
}

/* Allocations from batch 20 to batch 60. */
static uint64_t count(bool progressive)
{
    pictures set = {.items = calloc(3, sizeof(picture)), .n = 3};
    feed f = {.set = &set, .total = 62 * BATCH};
    mr_source *source;
    mr_stream_options options;
    mr_pool *pool = NULL;
    mr_stream *stream = NULL;
    mr_plan *plan = NULL;
    mr_batch *batch;
    mr_error err = {0};
    uint64_t from = 0, to = 0, n = 0;
    unsigned i;

    for (i = 0; i < 3; i++)
        set.items[i] = picture_jpeg(60 + 20 * i, 50 + 15 * i, i, progressive);
    source = feed_open(&f);
    mr_stream_options_init(&options);
    options.batch = BATCH;
    options.pool.workers = 2;
    options.pool.worker_path = testing_worker();
    assert_int_equal(mr__pool_open_with(&options.pool, &mr__process_thread, 1, &pool, &err), MR_OK);
    assert_int_equal(mr_plan_open("millrace/builtin", &plan, &err), MR_OK);
    assert_int_equal(mr_stream_open(source, plan, pool, &options, &stream, &err), MR_OK);
    while (mr_stream_next(stream, -1, &batch, &err) == MR_OK) {
        assert_int_equal(batch->n_ok, BATCH);
        n++;
        if (n == 20)
            from = shim_allocations();
        if (n == 60)
            to = shim_allocations();
        mr_batch_release(&batch);
    }
    assert_int_equal(n, 62);
    mr_stream_close(&stream);
    mr_pool_close(&pool);
    mr_plan_close(&plan);
    mr_source_close(&source);
    for (i = 0; i < 3; i++)
        picture_free(&set.items[i]);
    free(set.items);
    return to - from;
}

static void test_nothing_is_allocated(void **state)
{
    (void)state;
    assert_int_equal(count(false), 0);
}

/* The control: libjpeg's own are seen as long as they are not excepted. */
static void test_only_libjpeg_allocates(void **state)
{
    bool found = false;

    (void)state;
    assert_true(count(true) >= 40 * BATCH);
    (void)dl_iterate_phdr(note_libjpeg, &found);
    assert_true(found);
    assert_int_equal(count(true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_allocated),
        cmocka_unit_test(test_only_libjpeg_allocates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
