/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of the inverse DCT for vectors: one block in each 128 bits. A file
 * defines V (its vector type), OP(name) (the prefix of its intrinsics), TARGET (what its functions
 * are compiled for), load_row and store_rows, and includes this.
 *
 * Each rotation is two products a value, so pairs of values are interleaved and multiplied by pairs
 * of constants at once.
 */
#include "decode/baseline/idct_constants.h"

/* The pair (a, b) of constants in every 32 bits. */
static inline TARGET V pair(int a, int b)
{
    return OP(set1_epi32)((int)((uint32_t)(uint16_t)a | (uint32_t)(uint16_t)b << 16));
}

/* 32-bit lanes of the low and of the high half of 16-bit ones. */
typedef struct wide {
    V low, high;
} wide;

/* a * ka + b * kb */
static inline TARGET wide rotate(V a, V b, V constants)
{
    return (wide){OP(madd_epi16)(OP(unpacklo_epi16)(a, b), constants),
                  OP(madd_epi16)(OP(unpackhi_epi16)(a, b), constants)};
}

/* a * 2^13 */
static inline TARGET wide raise(V a)
{
    V zero = OP(set1_epi32)(0);

    return (wide){OP(srai_epi32)(OP(unpacklo_epi16)(zero, a), 3),
                  OP(srai_epi32)(OP(unpackhi_epi16)(zero, a), 3)};
}

static inline TARGET wide add(wide a, wide b)
{
    return (wide){OP(add_epi32)(a.low, b.low), OP(add_epi32)(a.high, b.high)};
}

static inline TARGET wide subtract(wide a, wide b)
{
    return (wide){OP(sub_epi32)(a.low, b.low), OP(sub_epi32)(a.high, b.high)};
}

/* The two outputs of one even and one odd sum: rounded, scaled, 16 bits. */
#define BUTTERFLY(first, second, even, odd, shift)                                                 \
    do {                                                                                           \
        V half = OP(set1_epi32)(1 << ((shift)-1));                                                 \
        wide e = {OP(add_epi32)((even).low, half), OP(add_epi32)((even).high, half)};              \
        wide s = add(e, odd), d = subtract(e, odd);                                                \
                                                                                                   \
        (first) = OP(packs_epi32)(OP(srai_epi32)(s.low, shift), OP(srai_epi32)(s.high, shift));    \
        (second) = OP(packs_epi32)(OP(srai_epi32)(d.low, shift), OP(srai_epi32)(d.high, shift));   \
    } while (0)

/* One dimension, across the eight vectors. A macro for the sake of the constant shift. */
#define ONE_DIMENSION(r, shift)                                                                    \
    do {                                                                                           \
        wide sum = raise(OP(add_epi16)((r)[0], (r)[4]));                                           \
        wide difference = raise(OP(sub_epi16)((r)[0], (r)[4]));                                    \
        wide even2 = rotate((r)[2], (r)[6], pair(C2_2, C2_6));                                     \
        wide even3 = rotate((r)[2], (r)[6], pair(C3_2, C3_6));                                     \
        V z3 = OP(add_epi16)((r)[7], (r)[3]), z4 = OP(add_epi16)((r)[5], (r)[1]);                  \
        wide y3 = rotate(z3, z4, pair(Z3_3, Z3_4)), y4 = rotate(z3, z4, pair(Z4_3, Z4_4));         \
        wide odd0 = add(rotate((r)[7], (r)[1], pair(O0_7, O0_1)), y3);                             \
        wide odd3 = add(rotate((r)[7], (r)[1], pair(O3_7, O3_1)), y4);                             \
        wide odd1 = add(rotate((r)[5], (r)[3], pair(O1_5, O1_3)), y4);                             \
        wide odd2 = add(rotate((r)[5], (r)[3], pair(O2_5, O2_3)), y3);                             \
        wide even;                                                                                 \
                                                                                                   \
        even = add(sum, even3);                                                                    \
        BUTTERFLY((r)[0], (r)[7], even, odd3, shift);                                              \
        even = add(difference, even2);                                                             \
        BUTTERFLY((r)[1], (r)[6], even, odd2, shift);                                              \
        even = subtract(difference, even2);                                                        \
        BUTTERFLY((r)[2], (r)[5], even, odd1, shift);                                              \
        even = subtract(sum, even3);                                                               \
        BUTTERFLY((r)[3], (r)[4], even, odd0, shift);                                              \
    } while (0)

/* Rows become columns, in each 128 bits. */
static inline TARGET void transpose(V r[8])
{
    V a[8], b[8];

    for (size_t i = 0; i < 4; i++) {
        a[2 * i] = OP(unpacklo_epi16)(r[i], r[i + 4]);
        a[2 * i + 1] = OP(unpackhi_epi16)(r[i], r[i + 4]);
    }
    for (size_t i = 0; i < 4; i++) {
        b[2 * i] = OP(unpacklo_epi16)(a[i], a[i + 4]);
        b[2 * i + 1] = OP(unpackhi_epi16)(a[i], a[i + 4]);
    }
    for (size_t i = 0; i < 4; i++) {
        r[2 * i] = OP(unpacklo_epi16)(b[i], b[i + 4]);
        r[2 * i + 1] = OP(unpackhi_epi16)(b[i], b[i + 4]);
    }
}

static inline TARGET void idct_blocks(const int16_t *blocks, uint8_t *out, size_t stride)
{
    V r[8], centre = OP(set1_epi8)((char)-128);

    for (size_t i = 0; i < 8; i++)
        r[i] = load_row(blocks + 8 * i);
    ONE_DIMENSION(r, PASS1_SHIFT);
    transpose(r);
    ONE_DIMENSION(r, PASS2_SHIFT);
    transpose(r);
    for (size_t i = 0; i < 8; i += 2)
        store_rows(OP(add_epi8)(OP(packs_epi16)(r[i], r[i + 1]), centre), out + i * stride, stride);
}
