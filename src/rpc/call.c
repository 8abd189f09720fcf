/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call: four operations in one batch, on a completion queue of its own. Waiting for it is what
 * moves the bytes: a thread in grpc_completion_queue_pluck polls for all connections.
 *
 * Parts of a request are lent to gRPC as slices that count back. The end of a call does not mean
 * that all are back: after a deadline, bytes of a stream that is no more may still wait in front of
 * a socket that nobody reads. So mr__rpc_wait also waits for the count, driving the connection
 * meanwhile. It ends: the system gives a connection up whose peer takes nothing for
 * keepalive_timeout_ms (TCP_USER_TIMEOUT, which gRPC sets where there are pings), and all that it
 * held comes back.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/text.h"
#include "rpc/channel.h"

#define DEFAULT_TIMEOUT_MS 60000u
#define SMALL_PART         512u /* copied: cheaper than being lent */
#define LENT_STEP_MS       20   /* of driving the connection */

struct mr__rpc_pending {
    mr__rpc *rpc;
    mr__rpc_call call; /* for messages; method, timeout, wait and stop are used */
    grpc_completion_queue *queue;
    grpc_call *handle;
    grpc_byte_buffer *request, *response;
    grpc_metadata_array initial, trailing;
    grpc_status_code code;
    grpc_slice details;
    atomic_size_t lent; /* slices of the caller's memory that gRPC holds */
};

static gpr_timespec after_ms(uint32_t ms)
{
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

static void come_back(void *arg)
{
    mr__rpc_pending *pending = arg;

    atomic_fetch_sub(&pending->lent, 1);
}

static mr_status make_request(mr__rpc_pending *pending, const mr__rpc_call *call, mr_error *err)
{
    grpc_slice *slices = calloc(call->n_parts ? call->n_parts : 1, sizeof *slices);
    size_t n = 0, total = 0, i;
    mr_status status = MR_OK;

    if (!slices)
        return mr__error_no_memory(err, "request");
    for (i = 0; i < call->n_parts && status == MR_OK; i++) {
        const mr__rpc_part *part = &call->parts[i];

        if (!mr__size_add(&total, total, part->size) || total > UINT32_MAX)
            status = mr__error_set(err, MR_E_INVALID, "request of more than 4 GiB");
        else if (part->size > SMALL_PART) {
            atomic_fetch_add(&pending->lent, 1);
            slices[n++] = grpc_slice_new_with_user_data((void *)(uintptr_t)part->data, part->size,
                                                        come_back, pending);
        } else if (part->size > 0)
            slices[n++] = grpc_slice_from_copied_buffer(part->data, part->size);
    }
    if (status == MR_OK)
        pending->request = grpc_raw_byte_buffer_create(slices, n);
    for (i = 0; i < n; i++)
        grpc_slice_unref(slices[i]);
    free(slices);
    return status;
}

static mr_status check_headers(const mr__rpc_call *call, mr_error *err)
{
    size_t i;

    for (i = 0; i < call->n_headers; i++) {
        const mr__rpc_header *h = &call->headers[i];
        grpc_slice key = grpc_slice_from_static_string(h->key);
        grpc_slice value = grpc_slice_from_static_string(h->value);

        if (!grpc_header_key_is_legal(key) || grpc_is_binary_header(key) ||
            !grpc_header_nonbin_value_is_legal(value))
            return mr__error_set(err, MR_E_INVALID,
                                 "metadata \"%s\": a key is lower-case, a value printable ASCII",
                                 h->key);
    }
    return MR_OK;
}

static mr_status start(mr__rpc_pending *p, const mr__rpc_call *call, mr_error *err)
{
    grpc_metadata *headers = calloc(call->n_headers ? call->n_headers : 1, sizeof *headers);
    grpc_op ops[6] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},  {.op = GRPC_OP_SEND_MESSAGE},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT}, {.op = GRPC_OP_RECV_INITIAL_METADATA},
        {.op = GRPC_OP_RECV_MESSAGE},           {.op = GRPC_OP_RECV_STATUS_ON_CLIENT}};
    grpc_call_error error;
    size_t i;

    if (!headers)
        return mr__error_no_memory(err, "request");
    for (i = 0; i < call->n_headers; i++) {
        headers[i].key = grpc_slice_from_copied_string(call->headers[i].key);
        headers[i].value = grpc_slice_from_copied_string(call->headers[i].value);
    }
    if (call->wait)
        ops[0].flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY |
                       GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    ops[0].data.send_initial_metadata.count = call->n_headers;
    ops[0].data.send_initial_metadata.metadata = headers;
    ops[1].data.send_message.send_message = p->request;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &p->initial;
    ops[4].data.recv_message.recv_message = &p->response;
    ops[5].data.recv_status_on_client.trailing_metadata = &p->trailing;
    ops[5].data.recv_status_on_client.status = &p->code;
    ops[5].data.recv_status_on_client.status_details = &p->details;
    error = grpc_call_start_batch(p->handle, ops, sizeof ops / sizeof ops[0], p, NULL);
    for (i = 0; i < call->n_headers; i++) {
        grpc_slice_unref(headers[i].key);
        grpc_slice_unref(headers[i].value);
    }
    free(headers);
    if (error != GRPC_CALL_OK)
        return mr__error_set(err, MR_E_INTERNAL, "%s: gRPC refuses the call: %s", call->method,
                             grpc_call_error_to_string(error));
    return MR_OK;
}

/* Until gRPC holds nothing of the caller's any more. */
static void take_back(mr__rpc_pending *p)
{
    /* for a tag that nothing has: returns when the time is up, having polled */
    while (atomic_load(&p->lent) > 0)
        (void)grpc_completion_queue_pluck(p->queue, &p->lent, after_ms(LENT_STEP_MS), NULL);
}

static void finish(mr__rpc_pending *p)
{
    if (p->request)
        grpc_byte_buffer_destroy(p->request);
    if (p->response)
        grpc_byte_buffer_destroy(p->response);
    if (p->handle)
        grpc_call_unref(p->handle);
    grpc_metadata_array_destroy(&p->initial);
    grpc_metadata_array_destroy(&p->trailing);
    grpc_slice_unref(p->details);
    if (p->queue) {
        take_back(p);
        grpc_completion_queue_shutdown(p->queue);
        grpc_completion_queue_destroy(p->queue);
    }
    free(p);
}

mr_status mr__rpc_start(mr__rpc *rpc, const mr__rpc_call *call, mr__rpc_pending **out,
                        mr_error *err)
{
    mr__rpc_pending *p;
    mr_status status = check_headers(call, err);
    grpc_slice method;

    *out = NULL;
    if (status != MR_OK)
        return status;
    p = calloc(1, sizeof *p);
    if (!p)
        return mr__error_no_memory(err, "request");
    p->rpc = rpc;
    p->call = *call;
    if (p->call.timeout_ms == 0)
        p->call.timeout_ms = DEFAULT_TIMEOUT_MS;
    atomic_init(&p->lent, 0);
    p->details = grpc_empty_slice();
    grpc_metadata_array_init(&p->initial);
    grpc_metadata_array_init(&p->trailing);
    p->queue = grpc_completion_queue_create_for_pluck(NULL);
    status = make_request(p, call, err);
    if (status == MR_OK) {
        method = grpc_slice_from_copied_string(call->method);
        p->handle = grpc_channel_create_call(rpc->channel, NULL, GRPC_PROPAGATE_DEFAULTS, p->queue,
                                             method, NULL, after_ms(p->call.timeout_ms), NULL);
        grpc_slice_unref(method);
        status = start(p, call, err);
    }
    if (status != MR_OK) {
        finish(p);
        return status;
    }
    *out = p;
    return MR_OK;
}

void mr__rpc_cancel(mr__rpc_pending *pending)
{
    (void)grpc_call_cancel(pending->handle, NULL);
}

/* The message in one piece: that of the buffer if it is one already. */
static mr_status read_message(mr__rpc_pending *p, mr__rpc_answer *answer, mr_error *err)
{
    grpc_byte_buffer_reader reader;
    grpc_slice *owner;

    if (!p->response)
        return mr__error_set(err, MR_E_ENV, "%s: %s answers nothing", p->call.method,
                             p->rpc->address);
    if (!grpc_byte_buffer_reader_init(&reader, p->response))
        return mr__error_set(err, MR_E_ENV, "%s: the answer of %s does not unpack", p->call.method,
                             p->rpc->address);
    owner = malloc(sizeof *owner);
    if (!owner) {
        grpc_byte_buffer_reader_destroy(&reader);
        return mr__error_no_memory(err, "answer");
    }
    *owner = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    answer->owner = owner;
    /* of the copy on the heap: short slices hold their bytes themselves */
    answer->data = GRPC_SLICE_START_PTR(*owner);
    answer->size = GRPC_SLICE_LENGTH(*owner);
    return MR_OK;
}

/* Until the call has ended: the deadline is its own. One that waits for a server may be stopped. */
static void await(mr__rpc_pending *p)
{
    grpc_event event = {.type = GRPC_QUEUE_TIMEOUT};

    while (event.type == GRPC_QUEUE_TIMEOUT && p->call.wait && p->call.stop) {
        if (mr__stop_raised(p->call.stop)) {
            mr__rpc_cancel(p);
            break;
        }
        event = grpc_completion_queue_pluck(p->queue, p, after_ms(MR__STOP_LOOK_MS), NULL);
    }
    if (event.type == GRPC_QUEUE_TIMEOUT)
        (void)grpc_completion_queue_pluck(p->queue, p, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
}

mr_status mr__rpc_wait(mr__rpc_pending *p, mr__rpc_answer *answer, mr_error *err)
{
    mr_status status;

    *answer = (mr__rpc_answer){0};
    await(p);
    answer->code = (int)p->code;
    if (p->code == GRPC_STATUS_OK) {
        status = read_message(p, answer, err);
        if (status != MR_OK)
            answer->code = MR__RPC_INTERNAL;
    } else {
        mr__text_escape(answer->message, sizeof answer->message,
                        (const char *)GRPC_SLICE_START_PTR(p->details),
                        GRPC_SLICE_LENGTH(p->details));
        status = mr__rpc_failure(p->rpc, &p->call, answer, err);
    }
    finish(p);
    return status;
}

mr_status mr__rpc_unary(mr__rpc *rpc, const mr__rpc_call *call, mr__rpc_answer *answer,
                        mr_error *err)
{
    mr__rpc_pending *pending;
    mr_status status;

    *answer = (mr__rpc_answer){.code = MR__RPC_INTERNAL};
    status = mr__rpc_start(rpc, call, &pending, err);
    return status == MR_OK ? mr__rpc_wait(pending, answer, err) : status;
}

void mr__rpc_answer_fini(mr__rpc_answer *answer)
{
    if (answer->owner) {
        grpc_slice_unref(*(grpc_slice *)answer->owner);
        free(answer->owner);
    }
    *answer = (mr__rpc_answer){0};
}
