/* SPDX-License-Identifier: Apache-2.0 */
/* What a run has done so far. Counts are of acknowledged batches only. */
#ifndef MR_PIPELINE_TALLY_H
#define MR_PIPELINE_TALLY_H

#include <pthread.h>

#include "pipeline/record.h"

typedef struct mr__counts {
    uint64_t ok, failed, quarantined, duplicate;
    uint64_t by_code[MR_CODE_COUNT];
    double embed_s, store_s; /* working seconds */
} mr__counts;

typedef struct mr__tally {
    pthread_mutex_t lock;
    mr__counts counts;
} mr__tally;

void mr__tally_init(mr__tally *tally);
void mr__tally_fini(mr__tally *tally);

/* Any thread, each of them. */
void mr__tally_embedded(mr__tally *tally, double seconds);
void mr__tally_committed(mr__tally *tally, const mr__record *record, double seconds);
mr__counts mr__tally_get(mr__tally *tally);

#endif
