/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a folder of pictures into a collection, then looks for the ones nearest to one of them.
 *
 *     ingest_search FOLDER STORE IMAGE
 */
#include <stdio.h>

#include <millrace/millrace.h>

static mr_status ingest(const char *folder, const char *path, mr_error *err)
{
    mr_pipeline_options options;
    mr_pipeline *pipeline = NULL;
    mr_source *source = NULL;
    mr_summary summary;
    mr_status status;

    mr_pipeline_options_init(&options);
    options.store = path;
    status = mr_source_open(&folder, 1, NULL, &source, err);
    if (status == MR_OK)
        status = mr_pipeline_open(source, &options, &pipeline, err);
    if (status == MR_OK)
        status = mr_pipeline_run(pipeline, &summary, err);
    if (status == MR_OK)
        printf("%llu items: %llu ok, %llu failed, %llu skipped\n",
               (unsigned long long)summary.items, (unsigned long long)summary.ok,
               (unsigned long long)summary.failed + summary.quarantined,
               (unsigned long long)summary.skipped);
    mr_pipeline_close(&pipeline);
    mr_source_close(&source);
    return status;
}

/* The store remembers how its pictures were embedded, so nothing has to be said about that. */
static mr_status search(const char *path, const char *image, mr_error *err)
{
    mr_store_options store_options;
    mr_search_options options;
    mr_store *store = NULL;
    mr_hits *hits = NULL;
    mr_status status;
    size_t i;

    mr_store_options_init(&store_options);
    store_options.read_only = true;
    mr_search_options_init(&options);
    options.k = 5;
    status = mr_store_open(path, &store_options, &store, err);
    if (status == MR_OK)
        status = mr_search_image(store, image, &options, &hits, err);
    for (i = 0; status == MR_OK && i < mr_hits_count(hits); i++)
        printf("%.4f  %s\n", (double)mr_hits_at(hits, i)->score, mr_hits_at(hits, i)->id);
    mr_hits_free(&hits);
    mr_store_close(&store);
    return status;
}

int main(int argc, char **argv)
{
    mr_status status;
    mr_error err;

    if (argc != 4) {
        fprintf(stderr, "usage: ingest_search FOLDER STORE IMAGE\n");
        return 2;
    }
    status = ingest(argv[1], argv[2], &err);
    if (status == MR_OK)
        status = search(argv[2], argv[3], &err);
    if (status != MR_OK)
        fprintf(stderr, "ingest_search: %s\n", err.message);
    return status == MR_OK ? 0 : 1;
}
