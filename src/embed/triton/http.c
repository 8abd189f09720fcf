/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triton over HTTP: JSON, and tensors as the bytes behind it (the extension binary_tensor_data of
 * the Open Inference Protocol).
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "embed/triton/answer.h"
#include "embed/triton/wire.h"

/* Begins the URL: "http://host:port/v2". */
static void begin_url(const mr__wire *self, char *url)
{
    char address[MR__TRITON_NAME_SIZE + 16];

    (void)snprintf(url, MR__WIRE_URL_SIZE, "http%s://%s/v2", self->base.options->tls ? "s" : "",
                   mr__triton_address(self->base.options, address, sizeof address));
}

/* "/models/M[/versions/V]" */
static bool add_model(char *url, const char *model, const char *version)
{
    bool ok = mr__text_append(url, MR__WIRE_URL_SIZE, "/models/") &&
              mr__triton_encode(url, MR__WIRE_URL_SIZE, model, "");

    if (ok && version[0])
        ok = mr__text_append(url, MR__WIRE_URL_SIZE, "/versions/") &&
             mr__text_append(url, MR__WIRE_URL_SIZE, version);
    return ok;
}

static mr_status http_open(const mr__triton_options *options, mr__triton_session **out,
                           mr_error *err)
{
    mr__wire *self = NULL;
    mr_status status = mr__wire_open(&mr__triton_http, options, &self, err);

    *out = status == MR_OK ? &self->base : NULL;
    return status;
}

static void http_close(mr__triton_session *session)
{
    mr__wire_close((mr__wire *)session);
}

static mr__triton_fault out_of_memory(mr_error *err)
{
    (void)mr__error_no_memory(err, "request");
    return MR__TRITON_FINAL;
}

/* The same for an answer that was read. */
static mr__triton_fault read_as(mr_status status, const char *what, mr_error *err)
{
    if (status == MR_OK)
        return MR__TRITON_NONE;
    (void)mr__error_wrap(err, "%s", what);
    return MR__TRITON_FINAL;
}

static mr__triton_fault http_server(mr__triton_session *session, uint64_t deadline_ns,
                                    mr__triton_server *out, mr_error *err)
{
    mr__wire *self = (mr__wire *)session;
    mr__wire_request r = {
        .what = "server", .answer_max = MR__WIRE_SHORT_MAX, .deadline_ns = deadline_ns};
    mr__triton_fault fault;

    begin_url(self, r.url);
    fault = mr__wire_ask(self, &r, err);
    if (fault != MR__TRITON_NONE)
        return fault;
    return read_as(mr__triton_read_server(mr__wire_text(self), self->body.len, out, err), r.what,
                   err);
}

static mr__triton_fault http_model(mr__triton_session *session, uint64_t deadline_ns,
                                   mr__triton_model *out, mr_error *err)
{
    mr__wire *self = (mr__wire *)session;
    const mr__triton_options *o = session->options;
    mr__wire_request r = {
        .what = "model", .answer_max = MR__WIRE_SHORT_MAX, .deadline_ns = deadline_ns};
    mr__triton_fault fault;

    begin_url(self, r.url);
    if (!add_model(r.url, o->model, o->version))
        return out_of_memory(err);
    fault = mr__wire_ask(self, &r, err);
    if (fault == MR__TRITON_NONE)
        fault = read_as(mr__triton_read_metadata(mr__wire_text(self), self->body.len, out, err),
                        r.what, err);
    if (fault != MR__TRITON_NONE)
        return fault;
    (void)mr__text_append(r.url, MR__WIRE_URL_SIZE, "/config");
    r.what = "configuration of the model";
    fault = mr__wire_ask(self, &r, err);
    /* other servers of this protocol have no such thing: then the shapes alone count */
    if (fault == MR__TRITON_UNKNOWN || fault == MR__TRITON_REFUSED || fault == MR__TRITON_FINAL)
        return MR__TRITON_NONE;
    if (fault != MR__TRITON_NONE)
        return fault;
    return read_as(mr__triton_read_config(mr__wire_text(self), self->body.len, out, err), r.what,
                   err);
}

/* The JSON of an inference; NULL: no memory. */
static char *infer_json(const mr__triton_infer *infer)
{
    json_t *shape = json_array(), *where, *root;
    char *text;

    for (uint32_t i = 0; i < infer->input->rank; i++)
        (void)json_array_append_new(shape, json_integer(infer->input->dim[i]));
    if (infer->region)
        where = json_pack("{s:s,s:I,s:I}", "shared_memory_region", infer->region,
                          "shared_memory_offset", (json_int_t)infer->offset,
                          "shared_memory_byte_size", (json_int_t)infer->bytes);
    else
        where = json_pack("{s:I}", "binary_data_size", (json_int_t)infer->bytes);
    root = json_pack("{s:[{s:s,s:s,s:o,s:o}],s:[{s:s,s:{s:b}}]}", "inputs", "name",
                     infer->input->name, "datatype", mr__triton_type_name(infer->input->type),
                     "shape", shape, "parameters", where, "outputs", "name", infer->output,
                     "parameters", "binary_data", 1);
    text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

static mr__triton_fault http_infer(mr__triton_session *session, const mr__triton_infer *infer,
                                   mr__triton_answer *out, mr_error *err)
{
    mr__wire *self = (mr__wire *)session;
    mr__wire_request r = {.what = "inference",
                          .data = infer->region ? NULL : infer->data,
                          .bytes = infer->bytes,
                          .answer_max = infer->answer_max,
                          .deadline_ns = infer->deadline_ns};
    char *json = infer_json(infer);
    mr__triton_fault fault;

    r.json = json;
    begin_url(self, r.url);
    if (!json || !add_model(r.url, infer->model, infer->version) ||
        !mr__text_append(r.url, MR__WIRE_URL_SIZE, "/infer")) {
        free(json);
        return out_of_memory(err);
    }
    fault = mr__wire_ask(self, &r, err);
    free(json);
    if (fault != MR__TRITON_NONE)
        return fault;
    if (self->json_bytes == MR__WIRE_NO_LENGTH) {
        (void)mr__error_set(err, MR_E_ENV,
                            "inference: the server answered without binary data: "
                            "it does not have the extension binary_tensor_data");
        return MR__TRITON_FINAL;
    }
    return read_as(mr__triton_read_answer(mr__wire_text(self), self->body.len,
                                          (size_t)self->json_bytes, infer->output, out, err),
                   r.what, err);
}

/* POST /v2/systemsharedmemory/region/NAME/VERB */
static mr__triton_fault region(mr__wire *self, const char *name, const char *verb,
                               mr__wire_request *r, mr_error *err)
{
    r->answer_max = MR__WIRE_SHORT_MAX;
    begin_url(self, r->url);
    if (!mr__text_append(r->url, MR__WIRE_URL_SIZE, "/systemsharedmemory/region/") ||
        !mr__triton_encode(r->url, MR__WIRE_URL_SIZE, name, "") ||
        !mr__text_append(r->url, MR__WIRE_URL_SIZE, verb))
        return out_of_memory(err);
    return mr__wire_ask(self, r, err);
}

static mr__triton_fault http_add_region(mr__triton_session *session, uint64_t deadline_ns,
                                        const mr__triton_region *what, mr_error *err)
{
    char json[256];
    mr__wire_request r = {.what = "shared memory", .json = json, .deadline_ns = deadline_ns};
    int n = snprintf(json, sizeof json, "{\"key\":\"%s\",\"offset\":0,\"byte_size\":%zu}",
                     what->key, what->bytes);

    if (n < 0 || (size_t)n >= sizeof json)
        return out_of_memory(err);
    return region((mr__wire *)session, what->name, "/register", &r, err);
}

static mr__triton_fault http_drop_region(mr__triton_session *session, uint64_t deadline_ns,
                                         const char *name, mr_error *err)
{
    mr__wire_request r = {.what = "shared memory", .json = "", .deadline_ns = deadline_ns};

    return region((mr__wire *)session, name, "/unregister", &r, err);
}

const mr__triton_transport mr__triton_http = {
    .name = "http",
    .open = http_open,
    .close = http_close,
    .server = http_server,
    .model = http_model,
    .infer = http_infer,
    .add_region = http_add_region,
    .drop_region = http_drop_region,
};
