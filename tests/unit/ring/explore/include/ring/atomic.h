/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in front of src/ring/atomic.h in the include path of the explorer: the same operations,
 * each of them a point at which the other side may run. A copy has two halves, so that a torn one
 * is seen. Orders weaker than sequential are not modelled: ThreadSanitizer watches those.
 */
#ifndef MR_RING_ATOMIC_H
#define MR_RING_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t mr__word;
typedef uint64_t mr__wide;

uint64_t explore_load(const void *at, size_t size);
void explore_store(void *at, size_t size, uint64_t value);
bool explore_cas(uint32_t *at, uint32_t from, uint32_t to);
void explore_copy_in(void *shared, const void *private_bytes, size_t n);
void explore_copy_out(void *private_bytes, const void *shared, size_t n);

static inline uint32_t mr__word_load(const mr__word *word)
{
    return (uint32_t)explore_load(word, sizeof *word);
}

static inline void mr__word_store(mr__word *word, uint32_t value)
{
    explore_store(word, sizeof *word, value);
}

static inline bool mr__word_cas(mr__word *word, uint32_t from, uint32_t to)
{
    return explore_cas(word, from, to);
}

static inline void mr__word_bump(mr__word *word)
{
    mr__word_store(word, mr__word_load(word) + 1);
}

static inline uint64_t mr__wide_load(const mr__wide *wide)
{
    return explore_load(wide, sizeof *wide);
}

static inline void mr__wide_store(mr__wide *wide, uint64_t value)
{
    explore_store(wide, sizeof *wide, value);
}

static inline void mr__copy_in(void *shared, const void *private_bytes, size_t n)
{
    explore_copy_in(shared, private_bytes, n);
}

static inline void mr__copy_out(void *private_bytes, const void *shared, size_t n)
{
    explore_copy_out(private_bytes, shared, n);
}

#endif
