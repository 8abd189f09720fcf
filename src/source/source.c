/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of sources, and the chain that reads several one after the other. */
#include "source/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Asked in this order. */
static const mr__source_ops *const registry[] = {
    &mr__source_list,
    &mr__source_dir,
    &mr__source_file,
};

/*
 * `parts` does not change between open and close, so that mr_source_interrupt needs no lock: it
 * raises the flag, then wakes the part that `current` names. mr_source_next names a part in
 * `current`, then looks at the flag. Whichever comes first, the part is woken or never entered.
 */
struct mr_source {
    mr__source **parts;
    size_t n_parts;
    _Atomic size_t current;
    mr__source_wake wake;
};

void mr_source_options_init(mr_source_options *options)
{
    *options = (mr_source_options){.id_from = MR_ID_FROM_PATH, .stdin_fd = STDIN_FILENO};
}

static const mr__source_ops *kind_of(const char *spec)
{
    size_t i;

    for (i = 0; i < sizeof registry / sizeof registry[0]; i++)
        if (registry[i]->takes(spec))
            return registry[i];
    return &mr__source_file;
}

/* NULL and an error if it cannot be made. */
static mr_source *chain_new(size_t n_parts, mr_status *status, mr_error *err)
{
    mr_source *self = calloc(1, sizeof *self);

    *status = MR_OK;
    if (self) {
        self->parts = calloc(n_parts, sizeof(mr__source *));
        self->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (!self || !self->parts)
        *status = mr__error_no_memory(err, "source");
    else if (self->wake.fd < 0)
        *status = mr__error_errno(err, MR_E_IO, errno, "source: eventfd");
    if (self && (!self->parts || self->wake.fd < 0))
        mr_source_close(&self);
    return self;
}

static void chain_add(mr_source *self, mr__source *part)
{
    part->wake = &self->wake;
    self->parts[self->n_parts++] = part;
}

static mr_status check_options(const mr_source_options *options, mr_error *err)
{
    if (options->id_from == MR_ID_FROM_SHA256)
        return mr__error_set(err, MR_E_UNSUPPORTED,
                             "ids from sha256 are not in this build: use path or stem");
    if (options->id_from != MR_ID_FROM_PATH && options->id_from != MR_ID_FROM_STEM)
        return mr__error_set(err, MR_E_INVALID, "no such way to make ids: %d",
                             (int)options->id_from);
    return MR_OK;
}

static mr_status open_parts(mr_source *self, const char *const *specs, size_t n_specs,
                            const mr_source_options *options, mr_error *err)
{
    size_t i;

    for (i = 0; i < n_specs; i++) {
        mr__source *part = NULL;
        mr_status status;

        if (!specs[i] || !specs[i][0])
            return mr__error_set(err, MR_E_INVALID, "the name of a source is empty");
        status = kind_of(specs[i])->open(specs[i], options, &part, err);
        if (!part)
            return status;
        chain_add(self, part);
    }
    return MR_OK;
}

mr_status mr_source_open(const char *const *specs, size_t n_specs, const mr_source_options *options,
                         mr_source **out, mr_error *err)
{
    mr_source_options defaults;
    mr_source *self;
    mr_status status;

    *out = NULL;
    mr_source_options_init(&defaults);
    options = options ? options : &defaults;
    if (n_specs == 0)
        return mr__error_set(err, MR_E_INVALID, "no source is named");
    status = check_options(options, err);
    if (status != MR_OK)
        return status;
    self = chain_new(n_specs, &status, err);
    if (!self)
        return status;
    status = open_parts(self, specs, n_specs, options, err);
    if (status != MR_OK)
        mr_source_close(&self);
    *out = self;
    return status;
}

mr_status mr_source_from_callback(mr_source_fn *next, void (*interrupt)(void *),
                                  void (*close)(void *), void *cookie, mr_source **out,
                                  mr_error *err)
{
    mr__source *part = NULL;
    mr_source *self;
    mr_status status;

    *out = NULL;
    if (!next)
        return mr__error_set(err, MR_E_INVALID, "a callback source needs a function");
    self = chain_new(1, &status, err);
    if (!self)
        return status;
    status = mr__source_callback_open(next, interrupt, close, cookie, &part, err);
    if (part)
        chain_add(self, part);
    else
        mr_source_close(&self);
    *out = self;
    return status;
}

bool mr__source_is_remote(const mr_source *source)
{
    size_t i;

    for (i = 0; i < source->n_parts; i++)
        if (source->parts[i]->remote)
            return true;
    return false;
}

mr_status mr_source_next(mr_source *source, mr_item *item, mr_error *err)
{
    mr_status status = MR_EOF;
    size_t i;

    for (i = atomic_load(&source->current); i < source->n_parts; i++) {
        mr__source *part = source->parts[i];

        atomic_store(&source->current, i);
        if (mr__source_stopped(&source->wake))
            break;
        *item = (mr_item){0};
        status = part->ops->next(part, item, err);
        if (status != MR_EOF)
            break;
    }
    atomic_store(&source->current, i);
    if (mr__source_stopped(&source->wake) && status != MR_OK)
        status = MR_E_INTERRUPTED;
    return status == MR_E_INTERRUPTED ? mr__error_set(err, status, "interrupted") : status;
}

void mr_source_interrupt(mr_source *source)
{
    int saved = errno;
    size_t i;

    atomic_store(&source->wake.interrupted, 1);
    /* at most one of these is needed: the counter is never read, so it stays readable */
    (void)eventfd_write(source->wake.fd, 1);
    i = atomic_load(&source->current);
    if (i < source->n_parts && source->parts[i]->ops->interrupt)
        source->parts[i]->ops->interrupt(source->parts[i]);
    errno = saved;
}

uint64_t mr_source_ignored(const mr_source *source)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < source->n_parts; i++)
        sum += atomic_load(&source->parts[i]->ignored);
    return sum;
}

mr_status mr_source_count(const char *const *specs, size_t n_specs,
                          const mr_source_options *options, const volatile int *stop, uint64_t *out,
                          mr_error *err)
{
    mr_source *source = NULL;
    mr_status status;
    mr_item item;
    size_t i;

    *out = 0;
    for (i = 0; i < n_specs; i++) {
        const mr__source_ops *ops;

        if (!specs[i] || !specs[i][0])
            continue; /* opening it says what is wrong */
        ops = kind_of(specs[i]);
        if (ops->countable && !ops->countable(specs[i]))
            return MR_AGAIN;
    }
    status = mr_source_open(specs, n_specs, options, &source, err);
    if (!source)
        return status;
    source->wake.stop = stop;
    while ((status = mr_source_next(source, &item, err)) == MR_OK)
        ++*out;
    mr_source_close(&source);
    if (status == MR_E_INTERRUPTED)
        return MR_AGAIN;
    return status == MR_EOF ? MR_OK : status;
}

void mr_source_close(mr_source **source)
{
    mr_source *self = *source;
    size_t i;

    if (!self)
        return;
    for (i = 0; i < self->n_parts; i++)
        self->parts[i]->ops->close(self->parts[i]);
    if (self->wake.fd >= 0)
        (void)close(self->wake.fd);
    free(self->parts);
    free(self);
    *source = NULL;
}
