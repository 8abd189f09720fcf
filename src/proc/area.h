/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory without a name: a memfd, reserved up front, sealed against resizing, mapped. */
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

/* `name` is what /proc/PID/maps shows. MR_E_NO_MEMORY if the bytes cannot be reserved. */
mr_status mr__area_open(mr__area *area, const char *name, size_t bytes, mr_error *err);

/* From here on nobody but this process, through the mapping that it has, can write
 * (F_SEAL_FUTURE_WRITE). */
mr_status mr__area_seal_writes(mr__area *area, mr_error *err);

/* Unmaps and closes; an area of zeroes is allowed. */
void mr__area_close(mr__area *area);

#endif
