/* SPDX-License-Identifier: Apache-2.0 */
/* Raw pixels as input: the same row as the picture that they were decoded from, through the ring
 * and its workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "decode/decode.h"
#include "pictures.h"
#include "plan/spec.h"
#include "proc/pool.h"
#include "proc/thread.h"

#define WIDTH  150
#define HEIGHT 90
#define PIXELS ((size_t)WIDTH * HEIGHT * 3)

/* A task of this test's own, and how it waits for it. */
typedef struct waiting {
    mr__task task; /* first */
    pthread_cond_t done;
    bool is_done;
} waiting;

static void on_done(mr__task *task)
{
    waiting *w = (waiting *)(void *)task;

    w->is_done = true;
    (void)pthread_cond_signal(&w->done);
}

static void on_retry(mr__task *task)
{
    (void)task;
}

static const mr__task_ops ops = {.done = on_done, .retry = on_retry};

static void decode(const picture *p, uint8_t *pixels)
{
    const mr__decode_limits limits = {.max_pixels = 1 << 20};
    const mr__region all = {.x1 = WIDTH, .y1 = HEIGHT};
    mr__decoder *decoder = NULL;
    mr__picture info;
    mr__rows rows;
    mr__strip strip;
    size_t at = 0;
    uint32_t i;

    assert_int_equal(mr__decoder_open(&(mr__decode_options){0}, &decoder, NULL), MR_OK);
    assert_int_equal(mr__probe(p->bytes, p->n, &limits, &info, NULL), MR_OK);
    assert_int_equal(mr__decoder_begin(decoder, p->bytes, p->n, &info, &all, &rows, NULL), MR_OK);
    while (mr__decoder_read(decoder, &strip, NULL) == MR_OK)
        for (i = 0; i < strip.n_rows; i++, at += WIDTH * 3)
            mr__strip_copy(&strip, &(mr__strip_span){i, 0, WIDTH, 3}, pixels + at);
    assert_int_equal(at, PIXELS);
    assert_int_equal(mr__decoder_finish(decoder, NULL), MR_OK);
    mr__decoder_close(&decoder);
}

typedef struct bench {
    mr_pool *pool;
    mr_plan *plan;
    uint32_t cell, version;
    uint64_t slot;
    size_t row_bytes;
} bench;

static void bench_open(bench *b)
{
    mr_pool_options options;
    mr_error err = {0};

    mr_pool_options_init(&options);
    options.workers = 1;
    options.worker_path = testing_worker();
    if (mr_pool_open(&options, &b->pool, &err) != MR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(mr_plan_open("openai/clip-vit-base-patch32@openclip", &b->plan, &err), MR_OK);
    b->row_bytes = mr_plan_row_shape(b->plan).bytes;
    mr__pool_lock(b->pool);
    assert_int_equal(mr__pool_plan_get(b->pool, mr_plan_text(b->plan), &b->cell, &b->version, &err),
                     MR_OK);
    assert_true(mr__extents_take(&b->pool->slots, b->row_bytes, &b->slot));
    while (b->pool->slots_reserved < b->slot + b->row_bytes)
        (void)pthread_cond_wait(&b->pool->slab_changed, &b->pool->lock);
    mr__pool_unlock(b->pool);
}

static void bench_close(bench *b)
{
    mr__pool_lock(b->pool);
    mr__extents_give(&b->pool->slots, b->slot, b->row_bytes);
    mr__pool_plan_put(b->pool, b->cell);
    mr__pool_unlock(b->pool);
    mr_pool_close(&b->pool);
    mr_plan_close(&b->plan);
}

/* Sends one item through a worker; what it wrote is at the bench's slot afterwards. */
static void run(bench *b, const mr__item_desc *desc, const void *bytes, waiting *w)
{
    static const bool never;

    *w = (waiting){.task = {.ops = &ops, .desc = *desc}};
    mr__cond_init(&w->done);
    w->task.plan_cell = b->cell;
    w->task.plan_version = b->version;
    w->task.max_pixels = 1 << 20;
    mr__pool_lock(b->pool);
    assert_true(mr__pool_slab_take(b->pool, desc->input_bytes, &never, &w->task.desc.input_offset));
    memcpy(b->pool->slab_area.base + w->task.desc.input_offset, bytes, desc->input_bytes);
    w->task.desc.output_offset = b->slot;
    w->task.desc.output_bytes = b->row_bytes;
    mr__pool_submit(b->pool, &w->task);
    while (!w->is_done)
        (void)pthread_cond_wait(&w->done, &b->pool->lock);
    mr__pool_slab_give(b->pool, w->task.desc.input_offset, desc->input_bytes);
    mr__pool_unlock(b->pool);
    (void)pthread_cond_destroy(&w->done);
}

static void test_raw_pixels_give_the_row_of_their_picture(void **state)
{
    picture p = picture_jpeg(WIDTH, HEIGHT, 7, false);
    uint8_t *pixels = malloc(PIXELS), *row;
    mr__item_desc encoded = {.input_bytes = p.n, .kind = MR__INPUT_ENCODED};
    mr__item_desc raw = {.input_bytes = PIXELS,
                         .kind = MR__INPUT_RAW,
                         .raw_mode = MR__MODE_RGB,
                         .raw_width = WIDTH,
                         .raw_height = HEIGHT};
    waiting w;
    bench b;

    (void)state;
    assert_non_null(pixels);
    decode(&p, pixels);
    bench_open(&b);
    row = malloc(b.row_bytes);
    assert_non_null(row);
    run(&b, &encoded, p.bytes, &w);
    assert_int_equal(w.task.code, MR_CODE_NONE);
    memcpy(row, b.pool->slots_area.base + b.slot, b.row_bytes);
    memset(b.pool->slots_area.base + b.slot, 0, b.row_bytes);
    run(&b, &raw, pixels, &w);
    assert_int_equal(w.task.code, MR_CODE_NONE);
    assert_int_equal(w.task.width, WIDTH);
    assert_memory_equal(b.pool->slots_area.base + b.slot, row, b.row_bytes);
    /* and other pixels give another row */
    pixels[((size_t)HEIGHT / 2 * WIDTH + WIDTH / 2) * 3] ^= 0x80;
    run(&b, &raw, pixels, &w);
    assert_int_not_equal(memcmp(b.pool->slots_area.base + b.slot, row, b.row_bytes), 0);
    bench_close(&b);
    free(row);
    free(pixels);
    picture_free(&p);
}

static void test_raw_pixels_that_do_not_add_up_are_refused(void **state)
{
    static const struct {
        uint32_t width, height, mode;
        mr_code code;
    } cases[] = {
        {0, 5, MR__MODE_RGB, MR_CODE_BAD_DIMENSIONS},
        {70000, 1, MR__MODE_RGB, MR_CODE_BAD_DIMENSIONS},
        {10, 10, MR__MODE_RGB, MR_CODE_CORRUPT},
        {60000, 60000, MR__MODE_L, MR_CODE_CORRUPT},
        {10, 10, 99, MR_CODE_UNSUPPORTED_VARIANT},
    };
    uint8_t bytes[64] = {0};
    size_t i;
    bench b;

    (void)state;
    bench_open(&b);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr__item_desc raw = {.input_bytes = sizeof bytes,
                             .kind = MR__INPUT_RAW,
                             .raw_mode = cases[i].mode,
                             .raw_width = cases[i].width,
                             .raw_height = cases[i].height};
        waiting w;

        run(&b, &raw, bytes, &w);
        assert_int_equal(w.task.code, cases[i].code);
        assert_int_equal(w.task.state, MR_ITEM_FAILED);
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_pixels_give_the_row_of_their_picture),
        cmocka_unit_test(test_raw_pixels_that_do_not_add_up_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
