/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory with a name, so that a server on this machine can open it: what memfds are for
 * everything else (area.h). It differs in two ways. It cannot be sealed: who has its descriptor, or
 * our rights and its name, can shrink it. And a name outlives a process that is killed: so its
 * owner holds a lock on it (flock, which ends with the process), and whoever makes the next name
 * removes those that nobody holds.
 */
#ifndef MR_PROC_NAMED_H
#define MR_PROC_NAMED_H

#include "millrace/stream.h"
#include "proc/area.h"

typedef struct mr__named {
    char key[48]; /* for shm_open: "/millrace-slots-0123456789abcdef"; "": there is none */
    int lock_fd;  /* -1: none */
} mr__named;

/* Removes what dead owners left, makes an area of our user's alone and a name for it. MR_E_ENV,
 * MR_E_NO_MEMORY: there is no /dev/shm, or too little room in it; the area is then as never opened.
 * On success the area is closed by mr__area_close, after mr__named_close. */
mr_status mr__named_open(mr__named *named, mr__area *area, size_t bytes, mr_error *err);

/* Removes the name; the memory lives on where it is mapped. */
void mr__named_close(mr__named *named);

/* Where the batch slots of a pool lie. */
typedef struct mr__slots_region {
    const char *key; /* for shm_open; NULL: they have no name */
    const char *why; /* it was wanted, and cannot be had */
    void *base;
    size_t bytes;
} mr__slots_region;

/* pool.c: it lives as long as the pool. */
void mr__pool_slots_region(const mr_pool *pool, mr__slots_region *out);

/* Removes the names that nobody holds. */
void mr__named_sweep(void);

#endif
