/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory with a name: see named.h. */
#include "proc/named.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FOLDER "/dev/shm" /* where shm_open makes its objects on Linux */
#define PREFIX "millrace-slots-"
#define TRIES  8

/* Is it one of ours, and its owner dead? Whoever can lock it knows that. */
static bool is_left(int folder, const char *name)
{
    struct stat info;
    bool left;
    int fd;

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 ||
        fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode) ||
        info.st_uid != geteuid())
        return false;
    fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    left = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (left)
        (void)unlinkat(folder, name, 0); /* while it is ours: its maker would find it gone */
    (void)close(fd);
    return left;
}

void mr__named_sweep(void)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;

    if (!folder)
        return;
    while ((entry = readdir(folder)) != NULL)
        (void)is_left(dirfd(folder), entry->d_name);
    (void)closedir(folder);
}

/* Holds the name of `fd`; false if somebody swept it away before. */
static bool hold(mr__named *named, int fd)
{
    struct stat ours, held;

    /* a description of its own: workers inherit the other one, and must not keep the lock */
    named->lock_fd = shm_open(named->key, O_RDWR, 0);
    if (named->lock_fd < 0)
        return false;
    if (flock(named->lock_fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &ours) == 0 &&
        fstat(named->lock_fd, &held) == 0 && held.st_ino == ours.st_ino && held.st_nlink > 0)
        return true;
    (void)close(named->lock_fd);
    named->lock_fd = -1;
    return false;
}

/* A name that nobody has, held by us; its descriptor, or -1. */
static int make(mr__named *named)
{
    int i;

    for (i = 0; i < TRIES; i++) {
        uint64_t number = 0;
        int fd;

        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            return -1;
        (void)snprintf(named->key, sizeof named->key, "/" PREFIX "%016" PRIx64, number);
        fd = shm_open(named->key, O_RDWR | O_CREAT | O_EXCL, 0600); /* close-on-exec as such */
        if (fd >= 0 && hold(named, fd))
            return fd;
        if (fd >= 0) {
            (void)shm_unlink(named->key);
            (void)close(fd);
        } else if (errno != EEXIST)
            break;
        named->key[0] = '\0';
    }
    if (i == TRIES)
        errno = EEXIST;
    named->key[0] = '\0';
    return -1;
}

static mr_status check_room(size_t bytes, mr_error *err)
{
    struct statvfs room;

    if (statvfs(FOLDER, &room) != 0)
        return mr__error_errno(err, MR_E_ENV, errno, "shared memory: " FOLDER);
    if ((uint64_t)room.f_bavail * room.f_frsize >= bytes)
        return MR_OK;
    return mr__error_set(
        err, MR_E_NO_MEMORY, "shared memory: " FOLDER " has room for %llu MiB, %zu are needed",
        (unsigned long long)((uint64_t)room.f_bavail * room.f_frsize >> 20), bytes >> 20);
}

mr_status mr__named_open(mr__named *named, mr__area *area, size_t bytes, mr_error *err)
{
    void *base = MAP_FAILED;
    mr_status status;
    int rc;

    *named = (mr__named){.lock_fd = -1};
    *area = (mr__area){.fd = -1};
    mr__named_sweep();
    status = check_room(bytes, err);
    if (status != MR_OK)
        return status;
    area->fd = make(named);
    if (area->fd >= 0 && ftruncate(area->fd, (off_t)bytes) == 0)
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, area->fd, 0);
    if (base == MAP_FAILED) {
        rc = errno;
        mr__area_close(area);
        mr__named_close(named);
        return mr__error_errno(err, MR_E_ENV, rc, "shared memory: a name in " FOLDER);
    }
    area->base = base;
    area->bytes = bytes;
    return MR_OK;
}

void mr__named_close(mr__named *named)
{
    if (named->lock_fd >= 0) {
        (void)shm_unlink(named->key);
        (void)close(named->lock_fd);
    }
    *named = (mr__named){.lock_fd = -1};
}
