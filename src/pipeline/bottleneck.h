/* SPDX-License-Identifier: Apache-2.0 */
/* Which stage holds the others up. */
#ifndef MR_PIPELINE_BOTTLENECK_H
#define MR_PIPELINE_BOTTLENECK_H

#include <stddef.h>

#include "millrace/stream.h"

/* Seconds that each stage worked within `seconds`, summed over its threads or processes. */
typedef struct mr__occupancy {
    double seconds;
    double source, fetch, decode, embed, store;
    uint32_t fetchers, workers, embedders, writers; /* how many share it, of the last four */
} mr__occupancy;

/* The time between two moments: `now` - `then`, field by field. */
mr__occupancy mr__occupancy_since(const mr__occupancy *now, const mr__occupancy *then);

/* "source", "fetch", "decode", "embed", "store", or "" when nothing has worked yet. Static. */
const char *mr__bottleneck(const mr__occupancy *occupancy);

#endif
