/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the Milvus store: its struct, and its operations by file. */
#ifndef MR_STORE_MILVUS_MILVUS_H
#define MR_STORE_MILVUS_MILVUS_H

#include "store/milvus/index.h"
#include "store/milvus/query.h"
#include "store/store.h"

typedef struct mr__mv {
    mr_store base;
    mr__mv_client client;
    mr__mv_params params; /* of the store; those of a call are laid over them */
    char *spec;           /* for messages */
    bool read_only;
    /* Of the run that began. */
    mr__mv_schema schema;
    char *fingerprint;
    bool writing;
    bool build; /* there is no index yet: it is built when all rows are there */
    bool look;  /* keys are the server's, and rows of these items may be there from before */
    size_t batch_bytes, batch_rows;
    atomic_size_t max_bytes; /* that the server takes in one request; found out */
} mr__mv;

/* write.c */
mr_status mr__mv_commit(mr_store *store, const mr__commit *commit, mr_error *err);

/* begin.c */
mr_status mr__mv_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err);
mr_status mr__mv_finish(mr_store *store, mr_error *err);
mr_status mr__mv_create(mr_store *store, const mr_collection_options *options, mr_error *err);

/* admin.c */
mr_status mr__mv_collection(mr_store *store, const char *name, mr_collection *out, mr_error *err);
mr_status mr__mv_list(mr_store *store, int (*fn)(void *, const mr_collection *), void *cookie,
                      mr_error *err);
mr_status mr__mv_drop(mr_store *store, const char *name, mr_error *err);
mr_status mr__mv_load_op(mr_store *store, const char *name, mr_error *err);
mr_status mr__mv_release(mr_store *store, const char *name, mr_error *err);
mr_status mr__mv_flush_op(mr_store *store, const char *name, mr_error *err);
mr_status mr__mv_identity(mr_store *store, const char *name, char *out, size_t size, mr_error *err);
/* Describes `name`; MR_E_NOT_FOUND names those that are there. */
mr_status mr__mv_find(mr__mv *self, const char *name, mr__mv_schema *out, mr_error *err);

/* remove.c */
mr_status mr__mv_remove(mr_store *store, const char *name, const char *const *ids, size_t n_ids,
                        uint64_t *deleted, mr_error *err);
mr_status mr__mv_remove_where(mr_store *store, const char *name, const char *filter,
                              uint64_t *deleted, mr_error *err);
mr_status mr__mv_select(mr_store *store, const char *name, const char *filter,
                        mr_status (*fn)(void *cookie, const char *id, mr_error *err), void *cookie,
                        mr_error *err);

/* search.c */
mr_status mr__mv_vector(mr_store *store, const char *collection, const char *id, float *vector,
                        uint32_t dim, mr_error *err);
mr_status mr__mv_search(mr_store *store, const float *vector, uint32_t dim,
                        const mr_search_options *options, mr_hits **out, mr_error *err);

/* What a search asks, before it is sent. */
typedef struct mr__mv_question {
    const char *database, *collection, *filter, *params;
    const mr__mv_schema *schema;
    const float *vector;
    uint32_t dim, k;
    mr_metric metric; /* MR_METRIC_ANY: the index's, not sent */
    const char *const *fields;
    size_t n_fields;
    int consistency; /* -1: the collection's */
} mr__mv_question;

/* Serialized SearchRequest; the caller frees `*out`. */
mr_status mr__mv_question_pack(const mr__mv_question *question, uint8_t **out, size_t *size,
                               mr_error *err);

#endif
