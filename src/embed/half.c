/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 binary16: 1 sign bit, 5 exponent bits of bias 15, 10 fraction bits. */
#include "embed/half.h"

#include <string.h>

static uint16_t round_to_half(float value)
{
    uint32_t bits, sign, magnitude, shift, kept, rest, tie;

    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 16 & 0x8000u;
    magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u); /* not a number */
    if (magnitude >= 0x47800000u)
        return (uint16_t)(sign | 0x7c00u); /* 65536 and above */
    if (magnitude >= 0x38800000u) {
        /* 2^-14 and above: rebias by 127 - 15; a carry out of the fraction raises the exponent */
        magnitude -= (127u - 15u) << 23;
        shift = 13;
    } else if (magnitude >= 0x33000000u) {
        /* 2^-25 and above: a multiple of 2^-24, with the leading one made explicit */
        shift = 126u - (magnitude >> 23);
        magnitude = (magnitude & 0x7fffffu) | 0x800000u;
    } else {
        return (uint16_t)sign;
    }
    kept = magnitude >> shift;
    rest = magnitude & ((1u << shift) - 1u);
    tie = 1u << (shift - 1u);
    if (rest > tie || (rest == tie && (kept & 1u)))
        kept++;
    return (uint16_t)(sign | kept);
}

static float widen(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 0x1fu,
             fraction = half & 0x3ffu, bits;
    float value;

    if (exponent == 0) {
        /* zero or subnormal: a multiple of 2^-24, exact in float */
        value = (float)fraction * 0x1p-24F;
        return sign ? -value : value;
    }
    bits = sign | (exponent == 31 ? 0xffu : exponent + 127u - 15u) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void mr__half_from_float(const float *from, size_t n, uint16_t *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = round_to_half(from[i]);
}

void mr__half_to_float(const uint16_t *from, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = widen(from[i]);
}
