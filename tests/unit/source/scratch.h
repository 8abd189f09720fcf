/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary directory that a test works in, and what it makes there. */
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory, and where the test came from. */
typedef struct scratch {
    char dir[64];
    char old[PATH_MAX];
} scratch;

/* cmocka set-up: makes the directory and works in it, so that names can be relative. */
static inline int scratch_setup(void **state)
{
    scratch *self = calloc(1, sizeof *self);

    if (!self || !getcwd(self->old, sizeof self->old))
        return -1;
    (void)snprintf(self->dir, sizeof self->dir, "/tmp/millrace-test-XXXXXX");
    if (!mkdtemp(self->dir) || chdir(self->dir) != 0)
        return -1;
    *state = self;
    return 0;
}

/* Removes what is in the directory, by descriptor: trees may be deeper than a path can say. */
static inline int scratch_empty(int fd)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int failed = dir == NULL;

    while (dir && (entry = readdir(dir))) {
        int below;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            continue;
        below = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        failed |= below < 0 || scratch_empty(below);
        failed |= unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    if (dir)
        (void)closedir(dir);
    return failed;
}

static inline int scratch_teardown(void **state)
{
    scratch *self = *state;
    int failed = chdir(self->old), fd = open(self->dir, O_RDONLY | O_DIRECTORY);

    failed |= fd < 0 || scratch_empty(fd) || rmdir(self->dir);
    free(self);
    return failed;
}

/* Makes a file of `n` bytes of `fill`. */
static inline void scratch_file(const char *path, size_t n, int fill)
{
    FILE *out = fopen(path, "wb");

    if (!out)
        abort();
    while (n-- > 0)
        if (putc(fill, out) == EOF)
            abort();
    if (fclose(out) != 0)
        abort();
}

static inline void scratch_text(const char *path, const void *text, size_t n)
{
    FILE *out = fopen(path, "wb");

    if (!out || fwrite(text, 1, n, out) != n || fclose(out) != 0)
        abort();
}

static inline void scratch_mkdir(const char *path)
{
    if (mkdir(path, 0700) != 0)
        abort();
}

/* Descriptors that this process has open. */
static inline size_t scratch_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    if (!dir)
        abort();
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n;
}

#endif
