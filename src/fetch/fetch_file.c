/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular files of this machine, read whole with read(2). Never mapped: a file that somebody cuts
 * short while it is mapped kills the process that looks at it.
 *
 * What is not a regular file is not even opened (opening a tape or a serial line does something);
 * should it be swapped in after that look, O_NONBLOCK and a second look keep it from doing harm.
 */
#include "fetch/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "fetch/registry.h"

#define READ_MAX ((size_t)1 << 30) /* read(2) takes at most 2 GiB at once */

typedef struct file {
    mr__fetch base;
    int fd;
    struct stat st; /* as it was when it was opened */
} file;

static bool file_takes(const char *locator)
{
    return !mr__text_has_scheme(locator);
}

static mr_status fail(mr_error *err, int sys_errno, const char *what)
{
    char text[128];

    (void)mr__error_item(err, MR_STAGE_FETCH, mr__code_of_errno(sys_errno), "%s: %s", what,
                         strerror_r(sys_errno, text, sizeof text));
    if (err)
        err->sys_errno = sys_errno;
    return MR_E_ITEM;
}

static const char *kind_name(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISFIFO(mode))
        return "a FIFO";
    if (S_ISSOCK(mode))
        return "a socket";
    return "a device";
}

static mr_status check_regular(const struct stat *st, mr_error *err)
{
    if (S_ISREG(st->st_mode))
        return MR_OK;
    return mr__error_item(err, MR_STAGE_FETCH, MR_CODE_NOT_REGULAR_FILE, "it is %s",
                          kind_name(st->st_mode));
}

/* 0 means "not known" in a version, so the first instant of 1970 is moved by a nanosecond. */
static int64_t mtime_of(const struct stat *st)
{
    int64_t ns;

    if (__builtin_mul_overflow((int64_t)st->st_mtim.tv_sec, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, (int64_t)st->st_mtim.tv_nsec, &ns))
        return 0;
    return ns == 0 ? 1 : ns;
}

static void set_version(mr__version *out, const struct stat *st)
{
    *out = (mr__version){
        .size = (uint64_t)st->st_size,
        .mtime_ns = mtime_of(st),
        .size_known = true,
    };
}

static mr_status file_stat(mr__fetch_context *context, const char *locator, mr__version *out,
                           mr_error *err)
{
    struct stat st;
    mr_status status;

    (void)context;
    if (stat(locator, &st) != 0)
        return fail(err, errno, "stat");
    status = check_regular(&st, err);
    if (status == MR_OK)
        set_version(out, &st);
    return status;
}

static void file_close(mr__fetch *fetch)
{
    file *self = (file *)fetch;

    if (self->fd >= 0)
        (void)close(self->fd);
    free(self);
}

static mr_status file_open(mr__fetch_context *context, const char *locator, mr__fetch_room *room,
                           mr__version *version, mr__fetch **out, mr_error *err)
{
    mr_status status;
    struct stat st;
    file *self;

    (void)context;
    (void)room; /* reading does not wait for anybody, so it can follow */
    if (stat(locator, &st) != 0)
        return fail(err, errno, "open");
    status = check_regular(&st, err);
    if (status != MR_OK)
        return status;
    self = calloc(1, sizeof *self);
    if (!self)
        return mr__error_no_memory(err, "fetch");
    self->base.ops = &mr__fetch_file;
    self->fd = open(locator, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (self->fd < 0 || fstat(self->fd, &self->st) != 0)
        status = fail(err, errno, "open");
    else
        status = check_regular(&self->st, err);
    if (status != MR_OK) {
        file_close(&self->base);
        return status;
    }
    set_version(version, &self->st);
    *out = &self->base;
    return MR_OK;
}

static mr_status changed(mr_error *err, const char *how)
{
    return mr__error_item(err, MR_STAGE_FETCH, MR_CODE_CHANGED_WHILE_READING, "%s", how);
}

/* Up to `size` bytes from where the file stands; fewer only at its end. -1: errno. */
static ssize_t read_upto(int fd, unsigned char *dst, size_t size)
{
    size_t done = 0;

    while (done < size) {
        size_t want = size - done < READ_MAX ? size - done : READ_MAX;
        ssize_t n = read(fd, dst + done, want);

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)done;
}

static mr_status file_read(mr__fetch *fetch, void *dst, size_t size, size_t *got, mr_error *err)
{
    file *self = (file *)fetch;
    unsigned char beyond;
    struct stat now;
    ssize_t n;

    if (size != (uint64_t)self->st.st_size)
        return mr__error_set(err, MR_E_INVALID, "fetch: %zu bytes asked of %lld", size,
                             (long long)self->st.st_size);
    *got = size;
    n = read_upto(self->fd, dst, size);
    if (n < 0)
        return fail(err, errno, "read");
    if ((size_t)n < size)
        return changed(err, "it became shorter while it was read");
    n = read_upto(self->fd, &beyond, 1);
    if (n < 0 || fstat(self->fd, &now) != 0)
        return fail(err, errno, "read");
    if (n > 0 || now.st_size != self->st.st_size)
        return changed(err, "its size changed while it was read");
    if (now.st_mtim.tv_sec != self->st.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != self->st.st_mtim.tv_nsec)
        return changed(err, "it was written to while it was read");
    return MR_OK;
}

const mr__fetch_ops mr__fetch_file = {
    .name = "file",
    .takes = file_takes,
    .stat = file_stat,
    .open = file_open,
    .read = file_read,
    .close = file_close,
};
