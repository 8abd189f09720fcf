/* SPDX-License-Identifier: Apache-2.0 */
/* Versions are asked for side by side, and items come out in the order of their source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fetch/web.h"
#include "pipeline/ahead.h"

enum { TOGETHER = 8, MANY = 500 };

/* A source that lends one set of strings for all of its items. Item i is of kind i % 4: 0 an
 * unchanged URL, 1 a changed one, 2 not asked for, 3 one that is not there. */
typedef struct script {
    unsigned at, n;
    bool together; /* all are unchanged, and answered when all are asked for */
    bool bytes;    /* of kind 2: with bytes that are lent too */
    uint16_t port;
    mr_status end;
    char locator[80], id[16], lent[16];
    atomic_uint taken;
} script;

static mr_status next(void *cookie, mr_item *item, mr__version *stored, bool *ask, mr_error *err)
{
    script *s = cookie;
    unsigned i = s->at, kind = s->together ? 0 : i % 4;

    if (i == s->n)
        return s->end < 0 ? mr__error_set(err, s->end, "the source is broken") : s->end;
    s->at++;
    atomic_fetch_add(&s->taken, 1);
    (void)snprintf(s->id, sizeof s->id, "item %u", i);
    (void)snprintf(s->lent, sizeof s->lent, "bytes %u", i);
    if (s->together)
        (void)snprintf(s->locator, sizeof s->locator, "http://127.0.0.1:%u/10/meet/%d", s->port,
                       TOGETHER);
    else
        (void)snprintf(s->locator, sizeof s->locator, "http://127.0.0.1:%u/%s", s->port,
                       kind == 3 ? "404" : "10");
    *item = (mr_item){.locator = s->locator, .id = s->id, .key = s->id};
    if (kind == 2 && s->bytes) {
        item->locator = NULL;
        item->bytes = s->lent;
        item->n_bytes = strlen(s->lent);
    }
    *stored = (mr__version){.size = 10, .size_known = true};
    (void)snprintf(stored->etag, sizeof stored->etag, "\"%d\"", kind == 1 ? 11 : 10);
    *ask = kind != 2;
    return MR_OK;
}

typedef struct fixture {
    web *server;
    mr__fetch_context *fetch;
    script script;
    mr__ahead *ahead;
} fixture;

static void begin(fixture *f, script settings)
{
    static const mr__fetch_options options = {.allow_private = true,
                                              .concurrency = MR__AHEAD_ASKERS,
                                              .timeout_ms = 30000,
                                              .idle_ms = 10000,
                                              .max_bytes = 1 << 20};
    mr__ahead_options ahead = {.next = next, .cookie = &f->script};
    mr__version stored;
    mr_item first;
    mr_error err;
    bool ask;

    f->server = web_start();
    settings.port = web_port(f->server);
    f->script = settings;
    assert_int_equal(mr__fetch_context_open(&options, &f->fetch, &err), MR_OK);
    assert_int_equal(next(&f->script, &first, &stored, &ask, &err), MR_OK);
    ahead.fetch = f->fetch;
    ahead.first = &first;
    ahead.stored = &stored;
    assert_int_equal(mr__ahead_open(&ahead, &f->ahead, &err), MR_OK);
}

static void finish(fixture *f)
{
    mr__fetch_context_interrupt(f->fetch);
    mr__ahead_close(&f->ahead);
    assert_null(f->ahead);
    mr__fetch_context_close(&f->fetch);
    web_stop(f->server);
}

static void items_come_out_in_order_each_with_its_answer(void **state)
{
    static fixture f;
    char id[16];
    mr_item item;
    mr_error err;
    bool same;

    (void)state;
    begin(&f, (script){.n = MANY, .bytes = true, .end = MR_EOF});
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(mr__ahead_next(f.ahead, &item, &same, &err), MR_OK);
        (void)snprintf(id, sizeof id, "item %u", i);
        assert_string_equal(item.id, id);
        assert_string_equal(item.key, id);
        assert_null(item.metadata);
        assert_int_equal(same, i % 4 == 0);
        if (i % 4 == 2) {
            (void)snprintf(id, sizeof id, "bytes %u", i);
            assert_null(item.locator);
            assert_memory_equal(item.bytes, id, item.n_bytes);
        }
        assert_true(atomic_load(&f.script.taken) <= i + MR__AHEAD_ITEMS);
    }
    assert_int_equal(mr__ahead_next(f.ahead, &item, &same, &err), MR_EOF);
    assert_int_equal(mr__ahead_next(f.ahead, &item, &same, &err), MR_EOF);
    finish(&f);
}

static void they_are_asked_for_side_by_side(void **state)
{
    static fixture f;
    mr_item item;
    mr_error err;
    bool same;

    (void)state;
    begin(&f, (script){.n = TOGETHER, .together = true, .end = MR_E_IO});
    for (unsigned i = 0; i < TOGETHER; i++) {
        assert_int_equal(mr__ahead_next(f.ahead, &item, &same, &err), MR_OK);
        assert_true(same); /* asked one by one, the first would still wait for the others */
    }
    assert_int_equal(mr__ahead_next(f.ahead, &item, &same, &err), MR_E_IO);
    assert_string_equal(err.message, "the source is broken");
    finish(&f);
}

static void it_can_be_left_in_the_middle(void **state)
{
    static fixture f;
    mr_item item;
    mr_error err;
    bool same;

    (void)state;
    begin(&f, (script){.n = MANY, .end = MR_EOF});
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(mr__ahead_next(f.ahead, &item, &same, &err), MR_OK);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_order_each_with_its_answer),
        cmocka_unit_test(they_are_asked_for_side_by_side),
        cmocka_unit_test(it_can_be_left_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
