/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One writer a store. The lock is an open-file-description lock on "STORE-lock": the kernel drops
 * it with the last descriptor, so it vanishes with its process whatever kills it, and a second
 * open in the same process is refused like any other. The file holds the writer's pid for the
 * message, and is removed at the end; whoever locked a name that was removed meanwhile tries again.
 * (A lock on the store file itself would be lost: closing any descriptor of it drops SQLite's own.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/local.h"
#include "store/lock.h"

static mr_status lock_name(const char *path, mr__buf *name, mr_error *err)
{
    mr__buf_init(name, 8192);
    if (!mr__buf_addf(name, "%s-lock", path)) {
        mr__buf_fini(name);
        return mr__error_set(err, MR_E_INVALID, "path too long");
    }
    return MR_OK;
}

static mr_status busy(const char *path, const char *name, mr_error *err)
{
    char text[24] = "";
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : 0;
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;

    if (fd >= 0)
        (void)close(fd);
    if (pid > 0)
        return mr__error_set(err, MR_E_BUSY,
                             "another process (pid %ld) is writing to %s; wait for it or stop it, "
                             "then try again",
                             pid, path);
    return mr__error_set(err, MR_E_BUSY,
                         "another process is writing to %s; wait for it or stop it, then try again",
                         path);
}

/* Does `name` still lead to the file that is locked? */
static bool still_there(const char *name, int fd)
{
    struct stat by_name, by_fd;

    return stat(name, &by_name) == 0 && fstat(fd, &by_fd) == 0 && by_name.st_ino == by_fd.st_ino &&
           by_name.st_dev == by_fd.st_dev;
}

int mr__lock_file(const char *name, bool follow, int *out)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd, failure, flags = O_RDWR | O_CREAT | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);

    do {
        fd = open(name, flags, 0644);
        if (fd < 0)
            return errno;
        if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
            failure = errno == EACCES ? EAGAIN : errno;
            (void)close(fd);
            return failure;
        }
        if (still_there(name, fd)) {
            *out = fd;
            return 0;
        }
        (void)close(fd);
    } while (true);
}

mr_status mr__local_lock(const char *path, int *fd, mr_error *err)
{
    char pid[24];
    mr__buf name;
    mr_status status = lock_name(path, &name, err);
    int n, failure;

    if (status != MR_OK)
        return status;
    failure = mr__lock_file(name.data, false, fd);
    if (failure == EAGAIN)
        status = busy(path, name.data, err);
    else if (failure == EACCES || failure == EPERM || failure == EROFS)
        status = mr__error_errno(err, MR_E_ENV, failure,
                                 "%s cannot be written; choose a directory that may be", path);
    else if (failure != 0)
        status = mr__error_errno(err, MR_E_ENV, failure, "lock %s", name.data);
    mr__buf_fini(&name);
    if (status != MR_OK)
        return status;
    n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* only the message of a second writer suffers if this fails */
    if (ftruncate(*fd, 0) != 0 || pwrite(*fd, pid, (size_t)n, 0) != n)
        errno = 0;
    return MR_OK;
}

void mr__local_unlock(const char *path, int *fd)
{
    mr__buf name;

    if (*fd < 0)
        return;
    if (lock_name(path, &name, NULL) == MR_OK) {
        (void)unlink(name.data);
        mr__buf_fini(&name);
    }
    (void)close(*fd);
    *fd = -1;
}
