/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory and what lies below it, depth first, in byte order (listing.h). One directory is read
 * at a time and no descriptor stays open between items. A directory that cannot be read is an item
 * that fails, so that nothing is lost in silence. Followed links that lead back to a directory
 * above are passed over.
 */
#include "source/source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "base/text.h"
#include "source/ident.h"
#include "source/listing.h"

/* Names held in memory over all levels. A level gets half of what is left, so that a wide
 * directory near the top, the common case, is read once; deep ones get the least. */
#define WINDOW_BYTES ((size_t)32 << 20)
#define WINDOW_LEAST ((size_t)16 << 10)

typedef struct level {
    mr__listing listing;
    size_t path_len; /* of the directory in `path` */
    dev_t dev;       /* which directory it is; only when links are followed */
    ino_t ino;
} level;

typedef struct dir {
    mr__source base;
    mr_source_options options;
    mr__ident ident;
    mr__buf path;
    level *levels;
    size_t n_levels;
    size_t cap;
    bool started;
} dir;

static bool dir_takes(const char *spec)
{
    struct stat st;

    return !mr__text_has_scheme(spec) && stat(spec, &st) == 0 && S_ISDIR(st.st_mode);
}

static void pop(dir *self)
{
    mr__listing_fini(&self->levels[--self->n_levels].listing);
}

static void dir_close(mr__source *source)
{
    dir *self = (dir *)source;

    while (self->n_levels > 0)
        pop(self);
    free(self->levels);
    mr__buf_fini(&self->path);
    mr__ident_fini(&self->ident);
    free(self);
}

static mr_status dir_open(const char *spec, const mr_source_options *options, mr__source **out,
                          mr_error *err)
{
    dir *self = calloc(1, sizeof *self);

    if (!self)
        return mr__error_no_memory(err, spec);
    self->base.ops = &mr__source_dir;
    self->options = *options;
    mr__ident_init(&self->ident, options->id_from);
    mr__buf_init(&self->path, 65536);
    if (!mr__buf_add(&self->path, spec, strlen(spec))) {
        dir_close(&self->base);
        return mr__error_no_memory(err, spec);
    }
    *out = &self->base;
    return MR_OK;
}

static bool grow(dir *self)
{
    size_t cap = self->cap ? 2 * self->cap : 8, bytes;
    level *levels;

    if (self->n_levels < self->cap)
        return true;
    if (!mr__size_mul(&bytes, cap, sizeof *levels))
        return false;
    levels = realloc(self->levels, bytes);
    if (!levels)
        return false;
    self->levels = levels;
    self->cap = cap;
    return true;
}

/* Is the directory `st` one that the walk is in already? */
static bool is_above(const dir *self, const struct stat *st)
{
    size_t i;

    for (i = 0; i < self->n_levels; i++)
        if (self->levels[i].dev == st->st_dev && self->levels[i].ino == st->st_ino)
            return true;
    return false;
}

/* Goes into the directory that `path` names. */
static mr_status push(dir *self, mr_error *err)
{
    size_t used = 0, i, share;
    struct stat st = {0};
    level *top;

    /* if it is gone, listing it will say so */
    if (self->options.follow && stat(self->path.data, &st) == 0 && is_above(self, &st)) {
        atomic_fetch_add(&self->base.ignored, 1);
        return MR_OK;
    }
    if (!grow(self))
        return mr__error_no_memory(err, "directories");
    for (i = 0; i < self->n_levels; i++)
        used += mr__listing_bytes(&self->levels[i].listing);
    share = used < WINDOW_BYTES ? (WINDOW_BYTES - used) / 2 : 0;
    top = &self->levels[self->n_levels];
    mr__listing_init(&top->listing, &self->base, &self->options,
                     share > WINDOW_LEAST ? share : WINDOW_LEAST);
    top->listing.nofollow_top = self->n_levels > 0 && !self->options.follow;
    top->path_len = self->path.len;
    top->dev = st.st_dev;
    top->ino = st.st_ino;
    self->n_levels++;
    return MR_OK;
}

/* Sets `path` to the entry `name` of the directory on top. */
static bool descend(dir *self, const char *name)
{
    bool slash = self->path.data[self->path.len - 1] == '/';

    return (slash || mr__buf_add(&self->path, "/", 1)) &&
           mr__buf_add(&self->path, name, strlen(name));
}

static void ascend(dir *self, size_t len)
{
    self->path.len = len;
    self->path.data[len] = '\0';
}

/* The directory itself as an item that failed. */
static mr_status unreadable(dir *self, const mr_error *why, mr_item *item, mr_error *err)
{
    item->locator = self->path.data;
    mr__ident_reject(item, why->code, "%s", why->message);
    return mr__ident_name(&self->ident, self->path.data, self->path.len, item, err);
}

static mr_status dir_next(mr__source *source, mr_item *item, mr_error *err)
{
    dir *self = (dir *)source;
    mr_status status = MR_OK;
    mr_error why;

    if (!self->started) {
        self->started = true;
        status = push(self, err);
    }
    while (status == MR_OK && self->n_levels > 0) {
        level *top = &self->levels[self->n_levels - 1];
        const char *name;

        ascend(self, top->path_len);
        status = mr__listing_next(&top->listing, self->path.data, &name, &why);
        if (status == MR_EOF || status == MR_E_ITEM)
            pop(self);
        if (status == MR_E_ITEM)
            return unreadable(self, &why, item, err);
        if (status == MR_EOF) {
            status = MR_OK;
            continue;
        }
        if (status != MR_OK) {
            if (err && status != MR_E_INTERRUPTED)
                *err = why;
            return status;
        }
        if (!descend(self, name))
            return mr__error_no_memory(err, "path");
        if (name[strlen(name) - 1] != '/') {
            item->locator = self->path.data;
            return mr__ident_name(&self->ident, self->path.data, self->path.len, item, err);
        }
        ascend(self, self->path.len - 1);
        status = push(self, err);
    }
    return status == MR_OK ? MR_EOF : status;
}

const mr__source_ops mr__source_dir = {
    .name = "dir",
    .takes = dir_takes,
    .open = dir_open,
    .next = dir_next,
    .close = dir_close,
};
