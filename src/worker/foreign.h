/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a worker program of somebody else's: the units that it serves, and their pixels. */
#ifndef MR_WORKER_FOREIGN_H
#define MR_WORKER_FOREIGN_H

#include "millrace/worker.h"
#include "worker/job.h"
#include "worker/serve.h"

/* One item of the unit that is being served. */
typedef struct mr__foreign_slot {
    const mr__item_desc *desc;
    mr__item_answer *answer;
    bool answered;
    bool is_shared;         /* handed out as it lies in the slab */
    uint8_t *pixels;        /* else: decoded to here; kept from unit to unit */
    size_t capacity;        /* of them */
    size_t pixel_bytes;     /* that this item needs of them */
    size_t work_bytes;      /* that decoding it needs besides, over the standing allowance */
    uint32_t height, width; /* as handed out */
    mr__picture picture;    /* what is to be decoded */
    uint32_t detail_at, detail_bytes;
} mr__foreign_slot;

struct mr_worker {
    mr__areas areas;
    mr_worker_options options;
    mr__serve *serve;
    void *data;
    size_t data_bytes;

    size_t row_bytes;
    mr_worker_run_fn *run;
    void *cookie;

    mr__transform *rgb; /* decoded pictures of this size to RGB */
    mr__picture rgb_of;
    uint32_t n; /* items of the unit */
    uint64_t max_pixels;
    mr__foreign_slot slots[MR__UNIT_ITEMS];
    mr_worker_item items[MR__UNIT_ITEMS];
    char detail[MR__DETAIL_MAX];
    uint32_t detail_used;
};

/* foreign_unit.c: serves one unit (mr__serve_unit_fn). */
void mr__foreign_unit(void *worker, const mr__unit_desc *unit, mr__unit_answer *answer,
                      char *detail);

/* confine.c: takes from an interpreter what a preprocessor does not need: writing files, the
 * network, other processes, privileges. Layers as mr_sandbox_layer. */
uint32_t mr__confine(uint32_t *landlock_abi);

#endif
