/* SPDX-License-Identifier: Apache-2.0 */
/* Types of indexes with their parameters: which are sent, and what they are if nobody says. */
#include "store/milvus/index.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum { MAX_PARAMS = 6, MAX_PARTS = 32 };

#define END MR__MV_N_PARAMS

/* `build` and `search` end with END. */
static const struct {
    const char *name;
    mr__mv_param build[MAX_PARAMS], search[MAX_PARAMS];
} types[] = {
    {"FLAT", {END}, {END}},
    {"IVF_FLAT", {MR__MV_NLIST, END}, {MR__MV_NPROBE, END}},
    {"IVF_SQ8", {MR__MV_NLIST, END}, {MR__MV_NPROBE, END}},
    {"IVF_PQ", {MR__MV_NLIST, MR__MV_M_PARTS, MR__MV_NBITS, END}, {MR__MV_NPROBE, END}},
    {"HNSW", {MR__MV_M_LINKS, MR__MV_EF_CONSTRUCTION, END}, {MR__MV_EF, END}},
    {"SCANN", {MR__MV_NLIST, END}, {MR__MV_NPROBE, MR__MV_REORDER_K, END}},
    {"DISKANN", {END}, {MR__MV_SEARCH_LIST, END}},
    {"AUTOINDEX", {END}, {END}},
    {"GPU_IVF_FLAT", {MR__MV_NLIST, END}, {MR__MV_NPROBE, END}},
    {"GPU_IVF_PQ", {MR__MV_NLIST, MR__MV_M_PARTS, MR__MV_NBITS, END}, {MR__MV_NPROBE, END}},
    {"GPU_CAGRA",
     {MR__MV_INTERMEDIATE_DEGREE, MR__MV_GRAPH_DEGREE, END},
     {MR__MV_ITOPK_SIZE, MR__MV_SEARCH_WIDTH, MR__MV_MIN_ITERATIONS, MR__MV_MAX_ITERATIONS,
      MR__MV_TEAM_SIZE, END}},
    {"GPU_BRUTE_FORCE", {END}, {END}},
};

enum { N_TYPES = sizeof types / sizeof types[0] };

mr_status mr__mv_index_type(const char *name, const char **out, mr_error *err)
{
    size_t best = SIZE_MAX, i;
    const char *nearest = NULL;

    for (i = 0; i < N_TYPES; i++) {
        size_t d = mr__text_distance(name, types[i].name);

        if (strcasecmp(name, types[i].name) == 0) {
            *out = types[i].name;
            return MR_OK;
        }
        if (d < best) {
            best = d;
            nearest = types[i].name;
        }
    }
    return mr__error_set(err, MR_E_INVALID, "no index \"%.40s\"; did you mean %s?", name, nearest);
}

/* Product quantisation cuts a vector into parts of one length. */
static uint64_t parts_of(uint32_t dim)
{
    uint32_t m = MAX_PARTS;

    while (dim % m != 0)
        m--;
    return m;
}

/* What holds if nobody says; 0: it is not sent. */
static uint64_t fallback(mr__mv_param param, uint32_t dim, uint32_t k)
{
    switch (param) {
    case MR__MV_NLIST:
        return 128;
    case MR__MV_NPROBE:
    case MR__MV_M_LINKS:
        return 16;
    case MR__MV_EF_CONSTRUCTION:
        return 256;
    case MR__MV_M_PARTS:
        return parts_of(dim);
    case MR__MV_NBITS:
        return 8;
    case MR__MV_INTERMEDIATE_DEGREE:
        return 64;
    case MR__MV_GRAPH_DEGREE:
        return 32;
    case MR__MV_EF:
    case MR__MV_ITOPK_SIZE:
        return k > 64 ? k : 64;
    case MR__MV_SEARCH_LIST:
        return k > 100 ? k : 100;
    case MR__MV_SEARCH_WIDTH:
        return 4;
    default:
        return 0;
    }
}

/* What the server would refuse if it were under k. */
static uint64_t at_least(mr__mv_param param, uint64_t number, uint32_t k)
{
    bool counts = param == MR__MV_EF || param == MR__MV_ITOPK_SIZE || param == MR__MV_SEARCH_LIST ||
                  param == MR__MV_REORDER_K;

    return counts && number > 0 && number < k ? k : number;
}

static mr_status print(const mr__mv_param *list, uint32_t dim, uint32_t k,
                       const mr__mv_params *params, char **out, mr_error *err)
{
    json_t *root = json_object();
    bool ok = root != NULL;

    for (; *list != END && ok; list++) {
        uint64_t number = params->text[*list] ? params->number[*list] : fallback(*list, dim, k);

        number = at_least(*list, number, k);
        if (number > 0)
            ok = json_object_set_new(root, mr__mv_param_name(*list),
                                     json_integer((json_int_t)number)) == 0;
    }
    *out = ok ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return *out ? MR_OK : mr__error_no_memory(err, "index");
}

mr_status mr__mv_index_build_params(const char *type, uint32_t dim, const mr__mv_params *params,
                                    char **out, mr_error *err)
{
    size_t i = 0;

    while (i + 1 < N_TYPES && strcasecmp(types[i].name, type) != 0)
        i++;
    return print(types[i].build, dim, 0, params, out, err);
}

mr_status mr__mv_index_search_params(const char *type, uint32_t k, const mr__mv_params *params,
                                     char **out, mr_error *err)
{
    static const mr__mv_param said[] = {MR__MV_NPROBE, MR__MV_EF, END};
    size_t i = 0;

    while (i < N_TYPES && strcasecmp(types[i].name, type) != 0)
        i++;
    if (i < N_TYPES)
        return print(types[i].search, 1, k, params, out, err);
    /* of a type that is not known, what was said and nothing else */
    if (params->text[MR__MV_NPROBE])
        return print(said, 1, k, params, out, err);
    *out = strdup("{}");
    return *out ? MR_OK : mr__error_no_memory(err, "index");
}

static void take_param(const Mv__Pair *pair, mr__mv_index *out)
{
    char text[64] = "";
    const char *type = NULL;

    if (!pair->key || pair->value.len >= sizeof text || !pair->value.len)
        return;
    memcpy(text, pair->value.data, pair->value.len);
    if (strcmp(pair->key, "index_type") == 0 && mr__mv_index_type(text, &type, NULL) == MR_OK &&
        type)
        (void)mr__text_copy(out->type, sizeof out->type, type);
    else if (strcmp(pair->key, "metric_type") == 0 &&
             mr_metric_from_name(text, &out->metric, NULL) != MR_OK)
        out->metric = MR_METRIC_ANY;
}

mr_status mr__mv_index_get(mr__mv_client *client, const mr__mv_schema *schema,
                           mr__mv_patience patience, mr__mv_index *out, mr_error *err)
{
    Mv__DescribeIndexRequest message = MV__DESCRIBE_INDEX_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "DescribeIndex", .message = &message.base, .patience = patience};
    const Mv__DescribeIndexResponse *answer;
    mr__mv_reply reply;
    mr_status status;
    size_t i, k;

    *out = (mr__mv_index){.metric = MR_METRIC_ANY};
    message.db_name = mr__mv_database(client);
    message.collection_name = schema->name;
    message.field_name = schema->vector_field;
    status = mr__mv_call(client, &request, &mv__describe_index_response__descriptor, &reply, err);
    if (status == MR_OK) {
        answer = reply.message;
        for (i = 0; i < answer->n_index_descriptions; i++) {
            const Mv__IndexDescription *index = answer->index_descriptions[i];

            if (index->field_name.len != strlen(schema->vector_field) ||
                memcmp(index->field_name.data, schema->vector_field, index->field_name.len) != 0)
                continue;
            out->there = true;
            for (k = 0; k < index->n_params; k++)
                take_param(index->params[k], out);
        }
    } else if (reply.no_index) {
        status = MR_OK;
    }
    mr__mv_reply_fini(&reply);
    return status;
}

Mv__Pair mr__mv_pair(const char *key, const char *value)
{
    Mv__Pair pair = MV__PAIR__INIT;

    pair.key = (char *)(uintptr_t)key;
    pair.has_value = true;
    pair.value.data = (uint8_t *)(uintptr_t)value;
    pair.value.len = strlen(value);
    return pair;
}

mr_status mr__mv_index_create(mr__mv_client *client, const mr__mv_schema *schema,
                              mr__mv_patience patience, mr_error *err)
{
    const mr__mv_about *about = &schema->about;
    Mv__CreateIndexRequest message = MV__CREATE_INDEX_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "CreateIndex", .message = &message.base, .patience = patience};
    Mv__Pair pairs[3] = {mr__mv_pair("index_type", about->index),
                         mr__mv_pair("metric_type", mr_metric_name(about->metric)),
                         mr__mv_pair("params", about->index_params)};
    Mv__Pair *list[3] = {&pairs[0], &pairs[1], &pairs[2]};
    char name[300];

    (void)snprintf(name, sizeof name, "%.255s_idx", schema->vector_field);
    message.db_name = mr__mv_database(client);
    message.collection_name = schema->name;
    message.field_name = schema->vector_field;
    message.index_name = name;
    message.extra_params = list;
    message.n_extra_params = strcmp(about->index_params, "{}") == 0 ? 2 : 3;
    return mr__mv_tell(client, &request, err);
}
