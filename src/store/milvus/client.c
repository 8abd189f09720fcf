/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls. What a server cannot do now is tried again: soon where it is busy, in seconds where it is
 * full, and as long as patience allows where it is away. What may have happened although nobody
 * said so is repeated too, since writes are upserts; inserts are not, and say so with `once`.
 */
#include "store/milvus/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define SERVICE           "/milvus.proto.milvus.MilvusService/"
#define DEFAULT_TIMEOUT   60000u
#define DEFAULT_RETRY     300000u
#define OPEN_TIMEOUT_MS   15000u
#define MAX_ANSWER        ((size_t)256 << 20)
#define FIRST_PAUSE_MS    20u
#define AGAIN_PAUSE_MS    2000u  /* that pauses grow to while a server is busy or away */
#define PRESSURE_PAUSE_MS 5000u  /* the same while it is full */
#define BUSY_PATIENCE_MS  30000u /* of calls that do not wait for a server */
#define TROUBLE_NS        UINT64_C(120000000000) /* after a restart errors may have no class */
#define TELL_NS           UINT64_C(15000000000)

char *mr__mv_database(mr__mv_client *client)
{
    return client->address.database[0] ? client->address.database : NULL;
}

void mr__mv_pause(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

void mr__mv_reply_fini(mr__mv_reply *reply)
{
    mr__mv_arena_fini(&reply->arena);
    reply->message = NULL;
}

/* Status of an answer: itself, or its first field. NULL: it has none, or says nothing. */
static const Mv__Status *status_of(const ProtobufCMessageDescriptor *type, const void *message)
{
    const ProtobufCFieldDescriptor *field;
    const Mv__Status *status;

    if (type == &mv__status__descriptor)
        return message;
    field = protobuf_c_message_descriptor_get_field(type, 1);
    if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE ||
        field->label != PROTOBUF_C_LABEL_OPTIONAL || field->descriptor != &mv__status__descriptor)
        return NULL;
    memcpy(&status, (const char *)message + field->offset, sizeof status);
    return status;
}

static mr_status receive(const mr__mv_request *request, const ProtobufCMessageDescriptor *type,
                         const mr__rpc_answer *answer, mr__mv_reply *out, mr_error *err)
{
    const Mv__Status *status;

    out->message = mr__mv_unpack(&out->arena, type, answer->data, answer->size);
    if (!out->message) {
        out->verdict = MR__MV_REFUSED;
        return mr__error_set(err, MR_E_ENV,
                             "%s: the answer is none of Milvus' (%zu bytes); is it another server?",
                             request->method, answer->size);
    }
    status = status_of(type, out->message);
    out->verdict = mr__mv_judge(status);
    if (out->verdict == MR__MV_DONE)
        return MR_OK;
    out->absent = mr__mv_is_absent(status);
    out->no_index = mr__mv_has_no_index(status);
    out->not_loaded = mr__mv_is_not_loaded(status);
    return mr__mv_status_failure(status, request->method, err);
}

/* One call, with its verdict. */
static mr_status call_once(mr__mv_client *client, const mr__mv_request *request,
                           const ProtobufCMessageDescriptor *type, mr__mv_reply *out, mr_error *err)
{
    char method[96];
    mr__rpc_header headers[2];
    mr__rpc_call call = {.method = method,
                         .parts = request->parts,
                         .n_parts = request->n_parts,
                         .headers = headers,
                         .timeout_ms =
                             request->timeout_ms ? request->timeout_ms : client->timeout_ms,
                         .stop = client->stop};
    mr__rpc_answer answer;
    mr_status status;

    call.wait = out->repeated; /* for the server to come back */
    (void)snprintf(method, sizeof method, SERVICE "%s", request->method);
    if (client->authorization[0])
        headers[call.n_headers++] = (mr__rpc_header){"authorization", client->authorization};
    if (client->address.database[0])
        headers[call.n_headers++] = (mr__rpc_header){"dbname", client->address.database};
    status = mr__rpc_unary(client->rpc, &call, &answer, err);
    if (status == MR_OK)
        status = receive(request, type, &answer, out, err);
    else {
        out->verdict = mr__mv_judge_rpc(answer.code, answer.message);
        out->limit = mr__mv_limit_of(answer.message);
    }
    mr__rpc_answer_fini(&answer);
    if (status != MR_OK)
        mr__mv_reply_fini(out);
    return status;
}

/* Once in a while, so that a run that waits is no riddle. */
static void tell(mr__mv_client *client, const mr_error *err)
{
    unsigned long long now = mr__clock_ns(), last = atomic_load(&client->told_ns);

    if ((last == 0 || now - last > TELL_NS) &&
        atomic_compare_exchange_strong(&client->told_ns, &last, now))
        mr__log(&client->logger, MR_LOG_WARN, "store", "milvus: waiting: %s", err->message);
}

/* May it be tried again, after so many milliseconds have gone by? */
static bool worth_it(mr__mv_client *client, const mr__mv_request *request,
                     const mr__mv_reply *reply, uint64_t spent_ms)
{
    bool patient = request->patience == MR__MV_WAIT;
    uint64_t last = atomic_load(&client->troubled_ns);

    if (patient && spent_ms >= client->retry_ms)
        return false;
    if (!patient && spent_ms >= BUSY_PATIENCE_MS)
        return false;
    switch (reply->verdict) {
    case MR__MV_AGAIN:
        return true;
    case MR__MV_PRESSURE:
        return patient;
    case MR__MV_LOST:
        return patient && !request->once;
    case MR__MV_UNSURE:
        return patient && !request->once && last && mr__clock_ns() - last < TROUBLE_NS;
    default:
        return false;
    }
}

static uint32_t next_pause(uint32_t *pause, mr__mv_verdict verdict)
{
    uint32_t cap = verdict == MR__MV_PRESSURE ? PRESSURE_PAUSE_MS : AGAIN_PAUSE_MS, now = *pause;
    uint32_t noise = (uint32_t)(mr__clock_ns() >> 8) % (now / 2 + 1);

    *pause = now * 3 > cap ? cap : now * 3;
    return now - noise; /* between half and all of it: several writers do not come back as one */
}

static mr_status pack(const ProtobufCMessage *message, mr__rpc_part *part, mr_error *err)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(n ? n : 1);

    if (!bytes)
        return mr__error_no_memory(err, "request");
    (void)protobuf_c_message_pack(message, bytes);
    *part = (mr__rpc_part){bytes, n};
    return MR_OK;
}

/* Of the server, not of the request. */
static bool is_trouble(mr__mv_verdict verdict)
{
    return verdict == MR__MV_AGAIN || verdict == MR__MV_PRESSURE || verdict == MR__MV_LOST ||
           verdict == MR__MV_UNSURE;
}

static mr_status interrupted(const mr_error *failure, mr_error *err)
{
    return mr__error_set(err, MR_E_INTERRUPTED, "interrupted while waiting: %s", failure->message);
}

mr_status mr__mv_call(mr__mv_client *client, const mr__mv_request *given,
                      const ProtobufCMessageDescriptor *type, mr__mv_reply *out, mr_error *err)
{
    uint64_t begun = mr__clock_ns();
    uint32_t pause = FIRST_PAUSE_MS;
    mr__mv_request request = *given;
    mr__rpc_part packed = {0};
    mr_error failure = {0};
    mr_status status = MR_OK;
    bool again;

    *out = (mr__mv_reply){.verdict = MR__MV_REFUSED};
    if (request.message) {
        status = pack(request.message, &packed, err);
        request.parts = &packed;
        request.n_parts = 1;
    }
    while (status == MR_OK) {
        status = call_once(client, &request, type, out, &failure);
        if (status == MR_OK)
            break;
        if (out->verdict == MR__MV_LOST)
            atomic_store(&client->troubled_ns, mr__clock_ns());
        again = worth_it(client, &request, out, (mr__clock_ns() - begun) / 1000000);
        if (!again && err)
            *err = failure;
        if (again) {
            out->repeated |= out->verdict == MR__MV_LOST || out->verdict == MR__MV_UNSURE;
            tell(client, &failure);
            again = mr__stop_pause(client->stop, next_pause(&pause, out->verdict));
        }
        if (!again && mr__stop_raised(client->stop) && is_trouble(out->verdict))
            status = interrupted(&failure, err);
        if (!again)
            break;
        status = MR_OK;
    }
    free((void *)(uintptr_t)packed.data);
    return status;
}

mr_status mr__mv_tell(mr__mv_client *client, const mr__mv_request *request, mr_error *err)
{
    mr__mv_reply reply;
    mr_status status = mr__mv_call(client, request, &mv__status__descriptor, &reply, err);

    mr__mv_reply_fini(&reply);
    return status;
}

static void take_version(mr__mv_client *client, const ProtobufCBinaryData *data)
{
    mr__text_escape(client->version, sizeof client->version, (const char *)data->data, data->len);
    client->lite = strstr(client->version, "milvus_lite") != NULL ||
                   strstr(client->version, "milvus-lite") != NULL;
}

/* The handshake of the official clients; it tells whether this is Milvus, and which. */
static mr_status greet(mr__mv_client *client, mr_error *err)
{
    Mv__ClientInfo info = MV__CLIENT_INFO__INIT;
    Mv__ConnectRequest connect = MV__CONNECT_REQUEST__INIT;
    const mr__mv_request request = {
        .method = "Connect", .message = &connect.base, .timeout_ms = OPEN_TIMEOUT_MS};
    const mr__mv_request version = {
        .method = "GetVersion", .message = &connect.base, .timeout_ms = OPEN_TIMEOUT_MS};
    mr__mv_reply reply;
    mr_status status;

    info.sdk_type = (char *)"millrace";
    info.sdk_version = (char *)MR_VERSION;
    connect.client_info = &info;
    status = mr__mv_call(client, &request, &mv__connect_response__descriptor, &reply, err);
    if (status == MR_OK) {
        const Mv__ConnectResponse *answer = reply.message;
        if (answer->server_info)
            take_version(client, &answer->server_info->build_tags);
    }
    mr__mv_reply_fini(&reply);
    /* servers before 2.2.9 have no Connect; milvus-lite says its version elsewhere only */
    if (status == MR_E_UNSUPPORTED || (status == MR_OK && !client->version[0])) {
        connect.client_info = NULL;
        status = mr__mv_call(client, &version, &mv__get_version_response__descriptor, &reply, err);
        if (status == MR_OK)
            take_version(client, &((Mv__GetVersionResponse *)reply.message)->version);
        mr__mv_reply_fini(&reply);
    }
    return status;
}

mr_status mr__mv_client_open(mr__mv_client *client, const char *spec, const mr__mv_params *params,
                             const mr_logger *logger, mr_error *err)
{
    mr__rpc_options options;
    mr_status status;

    *client = (mr__mv_client){
        .logger = *logger, .timeout_ms = DEFAULT_TIMEOUT, .retry_ms = DEFAULT_RETRY};
    if (params->text[MR__MV_TIMEOUT])
        client->timeout_ms = (uint32_t)params->number[MR__MV_TIMEOUT];
    if (params->text[MR__MV_PATIENCE])
        client->retry_ms = (uint32_t)params->number[MR__MV_PATIENCE];
    status = mr__mv_address_parse(spec, &client->address, err);
    if (status == MR_OK && !client->address.database[0] && params->text[MR__MV_DATABASE])
        (void)mr__text_copy(client->address.database, sizeof client->address.database,
                            params->text[MR__MV_DATABASE]);
    if (status == MR_OK)
        status =
            mr__mv_authorization(params, client->authorization, sizeof client->authorization, err);
    if (status != MR_OK)
        return status;
    mr__rpc_options_init(&options);
    options.address = client->address.host;
    options.ca = params->text[MR__MV_TLS_CA];
    options.cert = params->text[MR__MV_TLS_CERT];
    options.key = params->text[MR__MV_TLS_KEY];
    options.server_name = params->text[MR__MV_TLS_NAME];
    options.tls = params->text[MR__MV_TLS] ? params->number[MR__MV_TLS] != 0
                                           : options.ca || options.cert || options.server_name;
    options.max_answer = MAX_ANSWER;
    status = mr__rpc_open(&options, &client->rpc, err);
    if (status == MR_OK)
        status = greet(client, err);
    return status;
}

void mr__mv_client_close(mr__mv_client *client)
{
    mr__rpc_close(&client->rpc);
    explicit_bzero(client->authorization, sizeof client->authorization);
}
