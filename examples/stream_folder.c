/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams a folder of pictures through the workers and prints the shape of each batch.
 *
 *     stream_folder FOLDER
 */
#include <stdio.h>

#include <millrace/millrace.h>

static void show(const mr_batch *batch)
{
    uint32_t i;

    printf("batch %llu: [%u,%u,%u,%u], %zu bytes a row\n", (unsigned long long)batch->index,
           batch->n_ok, batch->shape.channels, batch->shape.height, batch->shape.width,
           batch->row_bytes);
    for (i = 0; i < batch->n_failed; i++)
        printf("  failed: %s: %s\n", batch->failures[i].id, mr_code_name(batch->failures[i].code));
}

/* The rows are in shared memory: they are read in place, and given back. */
static mr_status drain(mr_stream *stream, mr_error *err)
{
    mr_batch *batch;
    mr_status status;

    while ((status = mr_stream_next(stream, -1, &batch, err)) == MR_OK) {
        show(batch);
        mr_batch_release(&batch);
    }
    return status == MR_EOF ? MR_OK : status;
}

int main(int argc, char **argv)
{
    const char *specs[1] = {argc == 2 ? argv[1] : NULL};
    mr_stream_options options;
    mr_source *source = NULL;
    mr_stream *stream = NULL;
    mr_plan *plan = NULL;
    mr_status status;
    mr_error err;

    if (argc != 2) {
        fprintf(stderr, "usage: stream_folder FOLDER\n");
        return 2;
    }
    mr_stream_options_init(&options);
    status = mr_plan_open("openai/clip-vit-base-patch32@openclip", &plan, &err);
    if (status == MR_OK)
        status = mr_source_open(specs, 1, NULL, &source, &err);
    if (status == MR_OK)
        status = mr_stream_open(source, plan, NULL, &options, &stream, &err);
    if (status == MR_OK)
        status = drain(stream, &err);
    if (status != MR_OK)
        fprintf(stderr, "stream_folder: %s\n", err.message);
    mr_stream_close(&stream);
    mr_source_close(&source);
    mr_plan_close(&plan);
    return status == MR_OK ? 0 : 1;
}
