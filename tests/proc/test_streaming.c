/* SPDX-License-Identifier: Apache-2.0 */
/*
 * True streaming: a pipe for stdin that names pictures and then stays open. What fills a batch is
 * delivered while the pipe is open; what does not is delivered once it is old enough, or, if age
 * does not count, when the pipe is closed and not before.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pictures.h"

#define BATCH    32u
#define LONG_MS  30000 /* for what must come */
#define QUIET_MS 600   /* for what must not: twelve times the age that would send it */

static char folder[] = "/tmp/millrace-streaming-XXXXXX";

typedef struct flow {
    int names, stdin_fd; /* a pipe: the end that is written to, and the one that is read */
    mr_source *source;
    mr_plan *plan;
    mr_stream *stream;
} flow;

static void flow_open(flow *f, uint32_t batch_wait_ms)
{
    static const char *const specs[] = {"-"};
    mr_source_options of_source;
    mr_stream_options options;
    mr_error err = {0};
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    *f = (flow){.names = ends[1], .stdin_fd = ends[0]};
    mr_source_options_init(&of_source);
    of_source.stdin_fd = f->stdin_fd;
    mr_stream_options_init(&options);
    options.batch = BATCH;
    options.batch_wait_ms = batch_wait_ms;
    options.pool.workers = 2;
    options.pool.worker_path = testing_worker();
    if (mr_source_open(specs, 1, &of_source, &f->source, &err) != MR_OK ||
        mr_plan_open("millrace/builtin", &f->plan, &err) != MR_OK ||
        mr_stream_open(f->source, f->plan, NULL, &options, &f->stream, &err) != MR_OK)
        fail_msg("%s", err.message);
}

static void flow_close(flow *f)
{
    mr_batch *batch = NULL;
    mr_error err = {0};

    assert_int_equal(mr_stream_next(f->stream, LONG_MS, &batch, &err), MR_EOF);
    mr_stream_close(&f->stream);
    mr_plan_close(&f->plan);
    mr_source_close(&f->source);
    assert_int_equal(close(f->stdin_fd), 0);
}

static void picture_name(char *name, size_t size, unsigned i)
{
    int n = snprintf(name, size, "%s/%03u.jpg", folder, i);

    assert_true(n > 0 && (size_t)n < size);
}

/* Names the pictures from `from` on, `n` of them, one line each. */
static void say(const flow *f, unsigned from, unsigned n)
{
    char name[128], line[130];
    unsigned i;

    for (i = from; i < from + n; i++) {
        int bytes;

        picture_name(name, sizeof name, i);
        bytes = snprintf(line, sizeof line, "%s\n", name);
        assert_int_equal(write(f->names, line, (size_t)bytes), bytes);
    }
}

/* The next batch holds the pictures from `from` on, `n` of them, in order. */
static void expect(const flow *f, unsigned from, uint32_t n)
{
    char name[128];
    mr_batch *batch = NULL;
    mr_error err = {0};
    uint32_t i;

    if (mr_stream_next(f->stream, LONG_MS, &batch, &err) != MR_OK)
        fail_msg("no batch of %u from %u on: %s", n, from, err.message);
    assert_int_equal(batch->n_ok, n);
    assert_int_equal(batch->n_failed, 0);
    for (i = 0; i < n; i++) {
        picture_name(name, sizeof name, from + i);
        assert_string_equal(batch->items[i].id, name);
    }
    mr_batch_release(&batch);
}

static void expect_nothing(const flow *f)
{
    mr_batch *batch = NULL;
    mr_error err = {0};

    assert_int_equal(mr_stream_next(f->stream, QUIET_MS, &batch, &err), MR_AGAIN);
    assert_null(batch);
}

static void test_full_batches_come_while_the_pipe_is_open(void **state)
{
    flow f;

    (void)state;
    flow_open(&f, 0);
    say(&f, 0, 64);
    expect(&f, 0, BATCH);
    expect(&f, 32, BATCH);
    /* it is a stream, not a run: more names are more batches */
    say(&f, 64, 32);
    expect(&f, 64, BATCH);
    assert_int_equal(close(f.names), 0);
    flow_close(&f);
}

static void test_partial_batch_comes_when_it_is_old(void **state)
{
    flow f;

    (void)state;
    flow_open(&f, 50);
    say(&f, 0, 70);
    expect(&f, 0, BATCH);
    expect(&f, 32, BATCH);
    expect(&f, 64, 6);
    /* and the next one, too: the age is that of its first item */
    say(&f, 70, 3);
    expect(&f, 70, 3);
    assert_int_equal(close(f.names), 0);
    flow_close(&f);
}

/* The control of both: it is the age that sends a partial batch, or the end. */
static void test_partial_batch_waits_for_the_end_if_age_does_not_count(void **state)
{
    flow f;

    (void)state;
    flow_open(&f, 0);
    say(&f, 0, 70);
    expect(&f, 0, BATCH);
    expect(&f, 32, BATCH);
    expect_nothing(&f);
    assert_int_equal(close(f.names), 0);
    expect(&f, 64, 6);
    flow_close(&f);
}

/* A reader who waits for names can be stopped: it does not wait for the writer. */
static void test_stop_ends_a_source_that_says_nothing(void **state)
{
    flow f;

    (void)state;
    flow_open(&f, 0);
    say(&f, 0, 40);
    expect(&f, 0, BATCH);
    mr_stream_stop(f.stream);
    expect(&f, 32, 8);
    flow_close(&f);
    assert_int_equal(close(f.names), 0);
}

static int make_folder(void **state)
{
    char name[128];
    unsigned i;

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (i = 0; i < 96; i++) {
        picture p = picture_jpeg(8 + i % 23, 8 + i % 17, i, false);
        FILE *out;

        picture_name(name, sizeof name, i);
        out = fopen(name, "wb");
        if (!out || fwrite(p.bytes, 1, p.n, out) != p.n || fclose(out) != 0)
            return -1;
        picture_free(&p);
    }
    return 0;
}

static int remove_folder(void **state)
{
    char name[128];
    unsigned i;

    (void)state;
    for (i = 0; i < 96; i++) {
        picture_name(name, sizeof name, i);
        (void)unlink(name);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_batches_come_while_the_pipe_is_open),
        cmocka_unit_test(test_partial_batch_comes_when_it_is_old),
        cmocka_unit_test(test_partial_batch_waits_for_the_end_if_age_does_not_count),
        cmocka_unit_test(test_stop_ends_a_source_that_says_nothing),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
