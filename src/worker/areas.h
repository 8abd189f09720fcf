/* SPDX-License-Identifier: Apache-2.0 */
/* The shared areas, as a worker maps them from the descriptors that it was started with. */
#ifndef MR_WORKER_AREAS_H
#define MR_WORKER_AREAS_H

#include "ring/layout.h"

typedef struct mr__areas {
    mr__control *control;
    const uint8_t *slab;
    uint8_t *slots;
    int event_fd;
} mr__areas;

/* Checks before it believes, maps, and closes the descriptors but for the event's. MR__EXIT_OK, or
 * the status that a worker exits with. */
int mr__areas_map(mr__areas *areas);

/* Of areas that were mapped. The event's descriptor stays open. */
void mr__areas_unmap(mr__areas *areas);

#endif
