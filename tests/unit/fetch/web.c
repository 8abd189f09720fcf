/* SPDX-License-Identifier: Apache-2.0 */
#include "web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 512, REQUEST = 4096 };

typedef struct connection {
    web *server;
    pthread_t thread;
    int fd;
} connection;

struct web {
    int listener;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned n, never, met;
    connection connections[CONNECTIONS];
};

static bool send_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;

    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool send_body(int fd, unsigned long n, bool late, bool head_only)
{
    char head[256], *body = malloc(n + 1);
    bool ok;

    if (late)
        (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nETag: \"%lu\"\r\n\r\n", n);
    else
        (void)snprintf(head, sizeof head,
                       "HTTP/1.1 200 OK\r\nETag: \"%lu\"\r\nContent-Length: %lu\r\n\r\n", n, n);
    for (unsigned long i = 0; body && i < n; i++)
        body[i] = (char)((i + n) % 251);
    ok = body && send_all(fd, head, strlen(head)) && (head_only || send_all(fd, body, n));
    free(body);
    return ok && !late;
}

/* Waits for the others, a minute at most: then whoever asks one after the other has lost. */
static void meet(web *w, unsigned wanted)
{
    struct timespec until;
    int rc = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&w->lock);
    w->met++;
    (void)pthread_cond_broadcast(&w->changed);
    while (w->met < wanted && rc == 0)
        rc = pthread_cond_timedwait(&w->changed, &w->lock, &until);
    pthread_mutex_unlock(&w->lock);
}

/* Answers one request; false: the connection ends. */
static bool answer(connection *c, const char *request)
{
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    bool head_only = strncmp(request, "HEAD ", 5) == 0;
    const char *path = strchr(request, '/'), *others = strstr(request, "/meet/");
    char byte;

    if (!path)
        return false;
    if (strncmp(path, "/404 ", 5) == 0)
        return send_all(c->fd, missing, sizeof missing - 1);
    if (strncmp(path, "/never ", 7) == 0) {
        pthread_mutex_lock(&c->server->lock);
        c->server->never++;
        (void)pthread_cond_broadcast(&c->server->changed);
        pthread_mutex_unlock(&c->server->lock);
        (void)recv(c->fd, &byte, 1, 0);
        return false;
    }
    if (others)
        meet(c->server, (unsigned)strtoul(others + 6, NULL, 10));
    return send_body(c->fd, strtoul(path + 1, NULL, 10), strstr(path, "/late ") != NULL, head_only);
}

static void *serve(void *arg)
{
    connection *c = arg;
    char request[REQUEST];
    size_t n = 0;

    for (;;) {
        ssize_t got = recv(c->fd, request + n, sizeof request - 1 - n, 0);

        if (got <= 0)
            break;
        n += (size_t)got;
        request[n] = '\0';
        if (!strstr(request, "\r\n\r\n"))
            continue;
        n = 0; /* libcurl does not pipeline */
        if (!answer(c, request))
            break;
    }
    (void)shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

static void *listen_for(void *arg)
{
    web *w = arg;
    int fd;

    while ((fd = accept(w->listener, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&w->lock);
        if (w->n == CONNECTIONS)
            abort();
        w->connections[w->n] = (connection){.server = w, .fd = fd};
        if (pthread_create(&w->connections[w->n].thread, NULL, serve, &w->connections[w->n]) != 0)
            abort();
        w->n++;
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

web *web_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    web *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->changed, NULL);
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(w->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(w->listener, 128) != 0 ||
        getsockname(w->listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&w->thread, NULL, listen_for, w) != 0)
        abort();
    w->port = ntohs(address.sin_port);
    return w;
}

void web_stop(web *w)
{
    (void)shutdown(w->listener, SHUT_RDWR);
    (void)pthread_join(w->thread, NULL);
    (void)close(w->listener);
    for (unsigned i = 0; i < w->n; i++) {
        (void)shutdown(w->connections[i].fd, SHUT_RDWR);
        (void)pthread_join(w->connections[i].thread, NULL);
        (void)close(w->connections[i].fd);
    }
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

uint16_t web_port(const web *w)
{
    return w->port;
}

unsigned web_connections(web *w)
{
    unsigned n;

    pthread_mutex_lock(&w->lock);
    n = w->n;
    pthread_mutex_unlock(&w->lock);
    return n;
}

void web_wait_never(web *w, unsigned n)
{
    pthread_mutex_lock(&w->lock);
    while (w->never < n)
        (void)pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
}
