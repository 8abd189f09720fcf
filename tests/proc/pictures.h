/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures made on the spot, and a source that lends them: what tests of processes feed the engine.
 */
#ifndef MR_TESTS_PICTURES_H
#define MR_TESTS_PICTURES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/millrace.h"

typedef struct picture {
    unsigned char *bytes;
    size_t n;
} picture;

/* A JPEG of width x height whose content follows from `seed`; progressive if asked. Free with
 * picture_free. */
picture picture_jpeg(unsigned width, unsigned height, unsigned seed, bool progressive);
void picture_free(picture *p);

/* A set of `n` small pictures of many sizes. */
typedef struct pictures {
    picture *items;
    size_t n;
} pictures;
pictures pictures_make(size_t n);
void pictures_free(pictures *set);

/* Feeds `total` items named item-000000 ..., cycling through `set`; then the end. */
typedef struct feed {
    const pictures *set;
    size_t total, next;
    size_t bad_every; /* > 0: every such item is 16 bytes of text instead */
    char id[32];
} feed;
mr_source *feed_open(feed *f);

/* What a run delivered: a hash of each row, by item number, and in which order. */
typedef struct taken {
    uint64_t *hash; /* [total] 0: no row */
    unsigned *times;
    mr_code *code;
    mr_item_state *state;
    uint32_t *attempts;
    size_t total, n_ok, n_failed, n_batches, out_of_order;
    long last;
} taken;
void taken_init(taken *t, size_t total);
void taken_fini(taken *t);

/* Notes what a batch holds. */
void taken_add(taken *t, const mr_batch *batch);

/* Takes and notes every batch that is left; the status that ended it (MR_EOF if all went well). */
mr_status taken_drain(taken *t, mr_stream *stream, mr_error *err);

/* Number of open descriptors of this process. */
size_t open_files(void);

/* The worker to use: $MILLRACE_TESTING_WORKER. */
const char *testing_worker(void);

#endif
