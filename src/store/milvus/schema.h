/* SPDX-License-Identifier: Apache-2.0 */
/* A collection as its server describes it, and which field of it is what to us. */
#ifndef MR_STORE_MILVUS_SCHEMA_H
#define MR_STORE_MILVUS_SCHEMA_H

#include "store/milvus/about.h"
#include "store/milvus/client.h"

/* Lengths in bytes of our own texts. */
enum { MR__MV_ID_BYTES = 512, MR__MV_URI_BYTES = 65535, MR__MV_FINGERPRINT_BYTES = 128 };

typedef struct mr__mv_schema {
    char *name;
    char *id_field;     /* primary key */
    bool id_is_integer; /* INT64 */
    bool auto_id;       /* made by the server: the id of an item lives in its metadata */
    uint32_t id_bytes;  /* of a VARCHAR key */
    char *vector_field;
    uint32_t dim;
    bool has_metadata;                     /* a JSON field "metadata" */
    bool metadata_dynamic;                 /* none, but any field may be given: its members are */
    uint32_t uri_bytes, fingerprint_bytes; /* of VARCHAR fields of these names; 0: none */
    char *other_field; /* one that has to be given and that we know nothing of; NULL: none */
    char **scalars;    /* all fields but vectors */
    size_t n_scalars;
    char identity[64];
    mr__mv_about about;
} mr__mv_schema;

/* MR_E_NOT_FOUND: no such collection. `vector_field` NULL: "vector", or the only one. */
mr_status mr__mv_schema_get(mr__mv_client *client, const char *name, const char *vector_field,
                            mr__mv_patience patience, mr__mv_schema *out, mr_error *err);
/* Reads what a server said; what it lacks for us is an error that names it. */
mr_status mr__mv_schema_read(const Mv__DescribeCollectionResponse *answer, const char *name,
                             const char *vector_field, mr__mv_schema *out, mr_error *err);
void mr__mv_schema_fini(mr__mv_schema *schema);

/* A collection to be made. */
typedef struct mr__mv_new {
    const char *name;
    uint32_t dim;
    const mr__mv_about *about;
    const mr__mv_params *params; /* vector_field, id_type, auto_id, shards */
} mr__mv_new;

/* Creates it, without an index; somebody else may do the same at the same time. */
mr_status mr__mv_schema_create(mr__mv_client *client, const mr__mv_new *wanted, mr_error *err);

/* Serialized CollectionSchema; the caller frees `*out`. */
mr_status mr__mv_schema_pack(const mr__mv_new *wanted, uint8_t **out, size_t *size, mr_error *err);

#endif
