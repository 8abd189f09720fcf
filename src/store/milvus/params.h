/* SPDX-License-Identifier: Apache-2.0 */
/* What a user may say about a Milvus store: its address, and parameters by name. */
#ifndef MR_STORE_MILVUS_PARAMS_H
#define MR_STORE_MILVUS_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "millrace/store.h"

/* Where a parameter is allowed. */
enum {
    MR__MV_CONNECTION = 1, /* of the store */
    MR__MV_WRITE = 2,      /* of the store */
    MR__MV_SCHEMA = 4,     /* of the store, or of a new collection */
    MR__MV_INDEX = 8,      /* the same */
    MR__MV_SEARCH = 16,    /* of the store, or of one search */
    MR__MV_ALL = 31
};

typedef enum mr__mv_param {
    MR__MV_USER,
    MR__MV_PASSWORD,
    MR__MV_TOKEN,
    MR__MV_DATABASE,
    MR__MV_TLS,
    MR__MV_TLS_CA,
    MR__MV_TLS_CERT,
    MR__MV_TLS_KEY,
    MR__MV_TLS_NAME,
    MR__MV_TIMEOUT,
    MR__MV_PATIENCE,
    MR__MV_BATCH_BYTES,
    MR__MV_BATCH_ROWS,
    MR__MV_CONCURRENCY,
    MR__MV_VECTOR_FIELD,
    MR__MV_ID_TYPE,
    MR__MV_AUTO_ID,
    MR__MV_SHARDS,
    MR__MV_NLIST,
    MR__MV_M_LINKS, /* "M" */
    MR__MV_EF_CONSTRUCTION,
    MR__MV_M_PARTS, /* "m" */
    MR__MV_NBITS,
    MR__MV_INTERMEDIATE_DEGREE,
    MR__MV_GRAPH_DEGREE,
    MR__MV_NPROBE,
    MR__MV_EF,
    MR__MV_ITOPK_SIZE,
    MR__MV_SEARCH_WIDTH,
    MR__MV_MIN_ITERATIONS,
    MR__MV_MAX_ITERATIONS,
    MR__MV_TEAM_SIZE,
    MR__MV_SEARCH_LIST,
    MR__MV_REORDER_K,
    MR__MV_CONSISTENCY,
    MR__MV_N_PARAMS
} mr__mv_param;

/* Values by parameter; NULL: not given. Numbers are checked when they are taken. */
typedef struct mr__mv_params {
    char *text[MR__MV_N_PARAMS];
    uint64_t number[MR__MV_N_PARAMS];
} mr__mv_params;

/* Takes those of `n` parameters over what is there. MR_E_INVALID: unknown (the nearest is named),
 * not allowed here, or not in its range; a value is never shown. */
mr_status mr__mv_params_take(mr__mv_params *params, const mr_param *given, size_t n,
                             uint32_t allowed, mr_error *err);
/* Takes MILVUS_USER, MILVUS_PASSWORD, MILVUS_TOKEN and MILVUS_VECTOR_FIELD_NAME where nothing is
 * there yet. */
mr_status mr__mv_params_environment(mr__mv_params *params, mr_error *err);
/* `over` wins. Both stay the caller's. */
mr_status mr__mv_params_copy(mr__mv_params *out, const mr__mv_params *base, mr_error *err);
/* Overwrites secrets and frees. */
void mr__mv_params_fini(mr__mv_params *params);

/* A name as Milvus has them: letters, digits and underscores, no digit first, up to 255. */
bool mr__mv_is_name(const char *text);

const char *mr__mv_param_name(mr__mv_param param);

/* "milvus://HOST[:PORT][/DATABASE]" in parts; the address is one of mr__rpc_address. */
typedef struct mr__mv_address {
    char host[288];
    char database[256]; /* "": the default one */
} mr__mv_address;

mr_status mr__mv_address_parse(const char *spec, mr__mv_address *out, mr_error *err);

/* "Bearer"-less value of the metadata key "authorization", base64; "" if nobody is named. */
mr_status mr__mv_authorization(const mr__mv_params *params, char *out, size_t size, mr_error *err);

#endif
