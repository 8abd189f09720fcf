/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over arrays and pictures that a test lends, through a worker program of somebody else's
 * or through millrace-worker. */
#ifndef MR_TESTS_LENDER_H
#define MR_TESTS_LENDER_H

#include "foreigner.h"
#include "millrace/millrace.h"
#include "pictures.h"

#define LENDER_DATA "handed over" /* what the program is handed */

/* One item of a test: an array if it has a height, else a picture. */
typedef struct given {
    mr_pixels pixels;
    const void *bytes;
    size_t n_bytes;
} given;

typedef struct lender {
    const given *items;
    size_t n, next;
    char id[32];
} lender;

/* What became of one item. */
typedef struct outcome {
    mr_code code;
    mr_item_state state;
    uint32_t attempts, width;
    unsigned times;
    char message[200], detail[9000];
    float row[FOREIGNER_ROW];
} outcome;

/* How a stream is opened; `mode` NULL: with millrace-worker. */
typedef struct setup {
    const char *mode;
    const char *plan;
    uint32_t batch;
    mr_stream_options options;
    const char *argv[3];
} setup;

typedef struct opened {
    lender l;
    mr_source *source;
    mr_plan *plan;
    mr_stream *stream;
} opened;

mr_source *lender_source(lender *l);

/* An array [height,width,channels] of which every value is `value`. */
given lender_array(uint32_t height, uint32_t width, uint32_t channels, unsigned char value);

/* Defaults: batches of 16, two workers. `mode`: what the program is to do (foreigner.c). */
setup lender_setup_of(const char *mode);

mr_status lender_open_with(setup *it, const given *items, size_t n, opened *o, mr_error *err);
void lender_close_all(opened *o);

/* Runs to the end, notes what became of each item, and that the order is kept; the answer is the
 * number of deaths. */
uint64_t lender_drain(opened *o, outcome *out);

/* Opens, drains, closes. */
uint64_t lender_run(setup *it, const given *items, size_t n, outcome *out);

/* An RGB picture of that size to pixels [height,width,3]. */
void lender_decode(const picture *p, uint8_t *pixels, uint32_t width, uint32_t height);

#endif
