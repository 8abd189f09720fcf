/* SPDX-License-Identifier: Apache-2.0 */
/* One named thing, whatever it is: whether it can be read is for the fetcher to say. */
#include "source/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "source/ident.h"

typedef struct file {
    mr__source base;
    mr__ident ident;
    char *spec;
    bool done;
} file;

static bool file_takes(const char *spec)
{
    (void)spec;
    return true;
}

static void file_close(mr__source *source)
{
    file *self = (file *)source;

    mr__ident_fini(&self->ident);
    free(self->spec);
    free(self);
}

static mr_status file_open(const char *spec, const mr_source_options *options, mr__source **out,
                           mr_error *err)
{
    file *self = calloc(1, sizeof *self);

    if (!self)
        return mr__error_no_memory(err, spec);
    mr__ident_init(&self->ident, options->id_from);
    self->base.ops = &mr__source_file;
    self->base.remote = mr__text_has_scheme(spec);
    self->spec = strdup(spec);
    if (!self->spec) {
        file_close(&self->base);
        return mr__error_no_memory(err, spec);
    }
    *out = &self->base;
    return MR_OK;
}

static mr_status file_next(mr__source *source, mr_item *item, mr_error *err)
{
    file *self = (file *)source;

    if (self->done)
        return MR_EOF;
    self->done = true;
    item->locator = self->spec;
    return mr__ident_name(&self->ident, self->spec, strlen(self->spec), item, err);
}

const mr__source_ops mr__source_file = {
    .name = "file",
    .takes = file_takes,
    .open = file_open,
    .next = file_next,
    .close = file_close,
};
