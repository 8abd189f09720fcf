/* SPDX-License-Identifier: Apache-2.0 */
/* A web server in this process: a thread for each connection, which it keeps open. */
#ifndef TEST_FETCH_WEB_H
#define TEST_FETCH_WEB_H

#include <stdint.h>

typedef struct web web;

/* On a free port of 127.0.0.1. Paths: /N      N bytes, byte i is (i + N) % 251; ETag "N"
 *                                     /N/late the same without saying the length
 *                                     /N/meet/K  the same, when K requests of /.../meet/... wait
 *                                     /404    that status
 *                                     /never  no answer, until the client leaves */
web *web_start(void);
void web_stop(web *server);
uint16_t web_port(const web *server);
unsigned web_connections(web *server); /* so far */
/* Blocks until so many requests of /never have come. */
void web_wait_never(web *server, unsigned n);

#endif
