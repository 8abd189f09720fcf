/* SPDX-License-Identifier: Apache-2.0 */
/* Checked size arithmetic: every product or sum that sizes memory goes through here. */
#ifndef MR_BASE_SIZE_H
#define MR_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool mr__size_add(size_t *out, size_t a, size_t b)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool mr__size_mul(size_t *out, size_t a, size_t b)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* Rounds up to a multiple of `unit`, a power of two. */
static inline bool mr__size_align(size_t *out, size_t a, size_t unit)
{
    if (!mr__size_add(out, a, unit - 1))
        return false;
    *out &= ~(unit - 1);
    return true;
}

#endif
