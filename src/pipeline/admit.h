/* SPDX-License-Identifier: Apache-2.0 */
/* What of the source enters the stream: not what is stored already, not the same id twice. */
#ifndef MR_PIPELINE_ADMIT_H
#define MR_PIPELINE_ADMIT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "millrace/pipeline.h"
#include "pipeline/ahead.h"
#include "pipeline/seen.h"
#include "store/store.h"

#define MR__ADMIT_IDS 1000000 /* ids among which duplicates are found within a run */

typedef struct mr__admit_options {
    mr_source *source;       /* borrowed */
    mr_store *store;         /* whose ledger is asked; NULL: nothing is remembered */
    const char *fingerprint; /* of this run; borrowed */
    mr_refresh refresh;
    mr__fetch_context *fetch; /* for the versions of URLs; borrowed; NULL: of files only */
    size_t ids;               /* see mr__seen_open */
} mr__admit_options;

typedef struct mr__admit {
    mr__admit_options options;
    mr__seen *seen;
    mr__ahead *ahead;         /* once a URL has to be asked for */
    atomic_bool stopped;      /* take nothing more */
    _Atomic uint64_t skipped; /* unchanged since they were stored, or handled in this run */
} mr__admit;

mr_status mr__admit_init(mr__admit *admit, const mr__admit_options *options, mr_error *err);
void mr__admit_fini(mr__admit *admit);

/* A mr_source_fn whose cookie is the mr__admit: the next item that has to enter the stream. */
mr_status mr__admit_next(void *cookie, mr_item *item, mr_error *err);

/* Ends the sequence: the next mr__admit_next answers MR_EOF, a blocked one returns. Any thread,
 * async-signal-safe. The cookie is the mr__admit. */
void mr__admit_stop(void *cookie);

#endif
