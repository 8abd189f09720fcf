/* SPDX-License-Identifier: Apache-2.0 */
/* Items of the caller's own: what is filled in, what is refused, how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "millrace/source.h"

/* Yields one item, then the end. */
typedef struct feed {
    mr_item item;
    mr_status status; /* instead of the item, if not MR_OK */
    int calls, closed;
    int waits[2]; /* a pipe to wait on before answering, or -1 */
    _Atomic int waiting;
} feed;

static mr_status feed_next(void *cookie, mr_item *item, mr_error *err)
{
    feed *self = cookie;
    char byte;

    assert_null(item->id);
    assert_null(item->metadata);
    self->calls++;
    if (self->waits[0] >= 0) {
        atomic_store(&self->waiting, 1);
        (void)!read(self->waits[0], &byte, 1);
        return MR_EOF;
    }
    if (self->status != MR_OK) {
        err->status = self->status;
        memcpy(err->message, "queue gone\n", 12);
        return self->status;
    }
    if (self->calls > 1)
        return MR_EOF;
    *item = self->item;
    return MR_OK;
}

static void feed_interrupt(void *cookie)
{
    feed *self = cookie;

    (void)!write(self->waits[1], "x", 1);
}

static void feed_close(void *cookie)
{
    feed *self = cookie;

    self->closed++;
}

static mr_source *open_feed(feed *self)
{
    mr_source *source;
    mr_error err;

    self->waits[0] = self->waits[1] = -1;
    assert_int_equal(
        mr_source_from_callback(feed_next, feed_interrupt, feed_close, self, &source, &err), MR_OK);
    return source;
}

/* The code that an item gets; `out` holds the item for as long as `source` is open. */
static mr_code code_of(mr_item given, mr_source **source, mr_item *out)
{
    static feed self;
    mr_error err;

    mr_source_close(source);
    self = (feed){.item = given};
    *source = open_feed(&self);
    assert_int_equal(mr_source_next(*source, out, &err), MR_OK);
    /* whatever was given, what comes out can be reported and kept */
    assert_non_null(out->id);
    assert_in_range(strlen(out->id), 1, 512);
    assert_true(mr__text_is_utf8(out->id, strlen(out->id)));
    assert_in_range(strlen(out->key), 1, 512);
    assert_true(mr__text_is_utf8(out->key, strlen(out->key)));
    assert_true(mr__text_is_utf8(out->uri, strlen(out->uri)));
    assert_true(strlen(out->uri) > 0);
    return out->code;
}

static void test_defaults_and_names(void **state)
{
    char id512[513], id513[514];
    mr_source *source = NULL;
    mr_item out;

    (void)state;
    memset(id513, 'i', 513);
    id513[513] = '\0';
    memcpy(id512, id513, 512);
    id512[512] = '\0';
    assert_int_equal(code_of((mr_item){.id = "a", .locator = "x"}, &source, &out), MR_CODE_NONE);
    assert_string_equal(out.key, "a");
    assert_string_equal(out.uri, "a");
    assert_string_equal(out.locator, "x");
    assert_int_equal(
        code_of((mr_item){.id = "a", .key = "k", .uri = "u\xff", .locator = "x"}, &source, &out),
        MR_CODE_NONE);
    assert_string_equal(out.key, "k");
    assert_string_equal(out.uri, "u%FF");
    assert_int_equal(code_of((mr_item){.id = id512, .locator = "x"}, &source, &out), MR_CODE_NONE);
    assert_string_equal(out.id, id512);
    assert_int_equal(code_of((mr_item){.id = id513, .locator = "x"}, &source, &out),
                     MR_CODE_BAD_ID);
    assert_int_equal(code_of((mr_item){.id = "\xff", .locator = "x"}, &source, &out),
                     MR_CODE_BAD_ID);
    assert_string_equal(out.id, "%FF");
    assert_int_equal(code_of((mr_item){.locator = "x"}, &source, &out), MR_CODE_BAD_ID);
    assert_string_equal(out.id, "x");
    assert_int_equal(code_of((mr_item){.bytes = "x", .n_bytes = 1}, &source, &out), MR_CODE_BAD_ID);
    assert_string_equal(out.id, "item-1");
    assert_int_equal(code_of((mr_item){.id = "a"}, &source, &out), MR_CODE_NOT_FOUND);
    assert_int_equal(code_of((mr_item){.id = "a", .code = MR_CODE_HTTP_STATUS, .message = "404\n"},
                             &source, &out),
                     MR_CODE_HTTP_STATUS);
    assert_string_equal(out.message, "404\\x0a");
    assert_int_equal(
        code_of((mr_item){.id = "a", .bytes = "", .n_bytes = 0, .locator = "x"}, &source, &out),
        MR_CODE_NONE);
    assert_null(out.locator);
    assert_non_null(out.bytes);
    mr_source_close(&source);
}

static void test_metadata(void **state)
{
    static char big[65538];
    const char *good[] = {"{}", " {\"a\":[1,2.5,{\"b\":null}],\"z\":\"\\u0000\"} ",
                          "{\"n\":123456789012345678901234567890}"};
    const char *bad[] = {"", "[]", "1", "{", "{\"a\":}", "{} x", "null", "{\"a\":\"\xff\"}"};
    mr_source *source = NULL;
    mr_item out;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(
            code_of((mr_item){.id = "a", .locator = "x", .metadata = good[i]}, &source, &out),
            MR_CODE_NONE);
        assert_string_equal(out.metadata, good[i]);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            code_of((mr_item){.id = "a", .locator = "x", .metadata = bad[i]}, &source, &out),
            MR_CODE_BAD_METADATA);
        assert_null(out.metadata);
    }
    memset(big, ' ', sizeof big - 1);
    memcpy(big, "{}", 2);
    assert_int_equal(code_of((mr_item){.id = "a", .locator = "x", .metadata = big}, &source, &out),
                     MR_CODE_BAD_METADATA);
    big[65536] = '\0';
    assert_int_equal(code_of((mr_item){.id = "a", .locator = "x", .metadata = big}, &source, &out),
                     MR_CODE_NONE);
    mr_source_close(&source);
}

static void test_end_and_errors(void **state)
{
    feed self = {.item = {.id = "a", .locator = "x"}};
    mr_source *source = open_feed(&self);
    mr_item item;
    mr_error err;

    (void)state;
    assert_int_equal(mr_source_next(source, &item, &err), MR_OK);
    assert_int_equal(mr_source_next(source, &item, &err), MR_EOF);
    assert_int_equal(mr_source_next(source, &item, &err), MR_EOF);
    assert_int_equal(self.calls, 2); /* not asked again after the end */
    assert_int_equal(self.closed, 0);
    mr_source_close(&source);
    assert_int_equal(self.closed, 1);
    self = (feed){.status = MR_E_IO};
    source = open_feed(&self);
    assert_int_equal(mr_source_next(source, &item, &err), MR_E_IO);
    assert_string_equal(err.message, "queue gone\\x0a");
    self.status = MR_AGAIN;
    assert_int_equal(mr_source_next(source, &item, &err), MR_E_INVALID);
    mr_source_interrupt(source);
    assert_int_equal(mr_source_next(source, &item, &err), MR_E_INTERRUPTED);
    mr_source_close(&source);
    assert_int_equal(mr_source_from_callback(NULL, NULL, NULL, NULL, &source, &err), MR_E_INVALID);
}

/* What another thread reads, and what it was answered. */
typedef struct reader {
    mr_source *source;
    mr_status status;
} reader;

static void *read_one(void *cookie)
{
    reader *self = cookie;
    mr_item item;
    mr_error err;

    self->status = mr_source_next(self->source, &item, &err);
    return NULL;
}

static void test_interrupt(void **state)
{
    feed self = {0};
    mr_source *source = open_feed(&self);
    reader other = {.source = source};
    pthread_t thread;

    (void)state;
    assert_int_equal(pipe(self.waits), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_one, &other), 0);
    while (!atomic_load(&self.waiting))
        sched_yield();
    mr_source_interrupt(source);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.status, MR_E_INTERRUPTED);
    (void)close(self.waits[0]);
    (void)close(self.waits[1]);
    mr_source_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_and_names),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_end_and_errors),
        cmocka_unit_test(test_interrupt),
    };

    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
