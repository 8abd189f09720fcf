/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory with a name: ours alone, gone at the end, and swept when its owner is dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/named.h"

static int exists(const char *key)
{
    int fd = shm_open(key, O_RDONLY, 0);

    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

static void test_a_name_and_its_end(void **state)
{
    mr__named named;
    struct stat info;
    mr_error err = {0};
    mr__area area;
    uint8_t *other;
    int fd;

    (void)state;
    if (mr__named_open(&named, &area, 3 * 4096, &err) != MR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(strncmp(named.key, "/millrace-slots-", 16), 0);
    assert_int_equal(strlen(named.key), 16 + 16);
    assert_int_equal(mr__area_reserve(&area, 0, area.bytes, &err), MR_OK);
    assert_int_equal(fstat(area.fd, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, 3 * 4096);
    assert_true(fcntl(area.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(named.lock_fd, F_GETFD) & FD_CLOEXEC);

    /* whoever opens the name sees the same bytes */
    fd = shm_open(named.key, O_RDWR, 0);
    assert_true(fd >= 0);
    other = mmap(NULL, area.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(other != MAP_FAILED);
    area.base[4097] = 42;
    assert_int_equal(other[4097], 42);
    (void)munmap(other, area.bytes);
    (void)close(fd);

    /* a sweep beside the owner, in the same process even, leaves it alone */
    mr__named_sweep();
    assert_true(exists(named.key));
    {
        char key[sizeof named.key];
        memcpy(key, named.key, sizeof key);
        mr__named_close(&named);
        assert_false(exists(key));
        area.base[0] = 1; /* the memory lives on */
        mr__area_close(&area);
    }
    assert_string_equal(named.key, "");
    mr__named_close(&named);
}

/* A process that makes a name, says which, and waits to be killed. */
static pid_t owner(char *key, size_t size)
{
    int pipe_fd[2];
    pid_t pid;

    assert_int_equal(pipe(pipe_fd), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        mr__named named;
        mr__area area;

        if (mr__named_open(&named, &area, 4096, NULL) == MR_OK &&
            write(pipe_fd[1], named.key, sizeof named.key) == (ssize_t)sizeof named.key)
            (void)pause();
        _exit(1);
    }
    (void)close(pipe_fd[1]);
    assert_int_equal(read(pipe_fd[0], key, size), (ssize_t)size);
    (void)close(pipe_fd[0]);
    return pid;
}

static void test_the_dead_are_swept(void **state)
{
    char key[sizeof((mr__named *)0)->key];
    pid_t pid = owner(key, sizeof key);
    int status = 0;

    (void)state;
    mr__named_sweep();
    assert_true(exists(key));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    mr__named_sweep();
    assert_false(exists(key));
}

/* What only looks like ours is not touched. */
static void test_strangers(void **state)
{
    char name[64];
    int fd;

    (void)state;
    (void)snprintf(name, sizeof name, "/millrace-other-%d", (int)getpid());
    fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    mr__named_sweep();
    assert_true(exists(name));
    assert_int_equal(shm_unlink(name), 0);
}

static void test_no_room(void **state)
{
    mr__named named;
    mr__area area;
    mr_error err = {0};

    (void)state;
    assert_int_equal(mr__named_open(&named, &area, (size_t)1 << 50, &err), MR_E_NO_MEMORY);
    assert_non_null(strstr(err.message, "/dev/shm has room for"));
    assert_int_equal(area.fd, -1);
    assert_string_equal(named.key, "");
    mr__named_close(&named);
    mr__area_close(&area);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_and_its_end),
        cmocka_unit_test(test_the_dead_are_swept),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
