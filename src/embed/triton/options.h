/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows "triton:" in a specification: SCHEME://HOST[:PORT]/MODEL[/VERSION][?KEY=VALUE[&...]]
 * with SCHEME http, https, grpc or grpcs.
 *
 *   input=NAME output=NAME     which of the model's, where it has several
 *   shm=auto|off|require       hand tensors over in shared memory: where the server is on this
 *                              machine; never; or not at all without it
 *   timeout=TIME               deadline of one request, 60s
 *   retries=N delay=TIME       a request that failed is made again so often, after such a pause
 *                              (twice as long each time, with jitter): 3, 100ms
 *   wait=TIME                  that a batch waits for a server that is down, loading or full: 2m
 *   in_flight=N                requests at once; default: two for each instance of the model
 *   batch=N                    rows a request at most, below what the model allows
 *   headers=FILE               lines "Name: value", sent with every request
 *   ca=FILE cert=FILE key=FILE TLS: whom to trust, and who we are
 *
 * In values %XX stands for a byte. The canonical text has what finds the same vectors again: the
 * address, model, version, input, output and the names of the files, never what is in them.
 */
#ifndef MR_EMBED_TRITON_OPTIONS_H
#define MR_EMBED_TRITON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    MR__TRITON_NAME_SIZE = 256,
    MR__TRITON_PATH_SIZE = 1024,
    MR__TRITON_HEADERS_MAX = 16,
    MR__TRITON_HEADER_SIZE = 2048,
    MR__TRITON_SPEC_SIZE = 4 * 3 * MR__TRITON_PATH_SIZE + 4 * 3 * MR__TRITON_NAME_SIZE + 256
};

typedef enum mr__triton_shm {
    MR__TRITON_SHM_AUTO = 0,
    MR__TRITON_SHM_OFF,
    MR__TRITON_SHM_REQUIRE
} mr__triton_shm;

typedef struct mr__triton_options {
    bool grpc, tls;
    char host[MR__TRITON_NAME_SIZE]; /* IPv6 without its brackets */
    uint16_t port;
    char model[MR__TRITON_NAME_SIZE];
    char version[24]; /* digits; "": the server's choice */
    char input[MR__TRITON_NAME_SIZE], output[MR__TRITON_NAME_SIZE]; /* "": the only one */
    mr__triton_shm shm;
    uint32_t timeout_ms, retries, delay_ms, wait_ms;
    uint32_t in_flight, batch; /* 0: not said */
    char ca[MR__TRITON_PATH_SIZE], cert[MR__TRITON_PATH_SIZE], key[MR__TRITON_PATH_SIZE];
    char headers_file[MR__TRITON_PATH_SIZE];
    char *headers[MR__TRITON_HEADERS_MAX]; /* "Name: value", of the file; owned */
    size_t n_headers;
} mr__triton_options;

/* MR_E_INVALID names what is wrong, and the nearest key. No secret is in what it says. */
mr_status mr__triton_options_parse(const char *rest, mr__triton_options *out, mr_error *err);

/* Reads the file of headers, if one is named. MR_E_ENV: it cannot be read. MR_E_INVALID: it holds
 * something else; the line is named, not shown. */
mr_status mr__triton_options_headers(mr__triton_options *options, mr_error *err);

void mr__triton_options_fini(mr__triton_options *options);

/* Canonical specification. */
mr_status mr__triton_options_print(const mr__triton_options *options, char *text, size_t size,
                                   mr_error *err);

/* "127.0.0.1:8000", "[::1]:8000" */
const char *mr__triton_address(const mr__triton_options *options, char *text, size_t size);

/* Appends `value` with every byte that is not unreserved (RFC 3986) or in `plain` as %XX. */
bool mr__triton_encode(char *text, size_t size, const char *value, const char *plain);

#endif
