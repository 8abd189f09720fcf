/* SPDX-License-Identifier: Apache-2.0 */
/* What callers see of a collection: the names of its metrics, and its memory. */
#include <stdlib.h>
#include <strings.h>

#include "base/error.h"
#include "millrace/store.h"

static const char *const metric_names[] = {"IP", "L2", "COSINE"};

#define METRICS (sizeof metric_names / sizeof metric_names[0])

const char *mr_metric_name(mr_metric metric)
{
    if ((int)metric < 0 || (size_t)metric >= METRICS)
        return "unknown";
    return metric_names[metric];
}

mr_status mr_metric_from_name(const char *name, mr_metric *out, mr_error *err)
{
    size_t i;

    for (i = 0; name && i < METRICS; i++)
        if (strcasecmp(name, metric_names[i]) == 0) {
            *out = (mr_metric)i;
            return MR_OK;
        }
    return mr__error_set(err, MR_E_INVALID, "metric %s: not one of IP, L2, COSINE",
                         name ? name : "(none)");
}

void mr_collection_fini(mr_collection *collection)
{
    if (!collection)
        return;
    free(collection->name);
    free(collection->description);
    free(collection->index);
    free(collection->fingerprint);
    free(collection->plan_name);
    free(collection->plan_text);
    free(collection->embedder);
    *collection = (mr_collection){0};
}
