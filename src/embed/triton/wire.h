/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a server over HTTP/1.1, and one exchange on it. An easy handle of libcurl keeps
 * the connection.
 *
 * No proxy is used, whatever the environment says: a server of models is near. No redirect is
 * followed: it would take the headers, and the pictures, to another place.
 */
#ifndef MR_EMBED_TRITON_WIRE_H
#define MR_EMBED_TRITON_WIRE_H

#include "base/buf.h"
#include "embed/triton/transport.h"
#include "fetch/curl.h"

enum {
    MR__WIRE_URL_SIZE = 6 * MR__TRITON_NAME_SIZE + 128,
    MR__WIRE_SHORT_MAX = 1 << 20, /* bytes of an answer that has no tensor */
    MR__WIRE_NO_LENGTH = -1
};

typedef struct mr__wire {
    mr__triton_session base;
    mr__curl curl;
    CURL *easy;
    char reason[CURL_ERROR_SIZE];
    mr__buf body;    /* of the answer */
    bool too_long;   /* it was more than allowed */
    bool connecting; /* over a connection that is being made nothing was sent yet */
    long json_bytes; /* Inference-Header-Content-Length; MR__WIRE_NO_LENGTH: there was none */
    /* what is sent: two parts, one after the other */
    struct {
        const char *data;
        size_t n;
    } part[2];
    size_t sent;
} mr__wire;

/* What is asked. */
typedef struct mr__wire_request {
    const char *what; /* "model", for messages */
    char url[MR__WIRE_URL_SIZE];
    const char *json; /* NULL: GET */
    const void *data; /* behind the JSON */
    size_t bytes;
    size_t answer_max;
    uint64_t deadline_ns;
} mr__wire_request;

mr_status mr__wire_open(const mr__triton_transport *transport, const mr__triton_options *options,
                        mr__wire **out, mr_error *err);
void mr__wire_close(mr__wire *wire);

/* MR__TRITON_NONE: the answer is 200, and in `body`. */
mr__triton_fault mr__wire_ask(mr__wire *wire, const mr__wire_request *request, mr_error *err);

/* The answer's text: never NULL. */
const char *mr__wire_text(const mr__wire *wire);

#endif
