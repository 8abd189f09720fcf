/* SPDX-License-Identifier: Apache-2.0 */
/* Items that a test lends, and what became of them: see lender.h. */
#include "lender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode.h"

static mr_status lend(void *cookie, mr_item *item, mr_error *err)
{
    lender *l = cookie;
    const given *it = &l->items[l->next];

    (void)err;
    if (l->next == l->n)
        return MR_EOF;
    (void)snprintf(l->id, sizeof l->id, "item-%06zu", l->next++);
    item->id = l->id;
    item->bytes = it->bytes;
    item->n_bytes = it->n_bytes;
    item->pixels = it->pixels;
    return MR_OK;
}

mr_source *lender_source(lender *l)
{
    mr_source *source = NULL;
    mr_error err = {0};

    if (mr_source_from_callback(lend, NULL, NULL, l, &source, &err) != MR_OK)
        fail_msg("%s", err.message);
    return source;
}

static unsigned char bytes[1 << 20];

given lender_array(uint32_t height, uint32_t width, uint32_t channels, unsigned char value)
{
    static size_t used;
    given it = {.pixels = {height, width, channels, MR_DTYPE_U8}};

    it.n_bytes = (size_t)height * width * channels;
    if (used + it.n_bytes > sizeof bytes)
        used = 0;
    it.bytes = bytes + used;
    memset(bytes + used, value, it.n_bytes);
    used += it.n_bytes;
    return it;
}

setup lender_setup_of(const char *mode)
{
    setup it = {.mode = mode};

    mr_stream_options_init(&it.options);
    it.options.batch = 16;
    it.options.pool.workers = 2;
    return it;
}

mr_status lender_open_with(setup *it, const given *items, size_t n, opened *o, mr_error *err)
{
    *o = (opened){.l = {.items = items, .n = n}};
    if (it->mode) {
        it->argv[0] = getenv("MILLRACE_TESTING_FOREIGNER");
        it->argv[1] = it->mode;
        it->options.pool.worker_argv = it->argv;
        it->options.pool.worker_data = LENDER_DATA;
        it->options.pool.worker_data_bytes = sizeof LENDER_DATA;
    } else {
        it->options.pool.worker_path = testing_worker();
    }
    o->source = lender_source(&o->l);
    if (it->plan)
        assert_int_equal(mr_plan_open(it->plan, &o->plan, err), MR_OK);
    return mr_stream_open(o->source, o->plan, NULL, &it->options, &o->stream, err);
}

void lender_close_all(opened *o)
{
    mr_stream_close(&o->stream);
    mr_plan_close(&o->plan);
    mr_source_close(&o->source);
}

static void note(outcome *out, const mr_item_result *result, const void *row, size_t row_bytes)
{
    outcome *it = &out[result->seq];

    it->times++;
    it->code = result->code;
    it->state = result->state;
    it->attempts = result->attempts;
    it->width = result->width;
    (void)snprintf(it->message, sizeof it->message, "%s", result->message);
    (void)snprintf(it->detail, sizeof it->detail, "%s", result->detail);
    if (row)
        memcpy(it->row, row, row_bytes < sizeof it->row ? row_bytes : sizeof it->row);
}

uint64_t lender_drain(opened *o, outcome *out)
{
    mr_pool_stats stats;
    mr_batch *batch;
    mr_error err = {0};
    uint64_t last = 0;
    mr_status s;
    uint32_t i;

    while ((s = mr_stream_next(o->stream, -1, &batch, &err)) == MR_OK) {
        for (i = 0; i < batch->n_ok; i++) {
            assert_true(last == 0 || batch->items[i].seq >= last);
            last = batch->items[i].seq;
            note(out, &batch->items[i], (const unsigned char *)batch->data + i * batch->row_bytes,
                 batch->row_bytes);
        }
        for (i = 0; i < batch->n_failed; i++)
            note(out, &batch->failures[i], NULL, 0);
        mr_batch_release(&batch);
    }
    if (s != MR_EOF)
        fail_msg("%s", err.message);
    mr_pool_stats_get(mr_stream_pool(o->stream), &stats);
    return stats.worker_restarts;
}

uint64_t lender_run(setup *it, const given *items, size_t n, outcome *out)
{
    mr_error err = {0};
    uint64_t deaths;
    opened o;

    if (lender_open_with(it, items, n, &o, &err) != MR_OK)
        fail_msg("%s", err.message);
    deaths = lender_drain(&o, out);
    lender_close_all(&o);
    return deaths;
}

void lender_decode(const picture *p, uint8_t *pixels, uint32_t width, uint32_t height)
{
    const mr__decode_limits limits = {.max_pixels = 1 << 20};
    const mr__region all = {.x1 = width, .y1 = height};
    mr__decoder *decoder = NULL;
    mr__picture info;
    mr__rows rows;
    mr__strip strip;
    size_t at = 0;
    uint32_t i;

    assert_int_equal(mr__decoder_open(&(mr__decode_options){0}, &decoder, NULL), MR_OK);
    assert_int_equal(mr__probe(p->bytes, p->n, &limits, &info, NULL), MR_OK);
    assert_int_equal(info.mode, MR__MODE_RGB);
    assert_int_equal(mr__decoder_begin(decoder, p->bytes, p->n, &info, &all, &rows, NULL), MR_OK);
    while (mr__decoder_read(decoder, &strip, NULL) == MR_OK)
        for (i = 0; i < strip.n_rows; i++, at += (size_t)width * 3)
            mr__strip_copy(&strip, &(mr__strip_span){i, 0, width, 3}, pixels + at);
    assert_int_equal(mr__decoder_finish(decoder, NULL), MR_OK);
    mr__decoder_close(&decoder);
}
