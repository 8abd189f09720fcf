/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of the plane kernels for vectors. A file defines V, OP(name), TARGET, BYTES (of a
 * vector), load, store, load_wide (half a vector of bytes, each to 16 bits) and KERNELS (the
 * table), and includes this.
 *
 * Interleaving and packing work inside 128 bits each, and so undo each other.
 */
static TARGET void blend(const uint8_t *near, const uint8_t *far, size_t n, uint16_t *sums)
{
    for (size_t i = 0; i < n; i += BYTES / 2) {
        V a = load_wide(near + i), b = load_wide(far + i);

        store(sums + i, OP(add_epi16)(OP(add_epi16)(a, b), OP(add_epi16)(a, a)));
    }
}

/* Two bytes of each 16 bits: first the left one of a pair, then the right one. */
static inline TARGET V side_by_side(V left, V right)
{
    return OP(OR)(left, OP(slli_epi16)(right, 8));
}

static TARGET void widen_sums(const uint16_t *sums, size_t n, uint8_t *out)
{
    const V seven = OP(set1_epi16)(7), eight = OP(set1_epi16)(8);

    for (size_t i = 0; i < n; i += BYTES / 2) {
        V s = load(sums + i), three = OP(add_epi16)(s, OP(add_epi16)(s, s));
        V even = OP(add_epi16)(OP(add_epi16)(three, load(sums + i - 1)), eight);
        V odd = OP(add_epi16)(OP(add_epi16)(three, load(sums + i + 1)), seven);

        store(out + 2 * i, side_by_side(OP(srli_epi16)(even, 4), OP(srli_epi16)(odd, 4)));
    }
}

static TARGET void widen(const uint8_t *in, size_t n, uint8_t *out)
{
    const V one = OP(set1_epi16)(1), two = OP(set1_epi16)(2);

    for (size_t i = 0; i < n; i += BYTES / 2) {
        V s = load_wide(in + i), three = OP(add_epi16)(s, OP(add_epi16)(s, s));
        V even = OP(add_epi16)(OP(add_epi16)(three, load_wide(in + i - 1)), one);
        V odd = OP(add_epi16)(OP(add_epi16)(three, load_wide(in + i + 1)), two);

        store(out + 2 * i, side_by_side(OP(srli_epi16)(even, 2), OP(srli_epi16)(odd, 2)));
    }
}

/* (cb * kb + cr * kr + 1/2) >> 16 of the low and of the high half, as 16 bits. */
static inline TARGET V weighed(V low, V high, int kb, int kr)
{
    const V constants = OP(set1_epi32)((int)((uint32_t)(uint16_t)kb | (uint32_t)kr << 16));
    const V half = OP(set1_epi32)(32768);
    V a = OP(srai_epi32)(OP(add_epi32)(OP(madd_epi16)(low, constants), half), 16);
    V b = OP(srai_epi32)(OP(add_epi32)(OP(madd_epi16)(high, constants), half), 16);

    return OP(packs_epi32)(a, b);
}

/* Half a vector of pixels, 16 bits each; cb and cr are centred. */
typedef struct rgb16 {
    V red, green, blue;
} rgb16;

static inline TARGET rgb16 convert(V y, V cb, V cr)
{
    V low = OP(unpacklo_epi16)(cb, cr), high = OP(unpackhi_epi16)(cb, cr);
    V twice = OP(add_epi16)(cb, cb);

    return (rgb16){
        OP(add_epi16)(OP(add_epi16)(y, cr), weighed(low, high, 0, MR__RED_CR)),
        OP(add_epi16)(OP(sub_epi16)(y, cr), weighed(low, high, MR__GREEN_CB, MR__GREEN_CR)),
        OP(add_epi16)(OP(add_epi16)(y, twice), weighed(low, high, MR__BLUE_CB, 0))};
}

static TARGET void colour(const mr__plane_row *ycc, size_t n, const mr__plane_row *rgb)
{
    const V zero = OP(set1_epi16)(0), centre = OP(set1_epi16)(128);

    for (size_t i = 0; i < n; i += BYTES) {
        V y = load(ycc->planes[0] + i), cb = load(ycc->planes[1] + i);
        V cr = load(ycc->planes[2] + i);
        rgb16 a =
            convert(OP(unpacklo_epi8)(y, zero), OP(sub_epi16)(OP(unpacklo_epi8)(cb, zero), centre),
                    OP(sub_epi16)(OP(unpacklo_epi8)(cr, zero), centre));
        rgb16 b =
            convert(OP(unpackhi_epi8)(y, zero), OP(sub_epi16)(OP(unpackhi_epi8)(cb, zero), centre),
                    OP(sub_epi16)(OP(unpackhi_epi8)(cr, zero), centre));

        store(rgb->planes[0] + i, OP(packus_epi16)(a.red, b.red));
        store(rgb->planes[1] + i, OP(packus_epi16)(a.green, b.green));
        store(rgb->planes[2] + i, OP(packus_epi16)(a.blue, b.blue));
    }
}

const mr__plane_kernels KERNELS = {
    .blend = blend, .widen_sums = widen_sums, .widen = widen, .colour = colour};
