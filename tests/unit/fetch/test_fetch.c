/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files: exact, bounded, never blocking on what is not a regular file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "../source/scratch.h"
#include "fetch/fetch.h"

static void assert_refused(const char *locator, mr_code code)
{
    size_t before = scratch_descriptors();
    mr__version version;
    mr__fetch *fetch;
    mr_error err = {0};

    assert_int_equal(mr__fetch_stat(NULL, locator, &version, &err), MR_E_ITEM);
    assert_int_equal(err.code, code);
    assert_int_equal(err.stage, MR_STAGE_FETCH);
    err = (mr_error){0};
    assert_int_equal(mr__fetch_open(NULL, locator, &version, &fetch, &err), MR_E_ITEM);
    assert_int_equal(err.code, code);
    assert_int_equal(err.stage, MR_STAGE_FETCH);
    assert_null(fetch);
    assert_int_equal(scratch_descriptors(), before);
}

static mr_status read_all(const char *locator, char *dst, size_t size, mr__version *version)
{
    mr__fetch *fetch;
    mr_status status;
    size_t got = SIZE_MAX;
    mr_error err;

    assert_int_equal(mr__fetch_open(NULL, locator, version, &fetch, &err), MR_OK);
    assert_true(version->size_known);
    assert_int_equal(version->size, size);
    status = mr__fetch_read(fetch, dst, size, &got, &err);
    assert_true(status != MR_OK || got == size);
    mr__fetch_close(&fetch);
    assert_null(fetch);
    mr__fetch_close(&fetch);
    return status;
}

static void test_read(void **state)
{
    mr__version a, b;
    char text[16] = "";
    size_t before;
    mr_error err;

    (void)state;
    scratch_text("f", "ab\0cd", 5);
    scratch_text("empty", "", 0);
    before = scratch_descriptors();
    assert_int_equal(read_all("f", text, 5, &a), MR_OK);
    assert_memory_equal(text, "ab\0cd\0", 6);
    assert_int_equal(mr__fetch_stat(NULL, "f", &b, &err), MR_OK);
    assert_true(mr__version_equal(&a, &b));
    assert_int_equal(read_all("empty", text, 0, &a), MR_OK);
    assert_false(mr__version_equal(&a, &b));
    assert_int_equal(symlink("f", "link"), 0);
    assert_int_equal(read_all("link", text, 5, &a), MR_OK);
    assert_int_equal(scratch_descriptors(), before);
}

static void test_refusals(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "s"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    char longest[5000];

    (void)state;
    scratch_mkdir("d");
    scratch_file("f", 1, 'x');
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(bind(s, (const struct sockaddr *)&addr, sizeof addr), 0);
    (void)close(s);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(symlink("gone", "dangling"), 0);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_refused("d", MR_CODE_NOT_REGULAR_FILE);
    assert_refused("fifo", MR_CODE_NOT_REGULAR_FILE); /* a fetch that blocks meets the alarm */
    assert_refused("s", MR_CODE_NOT_REGULAR_FILE);
    assert_refused("/dev/null", MR_CODE_NOT_REGULAR_FILE);
    assert_refused("gone", MR_CODE_NOT_FOUND);
    assert_refused("dangling", MR_CODE_NOT_FOUND);
    assert_refused("f/x", MR_CODE_NOT_FOUND);
    assert_refused("", MR_CODE_NOT_FOUND);
    assert_refused("loop", MR_CODE_IO_ERROR);
    assert_refused(longest, MR_CODE_IO_ERROR);
    assert_refused("https://host/a.jpg", MR_CODE_FETCH_REFUSED);
    if (geteuid() != 0) {
        assert_int_equal(chmod("f", 0), 0);
        assert_int_equal(chmod("d", 0), 0);
        assert_refused("d/x", MR_CODE_PERMISSION_DENIED);
        assert_int_equal(chmod("d", 0700), 0);
    }
}

/* Opens a file of ten bytes, changes it as told, reads it. */
static mr_code read_after(void (*change)(void))
{
    mr__version version;
    mr__fetch *fetch;
    mr_status status;
    mr_error err = {0};
    char dst[10];
    size_t got;

    scratch_file("f", 10, 'x');
    assert_int_equal(mr__fetch_open(NULL, "f", &version, &fetch, &err), MR_OK);
    change();
    status = mr__fetch_read(fetch, dst, 10, &got, &err);
    mr__fetch_close(&fetch);
    assert_int_equal(status, err.code == MR_CODE_NONE ? MR_OK : MR_E_ITEM);
    return err.code;
}

static void change_nothing(void)
{
}

static void change_grow(void)
{
    assert_int_equal(truncate("f", 11), 0);
}

static void change_shrink(void)
{
    assert_int_equal(truncate("f", 9), 0);
}

static void change_bytes(void)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
    int fd = open("f", O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, "y", 1, 5), 1);
    /* the clock of a file may stand still for milliseconds: set it, so that the test never waits */
    assert_int_equal(futimens(fd, times), 0);
    (void)close(fd);
}

static void change_replace(void)
{
    scratch_file("g", 20, 'y');
    assert_int_equal(rename("g", "f"), 0);
}

static void test_changes_while_reading(void **state)
{
    (void)state;
    assert_int_equal(read_after(change_nothing), MR_CODE_NONE);
    assert_int_equal(read_after(change_grow), MR_CODE_CHANGED_WHILE_READING);
    assert_int_equal(read_after(change_shrink), MR_CODE_CHANGED_WHILE_READING);
    assert_int_equal(read_after(change_bytes), MR_CODE_CHANGED_WHILE_READING);
    /* the file that was opened is still there, whole */
    assert_int_equal(read_after(change_replace), MR_CODE_NONE);
}

static void test_size_must_be_that_of_the_version(void **state)
{
    mr__version version;
    mr__fetch *fetch;
    mr_error err;
    char dst[10];
    size_t got;

    (void)state;
    scratch_file("f", 10, 'x');
    assert_int_equal(mr__fetch_open(NULL, "f", &version, &fetch, &err), MR_OK);
    assert_int_equal(mr__fetch_read(fetch, dst, 9, &got, &err), MR_E_INVALID);
    mr__fetch_close(&fetch);
    /* files of /proc say 0 and hold more */
    assert_int_equal(read_all("/proc/self/status", dst, 0, &version), MR_E_ITEM);
}

static void test_version_equal(void **state)
{
    const mr__version a = {.size = 5, .size_known = true, .mtime_ns = 7};
    const struct timespec epoch[2] = {{0}, {0}};
    mr__version b = a, c;
    mr_error err;

    (void)state;
    assert_true(mr__version_equal(&a, &b));
    b.size = 6;
    assert_false(mr__version_equal(&a, &b));
    b = a;
    b.mtime_ns = 8;
    assert_false(mr__version_equal(&a, &b));
    b = a;
    b.size_known = false;
    assert_false(mr__version_equal(&a, &b));
    b = c = a;
    b.mtime_ns = c.mtime_ns = 0;
    assert_false(mr__version_equal(&b, &c)); /* not known is not equal */
    b = a;
    c = a;
    memcpy(b.etag, "\"x\"", 4);
    assert_true(mr__version_equal(&a, &b)); /* one ETag alone decides nothing */
    memcpy(c.etag, "\"y\"", 4);
    assert_false(mr__version_equal(&b, &c));
    memcpy(c.etag, "\"x\"", 4);
    c.mtime_ns = 9;
    assert_true(mr__version_equal(&b, &c));
    /* the first instant of 1970 is a time that is known */
    scratch_file("f", 10, 'x');
    assert_int_equal(utimensat(AT_FDCWD, "f", epoch, 0), 0);
    assert_int_equal(mr__fetch_stat(NULL, "f", &b, &err), MR_OK);
    assert_int_equal(mr__fetch_stat(NULL, "f", &c, &err), MR_OK);
    assert_true(mr__version_equal(&b, &c));
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_read),
        IN_SCRATCH(test_refusals),
        IN_SCRATCH(test_changes_while_reading),
        IN_SCRATCH(test_size_must_be_that_of_the_version),
        IN_SCRATCH(test_version_equal),
    };

    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
