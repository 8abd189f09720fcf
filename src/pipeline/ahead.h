/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a URL unchanged since it was stored? Its server has to be asked, and a resumed run may have to
 * ask for a million of them. So they are asked side by side, ahead of the run, and still come out
 * in the order of their source:
 *
 *   reader   takes items from the source, as far as there is room, and keeps their strings
 *   askers   ask for the versions of those that have to be asked for
 *   caller   takes them out, in order, each when it is answered
 */
#ifndef MR_PIPELINE_AHEAD_H
#define MR_PIPELINE_AHEAD_H

#include <stdbool.h>

#include "fetch/fetch.h"
#include "millrace/source.h"

#define MR__AHEAD_ITEMS  64 /* that are read ahead at most */
#define MR__AHEAD_ASKERS 16 /* requests at a time */

typedef struct mr__ahead mr__ahead;

/* The next item, as mr_source_next does. `*ask`: only if its version is not `*stored` is it wanted.
 */
typedef mr_status mr__ahead_fn(void *cookie, mr_item *item, mr__version *stored, bool *ask,
                               mr_error *err);

typedef struct mr__ahead_options {
    mr__ahead_fn *next; /* called on the reader's thread, never again after other than MR_OK */
    void *cookie;
    mr__fetch_context *fetch; /* borrowed */
    const mr_item *first;     /* has been taken already and has to be asked for; copied */
    const mr__version *stored;
} mr__ahead_options;

mr_status mr__ahead_open(const mr__ahead_options *options, mr__ahead **out, mr_error *err);

/* The next item in order, borrowed until the next call; `*unchanged`: it need not be fetched. Or
 * how the source ended, once. One thread. */
mr_status mr__ahead_next(mr__ahead *ahead, mr_item *item, bool *unchanged, mr_error *err);

/* `next` must be interrupted before, and `fetch`, if they may block. NULL is allowed. */
void mr__ahead_close(mr__ahead **ahead);

#endif
