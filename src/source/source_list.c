/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "@list" and "-" (also "@-"): names read one by one from a file, a pipe or a terminal. A name is
 * yielded as soon as its separator has arrived, though the other end stays open. Nothing is looked
 * up here: a name is only a locator.
 */
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "source/ident.h"
#include "source/lines.h"

#define CHUNK 65536

typedef struct list {
    mr__source base;
    mr__ident ident;
    mr__lines lines;
    char *spec;
    int fd;
    bool owns_fd;
    bool end;                /* nothing more can be read */
    const char *pos, *limit; /* what of `chunk` is not cut yet */
    char chunk[CHUNK];
} list;

static bool is_stdin(const char *spec)
{
    return strcmp(spec, "-") == 0 || strcmp(spec, "@-") == 0;
}

static bool list_takes(const char *spec)
{
    return spec[0] == '@' || is_stdin(spec);
}

/* Reading a pipe would take the names away from the run itself. */
static bool list_countable(const char *spec)
{
    struct stat st;

    return !is_stdin(spec) && (stat(spec + 1, &st) != 0 || S_ISREG(st.st_mode));
}

static void list_close(mr__source *source)
{
    list *self = (list *)source;

    if (self->owns_fd && self->fd >= 0)
        (void)close(self->fd);
    mr__ident_fini(&self->ident);
    free(self->spec);
    free(self);
}

/* Looks at the first name of a list that lies in a file: nothing else can be looked at twice. */
static bool begins_with_url(const char *spec)
{
    char head[256] = "";
    bool found = false;
    int fd;

    if (is_stdin(spec) || !list_countable(spec))
        return false;
    fd = open(spec + 1, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) {
        found = read(fd, head, sizeof head - 1) > 0 && mr__text_has_scheme(head);
        (void)close(fd);
    }
    return found;
}

static mr_status list_open(const char *spec, const mr_source_options *options, mr__source **out,
                           mr_error *err)
{
    list *self;

    if (strcmp(spec, "@") == 0)
        return mr__error_set(err, MR_E_INVALID, "\"@\" needs the name of a list");
    self = calloc(1, sizeof *self);
    if (!self)
        return mr__error_no_memory(err, spec);
    self->base.ops = &mr__source_list;
    self->base.remote = begins_with_url(spec);
    self->owns_fd = !is_stdin(spec);
    self->fd = self->owns_fd ? -1 : options->stdin_fd;
    self->pos = self->limit = self->chunk;
    mr__lines_init(&self->lines, options->nul_separated);
    mr__ident_init(&self->ident, options->id_from);
    self->spec = strdup(spec);
    if (!self->spec) {
        list_close(&self->base);
        return mr__error_no_memory(err, spec);
    }
    *out = &self->base;
    return MR_OK;
}

/* Opens the list; one that cannot be read is itself an item, and the only one. */
static mr_status begin(list *self, mr_item *item, mr_error *err)
{
    struct stat st;
    int why;

    /* non-blocking: the open of a FIFO must not wait for its writer, poll does that */
    self->fd = open(self->spec + 1, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (self->fd >= 0 && fstat(self->fd, &st) == 0 && !S_ISDIR(st.st_mode))
        return MR_AGAIN;
    why = self->fd >= 0 ? EISDIR : errno;
    if (why == EMFILE || why == ENFILE || why == ENOMEM)
        return mr__error_errno(err, MR_E_IO, why, "open list %s", self->spec + 1);
    self->end = true;
    mr__ident_reject(item, why == EISDIR ? MR_CODE_NOT_REGULAR_FILE : mr__code_of_errno(why),
                     "cannot read the list: %s", strerrordesc_np(why));
    return mr__ident_name(&self->ident, self->spec, strlen(self->spec), item, err);
}

static mr_status list_item(list *self, mr_item *item, mr_error *err)
{
    const mr__lines *lines = &self->lines;
    mr_status status;

    if (lines->too_long)
        return mr__ident_too_long(&self->ident, lines->text, lines->len, lines->sha256, item, err);
    status = mr__ident_name(&self->ident, lines->text, lines->len, item, err);
    if (lines->has_nul)
        mr__ident_reject(item, MR_CODE_BAD_ID,
                         "line %llu has a NUL byte: does the list need NUL as separator?",
                         (unsigned long long)lines->number);
    else
        item->locator = lines->text;
    return status;
}

/* Waits for more bytes, for the end, or to be interrupted. */
static mr_status more(list *self, mr_error *err)
{
    struct pollfd fds[2] = {{.fd = self->base.wake->fd, .events = POLLIN},
                            {.fd = self->fd, .events = POLLIN}};
    ssize_t n;

    if (poll(fds, 2, -1) < 0)
        return errno == EINTR ? MR_AGAIN : mr__error_errno(err, MR_E_IO, errno, "poll");
    if (fds[0].revents)
        return MR_E_INTERRUPTED;
    if (fds[1].revents & POLLNVAL)
        return mr__error_errno(err, MR_E_IO, EBADF, "read %s", self->spec);
    if (!fds[1].revents)
        return MR_AGAIN;
    n = read(self->fd, self->chunk, sizeof self->chunk);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return mr__error_errno(err, MR_E_IO, errno, "read %s", self->spec);
    self->pos = self->chunk;
    self->limit = self->chunk + (n > 0 ? n : 0);
    self->end = n == 0;
    return MR_AGAIN;
}

static mr_status list_next(mr__source *source, mr_item *item, mr_error *err)
{
    list *self = (list *)source;
    mr_status status = MR_AGAIN;

    if (self->fd < 0 && !self->end)
        status = begin(self, item, err);
    while (status == MR_AGAIN) {
        if (mr__source_stopped(self->base.wake))
            return MR_E_INTERRUPTED;
        if (mr__lines_feed(&self->lines, &self->pos, self->limit))
            return list_item(self, item, err);
        if (self->end)
            return mr__lines_finish(&self->lines) ? list_item(self, item, err) : MR_EOF;
        status = more(self, err);
    }
    return status;
}

const mr__source_ops mr__source_list = {
    .name = "list",
    .takes = list_takes,
    .open = list_open,
    .next = list_next,
    .close = list_close,
    .countable = list_countable,
};
