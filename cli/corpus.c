/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures that a benchmark runs over. */
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

#define PICTURES_MAX 1000000

static bool add(struct cli_corpus *corpus, const char *locator)
{
    struct cli_picture *grown;
    struct stat st;

    if (stat(locator, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return true;
    if (corpus->count == corpus->room) {
        size_t room = corpus->room ? 2 * corpus->room : 256;

        grown = reallocarray(corpus->pictures, room, sizeof *grown);
        if (!grown)
            return false;
        corpus->pictures = grown;
        corpus->room = room;
    }
    corpus->pictures[corpus->count].locator = strdup(locator);
    corpus->pictures[corpus->count].bytes = (uint64_t)st.st_size;
    corpus->bytes += (uint64_t)st.st_size;
    return corpus->pictures[corpus->count++].locator != NULL;
}

static int by_size(const void *a, const void *b)
{
    const struct cli_picture *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->locator, y->locator);
}

mr_status cli_corpus_open(const struct cli_args *args, struct cli_corpus *out, mr_error *err)
{
    mr_source_options options;
    mr_source *source = NULL;
    mr_status status;

    *out = (struct cli_corpus){0};
    cli_source_options(args, &options);
    status = mr_source_open(args->names, args->n_names, &options, &source, err);
    while (status == MR_OK) {
        mr_item item;

        memset(&item, 0, sizeof item);
        status = mr_source_next(source, &item, err);
        if (status != MR_OK || item.code != MR_CODE_NONE || !item.locator)
            continue;
        if (out->count == PICTURES_MAX)
            break;
        if (!add(out, item.locator)) {
            (void)snprintf(err->message, sizeof err->message, "out of memory");
            status = MR_E_NO_MEMORY;
        }
    }
    mr_source_close(&source);
    if (status == MR_OK || status == MR_EOF) {
        if (out->count > 0)
            qsort(out->pictures, out->count, sizeof *out->pictures, by_size);
        return MR_OK;
    }
    cli_corpus_fini(out);
    return status;
}

void cli_corpus_fini(struct cli_corpus *corpus)
{
    size_t i;

    for (i = 0; i < corpus->count; i++)
        free(corpus->pictures[i].locator);
    free(corpus->pictures);
    *corpus = (struct cli_corpus){0};
}

int cli_corpus_list(const struct cli_corpus *corpus, size_t n)
{
    int fd = memfd_create("millrace-bench", MFD_CLOEXEC);
    size_t i;

    for (i = 0; fd >= 0 && i < n && i < corpus->count; i++) {
        size_t bytes = strlen(corpus->pictures[i].locator) + 1;

        if (write(fd, corpus->pictures[i].locator, bytes) != (ssize_t)bytes) {
            (void)close(fd);
            return -1;
        }
    }
    if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}
