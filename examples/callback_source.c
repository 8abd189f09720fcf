/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds pictures from memory: a source is any function that yields the next item.
 *
 *     callback_source PICTURE COUNT
 *
 * The picture is read once and yielded COUNT times under ids of its own; the last item is cut in
 * half, to show that a bad one harms nobody else.
 */
#include <stdio.h>
#include <stdlib.h>

#include <millrace/millrace.h>

#define MAX_BYTES ((size_t)64 << 20)

/* What the function below knows: the cookie that the library hands back to it. */
typedef struct feed {
    unsigned char *bytes;
    size_t n_bytes;
    unsigned long next, count;
    char id[32], metadata[64];
} feed;

/* Strings and bytes are borrowed until the next call, so they may live in the cookie. */
static mr_status yield(void *cookie, mr_item *item, mr_error *err)
{
    feed *self = cookie;

    (void)err;
    if (self->next == self->count)
        return MR_EOF;
    self->next++;
    snprintf(self->id, sizeof self->id, "picture-%lu", self->next);
    snprintf(self->metadata, sizeof self->metadata, "{\"number\":%lu}", self->next);
    item->id = self->id;
    item->metadata = self->metadata;
    item->bytes = self->bytes;
    item->n_bytes = self->next == self->count ? self->n_bytes / 2 : self->n_bytes;
    return MR_OK;
}

static int load(const char *path, feed *out)
{
    FILE *in = fopen(path, "rb");
    size_t n = 0;

    out->bytes = in ? malloc(MAX_BYTES) : NULL;
    if (out->bytes)
        n = fread(out->bytes, 1, MAX_BYTES, in);
    if (in)
        fclose(in);
    out->n_bytes = n;
    return n > 0;
}

static mr_status drain(mr_stream *stream, mr_error *err)
{
    unsigned long ok = 0, failed = 0;
    mr_batch *batch;
    mr_status status;
    uint32_t i;

    while ((status = mr_stream_next(stream, -1, &batch, err)) == MR_OK) {
        ok += batch->n_ok;
        failed += batch->n_failed;
        for (i = 0; i < batch->n_failed; i++)
            printf("%s: %s\n", batch->failures[i].id, mr_code_name(batch->failures[i].code));
        mr_batch_release(&batch);
    }
    printf("%lu ok, %lu failed\n", ok, failed);
    return status == MR_EOF ? MR_OK : status;
}

int main(int argc, char **argv)
{
    feed pictures = {0};
    mr_stream_options options;
    mr_source *source = NULL;
    mr_stream *stream = NULL;
    mr_plan *plan = NULL;
    mr_status status;
    mr_error err;

    if (argc != 3 || !load(argv[1], &pictures)) {
        fprintf(stderr, "usage: callback_source PICTURE COUNT\n");
        free(pictures.bytes);
        return 2;
    }
    pictures.count = strtoul(argv[2], NULL, 10);
    mr_stream_options_init(&options);
    status = mr_plan_open("raw:64x64", &plan, &err);
    if (status == MR_OK)
        status = mr_source_from_callback(yield, NULL, NULL, &pictures, &source, &err);
    if (status == MR_OK)
        status = mr_stream_open(source, plan, NULL, &options, &stream, &err);
    if (status == MR_OK)
        status = drain(stream, &err);
    if (status != MR_OK)
        fprintf(stderr, "callback_source: %s\n", err.message);
    mr_stream_close(&stream);
    mr_source_close(&source);
    mr_plan_close(&plan);
    free(pictures.bytes);
    return status == MR_OK ? 0 : 1;
}
