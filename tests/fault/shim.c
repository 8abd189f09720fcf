/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that fail on demand: see shim.h. The plain and the large-file names are two symbols here.
 */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);

static _Atomic int armed = -1;
static _Atomic uint64_t countdown, allocations;
static _Atomic bool lasts, hit;
static _Atomic int64_t live;
static _Atomic uintptr_t except_low, except_high;

const char *shim_name(shim_call call)
{
    static const char *const names[SHIM_CALLS] = {
        "alloc",      "memfd_create", "ftruncate", "fallocate",      "mmap",   "fcntl",
        "eventfd",    "epoll_create", "epoll_ctl", "timerfd_create", "thread", "spawn",
        "pidfd_open", "open",         "read",      "fstat",          "pwrite", "fsync"};

    return names[call];
}

void shim_arm(shim_call call, uint64_t nth, bool lasting)
{
    atomic_store(&hit, false);
    atomic_store(&lasts, lasting);
    atomic_store(&countdown, nth);
    atomic_store(&armed, (int)call);
}

bool shim_disarm(void)
{
    atomic_store(&armed, -1);
    return atomic_load(&hit);
}

int64_t shim_live(void)
{
    return atomic_load(&live);
}

void shim_except(uintptr_t low, uintptr_t high)
{
    atomic_store(&except_low, low);
    atomic_store(&except_high, high);
}

uint64_t shim_allocations(void)
{
    return atomic_load(&allocations);
}

static bool fails(shim_call call)
{
    uint64_t left;

    if (atomic_load(&armed) != (int)call)
        return false;
    left = atomic_load(&countdown);
    while (left > 0 && !atomic_compare_exchange_weak(&countdown, &left, left - 1))
        ;
    if (left != 1 && !(left == 0 && atomic_load(&lasts)))
        return false;
    atomic_store(&hit, true);
    return true;
}

/* ---- memory ---- */

static bool alloc_fails(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;

    if (at < atomic_load(&except_low) || at >= atomic_load(&except_high))
        atomic_fetch_add(&allocations, 1);
    if (!fails(SHIM_ALLOC))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add(&live, 1);
    return p;
}

void *malloc(size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL : counted(__libc_calloc(n, size));
}

/* in parentheses: these are definitions, which the lint takes for calls */
void *(realloc)(void *p, size_t size)
{
    if (alloc_fails(__builtin_return_address(0)))
        return NULL;
    if (!p)
        return counted(__libc_realloc(NULL, size));
    if (size == 0)
        atomic_fetch_sub(&live, 1);
    return __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL
                                                    : counted(__libc_memalign(alignment, size));
}

int(posix_memalign)(void **out, size_t alignment, size_t size)
{
    void *p = NULL;

    if (!alloc_fails(__builtin_return_address(0)))
        p = counted(__libc_memalign(alignment, size));
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

void free(void *p)
{
    if (p)
        atomic_fetch_sub(&live, 1);
    __libc_free(p);
}

/* ---- system calls ---- */

static void *next_of(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* Types and lists of parameters cannot stand in parentheses.
 * NOLINTBEGIN(bugprone-macro-parentheses) */

/* Calls that answer -1 and errno. */
#define SYSTEM_CALL(call, failure, type, name, parameters, arguments)                              \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*_Atomic next) parameters;                                                     \
        if (!next)                                                                                 \
            next = (type(*) parameters)next_of(#name);                                             \
        if (fails(call)) {                                                                         \
            errno = failure;                                                                       \
            return (type)-1;                                                                       \
        }                                                                                          \
        return next arguments;                                                                     \
    }

/* Calls that answer an error number. */
#define NUMBER_CALL(call, failure, name, parameters, arguments)                                    \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*_Atomic next) parameters;                                                      \
        if (!next)                                                                                 \
            next = (int(*) parameters)next_of(#name);                                              \
        return fails(call) ? failure : next arguments;                                             \
    }

/* NOLINTEND(bugprone-macro-parentheses) */

SYSTEM_CALL(SHIM_MEMFD_CREATE, EMFILE, int, memfd_create, (const char *name, unsigned flags),
            (name, flags))
SYSTEM_CALL(SHIM_FTRUNCATE, EIO, int, ftruncate, (int fd, off_t size), (fd, size))
SYSTEM_CALL(SHIM_FTRUNCATE, EIO, int, ftruncate64, (int fd, off64_t size), (fd, size))
NUMBER_CALL(SHIM_FALLOCATE, ENOSPC, posix_fallocate, (int fd, off_t at, off_t n), (fd, at, n))
NUMBER_CALL(SHIM_FALLOCATE, ENOSPC, posix_fallocate64, (int fd, off64_t at, off64_t n), (fd, at, n))
SYSTEM_CALL(SHIM_MMAP, ENOMEM, void *, mmap,
            (void *at, size_t n, int prot, int flags, int fd, off_t from),
            (at, n, prot, flags, fd, from))
SYSTEM_CALL(SHIM_MMAP, ENOMEM, void *, mmap64,
            (void *at, size_t n, int prot, int flags, int fd, off64_t from),
            (at, n, prot, flags, fd, from))
SYSTEM_CALL(SHIM_EVENTFD, EMFILE, int, eventfd, (unsigned count, int flags), (count, flags))
SYSTEM_CALL(SHIM_EPOLL_CREATE, EMFILE, int, epoll_create1, (int flags), (flags))
SYSTEM_CALL(SHIM_EPOLL_CTL, ENOSPC, int, epoll_ctl,
            (int epoll, int what, int fd, struct epoll_event *event), (epoll, what, fd, event))
SYSTEM_CALL(SHIM_TIMERFD_CREATE, EMFILE, int, timerfd_create, (clockid_t clock, int flags),
            (clock, flags))
SYSTEM_CALL(SHIM_READ, EIO, ssize_t, read, (int fd, void *to, size_t n), (fd, to, n))
SYSTEM_CALL(SHIM_FSTAT, EIO, int, fstat, (int fd, struct stat *out), (fd, out))
SYSTEM_CALL(SHIM_FSTAT, EIO, int, fstat64, (int fd, struct stat64 *out), (fd, out))
SYSTEM_CALL(SHIM_PWRITE, ENOSPC, ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at),
            (fd, from, n, at))
SYSTEM_CALL(SHIM_PWRITE, ENOSPC, ssize_t, pwrite64,
            (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at))
SYSTEM_CALL(SHIM_FSYNC, EIO, int, fsync, (int fd), (fd))
SYSTEM_CALL(SHIM_FSYNC, EIO, int, fdatasync, (int fd), (fd))
NUMBER_CALL(SHIM_THREAD, EAGAIN, pthread_create,
            (pthread_t * thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg),
            (thread, attr, run, arg))
NUMBER_CALL(SHIM_SPAWN, EAGAIN, posix_spawn,
            (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
             const posix_spawnattr_t *attr, char *const argv[], char *const env[]),
            (pid, path, actions, attr, argv, env))

/* Those with arguments that may be missing: what is not there is handed on as whatever is. */
#define OPEN_CALL(name)                                                                            \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        static int (*_Atomic next)(const char *, int, ...);                                        \
        mode_t mode = 0;                                                                           \
        va_list list;                                                                              \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                       \
            va_start(list, flags);                                                                 \
            mode = va_arg(list, mode_t);                                                           \
            va_end(list);                                                                          \
        }                                                                                          \
        if (!next)                                                                                 \
            next = (int (*)(const char *, int, ...))next_of(#name);                                \
        if (fails(SHIM_OPEN)) {                                                                    \
            errno = EMFILE;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        return next(path, flags, mode);                                                            \
    }

#define FCNTL_CALL(name)                                                                           \
    int name(int fd, int what, ...)                                                                \
    {                                                                                              \
        static int (*_Atomic next)(int, int, ...);                                                 \
        va_list list;                                                                              \
        void *arg;                                                                                 \
        va_start(list, what);                                                                      \
        arg = va_arg(list, void *);                                                                \
        va_end(list);                                                                              \
        if (!next)                                                                                 \
            next = (int (*)(int, int, ...))next_of(#name);                                         \
        if (fails(SHIM_FCNTL)) {                                                                   \
            errno = EINVAL;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        return next(fd, what, arg);                                                                \
    }

OPEN_CALL(open)
OPEN_CALL(open64)
FCNTL_CALL(fcntl)
FCNTL_CALL(fcntl64)

long syscall(long number, ...)
{
    static long (*_Atomic next)(long, ...);
    long arg[6];
    va_list list;
    int i;

    va_start(list, number);
    for (i = 0; i < 6; i++)
        arg[i] = va_arg(list, long);
    va_end(list);
    if (!next)
        next = (long (*)(long, ...))next_of("syscall");
    if (number == SYS_pidfd_open && fails(SHIM_PIDFD_OPEN)) {
        errno = EMFILE;
        return -1;
    }
    return next(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
