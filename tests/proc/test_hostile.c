/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that were captured: the host believes nothing, loses nothing, and every item ends exactly
 * once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "pictures.h"
#include "proc/area.h"

static void run_with_liars(bool unordered, uint32_t workers)
{
    pictures set = pictures_make(8);
    feed f = {.set = &set, .total = 60};
    mr_source *source = feed_open(&f);
    mr_stream_options options;
    mr_stream *stream = NULL;
    mr_plan *plan = NULL;
    mr_error err = {0};
    taken t;
    size_t i;

    mr_stream_options_init(&options);
    options.batch = 8;
    options.unordered = unordered;
    options.pool.workers = workers;
    options.pool.worker_path = getenv("MILLRACE_TESTING_LIAR");
    options.pool.item_timeout_ms = 40;
    assert_int_equal(mr_plan_open("millrace/builtin", &plan, &err), MR_OK);
    assert_int_equal(mr_stream_open(source, plan, NULL, &options, &stream, &err), MR_OK);
    taken_init(&t, 60);
    assert_int_equal(taken_drain(&t, stream, &err), MR_EOF);
    for (i = 0; i < 60; i++) {
        assert_int_equal(t.times[i], 1);
        assert_true(t.hash[i] != 0 || (t.code[i] > MR_CODE_NONE && t.code[i] < MR_CODE_COUNT));
    }
    if (!unordered)
        assert_int_equal(t.out_of_order, 0);
    taken_fini(&t);
    mr_stream_close(&stream);
    mr_plan_close(&plan);
    mr_source_close(&source);
    pictures_free(&set);
}

static void test_liars_in_order(void **state)
{
    (void)state;
    run_with_liars(false, 1);
    run_with_liars(false, 3);
}

static void test_liars_without_order(void **state)
{
    (void)state;
    run_with_liars(true, 2);
}

/* A worker cannot map the input slab for writing, whatever it asks the kernel. */
static void test_slab_is_sealed(void **state)
{
    mr__area area;
    mr_error err = {0};
    void *p;

    (void)state;
    assert_int_equal(mr__area_open(&area, "test", 65536, &err), MR_OK);
    assert_int_equal(mr__area_reserve(&area, 0, 65536, &err), MR_OK);
    p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, area.fd, 0);
    assert_ptr_not_equal(p, MAP_FAILED); /* without the seal it could */
    (void)munmap(p, 65536);
    assert_int_equal(mr__area_seal_writes(&area, &err), MR_OK);
    assert_ptr_equal(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, area.fd, 0), MAP_FAILED);
    p = mmap(NULL, 65536, PROT_READ, MAP_SHARED, area.fd, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    assert_int_not_equal(mprotect(p, 65536, PROT_READ | PROT_WRITE), 0);
    (void)munmap(p, 65536);
    area.base[0] = 1; /* the host's own mapping still writes */
    mr__area_close(&area);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_liars_in_order),
        cmocka_unit_test(test_liars_without_order),
        cmocka_unit_test(test_slab_is_sealed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
