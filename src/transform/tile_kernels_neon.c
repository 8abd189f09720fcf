/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles by NEON, as all 64-bit ARM has it: 16-bit products, and each weight two digits of 11. */
#include "transform/tile_kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

/* bytes of the columns of a vector of rows */
#define TILE_STEP ((size_t)4 * MR__TILE_GROUP)

static void split(const uint8_t *row, size_t n, uint8_t *const planes[3])
{
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        const uint8x16x3_t v = vld3q_u8(row + 3 * i);

        for (size_t c = 0; c < 3; c++)
            vst1q_u8(planes[c] + i, v.val[c]);
    }
    for (; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            planes[c][i] = row[3 * i + c];
}

static void join(const uint8_t *const planes[3], size_t n, uint8_t *row)
{
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        uint8x16x3_t v;

        for (size_t c = 0; c < 3; c++)
            v.val[c] = vld1q_u8(planes[c] + i);
        vst3q_u8(row + 3 * i, v);
    }
    for (; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            row[3 * i + c] = planes[c][i];
}

/* ---- rows to a tile ---- */

/* Four rows of sixteen columns of one channel. */
static inline void load_four(const uint8_t *from, const size_t at[4], uint8_t *tile)
{
    uint32x4_t r[4], t[4];

    for (size_t i = 0; i < 4; i++)
        r[i] = vreinterpretq_u32_u8(vld1q_u8(from + at[i]));
    for (size_t i = 0; i < 2; i++) {
        t[2 * i] = vtrn1q_u32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = vtrn2q_u32(r[2 * i], r[2 * i + 1]);
    }
    /* t[0] has columns 0 and 2 of rows 0 and 1, t[1] columns 1 and 3, t[2] and t[3] rows 2 and 3 */
    for (size_t i = 0; i < 2; i++) {
        const uint64x2_t upper = vreinterpretq_u64_u32(t[i]);
        const uint64x2_t lower = vreinterpretq_u64_u32(t[2 + i]);

        vst1q_u8(tile + i * MR__TILE_GROUP, vreinterpretq_u8_u64(vzip1q_u64(upper, lower)));
        vst1q_u8(tile + (2 + i) * MR__TILE_GROUP, vreinterpretq_u8_u64(vzip2q_u64(upper, lower)));
    }
}

static void load(const mr__tile_rows *rows, uint8_t *tile)
{
    size_t at[16];

    for (uint32_t i = 0; i < 16; i++)
        at[i] = (i < rows->n_rows ? i : rows->n_rows - 1) * rows->stride;
    for (size_t x = 0; x < rows->width; x += 16, tile += TILE_STEP)
        for (size_t c = 0; c < 3; c++)
            for (size_t i = 0; i < 16; i += 4)
                load_four(rows->planes[c] + x, at + i, tile + 64 * c + 4 * i);
}

/* ---- the dot product ---- */

/* The sums of eight outputs: four partial ones each, by digit. */
typedef struct sums {
    int32x4_t low[8], high[8];
} sums;

static inline sums no_sums(void)
{
    sums s;

    for (size_t i = 0; i < 8; i++)
        s.low[i] = s.high[i] = vdupq_n_s32(0);
    return s;
}

/* Eight times four bytes times four weights. */
static inline void weigh(sums *s, const uint8_t *data, const uint8_t *digits)
{
    const int16x8_t weights = vreinterpretq_s16_u8(vld1q_u8(digits));
    const int16x4_t low = vget_low_s16(weights), high = vget_high_s16(weights);

    for (size_t i = 0; i < 4; i++) {
        const int16x8_t two = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(data + 8 * i)));
        const int16x4_t a = vget_low_s16(two), b = vget_high_s16(two);

        s->low[2 * i] = vmlal_s16(s->low[2 * i], a, low);
        s->high[2 * i] = vmlal_s16(s->high[2 * i], a, high);
        s->low[2 * i + 1] = vmlal_s16(s->low[2 * i + 1], b, low);
        s->high[2 * i + 1] = vmlal_s16(s->high[2 * i + 1], b, high);
    }
}

/* The digits put together, rounded, shifted and clamped to bytes. */
static inline uint8x8_t total(const sums *s)
{
    int32x4_t v[8];

    for (size_t i = 0; i < 8; i++)
        v[i] = vaddq_s32(s->low[i], vshlq_n_s32(s->high[i], MR__DIGIT_BITS));
    for (size_t i = 0; i < 8; i += 4) {
        v[i] = vpaddq_s32(vpaddq_s32(v[i], v[i + 1]), vpaddq_s32(v[i + 2], v[i + 3]));
        v[i] = vaddq_s32(v[i], vdupq_n_s32(1 << (MR__WEIGHT_BITS - 1)));
        v[i] = vshrq_n_s32(v[i], MR__WEIGHT_BITS);
    }
    return vqmovun_s16(vcombine_s16(vqmovn_s32(v[0]), vqmovn_s32(v[4])));
}

/* ---- horizontal ---- */

/* Four outputs of one channel, eight rows: to two quads. */
static inline void four_outputs(const uint8_t *tile, const mr__coeffs *coeffs, uint32_t x,
                                uint8_t *const quads[2])
{
    uint8_t v[4][8];

    for (uint32_t q = 0; q < 4; q++) {
        const uint8_t *at = tile + (size_t)coeffs->group[x + q] * MR__TILE_GROUP;
        const uint8_t *digits = coeffs->digits + (size_t)(x + q) * coeffs->groups * MR__TILE_DIGITS;
        sums s = no_sums();

        for (size_t g = 0; g < coeffs->groups; g++, at += MR__TILE_GROUP, digits += MR__TILE_DIGITS)
            weigh(&s, at, digits);
        vst1_u8(v[q], total(&s));
    }
    for (size_t q = 0; q < 4; q++) {
        memcpy(quads[0] + 4 * q, v[q], 4);
        memcpy(quads[1] + 4 * q, v[q] + 4, 4);
    }
}

static void horizontal(const uint8_t *tile, const mr__coeffs *coeffs, uint8_t *const quads[4],
                       size_t plane)
{
    for (uint32_t x = 0; x < coeffs->key.count; x += 4) {
        for (size_t c = 0; c < 3; c++) {
            const size_t at = c * plane + 4 * (size_t)x;

            four_outputs(tile + 64 * c, coeffs, x,
                         (uint8_t *const[2]){quads[0] + at, quads[1] + at});
            four_outputs(tile + 64 * c + 32, coeffs, x,
                         (uint8_t *const[2]){quads[2] + at, quads[3] + at});
        }
    }
}

/* ---- vertical ---- */

/* Eight columns of one channel of a line. */
static inline uint8x8_t columns(const mr__tile_line *line, size_t at)
{
    sums s = no_sums();

    for (size_t g = 0; g < line->groups; g++)
        weigh(&s, line->quads[g] + at, line->digits + g * MR__TILE_DIGITS);
    return total(&s);
}

static void bytes(const mr__tile_line *line, uint8_t *const out[3])
{
    for (size_t c = 0; c < 3; c++) {
        for (size_t x = 0; x < line->width; x += 8) {
            const uint8x8_t v = columns(line, c * line->plane + 4 * x);
            uint8_t last[8];

            vst1_u8(last, v);
            memcpy(out[c] + x, last, line->width - x < 8 ? line->width - x : 8);
        }
    }
}

static inline float32x4_t normalised(const mr__normal *normal, size_t c, uint16x4_t levels)
{
    const float32x4_t level = vcvtq_f32_u32(vmovl_u16(levels));
    const float32x4_t unit =
        vfmaq_n_f32(vmulq_n_f32(level, normal->scale[1]), level, normal->scale[0]);
    const float32x4_t off = vsubq_f32(unit, vdupq_n_f32(normal->mean[c]));

    return vfmaq_n_f32(vmulq_n_f32(off, normal->over[c][1]), off, normal->over[c][0]);
}

static void floats(const mr__tile_line *line, const mr__normal *normal, float *const out[3])
{
    for (size_t c = 0; c < 3; c++) {
        for (size_t x = 0; x < line->width; x += 8) {
            const uint16x8_t v = vmovl_u8(columns(line, c * line->plane + 4 * x));
            float last[8];

            vst1q_f32(last, normalised(normal, c, vget_low_u16(v)));
            vst1q_f32(last + 4, normalised(normal, c, vget_high_u16(v)));
            memcpy(out[c] + x, last, (line->width - x < 8 ? line->width - x : 8) * sizeof *last);
        }
    }
}

const mr__tile_kernels mr__tile_kernels_neon = {.name = "neon",
                                                .form = MR__COEFFS_TILE_WORDS,
                                                .split = split,
                                                .join = join,
                                                .load = load,
                                                .horizontal = horizontal,
                                                .bytes = bytes,
                                                .floats = floats};

#endif
