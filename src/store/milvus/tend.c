/* SPDX-License-Identifier: Apache-2.0 */
/* Loading and flushing: calls that return before they are done, and are then asked for. */
#include <string.h>

#include "base/clock.h"
#include "store/milvus/index.h"

enum { NOT_LOADED = 1, LOADED = 3, POLL_MS = 100, MAX_SEGMENTS = 1 << 20 };

/* Loading and flushing a large collection takes its time; a server that makes none is given up. */
#define LONGEST_NS UINT64_C(3600000000000)

mr_status mr__mv_load_state(mr__mv_client *client, const char *name, int *out, mr_error *err)
{
    Mv__GetLoadStateRequest message = MV__GET_LOAD_STATE_REQUEST__INIT;
    const mr__mv_request request = {.method = "GetLoadState", .message = &message.base};
    mr__mv_reply reply;
    mr_status status;

    *out = 0;
    message.db_name = mr__mv_database(client);
    message.collection_name = (char *)(uintptr_t)name;
    status = mr__mv_call(client, &request, &mv__get_load_state_response__descriptor, &reply, err);
    if (status == MR_OK)
        *out = ((Mv__GetLoadStateResponse *)reply.message)->state;
    mr__mv_reply_fini(&reply);
    return status;
}

mr_status mr__mv_load(mr__mv_client *client, const char *name, mr__mv_patience patience,
                      mr_error *err)
{
    Mv__LoadCollectionRequest message = MV__LOAD_COLLECTION_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "LoadCollection", .message = &message.base, .patience = patience};
    uint64_t begun = mr__clock_ns();
    mr_status status;
    int state = 0;

    message.db_name = mr__mv_database(client);
    message.collection_name = (char *)(uintptr_t)name;
    message.has_replica_number = true;
    message.replica_number = 1;
    status = mr__mv_tell(client, &request, err);
    while (status == MR_OK) {
        status = mr__mv_load_state(client, name, &state, err);
        if (status != MR_OK || state == LOADED)
            break;
        if (state <= NOT_LOADED && mr__clock_ns() - begun > LONGEST_NS / 60)
            return mr__error_set(err, MR_E_ENV,
                                 "load: the server does not load collection %s: has it the memory?",
                                 name);
        if (mr__clock_ns() - begun > LONGEST_NS)
            return mr__error_set(err, MR_E_ENV, "load: collection %s is not loaded after an hour",
                                 name);
        mr__mv_pause(POLL_MS);
    }
    return status;
}

static bool is_of(const ProtobufCBinaryData *key, const char *name)
{
    return key->len == strlen(name) && memcmp(key->data, name, key->len) == 0;
}

static mr_status wait_flushed(mr__mv_client *client, const char *name,
                              const Mv__FlushResponse *flush, mr__mv_patience patience,
                              mr_error *err)
{
    Mv__GetFlushStateRequest message = MV__GET_FLUSH_STATE_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "GetFlushState", .message = &message.base, .patience = patience};
    uint64_t begun = mr__clock_ns();
    mr_status status = MR_OK;
    bool flushed = false;
    size_t i;

    message.db_name = mr__mv_database(client);
    message.collection_name = (char *)(uintptr_t)name;
    for (i = 0; i < flush->n_coll_segments; i++)
        if (is_of(&flush->coll_segments[i]->key, name) && flush->coll_segments[i]->value) {
            message.segment_ids = flush->coll_segments[i]->value->data;
            message.n_segment_ids = flush->coll_segments[i]->value->n_data;
        }
    for (i = 0; i < flush->n_coll_flush_ts; i++)
        if (is_of(&flush->coll_flush_ts[i]->key, name)) {
            message.has_flush_ts = true;
            message.flush_ts = flush->coll_flush_ts[i]->value;
        }
    if (message.n_segment_ids > MAX_SEGMENTS)
        return mr__error_set(err, MR_E_ENV, "flush: the server names %zu segments",
                             message.n_segment_ids);
    while (status == MR_OK) {
        mr__mv_reply reply;

        status =
            mr__mv_call(client, &request, &mv__get_flush_state_response__descriptor, &reply, err);
        if (status == MR_OK)
            flushed = ((Mv__GetFlushStateResponse *)reply.message)->flushed;
        mr__mv_reply_fini(&reply);
        if (status != MR_OK || flushed)
            break;
        if (mr__clock_ns() - begun > LONGEST_NS)
            return mr__error_set(err, MR_E_ENV, "flush: not done after an hour");
        mr__mv_pause(POLL_MS);
    }
    return status;
}

mr_status mr__mv_flush(mr__mv_client *client, const char *name, mr__mv_patience patience,
                       mr_error *err)
{
    Mv__FlushRequest message = MV__FLUSH_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "Flush", .message = &message.base, .patience = patience};
    char *names[] = {(char *)(uintptr_t)name};
    mr__mv_reply reply;
    mr_status status;

    message.db_name = mr__mv_database(client);
    message.collection_names = names;
    message.n_collection_names = 1;
    status = mr__mv_call(client, &request, &mv__flush_response__descriptor, &reply, err);
    if (status == MR_OK)
        status = wait_flushed(client, name, reply.message, patience, err);
    mr__mv_reply_fini(&reply);
    return status;
}
