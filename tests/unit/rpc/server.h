/* SPDX-License-Identifier: Apache-2.0 */
/* A small gRPC server on a thread, by C-core itself. */
#ifndef TESTS_UNIT_RPC_SERVER_H
#define TESTS_UNIT_RPC_SERVER_H

#include <stdint.h>

/*
 * Methods: /t/Echo gives the message back; /t/Meta the value of "authorization"; /t/FailN ends with
 * status N and the message "no: \xc3\xa9\n!"; /t/Hang never answers; /t/Gather answers once
 * `server_gather` calls of it are there.
 */
typedef struct server server;

enum { server_gather = 4 };

/* On 127.0.0.1, at `port` or, if it is 0, at a free one. `cert` and `key`: PEM texts, or NULL for a
 * plain server. NULL: it does not start. */
server *server_open(uint16_t port, const char *cert, const char *key);
uint16_t server_port(const server *s);
/* Calls that clients have ended early, so far. */
uint32_t server_cancelled(const server *s);
/* Ends all calls and connections. */
void server_close(server *s);

/* Writes a certificate of "db.test" and its key, PEM, with openssl; its exit status. */
int server_certificate(const char *cert, const char *key);

#endif
