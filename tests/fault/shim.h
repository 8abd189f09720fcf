/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes chosen calls fail. The program that links shim.c defines malloc and the system calls below
 * itself, so that every library in the process goes through them, and hands them on to libc.
 */
#ifndef MR_TESTS_SHIM_H
#define MR_TESTS_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum shim_call {
    SHIM_ALLOC = 0, /* malloc, calloc, realloc, posix_memalign, aligned_alloc, and what uses them */
    SHIM_MEMFD_CREATE,
    SHIM_FTRUNCATE,
    SHIM_FALLOCATE,
    SHIM_MMAP,
    SHIM_FCNTL,
    SHIM_EVENTFD,
    SHIM_EPOLL_CREATE,
    SHIM_EPOLL_CTL,
    SHIM_TIMERFD_CREATE,
    SHIM_THREAD,
    SHIM_SPAWN,
    SHIM_PIDFD_OPEN,
    SHIM_OPEN,
    SHIM_READ,
    SHIM_FSTAT,
    SHIM_PWRITE,
    SHIM_FSYNC,
    SHIM_CALLS
} shim_call;

const char *shim_name(shim_call call);

/* The `nth` such call from here on (from 1) fails; if `lasting`, all after it as well. */
void shim_arm(shim_call call, uint64_t nth, bool lasting);

/* Nothing fails any more. Was anything made to fail since shim_arm? */
bool shim_disarm(void);

/* Blocks allocated and not freed. */
int64_t shim_live(void);

/* Allocations by code that does not lie in `[low, high)`, since the process began. */
void shim_except(uintptr_t low, uintptr_t high);
uint64_t shim_allocations(void);

#endif
