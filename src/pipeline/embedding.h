/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches become records: a few threads take batches of the stream, embed them and hand them to
 * the sink, which puts them in order again.
 *
 * A row whose vector is not finite fails alone (`embed_failed`). A batch that the embedder refuses
 * for good (MR_E_ITEM) is given to it once more, row by row, and the rows that it refuses again
 * fail. If it has taken nothing yet and refuses each row of a batch, then it is not the pictures'
 * fault, and the run ends. Every other error ends the run: nobody knows whether the next batch
 * would fare better.
 */
#ifndef MR_PIPELINE_EMBEDDING_H
#define MR_PIPELINE_EMBEDDING_H

#include "millrace/embed.h"
#include "pipeline/sink.h"

typedef struct mr__embedding_options {
    mr_stream *stream;
    mr__sink *sink;
    mr_embedder *embedder;   /* NULL: rows are stored as they are */
    uint32_t dim;            /* of its vectors */
    uint32_t threads;        /* at least 1; the caller's is one of them */
    const char *fingerprint; /* of the plan; must outlive the sink */
    /* One call at a time: a batch was handed out; its record is filled, `seconds` of it were the
     * embedder's; something is wrong and nothing more needs to be decoded (once). */
    void (*handed_out)(void *cookie);
    void (*embedded)(void *cookie, const mr__record *record, double seconds);
    void (*failed)(void *cookie);
    void *cookie;
} mr__embedding_options;

/* Runs until the stream ends (MR_OK) or something fails. What was embedded before that has been
 * put into the sink. */
mr_status mr__embedding_run(const mr__embedding_options *options, mr_error *err);

#endif
