/* SPDX-License-Identifier: Apache-2.0 */
/* Closing the door: after this the process computes on memory that it already has, and nothing
 * else. */
#ifndef MR_WORKER_SANDBOX_H
#define MR_WORKER_SANDBOX_H

#include <stdint.h>

/*
 * Before anything else: die with the parent, whose process id must be `parent`; no dumps, no
 * ptrace; ignore SIGINT. Returns false if the parent is gone already.
 */
int mr__sandbox_attach(int parent);

typedef struct mr__sandbox_state {
    uint32_t layers;       /* mr_sandbox_layer bits that took hold */
    uint32_t landlock_abi; /* 0: none */
} mr__sandbox_state;

/*
 * Takes away privileges, files, network, processes and memory over `memory_bytes`, as far as the
 * kernel can. Each layer that fails is left out of the answer; the host decides whether that is
 * enough. `event_fd` is the one descriptor that may still be written to.
 */
mr__sandbox_state mr__sandbox_close_door(int event_fd, uint64_t memory_bytes);

#endif
