/* SPDX-License-Identifier: Apache-2.0 */
/* URLs by many threads at once: each gets its own bytes, connections are shared, an interruption
 * brings all of them back. What a hostile server can do is tested in tests/e2e/test_http.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../source/scratch.h"
#include "fetch/fetch.h"
#include "web.h"

enum { CALLERS = 16, EACH = 24, MAX_BYTES = 4 << 20 };

static const mr__fetch_options defaults = {.allow_private = true,
                                           .concurrency = CALLERS,
                                           .timeout_ms = 60000,
                                           .idle_ms = 20000,
                                           .max_bytes = MAX_BYTES};

typedef struct fixture {
    web *server;
    mr__fetch_context *context;
    size_t descriptors;
} fixture;

typedef struct caller {
    fixture *f;
    unsigned number, wrong;
    mr_status status; /* the last one */
    mr_code code;
} caller;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    mr_error err;

    f->descriptors = scratch_descriptors();
    f->server = web_start();
    assert_int_equal(mr__fetch_context_open(&defaults, &f->context, &err), MR_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    mr__fetch_context_close(&f->context);
    web_stop(f->server);
    assert_int_equal(scratch_descriptors(), f->descriptors);
    free(f);
    return 0;
}

static void url_of(const fixture *f, const char *path, char *url, size_t size)
{
    (void)snprintf(url, size, "http://127.0.0.1:%u/%s", web_port(f->server), path);
}

/* Reads a whole object; its bytes, or NULL with the reason in `status` and `code`. */
static unsigned char *fetch(caller *c, const char *path, size_t *got)
{
    mr__version version = {0};
    mr__fetch *handle = NULL;
    unsigned char *bytes = NULL;
    mr_error err = {0};
    char url[80];

    url_of(c->f, path, url, sizeof url);
    c->status = mr__fetch_open(c->f->context, url, &version, &handle, &err);
    if (c->status == MR_OK) {
        size_t room = version.size_known ? (size_t)version.size : MAX_BYTES;

        bytes = malloc(room + 1);
        c->status = mr__fetch_read(handle, bytes, room, got, &err);
    }
    mr__fetch_close(&handle);
    c->code = err.code;
    if (c->status != MR_OK) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static int is_body(const unsigned char *bytes, size_t got, size_t n)
{
    if (!bytes || got != n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != (i + n) % 251)
            return 0;
    return 1;
}

/* Small and large, with and without a length, present and missing, bodies and heads. */
static void *mixed(void *arg)
{
    static const size_t bases[] = {100, 60000, 300000, 900000};
    caller *c = arg;

    for (unsigned i = 0; i < EACH; i++) {
        size_t n = bases[(c->number + i) % 4] + c->number * 100 + i, got = 0;
        mr__version version = {0};
        unsigned char *bytes;
        char path[40], url[80], etag[40];
        mr_error err;

        (void)snprintf(path, sizeof path, i % 5 == 4 ? "%zu/late" : "%zu", n);
        bytes = fetch(c, path, &got);
        c->wrong += !is_body(bytes, got, n);
        free(bytes);
        c->wrong += fetch(c, "404", &got) != NULL || c->code != MR_CODE_HTTP_STATUS;
        (void)snprintf(path, sizeof path, "%zu", n);
        (void)snprintf(etag, sizeof etag, "\"%zu\"", n);
        url_of(c->f, path, url, sizeof url);
        c->wrong += mr__fetch_stat(c->f->context, url, &version, &err) != MR_OK ||
                    version.size != n || strcmp(version.etag, etag) != 0;
    }
    return NULL;
}

static void *endless(void *arg)
{
    caller *c = arg;
    size_t got;

    c->wrong += fetch(c, "never", &got) != NULL;
    return NULL;
}

static void start(fixture *f, void *(*what)(void *), caller *callers, pthread_t *threads)
{
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.f = f, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, what, &callers[i]), 0);
    }
}

static void join(pthread_t *threads)
{
    for (unsigned i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void each_caller_gets_its_own_bytes(void **state)
{
    fixture *f = *state;
    pthread_t threads[CALLERS];
    caller callers[CALLERS];
    unsigned late = (EACH + 4) / 5;

    start(f, mixed, callers, threads);
    join(threads);
    for (unsigned i = 0; i < CALLERS; i++)
        assert_int_equal(callers[i].wrong, 0);
    /* connections are used again: without that there would be one for each of the requests */
    assert_true(web_connections(f->server) <= CALLERS * (late + 3));
}

static void an_interruption_brings_all_back(void **state)
{
    fixture *f = *state;
    pthread_t threads[CALLERS];
    caller callers[CALLERS];
    size_t got;

    start(f, endless, callers, threads);
    web_wait_never(f->server, CALLERS);
    mr__fetch_context_interrupt(f->context);
    join(threads);
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].wrong, 0);
        assert_int_equal(callers[i].status, MR_E_INTERRUPTED);
    }
    /* and all later ones at once */
    assert_null(fetch(&callers[0], "100", &got));
    assert_int_equal(callers[0].status, MR_E_INTERRUPTED);
}

static void a_held_body_can_be_left(void **state)
{
    fixture *f = *state;
    mr__fetch *handles[8];
    char url[80];

    for (unsigned i = 0; i < 8; i++) {
        mr__version version = {0};
        mr_error err;

        url_of(f, "2000000", url, sizeof url);
        assert_int_equal(mr__fetch_open(f->context, url, &version, &handles[i], &err), MR_OK);
        assert_int_equal(version.size, 2000000);
    }
    for (unsigned i = 0; i < 8; i++)
        mr__fetch_close(&handles[i]);
}

typedef struct shelf {
    mr__fetch_room room;
    unsigned char bytes[70000];
    unsigned asked;
    int full;
} shelf;

static unsigned char *shelf_take(mr__fetch_room *room, size_t bytes)
{
    shelf *s = (shelf *)(void *)room;

    s->asked++;
    return s->full || bytes > sizeof s->bytes ? NULL : s->bytes;
}

/* Opens with room; what is left to read is read. True if the body came as it was sent. */
static int open_into(const fixture *f, const char *path, size_t n, shelf *s)
{
    unsigned char *bytes = malloc(MAX_BYTES);
    mr__version version = {0};
    mr__fetch *handle = NULL;
    mr_error err;
    char url[80];
    size_t got = 0;
    int same;

    s->room = (mr__fetch_room){.take = shelf_take};
    s->asked = 0;
    url_of(f, path, url, sizeof url);
    assert_int_equal(mr__fetch_open_into(f->context, url, &s->room, &version, &handle, &err),
                     MR_OK);
    if (s->room.filled) {
        assert_int_equal(mr__fetch_read(handle, bytes, n, &got, &err), MR_E_INVALID);
        same = is_body(s->bytes, (size_t)version.size, n);
    } else {
        assert_int_equal(mr__fetch_read(handle, bytes,
                                        version.size_known ? (size_t)version.size : MAX_BYTES, &got,
                                        &err),
                         MR_OK);
        same = is_body(bytes, got, n);
    }
    mr__fetch_close(&handle);
    free(bytes);
    return same;
}

static void a_small_body_goes_where_there_is_room(void **state)
{
    fixture *f = *state;
    shelf *s = calloc(1, sizeof *s);

    assert_true(open_into(f, "60000", 60000, s));
    assert_true(s->room.filled);
    assert_int_equal(s->room.size, 60000);
    assert_int_equal(s->asked, 1);
    /* there is none: it is gathered as before */
    s->full = 1;
    assert_true(open_into(f, "60000", 60000, s));
    assert_false(s->room.filled);
    assert_int_equal(s->asked, 1);
    s->full = 0;
    /* a large one waits for room, and one whose length is not said is not asked for */
    assert_true(open_into(f, "300000", 300000, s));
    assert_int_equal(s->asked, 0);
    assert_true(open_into(f, "50000/late", 50000, s));
    assert_false(s->room.filled);
    assert_int_equal(s->asked, 0);
    free(s);
}

static void private_addresses_are_refused_unless_allowed(void **state)
{
    fixture *f = *state;
    mr__fetch_options strict = defaults;
    caller c = {.f = f};
    mr_error err;
    size_t got;

    strict.allow_private = false;
    mr__fetch_context_close(&f->context);
    assert_int_equal(mr__fetch_context_open(&strict, &f->context, &err), MR_OK);
    assert_null(fetch(&c, "100", &got));
    assert_int_equal(c.status, MR_E_ITEM);
    assert_int_equal(c.code, MR_CODE_FETCH_REFUSED);
    assert_int_equal(web_connections(f->server), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_caller_gets_its_own_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_interruption_brings_all_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_held_body_can_be_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_small_body_goes_where_there_is_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(private_addresses_are_refused_unless_allowed, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
