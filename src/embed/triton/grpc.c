/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triton over gRPC: the module triton-grpc. Rows are no part of a message: they follow its head as
 * the bytes of the last field, from where they lie.
 *
 * No pings: Triton takes more than one in five minutes without data for an attack, and an inference
 * may last longer than that. A connection that died in silence is found by the deadline.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "embed/triton/message.h"
#include "module/module.h"
#include "rpc/rpc.h"

#define SERVICE "/inference.GRPCInferenceService/"

enum { SHORT_MAX = 1 << 20, ANSWER_MAX = 64 << 20 };

typedef struct grpc {
    mr__triton_session base;
    mr__rpc *rpc;
    bool away;           /* the server was not there: the next call waits for a connection */
    mr__buf said, heard; /* the head of a request, the output of an answer */
    mr__rpc_header headers[MR__TRITON_HEADERS_MAX];
    char *header_text[MR__TRITON_HEADERS_MAX]; /* what they point into */
} grpc;

/* One request: `said` of the session, and rows behind it. */
typedef struct request {
    const char *method;
    const void *data; /* NULL: nothing follows */
    size_t bytes;
    size_t answer_max;
    uint64_t deadline_ns;
} request;

static const mr__triton_transport transport;

/* "Name: value" as metadata: names are in lower case there. */
static bool take_header(grpc *self, size_t i, const char *line)
{
    char *text = strdup(line), *value;

    self->header_text[i] = text;
    if (!text)
        return false;
    value = strchr(text, ':');
    *value++ = '\0';
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    self->headers[i] = (mr__rpc_header){.key = text, .value = value + strspn(value, " \t")};
    return true;
}

static void grpc_close(mr__triton_session *session)
{
    grpc *self = (grpc *)session;

    mr__rpc_close(&self->rpc);
    for (size_t i = 0; i < MR__TRITON_HEADERS_MAX; i++)
        free(self->header_text[i]);
    mr__buf_fini(&self->said);
    mr__buf_fini(&self->heard);
    free(self);
}

static mr_status grpc_open(const mr__triton_options *o, mr__triton_session **out, mr_error *err)
{
    grpc *self = calloc(1, sizeof *self);
    char address[MR__TRITON_NAME_SIZE + 16];
    mr__rpc_options options;
    mr_status status = MR_OK;

    *out = NULL;
    if (!self)
        return mr__error_no_memory(err, "connection");
    self->base.transport = &transport;
    self->base.options = o;
    mr__buf_init(&self->said, SHORT_MAX);
    mr__buf_init(&self->heard, ANSWER_MAX);
    mr__rpc_options_init(&options);
    options.address = mr__triton_address(o, address, sizeof address);
    options.tls = o->tls;
    options.ca = o->ca[0] ? o->ca : NULL;
    options.cert = o->cert[0] ? o->cert : NULL;
    options.key = o->key[0] ? o->key : NULL;
    options.keepalive_ms = 0;
    options.max_answer = ANSWER_MAX;
    for (size_t i = 0; i < o->n_headers && status == MR_OK; i++)
        if (!take_header(self, i, o->headers[i]))
            status = mr__error_no_memory(err, "headers");
    if (status == MR_OK)
        status = mr__rpc_open(&options, &self->rpc, err);
    if (status != MR_OK) {
        grpc_close(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

/* Was there no connection, did it end, or does the server say that it has no room? */
static mr__triton_fault fault_of_unavailable(const char *text)
{
    static const char *const lost[] = {"Socket closed", "Connection reset", "FD Shutdown", "GOAWAY",
                                       "Broken pipe",   "recvmsg",          "sendmsg"};

    if (strstr(text, "onnection refused") || strstr(text, "failed to connect"))
        return MR__TRITON_DOWN;
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++)
        if (strstr(text, lost[i]))
            return MR__TRITON_LOST;
    if (strstr(text, "CERTIFICATE_VERIFY_FAILED") || strstr(text, "not match"))
        return MR__TRITON_FINAL;
    return MR__TRITON_BUSY;
}

/* `waited`: the call was to wait for a connection. */
static mr__triton_fault fault_of(const mr__rpc_answer *answer, bool waited)
{
    switch (answer->code) {
    case MR__RPC_UNAVAILABLE:
        return mr__triton_fault_of(answer->message, fault_of_unavailable(answer->message));
    case MR__RPC_DEADLINE_EXCEEDED:
        return waited ? MR__TRITON_DOWN : MR__TRITON_LATE;
    case MR__RPC_NOT_FOUND:
        return mr__triton_fault_of(answer->message, MR__TRITON_UNKNOWN);
    case MR__RPC_ALREADY_EXISTS:
        return mr__triton_fault_of(answer->message, MR__TRITON_TAKEN);
    case MR__RPC_INVALID_ARGUMENT:
        return mr__triton_fault_of(answer->message, MR__TRITON_REFUSED);
    case MR__RPC_INTERNAL:
    case MR__RPC_UNKNOWN:
    case MR__RPC_ABORTED:
    case MR__RPC_CANCELLED:
        return mr__triton_fault_of(answer->message, MR__TRITON_FAILED);
    default:
        return mr__triton_fault_of(answer->message, MR__TRITON_FINAL);
    }
}

/* Sends what was packed; on MR__TRITON_NONE the answer is to be given back. */
static mr__triton_fault ask(grpc *self, const request *r, mr__rpc_answer *answer, mr_error *err)
{
    mr__rpc_part parts[] = {{self->said.data, self->said.len}, {r->data, r->bytes}};
    uint64_t now = mr__clock_ns();
    uint64_t ms = r->deadline_ns > now ? (r->deadline_ns - now) / 1000000 : 0;
    mr__rpc_call call = {.method = r->method,
                         .parts = parts,
                         .n_parts = r->data ? 2 : 1,
                         .headers = self->headers,
                         .n_headers = self->base.options->n_headers,
                         .timeout_ms = ms < 1           ? 1
                                       : ms > INT32_MAX ? INT32_MAX
                                                        : (uint32_t)ms,
                         .wait = self->away,
                         .stop = self->base.stop};
    mr__triton_fault fault;
    mr_error own = {0};
    char *hint;

    *answer = (mr__rpc_answer){0};
    if (mr__rpc_unary(self->rpc, &call, answer, &own) != MR_OK) {
        hint = strstr(own.message, "; is the server");
        if (hint)
            *hint = '\0'; /* the next step is said once, by who gives up */
        if (err)
            *err = own;
        if (err)
            err->status = MR_E_ENV;
        fault = fault_of(answer, call.wait);
        self->away = fault == MR__TRITON_DOWN || fault == MR__TRITON_LOST;
        return fault;
    }
    self->away = false;
    if (answer->size <= r->answer_max)
        return MR__TRITON_NONE;
    (void)mr__error_set(err, MR_E_ENV, "the answer has over %zu bytes", r->answer_max);
    mr__rpc_answer_fini(answer);
    return MR__TRITON_FINAL;
}

static mr__triton_fault out_of_memory(mr_error *err)
{
    (void)mr__error_no_memory(err, "request");
    return MR__TRITON_FINAL;
}

/* The same for an answer that was read, and is given back. */
static mr__triton_fault read_as(mr_status status, mr__rpc_answer *answer)
{
    mr__rpc_answer_fini(answer);
    return status == MR_OK ? MR__TRITON_NONE : MR__TRITON_FINAL;
}

static mr__triton_fault grpc_server(mr__triton_session *session, uint64_t deadline_ns,
                                    mr__triton_server *out, mr_error *err)
{
    grpc *self = (grpc *)session;
    request r = {
        .method = SERVICE "ServerMetadata", .answer_max = SHORT_MAX, .deadline_ns = deadline_ns};
    mr__rpc_answer answer;
    mr__triton_fault fault;

    mr__buf_reset(&self->said);
    fault = ask(self, &r, &answer, err);
    if (fault != MR__TRITON_NONE)
        return fault;
    return read_as(mr__triton_unpack_server(answer.data, answer.size, out, err), &answer);
}

static mr__triton_fault grpc_model(mr__triton_session *session, uint64_t deadline_ns,
                                   mr__triton_model *out, mr_error *err)
{
    grpc *self = (grpc *)session;
    const mr__triton_options *o = session->options;
    request r = {
        .method = SERVICE "ModelMetadata", .answer_max = SHORT_MAX, .deadline_ns = deadline_ns};
    mr__rpc_answer answer;
    mr__triton_fault fault;

    mr__buf_reset(&self->said);
    if (!mr__triton_pack_model(o->model, o->version, &self->said))
        return out_of_memory(err);
    fault = ask(self, &r, &answer, err);
    if (fault == MR__TRITON_NONE)
        fault = read_as(mr__triton_unpack_metadata(answer.data, answer.size, out, err), &answer);
    if (fault != MR__TRITON_NONE)
        return fault;
    r.method = SERVICE "ModelConfig";
    fault = ask(self, &r, &answer, err);
    /* other servers of this protocol have no such thing: then the shapes alone count */
    if (fault == MR__TRITON_UNKNOWN || fault == MR__TRITON_REFUSED || fault == MR__TRITON_FINAL)
        return MR__TRITON_NONE;
    if (fault != MR__TRITON_NONE)
        return fault;
    return read_as(mr__triton_unpack_config(answer.data, answer.size, out, err), &answer);
}

static mr__triton_fault grpc_infer(mr__triton_session *session, const mr__triton_infer *infer,
                                   mr__triton_answer *out, mr_error *err)
{
    grpc *self = (grpc *)session;
    request r = {.method = SERVICE "ModelInfer",
                 .data = infer->region ? NULL : infer->data,
                 .bytes = infer->bytes,
                 .answer_max = infer->answer_max,
                 .deadline_ns = infer->deadline_ns};
    mr__rpc_answer answer;
    mr__triton_fault fault;

    mr__buf_reset(&self->said);
    if (!mr__triton_pack_infer(infer, &self->said))
        return out_of_memory(err);
    fault = ask(self, &r, &answer, err);
    if (fault != MR__TRITON_NONE)
        return fault;
    return read_as(
        mr__triton_unpack_answer(answer.data, answer.size, infer->output, &self->heard, out, err),
        &answer);
}

static mr__triton_fault grpc_add_region(mr__triton_session *session, uint64_t deadline_ns,
                                        const mr__triton_region *region, mr_error *err)
{
    grpc *self = (grpc *)session;
    request r = {.method = SERVICE "SystemSharedMemoryRegister",
                 .answer_max = SHORT_MAX,
                 .deadline_ns = deadline_ns};
    mr__rpc_answer answer;
    mr__triton_fault fault;

    mr__buf_reset(&self->said);
    if (!mr__triton_pack_region(region, &self->said))
        return out_of_memory(err);
    fault = ask(self, &r, &answer, err);
    return fault == MR__TRITON_NONE ? read_as(MR_OK, &answer) : fault;
}

static mr__triton_fault grpc_drop_region(mr__triton_session *session, uint64_t deadline_ns,
                                         const char *name, mr_error *err)
{
    grpc *self = (grpc *)session;
    request r = {.method = SERVICE "SystemSharedMemoryUnregister",
                 .answer_max = SHORT_MAX,
                 .deadline_ns = deadline_ns};
    mr__rpc_answer answer;
    mr__triton_fault fault;

    mr__buf_reset(&self->said);
    if (!mr__triton_pack_region_name(name, &self->said))
        return out_of_memory(err);
    fault = ask(self, &r, &answer, err);
    return fault == MR__TRITON_NONE ? read_as(MR_OK, &answer) : fault;
}

static mr_status grpc_probe(char *state, size_t size, mr_error *err)
{
    (void)err;
    (void)snprintf(state, size, "gRPC %s", mr__rpc_library());
    return MR_OK;
}

static const mr__triton_transport transport = {
    .name = "grpc",
    .open = grpc_open,
    .close = grpc_close,
    .server = grpc_server,
    .model = grpc_model,
    .infer = grpc_infer,
    .add_region = grpc_add_region,
    .drop_region = grpc_drop_region,
};

extern MR_API const mr__module mr__module_entry;

const mr__module mr__module_entry = {
    .magic = MR__MODULE_MAGIC,
    .abi = MR__MODULE_ABI,
    .version = MR_VERSION,
    .name = "triton-grpc",
    .kind = "transport",
    .ops = &transport,
    .probe = grpc_probe,
};
