/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every access to shared words goes through this header; no other file names a memory order.
 *
 * Rule: whoever writes payload and then a word uses `store` or `cas` (release); whoever reads the
 * word and then the payload uses `load` or `cas` (acquire). Payload crosses with `copy_in` and
 * `copy_out`, so that the other side can change it under our feet without the compiler reading it
 * twice: after a copy out only the copy is looked at. The interleaving explorer of the tests
 * replaces this header by one of its own.
 */
#ifndef MR_RING_ATOMIC_H
#define MR_RING_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef _Atomic uint32_t mr__word;
typedef _Atomic uint64_t mr__wide;

static inline uint32_t mr__word_load(const mr__word *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static inline void mr__word_store(mr__word *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

/* Changes `word` from `from` to `to`; false if it was something else. */
static inline bool mr__word_cas(mr__word *word, uint32_t from, uint32_t to)
{
    return atomic_compare_exchange_strong_explicit(word, &from, to, memory_order_acq_rel,
                                                   memory_order_acquire);
}

/* For the single writer of a word: the others only read it. */
static inline void mr__word_bump(mr__word *word)
{
    uint32_t now = atomic_load_explicit(word, memory_order_relaxed);

    atomic_store_explicit(word, now + 1, memory_order_release);
}

static inline uint64_t mr__wide_load(const mr__wide *wide)
{
    return atomic_load_explicit(wide, memory_order_acquire);
}

static inline void mr__wide_store(mr__wide *wide, uint64_t value)
{
    atomic_store_explicit(wide, value, memory_order_release);
}

/* Private memory to shared memory. */
static inline void mr__copy_in(void *shared, const void *private_bytes, size_t n)
{
    memcpy(shared, private_bytes, n);
}

/* Shared memory to private memory, exactly once. */
static inline void mr__copy_out(void *private_bytes, const void *shared, size_t n)
{
    memcpy(private_bytes, shared, n);
    atomic_signal_fence(memory_order_seq_cst);
}

#endif
