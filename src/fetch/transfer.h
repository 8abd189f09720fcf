/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP, inside. One engine thread runs all transfers of a context on one curl multi handle, so that
 * they share its connections, names and TLS sessions; callers block on their own transfer:
 *
 *   caller                                    engine thread
 *   mr__engine_run: START  ────────────────▶  RUNNING: bytes go to `small`, at most 256 KiB, or
 *                                             to the room that the caller lent for so many
 *   HELD: takes room for the rest  ◀────────  body is larger: paused, its connection waits
 *   mr__engine_run: RESUME ────────────────▶  RUNNING: bytes go to `dst`
 *   DONE: judges it, perhaps starts again ◀─  over: the body is whole, or `result` says why not
 *
 * A transfer is the engine's while it is RUNNING and its caller's otherwise: commands go to the
 * engine over a list without a lock, and a semaphore of the transfer brings it back. So what is
 * allocated here is bounded by the number of callers, and a body that is larger waits in the kernel
 * and in its server until its caller has memory for it. While it is held no deadline counts.
 */
#ifndef MR_FETCH_TRANSFER_H
#define MR_FETCH_TRANSFER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "fetch/curl.h"
#include "fetch/fetch.h"

#define MR__HTTP_REDIRECTS   5
#define MR__HTTP_HEADERS_MAX ((size_t)64 << 10) /* of one answer, all together */
#define MR__HTTP_IGNORED_MAX ((size_t)64 << 10) /* of an error page, to keep its connection */
#define MR__HTTP_IDLE_MAX    64                 /* easy handles that are kept, and buffers */

typedef enum mr__transfer_state {
    MR__TRANSFER_DONE = 0,
    MR__TRANSFER_RUNNING,
    MR__TRANSFER_HELD
} mr__transfer_state;

typedef enum mr__transfer_command {
    MR__COMMAND_START = 0,
    MR__COMMAND_RESUME,
    MR__COMMAND_CANCEL
} mr__transfer_command;

/* Why we ended a transfer ourselves. */
typedef enum mr__transfer_end {
    MR__END_NONE = 0,
    MR__END_TOTAL, /* deadlines */
    MR__END_HEAD,
    MR__END_IDLE,
    MR__END_HEADERS, /* too many bytes of headers */
    MR__END_CODED,   /* a content coding that was not asked for */
    MR__END_FULL,    /* more bytes than there is room for */
    MR__END_STATUS,  /* the page of an error is too long */
    MR__END_MEMORY,
    MR__END_INTERRUPTED
} mr__transfer_end;

typedef struct mr__engine mr__engine;

/* What an answer says of itself. */
typedef struct mr__answer {
    long status;
    int64_t length; /* of the body; -1: not said */
    int64_t mtime_ns;
    char etag[MR__ETAG_MAX];
    char coding[32]; /* Content-Encoding, if it is not identity */
    uint32_t retry_after_ms;
    size_t header_bytes, ignored_bytes;
    bool complete; /* all its headers are there */
    bool begun;    /* bytes of a body that is wanted have come */
} mr__answer;

typedef struct mr__transfer {
    mr__engine *engine;
    struct mr__transfer *next_command, *next_running;
    sem_t back;                   /* raised when it is its caller's again */
    mr__transfer_state state;     /* written by whose it is, before that changes */
    mr__transfer_command command; /* the last one given */
    CURL *easy;

    const char *url;
    bool head_only;
    bool fresh; /* not on a connection that was used before */
    mr__buf small;
    mr__fetch_room *room; /* lent for a small body, or NULL */
    unsigned char *dst;   /* where the body goes, or NULL: `small` */
    size_t dst_size, got;

    mr__answer answer;
    mr__transfer_end end;
    CURLcode result;
    char text[CURL_ERROR_SIZE];
    const char *refused; /* kind of an address that was not connected to */
    uint64_t deadline_ns, started_ns, last_ns, held_ns;
} mr__transfer;

/* What one transfer leaves to the next: making them anew costs more than all the rest. */
typedef struct mr__kept {
    CURL *easy;
    mr__buf small;
} mr__kept;

struct mr__engine {
    mr__fetch_options options;
    const atomic_bool *interrupted;
    mr__curl curl;
    CURLM *multi;
    struct curl_slist *headers;
    pthread_t thread;
    bool runs;
    int epoll, doorbell;              /* the doorbell is an eventfd, watched by the epoll */
    _Atomic(mr__transfer *) commands; /* the latest first */
    atomic_bool closing, asleep;      /* asleep: rings are needed */
    pthread_mutex_t lock;             /* for the three that follow */
    pthread_cond_t stopped;           /* broadcast when `interrupted` was seen */
    mr__kept kept[MR__HTTP_IDLE_MAX];
    size_t n_kept;
    mr__transfer *running; /* the engine thread's, and the next one */
    uint64_t timer_ns;     /* when libcurl wants to be called; 0: it does not */
};

/* engine.c */
/* A thread that takes no signal of the host's; SIGPIPE of a TLS write stays with it too. 0 or
 * errno. */
int mr__engine_thread(pthread_t *thread, void *(*main)(void *), void *arg);

mr_status mr__engine_open(const mr__fetch_options *options, const atomic_bool *interrupted,
                          mr__engine **out, mr_error *err);
void mr__engine_close(mr__engine **engine);
/* Wakes it to look at `interrupted`. Async-signal-safe. */
void mr__engine_wake(mr__engine *engine);

/* Gives the command and waits until the transfer is HELD or DONE. */
void mr__engine_run(mr__transfer *transfer, mr__transfer_command command);

/* Waits, for a retry. False when interrupted. */
bool mr__engine_pause(mr__engine *engine, uint32_t ms);

/* Gives the transfer its easy handle and `small`; false when out of memory. */
bool mr__engine_equip(mr__transfer *transfer);
void mr__engine_unequip(mr__transfer *transfer);

/* response.c: the request, and what is done with the answer as it arrives. */
bool mr__transfer_prepare(mr__transfer *transfer);

#endif
