/* SPDX-License-Identifier: Apache-2.0 */
/* What a collection of ours remembers beside its rows: a JSON text in its description, and as a
 * property, since milvus-lite drops descriptions. */
#ifndef MR_STORE_MILVUS_ABOUT_H
#define MR_STORE_MILVUS_ABOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "millrace/store.h"

#define MR__MV_PROPERTY "millrace"

typedef struct mr__mv_about {
    bool ours; /* it was made by millrace */
    char *description;
    char *plan_name, *plan_text, *fingerprint, *embedder; /* "" until a run has said them */
    char *index;                                          /* type of the index to build */
    char *index_params;                                   /* JSON object */
    char *stamp;                                          /* random: which collection it is */
    mr_metric metric;                                     /* MR_METRIC_ANY: not known */
} mr__mv_about;

/* Reads a text of a server; what is not ours is the description of somebody else. MR_E_NO_MEMORY
 * only. */
mr_status mr__mv_about_read(const char *text, size_t n, mr__mv_about *out, mr_error *err);
/* The JSON text; the caller frees it. NULL members are empty. */
char *mr__mv_about_print(const mr__mv_about *about);
void mr__mv_about_fini(mr__mv_about *about);

#endif
