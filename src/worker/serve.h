/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's loop: claim a unit, run its items, answer, ring. The same code runs as a process or
 * as a thread. */
#ifndef MR_WORKER_SERVE_H
#define MR_WORKER_SERVE_H

#include "base/error.h"
#include "ring/layout.h"

/* The three areas as this worker maps them. */
typedef struct mr__areas {
    mr__control *control;
    const uint8_t *slab;
    uint8_t *slots;
    int event_fd;
} mr__areas;

typedef struct mr__serve mr__serve;

/* Allocates scratch and warms everything up, so that nothing is loaded or resolved later. `areas`
 * is copied. */
mr_status mr__serve_open(const mr__areas *areas, mr__serve **out, mr_error *err);

/* Serves the mailbox until the host says shutdown. */
void mr__serve_run(mr__serve *serve);

void mr__serve_close(mr__serve **serve);

#endif
