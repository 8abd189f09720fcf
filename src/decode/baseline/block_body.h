/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loop of the decoder: code, run, value, sixty times a block. What each symbol needs of
 * the one before is only how far to move on, so that is what its entry says first; all else hangs
 * off that chain and runs beside it.
 *
 * There is one branch a symbol. The end of a block moves on so far that the index leaves the block,
 * which is the same test as for its last coefficient; the value 0 that it stores lands behind. Nor
 * is any other mistake looked for here: indices stay inside the arrays, doubts are gathered.
 *
 * A file defines TARGET (what its functions are compiled for) and READER (the table), and includes
 * this.
 */
#include "decode/baseline/block.h"

/* Zigzag index to place in rows, then a place behind the block for whatever lies beyond. */
#define BEHIND 64
#define BEHIND_16                                                                                  \
    BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND, BEHIND,        \
        BEHIND, BEHIND, BEHIND, BEHIND, BEHIND

/* up to 62 + MR__HUFFMAN_BAD */
static const uint8_t places[256] = {
    0,         1,         8,         16,        9,         2,         3,         10,
    17,        24,        32,        25,        18,        11,        4,         5,
    12,        19,        26,        33,        40,        48,        41,        34,
    27,        20,        13,        6,         7,         14,        21,        28,
    35,        42,        49,        56,        57,        50,        43,        36,
    29,        22,        15,        23,        30,        37,        44,        51,
    58,        59,        52,        45,        38,        31,        39,        46,
    53,        60,        61,        54,        47,        55,        62,        63,
    BEHIND_16, BEHIND_16, BEHIND_16, BEHIND_16, BEHIND_16, BEHIND_16, BEHIND_16, BEHIND_16,
    BEHIND_16, BEHIND_16, BEHIND_16, BEHIND_16};

enum { BAD_CODE = 1, BAD_RUN = 2, BAD_VALUE = 4 };

/* More bits than MR__BLOCK_LIMIT has, as magnitudes gather them? */
static inline uint32_t value_doubt(uint32_t magnitudes)
{
    return magnitudes > MR__BLOCK_LIMIT ? BAD_VALUE : 0;
}

/* Bits of |value|, or of |value| - 1 where it is negative. */
static inline uint32_t magnitude(int32_t value)
{
    return (uint32_t)(value ^ (value >> 31));
}

/* Went past the last coefficient other than by an end of block? */
static inline uint32_t end_doubt(uint32_t k)
{
    return k >= MR__HUFFMAN_BAD ? BAD_CODE : k > 63 && k < MR__HUFFMAN_END ? BAD_RUN : 0;
}

/* Leaves enough bits for the next look. */
static inline TARGET uint32_t read_dc(mr__bits *bits, const mr__block_tables *tables, int32_t *dc)
{
    uint32_t entry;

    mr__bits_refill(bits);
    entry = mr__huffman_look(tables->dc, bits->word);
    *dc += mr__huffman_value(entry, bits->word);
    mr__bits_drop(bits, mr__huffman_length(entry));
    return end_doubt(mr__huffman_move(entry)) | value_doubt(magnitude(*dc));
}

static TARGET uint32_t read_block(mr__bits *bits, const mr__block_tables *tables, int32_t *dc,
                                  int16_t *out)
{
    mr__bits at = *bits;
    uint32_t doubt = read_dc(&at, tables, dc), k = 0, magnitudes;
    int32_t value = *dc * tables->quant[0];
    uint32_t entry = mr__huffman_look(tables->ac, at.word);

    magnitudes = magnitude(value);
    out[0] = (int16_t)value;
    for (;;) {
        uint32_t symbol = entry;
        uint64_t word;

        mr__bits_refill(&at); /* while the look is under way */
        word = at.word;
        k += mr__huffman_move(symbol);
        mr__bits_drop(&at, mr__huffman_length(symbol));
        if (k < 63)
            entry = mr__huffman_look(tables->ac, at.word);
        value = mr__huffman_value(symbol, word) * tables->quant[k];
        magnitudes |= magnitude(value);
        out[places[k]] = (int16_t)value;
        if (k >= 63)
            break;
    }
    *bits = at;
    return doubt | value_doubt(magnitudes) | end_doubt(k);
}

static TARGET uint32_t skip_block(mr__bits *bits, const mr__block_tables *tables, int32_t *dc)
{
    mr__bits at = *bits;
    uint32_t doubt = read_dc(&at, tables, dc), k = 0;
    uint32_t entry = mr__huffman_look(tables->ac, at.word);

    for (;;) {
        mr__bits_refill(&at);
        k += mr__huffman_move(entry);
        mr__bits_drop(&at, mr__huffman_length(entry));
        if (k >= 63)
            break;
        entry = mr__huffman_look(tables->ac, at.word);
    }
    *bits = at;
    return doubt | end_doubt(k);
}

const mr__block_reader READER = {.read = read_block, .skip = skip_block};
