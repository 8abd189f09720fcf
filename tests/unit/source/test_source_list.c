/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and stdin: cutting, streaming from a pipe that stays open, being interrupted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "collect.h"
#include "scratch.h"
#include "source/lines.h"
#include "source/source.h"

static collection list_of(const void *text, size_t n, bool nul)
{
    mr_source_options options;

    mr_source_options_init(&options);
    options.nul_separated = nul;
    scratch_text("l.txt", text, n);
    return collect_one("@l.txt", &options);
}

static void test_lines(void **state)
{
    static const char text[] = "\xef\xbb\xbf"
                               "./a//b.jpg\r\n\n\r\nc d.jpg \n@x\n-\n.\na\rb\nlast";
    collection c;

    (void)state;
    c = list_of(text, sizeof text - 1, false);
    assert_int_equal(c.end, MR_EOF);
    assert_int_equal(c.n, 7);
    assert_string_equal(collect_at(&c, 0)->id, "a/b.jpg");
    assert_string_equal(collect_at(&c, 0)->locator, "./a//b.jpg");
    assert_string_equal(collect_at(&c, 1)->id, "c d.jpg ");
    assert_string_equal(collect_at(&c, 2)->id, "@x");
    assert_string_equal(collect_at(&c, 3)->id, "-");
    assert_string_equal(collect_at(&c, 4)->id, ".");
    assert_string_equal(collect_at(&c, 5)->id, "a\rb");
    assert_string_equal(collect_at(&c, 6)->id, "last");
    collect_free(&c);
    c = list_of("a\r\0\0b\nc\0d", 9, true);
    assert_int_equal(c.n, 3);
    assert_string_equal(collect_at(&c, 0)->id, "a\r");
    assert_string_equal(collect_at(&c, 1)->id, "b\nc");
    assert_string_equal(collect_at(&c, 2)->id, "d");
    collect_free(&c);
    c = list_of("\r", 1, false);
    assert_int_equal(c.n, 0);
    collect_free(&c);
}

/* bytes of a line that is one too long, with its newline */
#define LONG ((size_t)4098)

static void test_hostile_lines(void **state)
{
    static char text[3 * LONG + 1];
    size_t i;
    collection c;

    (void)state;
    c = list_of("a\0b\nok\n\xff\xfe%.jpg\n\x1b[1m\n", 20, false);
    assert_int_equal(c.n, 4);
    assert_int_equal(collect_at(&c, 0)->code, MR_CODE_BAD_ID);
    assert_string_equal(collect_at(&c, 0)->id, "a%00b");
    assert_null(collect_at(&c, 0)->locator);
    assert_non_null(strstr(collect_at(&c, 0)->message, "line 1"));
    assert_int_equal(collect_at(&c, 1)->code, MR_CODE_NONE);
    assert_string_equal(collect_at(&c, 2)->id, "%FF%FE%25.jpg");
    assert_string_equal(collect_at(&c, 2)->locator, "\xff\xfe%.jpg");
    assert_string_equal(collect_at(&c, 3)->id, "\x1b[1m");
    collect_free(&c);
    /* 4,096 bytes are a name, 4,097 are not; two long names that differ at the end differ */
    memset(text, 'x', sizeof text);
    text[LONG - 2] = '\r';
    text[LONG - 1] = text[2 * LONG - 1] = text[3 * LONG - 1] = '\n';
    text[3 * LONG - 2] = 'y';
    c = list_of(text, sizeof text - 1, false);
    assert_int_equal(c.n, 3);
    for (i = 0; i < 3; i++) {
        assert_int_equal(collect_at(&c, i)->code, MR_CODE_BAD_ID); /* over 512 in any case */
        assert_int_equal(strlen(collect_at(&c, i)->id), 512);
        assert_true((collect_at(&c, i)->locator != NULL) == (i == 0));
    }
    assert_string_not_equal(collect_at(&c, 1)->key, collect_at(&c, 2)->key);
    assert_memory_equal(collect_at(&c, 1)->key, collect_at(&c, 2)->key, 448);
    collect_free(&c);
}

/* However the bytes arrive, the names are the same */
static void test_cutting_anywhere(void **state)
{
    static char text[10000];
    static mr__lines whole, parts;
    size_t step, n = 0;

    (void)state;
    for (n = 0; n < 400; n++)
        text[n] = "ab\r\n\n\0\xff/"[(n * n + n / 7) % 8];
    memset(text + 400, 'l', 9000);
    memcpy(text + 9400, "\nend", sizeof "\nend");
    for (step = 1; step < 60; step += 7) {
        const char *p = text, *q = text, *limit = text, *end = text + 9404;

        mr__lines_init(&whole, false);
        mr__lines_init(&parts, false);
        while (mr__lines_feed(&whole, &p, end)) {
            while (!mr__lines_feed(&parts, &q, limit)) {
                assert_true(limit < end);
                limit = (size_t)(end - limit) < step ? end : limit + step;
            }
            assert_int_equal(parts.len, whole.len);
            assert_memory_equal(parts.text, whole.text, whole.len);
            assert_int_equal(parts.too_long, whole.too_long);
            assert_int_equal(parts.has_nul, whole.has_nul);
            assert_int_equal(parts.number, whole.number);
            if (whole.too_long)
                assert_string_equal(parts.sha256, whole.sha256);
        }
        assert_true(mr__lines_finish(&whole));
        assert_string_equal(whole.text, "end");
    }
}

static void test_lists_that_cannot_be_read(void **state)
{
    const char *specs[] = {"@missing.txt", "@p", "f.jpg"};
    collection c;

    (void)state;
    scratch_mkdir("p");
    c = collect_specs(specs, 3, NULL);
    assert_int_equal(c.end, MR_EOF);
    assert_int_equal(c.n, 3);
    assert_string_equal(collect_at(&c, 0)->id, "@missing.txt");
    assert_int_equal(collect_at(&c, 0)->code, MR_CODE_NOT_FOUND);
    assert_int_equal(collect_at(&c, 1)->code, MR_CODE_NOT_REGULAR_FILE);
    assert_int_equal(collect_at(&c, 2)->code, MR_CODE_NONE);
    collect_free(&c);
}

static mr_source *from_pipe(int fds[2])
{
    const char *spec = "-";
    mr_source_options options;
    mr_source *source;
    mr_error err;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    mr_source_options_init(&options);
    options.stdin_fd = fds[0];
    assert_int_equal(mr_source_open(&spec, 1, &options, &source, &err), MR_OK);
    return source;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void assert_next(mr_source *source, const char *id)
{
    mr_error err;
    mr_item item;

    assert_int_equal(mr_source_next(source, &item, &err), MR_OK);
    assert_string_equal(item.id, id);
}

/* The pipe stays open throughout: an item that waited for its end would hang until the alarm */
static void test_streaming(void **state)
{
    mr_source *source;
    mr_error err;
    mr_item item;
    int fds[2];

    (void)state;
    source = from_pipe(fds);
    say(fds[1], "a.jpg\nb.jpg\nc");
    assert_next(source, "a.jpg");
    assert_next(source, "b.jpg");
    say(fds[1], ".jpg\n");
    assert_next(source, "c.jpg");
    say(fds[1], "d");
    (void)close(fds[1]);
    assert_next(source, "d");
    assert_int_equal(mr_source_next(source, &item, &err), MR_EOF);
    assert_int_equal(mr_source_next(source, &item, &err), MR_EOF);
    mr_source_close(&source);
    assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC); /* lent, not given */
    (void)close(fds[0]);
}

typedef struct reader {
    mr_source *source;
    _Atomic int tid;
    mr_status first, second;
} reader;

static void *read_one(void *cookie)
{
    reader *self = cookie;
    mr_error err;
    mr_item item;

    atomic_store(&self->tid, gettid());
    self->first = mr_source_next(self->source, &item, &err);
    self->second = mr_source_next(self->source, &item, &err);
    return NULL;
}

/* Waits until the thread sleeps in the kernel: it then is inside poll. */
static void wait_blocked(reader *self)
{
    char path[64], text[256];
    size_t n;
    FILE *in;

    do {
        (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(&self->tid));
        in = fopen(path, "r");
        n = in ? fread(text, 1, sizeof text - 1, in) : 0;
        text[n] = '\0';
        if (in)
            (void)fclose(in);
        sched_yield();
    } while (!strstr(text, ") S "));
}

static void test_interrupt_of_a_blocked_read(void **state)
{
    mr_source *source;
    pthread_t thread;
    reader self = {0};
    int fds[2];

    (void)state;
    source = from_pipe(fds);
    say(fds[1], "half a name");
    self.source = source;
    assert_int_equal(pthread_create(&thread, NULL, read_one, &self), 0);
    wait_blocked(&self);
    mr_source_interrupt(source);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(self.first, MR_E_INTERRUPTED);
    assert_int_equal(self.second, MR_E_INTERRUPTED);
    mr_source_close(&source);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static mr_source *volatile signalled;

static void on_signal(int number)
{
    (void)number;
    mr_source_interrupt(signalled);
}

static void test_interrupt_from_a_signal_handler(void **state)
{
    struct sigaction action = {.sa_handler = on_signal}, old;
    mr_source *source;
    pthread_t thread;
    reader self = {0};
    int fds[2];

    (void)state;
    source = from_pipe(fds);
    signalled = source;
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    self.source = source;
    assert_int_equal(pthread_create(&thread, NULL, read_one, &self), 0);
    wait_blocked(&self);
    assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(self.first, MR_E_INTERRUPTED);
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
    mr_source_close(&source);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* A FIFO as list: it waits for its writer without blocking the open, and can be interrupted */
static void test_fifo_list(void **state)
{
    const char *spec = "@f";
    mr_source *source;
    pthread_t thread;
    reader self = {0};
    mr_error err;
    int out;

    (void)state;
    assert_int_equal(mkfifo("f", 0600), 0);
    assert_int_equal(mr_source_open(&spec, 1, NULL, &source, &err), MR_OK);
    self.source = source;
    assert_int_equal(pthread_create(&thread, NULL, read_one, &self), 0);
    wait_blocked(&self);
    out = open("f", O_WRONLY | O_CLOEXEC);
    assert_true(out >= 0);
    say(out, "one\ntwo\n");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(self.first, MR_OK);
    assert_int_equal(self.second, MR_OK);
    (void)close(out);
    mr_source_close(&source);
    assert_int_equal(mr_source_open(&spec, 1, NULL, &source, &err), MR_OK);
    self = (reader){.source = source};
    assert_int_equal(pthread_create(&thread, NULL, read_one, &self), 0);
    wait_blocked(&self);
    mr_source_interrupt(source);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(self.first, MR_E_INTERRUPTED);
    mr_source_close(&source);
}

static void test_closed_stdin(void **state)
{
    const char *spec = "-";
    mr_source_options options;
    mr_source *source;
    mr_item item;
    mr_error err;

    (void)state;
    mr_source_options_init(&options);
    options.stdin_fd = 1000000;
    assert_int_equal(mr_source_open(&spec, 1, &options, &source, &err), MR_OK);
    assert_int_equal(mr_source_next(source, &item, &err), MR_E_IO);
    assert_int_equal(err.sys_errno, 9 /* EBADF */);
    mr_source_close(&source);
}

static bool is_remote(const char *spec)
{
    mr_source *source;
    mr_error err;
    bool remote;

    assert_int_equal(mr_source_open(&spec, 1, NULL, &source, &err), MR_OK);
    remote = mr__source_is_remote(source);
    mr_source_close(&source);
    return remote;
}

/* What a list begins with is known before it is read, and only where nothing is taken away. */
static void test_foreseen_urls(void **state)
{
    const char *specs[] = {"plain.jpg", "@urls"};
    mr_source *source;
    mr_error err;

    (void)state;
    scratch_text("urls", "https://a/b.jpg\n", 16);
    scratch_text("names", "a/http://b\n", 11);
    scratch_text("empty", "", 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_true(is_remote("@urls"));
    assert_true(is_remote("HTTP://a/b.jpg"));
    assert_false(is_remote("@names"));
    assert_false(is_remote("@empty"));
    assert_false(is_remote("@fifo"));
    assert_false(is_remote("@nowhere"));
    assert_false(is_remote("plain.jpg"));
    assert_false(is_remote("-"));
    assert_int_equal(mr_source_open(specs, 2, NULL, &source, &err), MR_OK);
    assert_true(mr__source_is_remote(source));
    mr_source_close(&source);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_lines),
        IN_SCRATCH(test_hostile_lines),
        cmocka_unit_test(test_cutting_anywhere),
        IN_SCRATCH(test_lists_that_cannot_be_read),
        cmocka_unit_test(test_streaming),
        cmocka_unit_test(test_interrupt_of_a_blocked_read),
        cmocka_unit_test(test_interrupt_from_a_signal_handler),
        IN_SCRATCH(test_fifo_list),
        cmocka_unit_test(test_closed_stdin),
        IN_SCRATCH(test_foreseen_urls),
    };

    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
