/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huffman tables as JPEG has them, made for decoding: a symbol and the value behind it are one look
 * at the next ten bits. An entry says all that follows from them:
 *
 *   bits  0..7    length of code and value together: how far to go on
 *   bits  8..15   length of the code
 *   bits 16..23   bits of the value ("size"), 0..15
 *   bits 24..31   AC: coefficients to move on, run + 1; MR__HUFFMAN_END for the end of the block
 *
 * Codes longer than ten bits have no entry (0): they are found by their length, as in annex F of
 * the standard. At most one symbol in a few hundred is such.
 */
#ifndef MR_DECODE_BASELINE_HUFFMAN_H
#define MR_DECODE_BASELINE_HUFFMAN_H

#include "decode/baseline/bits.h"

#define MR__HUFFMAN_BITS 10
#define MR__HUFFMAN_END  128u /* beyond any sum of runs inside a block */
#define MR__HUFFMAN_BAD  192u /* no code: beyond that, too */

typedef struct mr__huffman {
    uint32_t fast[1 << MR__HUFFMAN_BITS];
    uint32_t limit[17];    /* codes of length n are below this, left-aligned in 16 bits; 0: none */
    int32_t offset[17];    /* index of a symbol = code + offset[length] */
    uint32_t symbols[256]; /* entries of all symbols, in the order of their codes */
} mr__huffman;

/*
 * Makes a table from the counts of codes of length 1..16 and the symbols in order. False for what
 * is no code, or symbols that do not belong: DC sizes above 11, AC sizes of 0 with other runs than
 * 0 and 15, or above 10.
 */
bool mr__huffman_make(mr__huffman *table, const uint8_t counts[16], const uint8_t *symbols,
                      bool ac);

/* The entry of a code of more than MR__HUFFMAN_BITS bits. What is no code ends the block, too: its
 * entry moves on by MR__HUFFMAN_BAD. */
uint32_t mr__huffman_long(const mr__huffman *table, uint64_t word);

static inline uint32_t mr__huffman_look(const mr__huffman *table, uint64_t word)
{
    uint32_t entry = table->fast[word >> (64 - MR__HUFFMAN_BITS)];

    return __builtin_expect(entry == 0, 0) ? mr__huffman_long(table, word) : entry;
}

static inline uint32_t mr__huffman_length(uint32_t entry)
{
    return entry & 255;
}

static inline uint32_t mr__huffman_move(uint32_t entry)
{
    return entry >> 24;
}

/*
 * The value behind the code at the top of `word`: `size` bits, of which a first 0 means negative
 * (value - 2^size + 1). Without a branch, and 0 for a size of 0.
 */
static inline int32_t mr__huffman_value(uint32_t entry, uint64_t word)
{
    uint64_t behind = word << (entry >> 8 & 255);
    uint32_t size = entry >> 16 & 255;
    int32_t value = (int32_t)((behind >> 1) >> (63 - size));
    int32_t negative = (int32_t)((behind >> 63) - 1); /* all ones if the first bit is 0 */

    return value + (negative & (1 - (INT32_C(1) << size)));
}

#endif
