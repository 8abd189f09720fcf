/* SPDX-License-Identifier: Apache-2.0 */
/* The ids that a run has met lately: flat memory, however long the run is. */
#ifndef MR_PIPELINE_SEEN_H
#define MR_PIPELINE_SEEN_H

#include <stddef.h>

#include "base/error.h"

typedef struct mr__seen mr__seen;

typedef enum mr__seen_answer {
    MR__SEEN_NEW = 0,   /* not among the remembered ids; it is now */
    MR__SEEN_SAME_KEY,  /* met before under this source key */
    MR__SEEN_OTHER_KEY, /* met before under another one: the first wins and stays remembered */
} mr__seen_answer;

/* Remembers the last `capacity` ids (1..2^24). 24 bytes an id, touched only as ids arrive. */
mr_status mr__seen_open(size_t capacity, mr__seen **out, mr_error *err);
void mr__seen_close(mr__seen **seen);

/* One thread at a time. */
mr__seen_answer mr__seen_meet(mr__seen *seen, const char *id, const char *key);

#endif
