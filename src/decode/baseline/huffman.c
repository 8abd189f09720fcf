/* SPDX-License-Identifier: Apache-2.0 */
/* Huffman tables from what a DHT segment says (ITU T.81, annex C and F.2.2.3). */
#include "decode/baseline/huffman.h"

#define DC_SIZE_MAX 11u
#define AC_SIZE_MAX 10u
#define RUN_16      0xF0u /* sixteen zeros */

/* The entry of a symbol whose code has `length` bits; 0: no symbol of 8-bit pictures. */
static uint32_t entry_of(uint8_t symbol, uint32_t length, bool ac)
{
    uint32_t size = ac ? symbol & 15u : symbol, move = ac ? (symbol >> 4) + 1u : 1u;

    if (size > (ac ? AC_SIZE_MAX : DC_SIZE_MAX))
        return 0;
    if (ac && size == 0 && symbol != RUN_16) {
        if (symbol != 0)
            return 0;
        move = MR__HUFFMAN_END;
    }
    return move << 24 | size << 16 | length << 8 | (length + size);
}

bool mr__huffman_make(mr__huffman *table, const uint8_t counts[16], const uint8_t *symbols, bool ac)
{
    uint32_t code = 0, n = 0;

    memset(table, 0, sizeof *table);
    for (uint32_t length = 1; length <= 16; length++, code <<= 1) {
        table->offset[length] = (int32_t)n - (int32_t)code;
        for (uint32_t i = 0; i < counts[length - 1]; i++, code++, n++) {
            /* all ones is no code, so this also ends what would not fit */
            if (n == 256 || code + 1 >= UINT32_C(1) << length)
                return false;
            table->symbols[n] = entry_of(symbols[n], length, ac);
            if (table->symbols[n] == 0)
                return false;
            if (length <= MR__HUFFMAN_BITS) {
                uint32_t spare = MR__HUFFMAN_BITS - length;

                for (uint32_t j = 0; j < UINT32_C(1) << spare; j++)
                    table->fast[(code << spare) + j] = table->symbols[n];
            }
        }
        if (counts[length - 1] > 0)
            table->limit[length] = code << (16 - length);
    }
    return n > 0;
}

uint32_t mr__huffman_long(const mr__huffman *table, uint64_t word)
{
    uint32_t top = (uint32_t)(word >> 48);

    for (uint32_t length = MR__HUFFMAN_BITS + 1; length <= 16; length++)
        if (top < table->limit[length])
            return table->symbols[(int32_t)(top >> (16 - length)) + table->offset[length]];
    return MR__HUFFMAN_BAD << 24 | 1u;
}
