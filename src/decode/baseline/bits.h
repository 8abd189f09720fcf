/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits of entropy-coded data, the most significant first.
 *
 * The next bits stand at the top of a 64-bit word. A refill is one big-endian load of eight bytes
 * without a branch: bytes that are already in the word are or-ed onto themselves. After it at least
 * 56 bits are there: more than any code of 16 bits with its 15 bits of value.
 *
 * Nothing here looks for the end of the data: MR__BITS_PAD zeros stand behind them, more than one
 * MCU can use, whatever it reads, and mr__bits_overrun tells after each MCU whether it used any.
 */
#ifndef MR_DECODE_BASELINE_BITS_H
#define MR_DECODE_BASELINE_BITS_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Most bytes of an MCU: 10 blocks of one DC symbol (16 + 11 bits) and 63 AC symbols (16 + 10). */
#define MR__BITS_MCU ((10u * (27u + 63u * 26u) + 7u) / 8u)
#define MR__BITS_PAD (MR__BITS_MCU + 16u)

typedef struct mr__bits {
    uint64_t word;       /* the next bits, from the top */
    uint32_t count;      /* how many of them are real, 0..63 */
    const uint8_t *next; /* byte that the next refill loads first */
    const uint8_t *end;  /* of the data; MR__BITS_PAD zeros follow */
} mr__bits;

static inline uint64_t mr__bits_be64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

static inline void mr__bits_refill(mr__bits *bits)
{
    bits->word |= mr__bits_be64(bits->next) >> bits->count;
    bits->next += (63 - bits->count) >> 3;
    bits->count |= 56;
}

static inline void mr__bits_drop(mr__bits *bits, uint32_t n)
{
    bits->word <<= n;
    bits->count -= n;
}

/* First byte of which no bit has been used. */
static inline const uint8_t *mr__bits_at(const mr__bits *bits)
{
    return bits->next - bits->count / 8;
}

/* Were bits used that are not there? To be asked after each MCU. */
static inline bool mr__bits_overrun(const mr__bits *bits)
{
    return mr__bits_at(bits) > bits->end;
}

#endif
