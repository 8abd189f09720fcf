/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory without a name: a memfd, sealed against resizing, mapped, reserved before it is
 * used. */
#ifndef MR_PROC_AREA_H
#define MR_PROC_AREA_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct mr__area {
    uint8_t *base;
    size_t bytes;
    int fd;
} mr__area;

/* `name` is what /proc/PID/maps shows. Nothing of it may be touched before it is reserved. */
mr_status mr__area_open(mr__area *area, const char *name, size_t bytes, mr_error *err);

/* Gives the part memory of its own, so that touching it later cannot fail. MR_E_NO_MEMORY. */
mr_status mr__area_reserve(mr__area *area, size_t offset, size_t bytes, mr_error *err);

/* From here on nobody but this process, through the mapping that it has, can write
 * (F_SEAL_FUTURE_WRITE). */
mr_status mr__area_seal_writes(mr__area *area, mr_error *err);

/* Unmaps what lies between two offsets, both multiples of a page. */
void mr__area_unmap(mr__area *area, size_t from, size_t to);

/* Unmaps and closes. One that was never opened is allowed: its fd is -1, since 0 may be ours. */
void mr__area_close(mr__area *area);

#endif
