/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes, and what a collection needs to be searched: built, loaded, flushed, counted. */
#ifndef MR_STORE_MILVUS_INDEX_H
#define MR_STORE_MILVUS_INDEX_H

#include "store/milvus/schema.h"

/* A type as Milvus spells it; MR_E_INVALID names the nearest. */
mr_status mr__mv_index_type(const char *name, const char **out, mr_error *err);
/* JSON object of what `type` is built with; the caller frees it. */
mr_status mr__mv_index_build_params(const char *type, uint32_t dim, const mr__mv_params *params,
                                    char **out, mr_error *err);
/* The same of what it is searched with, for `k` neighbours. `type` "": not known. */
mr_status mr__mv_index_search_params(const char *type, uint32_t k, const mr__mv_params *params,
                                     char **out, mr_error *err);

typedef struct mr__mv_index {
    bool there;
    char type[32];    /* "" if the server does not say */
    mr_metric metric; /* MR_METRIC_ANY if the server does not say */
} mr__mv_index;

mr_status mr__mv_index_get(mr__mv_client *client, const mr__mv_schema *schema,
                           mr__mv_patience patience, mr__mv_index *out, mr_error *err);
mr_status mr__mv_index_create(mr__mv_client *client, const mr__mv_schema *schema,
                              mr__mv_patience patience, mr_error *err);

/* 0 not there, 1 not loaded, 2 loading, 3 loaded. */
mr_status mr__mv_load_state(mr__mv_client *client, const char *name, int *out, mr_error *err);
/* Returns when it is loaded. */
mr_status mr__mv_load(mr__mv_client *client, const char *name, mr__mv_patience patience,
                      mr_error *err);
/* Returns when what was written is in sealed segments. */
mr_status mr__mv_flush(mr__mv_client *client, const char *name, mr__mv_patience patience,
                       mr_error *err);

/* A named value of a request; both texts are borrowed. */
Mv__Pair mr__mv_pair(const char *key, const char *value);

#endif
