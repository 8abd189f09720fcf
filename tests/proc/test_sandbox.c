/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is each layer of the worker's sandbox really in force? A child closes the door, or one layer of
 * it alone, and then tries what the layer forbids. Each attempt has a control: what must still be
 * allowed is tried in the same way, so that a child which dies of anything proves nothing. Not for
 * sanitizers, whose workers have no whole door.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

/* the layers one by one are private to it */
#include "worker/sandbox.c" /* NOLINT(bugprone-suspicious-include) */

#define MEMORY (UINT64_C(64) << 20)

static int event_fd;
static int other_fd;
static void *shared; /* 64 KiB of a memfd, writable, as the batch slots are */

/* Raw system calls: what a captured worker would do. 0: it worked; else errno. */
static int outcome(long rc)
{
    return rc < 0 ? errno : 0;
}

static int try_open(void)
{
    return outcome(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}

static int try_write_file(void)
{
    return outcome(
        syscall(SYS_openat, AT_FDCWD, "/tmp/millrace-sandbox-test", O_CREAT | O_RDWR, 0600));
}

static int try_socket(void)
{
    return outcome(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
}

static int try_fork(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (pid == 0)
        syscall(SYS_exit_group, 0);
    return outcome(pid);
}

static int try_execve(void)
{
    char *const argv[] = {NULL};

    return outcome(syscall(SYS_execve, "/bin/true", argv, argv));
}

static int try_ptrace(void)
{
    return outcome(syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), 0, 0));
}

static int try_signal_parent(void)
{
    return outcome(syscall(SYS_kill, getppid(), 0));
}

static int try_tgkill_parent(void)
{
    return outcome(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int try_map_exec(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? errno : 0;
}

static int try_map_file(void)
{
    void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, other_fd, 0);

    return p == MAP_FAILED ? errno : 0;
}

static int try_protect_exec(void)
{
    return outcome(syscall(SYS_mprotect, shared, 4096, PROT_READ | PROT_EXEC));
}

static int try_write_elsewhere(void)
{
    return outcome(syscall(SYS_write, other_fd, "x", 1));
}

static int try_free_shared_memory(void)
{
    return outcome(syscall(SYS_madvise, shared, 65536, MADV_REMOVE));
}

static int try_read_process_memory(void)
{
    return outcome(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static int try_bpf(void)
{
    return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static int try_prctl(void)
{
    return outcome(syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int try_raise_limit(void)
{
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

    return outcome(syscall(SYS_prlimit64, 0, RLIMIT_AS, &none, NULL));
}

static int try_too_much_memory(void)
{
    void *p =
        mmap(NULL, MEMORY + (8 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? errno : 0;
}

static int try_memory_within_the_limit(void)
{
    unsigned char *p = malloc(MEMORY / 2);

    if (!p)
        return ENOMEM;
    memset(p, 1, MEMORY / 2);
    free(p);
    return 0;
}

static int try_event(void)
{
    const uint64_t one = 1;

    return outcome(syscall(SYS_write, event_fd, &one, sizeof one));
}

static int try_abort(void)
{
    abort();
}

/* How a child ended that closed the layers of `close_layers` and then made the attempt. */
typedef struct ended {
    int signal; /* it died of; 0: none */
    int result; /* of the attempt, if it lived; 200: a layer did not take hold */
} ended;

static ended attempt(bool (*close_layers)(void), int (*what)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (!close_layers())
            _exit(200);
        _exit(what());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return (ended){.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                   .result = WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

static bool whole_door(void)
{
    const uint32_t most = MR_SANDBOX_NO_NEW_PRIVS | MR_SANDBOX_SECCOMP | MR_SANDBOX_RLIMITS;
    mr__sandbox_state state = mr__sandbox_close_door(event_fd, MEMORY);

    return (state.layers & most) == most;
}

static bool no_layer(void)
{
    return true;
}

static bool only_landlock(void)
{
    uint32_t abi;

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && close_landlock(&abi) && abi > 0;
}

static bool only_limits(void)
{
    return close_limits(address_space(), MEMORY);
}

typedef struct forbidden {
    const char *name;
    int (*what)(void);
    bool works_outside; /* control: without the door it does what it says */
} forbidden;

static const forbidden list[] = {
    {"open", try_open, true},
    {"create a file", try_write_file, true},
    {"socket", try_socket, true},
    {"fork", try_fork, true},
    {"execve", try_execve, false},
    {"ptrace", try_ptrace, false},
    {"signal the parent", try_signal_parent, true},
    {"tgkill the parent", try_tgkill_parent, true},
    {"map executable memory", try_map_exec, true},
    {"map a file", try_map_file, true},
    {"make memory executable", try_protect_exec, true},
    {"write to another descriptor", try_write_elsewhere, true},
    {"free shared memory", try_free_shared_memory, true},
    {"read another process", try_read_process_memory, true},
    {"bpf", try_bpf, false},
    {"prctl", try_prctl, true},
    {"raise a limit", try_raise_limit, false},
};

static void test_behind_the_door_each_is_the_last_thing_it_does(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof list / sizeof list[0]; i++) {
        ended outside = {0}, inside = attempt(whole_door, list[i].what);
        if (list[i].works_outside)
            outside = attempt(no_layer, list[i].what);
        if (inside.signal != SIGSYS || outside.signal != 0 || outside.result != 0)
            fail_msg("%s: inside signal %d result %d, outside signal %d result %d", list[i].name,
                     inside.signal, inside.result, outside.signal, outside.result);
    }
}

static void test_behind_the_door_work_goes_on(void **state)
{
    ended e;

    (void)state;
    e = attempt(whole_door, try_event);
    assert_int_equal(e.signal, 0);
    assert_int_equal(e.result, 0);
    e = attempt(whole_door, try_memory_within_the_limit);
    assert_int_equal(e.signal, 0);
    assert_int_equal(e.result, 0);
    /* a crash is a crash, not a violation */
    assert_int_equal(attempt(whole_door, try_abort).signal, SIGABRT);
}

static void test_too_much_memory_is_refused(void **state)
{
    ended e;

    (void)state;
    e = attempt(whole_door, try_too_much_memory);
    assert_int_equal(e.signal, 0);
    assert_int_equal(e.result, ENOMEM);
    assert_int_equal(attempt(no_layer, try_too_much_memory).result, 0);
}

/* Landlock alone: files are closed even to what the filter would let through. */
static void test_landlock_alone(void **state)
{
    (void)state;
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
        return; /* a kernel without it: doctor says so */
    assert_int_equal(attempt(only_landlock, try_open).result, EACCES);
    assert_int_equal(attempt(only_landlock, try_write_file).result, EACCES);
    assert_int_equal(attempt(only_landlock, try_execve).result, EACCES);
    assert_int_equal(attempt(only_landlock, try_event).result, 0);
}

/* Limits alone: no descriptor, no byte of a file. (NPROC does not bind the superuser.) */
static void test_limits_alone(void **state)
{
    (void)state;
    assert_int_equal(attempt(only_limits, try_open).result, EMFILE);
    assert_int_equal(attempt(only_limits, try_socket).result, EMFILE);
    assert_int_equal(attempt(only_limits, try_write_elsewhere).signal, SIGXFSZ);
    assert_int_equal(attempt(only_limits, try_too_much_memory).result, ENOMEM);
    assert_int_equal(attempt(only_limits, try_event).result, 0);
}

static int attach_to_the_wrong_parent(void)
{
    return mr__sandbox_attach((int)getppid() + 1) ? 1 : 0;
}

static int attach(void)
{
    int dead = 0;

    if (!mr__sandbox_attach((int)getppid()))
        return 1;
    if (prctl(PR_GET_PDEATHSIG, &dead) != 0 || dead != SIGKILL)
        return 2;
    if (prctl(PR_GET_DUMPABLE) != 0)
        return 3;
    (void)raise(SIGINT);
    return 0;
}

static void test_attached_to_its_parent(void **state)
{
    ended e = attempt(no_layer, attach);

    (void)state;
    assert_int_equal(e.signal, 0);
    assert_int_equal(e.result, 0);
    assert_int_equal(attempt(no_layer, attach_to_the_wrong_parent).result, 0);
}

static int prepare(void **state)
{
    int fd = memfd_create("sandbox-test", MFD_CLOEXEC);

    (void)state;
    if (fd < 0 || ftruncate(fd, 65536) != 0)
        return -1;
    shared = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    other_fd = fd;
    return shared == MAP_FAILED || event_fd < 0 ? -1 : 0;
}

static int clean_up(void **state)
{
    (void)state;
    (void)unlink("/tmp/millrace-sandbox-test");
    (void)munmap(shared, 65536);
    (void)close(event_fd);
    (void)close(other_fd);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behind_the_door_each_is_the_last_thing_it_does),
        cmocka_unit_test(test_behind_the_door_work_goes_on),
        cmocka_unit_test(test_too_much_memory_is_refused),
        cmocka_unit_test(test_landlock_alone),
        cmocka_unit_test(test_limits_alone),
        cmocka_unit_test(test_attached_to_its_parent),
    };

    return cmocka_run_group_tests(tests, prepare, clean_up);
}
