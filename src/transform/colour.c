/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pillow's colour conversions, as convert("RGB"), convert("La"), convert("RGBa") and their inverses
 * do them, and the compositing on white of transformers 5.21 and later.
 *
 * Where the plan converts first (Hugging Face, timm), grey stays one channel: equal planes stay
 * equal through a resize. Where it converts last (OpenCLIP), pictures are resized in their own mode
 * as Image.resize does: alpha premultiplied, CMYK as four planes, palette indices by nearest.
 */
#include "transform/colour.h"

#include <string.h>

/* a * b / 255, rounded as Pillow's MULDIV255 */
static inline uint8_t mul255(uint32_t a, uint32_t b)
{
    uint32_t t = a * b + 128;

    return (uint8_t)(((t >> 8) + t) >> 8);
}

static inline uint8_t on_white(uint32_t c, uint32_t a)
{
    uint32_t t = c * a + 255 * (255 - a) + 128;

    return (uint8_t)(((t >> 8) + t) >> 8);
}

static inline uint8_t unpremultiplied(uint32_t c, uint32_t a)
{
    uint32_t v;

    if (a == 0 || a == 255)
        return (uint8_t)c;
    v = 255 * c / a;
    return (uint8_t)(v > 255 ? 255 : v);
}

/* One ink of CMYK (Pillow's sense) under the remaining light nk = 255 - K. */
static inline uint8_t ink(uint32_t c, uint32_t nk)
{
    uint32_t covered = mul255(c, nk);

    return (uint8_t)(nk > covered ? nk - covered : 0);
}

/* ---- before the resize ---- */

static void grey_of_la(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    for (uint32_t i = 0; i < n; i++)
        out[i] = in[2 * (size_t)i];
}

static void grey_of_la_white(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    for (uint32_t i = 0; i < n; i++)
        out[i] = on_white(in[2 * (size_t)i], in[2 * (size_t)i + 1]);
}

/* convert("RGBA") makes the one transparent colour transparent; on white it becomes white. */
static void grey_of_key_white(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = in[i] == p->key[0] ? 255 : in[i];
}

static void rgb_of_key_white(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    for (size_t i = 0; i < (size_t)n * 3; i += 3) {
        bool clear = memcmp(in + i, p->key, 3) == 0;

        for (size_t c = i; c < i + 3; c++)
            out[c] = clear ? 255 : in[c];
    }
}

static void la_premultiplied(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    for (uint32_t i = 0; i < n; i++, in += 2, out += 2) {
        out[0] = mul255(in[0], in[1]);
        out[1] = in[1];
    }
}

static void rgb_of_rgba(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    for (uint32_t i = 0; i < n; i++, in += 4, out += 3) {
        out[0] = in[0];
        out[1] = in[1];
        out[2] = in[2];
    }
}

static void rgb_of_rgba_white(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    for (uint32_t i = 0; i < n; i++, in += 4, out += 3)
        for (int c = 0; c < 3; c++)
            out[c] = on_white(in[c], in[3]);
}

static void rgba_premultiplied(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    for (uint32_t i = 0; i < n; i++, in += 4, out += 4) {
        for (int c = 0; c < 3; c++)
            out[c] = mul255(in[c], in[3]);
        out[3] = in[3];
    }
}

static void palette_colour(const mr__palette *p, uint8_t index, bool white, uint8_t rgb[3])
{
    bool known = index < p->n;

    for (int c = 0; c < 3; c++) {
        rgb[c] = known ? p->rgb[index][c] : 0;
        if (white && p->has_alpha)
            rgb[c] = on_white(rgb[c], known ? p->alpha[index] : 255);
    }
}

static void rgb_of_p(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        palette_colour(p, in[i], false, out + 3 * (size_t)i);
}

static void rgb_of_p_white(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        palette_colour(p, in[i], true, out + 3 * (size_t)i);
}

static void rgb_of_cmyk(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    for (uint32_t i = 0; i < n; i++, in += 4, out += 3)
        for (int c = 0; c < 3; c++)
            out[c] = ink(in[c], 255u - in[3]);
}

/* Pillow saturates: every sample over 255 is white */
static void grey_of_i16(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t v;

        memcpy(&v, in + 2 * (size_t)i, sizeof v);
        out[i] = (uint8_t)(v > 255 ? 255 : v);
    }
}

static void out_i16(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                    uint8_t *rgb[3])
{
    (void)stride;
    grey_of_i16(p, in, n, rgb[0]);
    memcpy(rgb[1], rgb[0], n);
    memcpy(rgb[2], rgb[0], n);
}

/* ---- after it ---- */

static void grey_to_all(uint8_t *rgb[3], uint32_t i, uint8_t v)
{
    rgb[0][i] = rgb[1][i] = rgb[2][i] = v;
}

static void out_la(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                   uint8_t *rgb[3])
{
    (void)p;
    for (uint32_t i = 0; i < n; i++)
        grey_to_all(rgb, i, unpremultiplied(in[i], in[stride + i]));
}

static void out_la_white(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                         uint8_t *rgb[3])
{
    (void)p;
    for (uint32_t i = 0; i < n; i++)
        grey_to_all(rgb, i, on_white(unpremultiplied(in[i], in[stride + i]), in[stride + i]));
}

static void out_rgba(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                     uint8_t *rgb[3])
{
    (void)p;
    for (size_t c = 0; c < 3; c++)
        for (uint32_t i = 0; i < n; i++)
            rgb[c][i] = unpremultiplied(in[c * stride + i], in[3 * stride + i]);
}

static void out_rgba_white(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                           uint8_t *rgb[3])
{
    const uint8_t *alpha = in + 3 * stride;

    (void)p;
    for (size_t c = 0; c < 3; c++)
        for (uint32_t i = 0; i < n; i++)
            rgb[c][i] = on_white(unpremultiplied(in[c * stride + i], alpha[i]), alpha[i]);
}

static void out_rgba_plain_white(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                                 uint8_t *rgb[3])
{
    (void)p;
    for (size_t c = 0; c < 3; c++)
        for (uint32_t i = 0; i < n; i++)
            rgb[c][i] = on_white(in[c * stride + i], in[3 * stride + i]);
}

static void out_la_plain_white(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                               uint8_t *rgb[3])
{
    (void)p;
    for (uint32_t i = 0; i < n; i++)
        grey_to_all(rgb, i, on_white(in[i], in[stride + i]));
}

static void out_p(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                  uint8_t *rgb[3])
{
    (void)stride;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t colour[3];

        palette_colour(p, in[i], false, colour);
        for (int c = 0; c < 3; c++)
            rgb[c][i] = colour[c];
    }
}

static void out_p_white(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                        uint8_t *rgb[3])
{
    (void)stride;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t colour[3];

        palette_colour(p, in[i], true, colour);
        for (int c = 0; c < 3; c++)
            rgb[c][i] = colour[c];
    }
}

static void out_cmyk(const mr__palette *p, const uint8_t *in, size_t stride, uint32_t n,
                     uint8_t *rgb[3])
{
    (void)p;
    for (size_t c = 0; c < 3; c++)
        for (uint32_t i = 0; i < n; i++)
            rgb[c][i] = ink(in[c * stride + i], 255u - in[3 * stride + i]);
}

/* ---- arrays of float32 ---- */

/* Alpha goes; `from` floats a pixel become `to`. */
static void strip(const uint8_t *in, uint32_t n, size_t from, size_t to, uint8_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        memcpy(out + i * to * sizeof(float), in + i * from * sizeof(float), to * sizeof(float));
}

static void grey_of_f2(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    strip(in, n, 2, 1, out);
}

static void rgb_of_f4(const mr__palette *p, const uint8_t *in, uint32_t n, uint8_t *out)
{
    (void)p;
    strip(in, n, 4, 3, out);
}

/* Only plans of float arithmetic, which all drop alpha, have a rule for them. */
static mr_status rules_floats(const mr__plan_spec *spec, mr__mode mode, mr__colour *out,
                              mr_error *err)
{
    if (spec->engine != MR__ENGINE_FLOAT || spec->alpha != MR__ALPHA_DROP)
        return mr__error_item(err, MR_STAGE_TRANSFORM, MR_CODE_UNSUPPORTED_VARIANT,
                              "an array of float32: this plan takes uint8");
    out->floats = true;
    out->channels = mode >= MR__MODE_F3 ? 3 : 1;
    if (mode == MR__MODE_F2)
        out->in = grey_of_f2;
    if (mode == MR__MODE_F4)
        out->in = rgb_of_f4;
    return MR_OK;
}

/* ---- which ---- */

static void rules_first(mr__mode mode, bool white, mr__colour *out)
{
    static const struct {
        uint32_t channels;
        mr__colour_in *drop, *white;
    } rules[] = {
        [MR__MODE_1] = {1, NULL, NULL},
        [MR__MODE_L] = {1, NULL, NULL},
        [MR__MODE_LA] = {1, grey_of_la, grey_of_la_white},
        [MR__MODE_P] = {3, rgb_of_p, rgb_of_p_white},
        [MR__MODE_RGB] = {3, NULL, NULL},
        [MR__MODE_RGBA] = {3, rgb_of_rgba, rgb_of_rgba_white},
        [MR__MODE_CMYK] = {3, rgb_of_cmyk, rgb_of_cmyk},
        [MR__MODE_I16] = {1, grey_of_i16, grey_of_i16},
    };

    out->channels = rules[mode].channels;
    out->in = white ? rules[mode].white : rules[mode].drop;
}

static void rules_last(mr__mode mode, bool white, bool blended, mr__colour *out)
{
    out->channels = mr__mode_bytes(mode);
    switch (mode) {
    case MR__MODE_1:
        out->filter = MR__FILTER_NEAREST;
        return;
    case MR__MODE_P:
        out->filter = MR__FILTER_NEAREST;
        out->out = white ? out_p_white : out_p;
        return;
    case MR__MODE_LA:
        if (blended) {
            out->in = la_premultiplied;
            out->out = white ? out_la_white : out_la;
        } else {
            out->out = white ? out_la_plain_white : NULL;
        }
        return;
    case MR__MODE_RGBA:
        if (blended) {
            out->in = rgba_premultiplied;
            out->out = white ? out_rgba_white : out_rgba;
        } else if (white) {
            out->out = out_rgba_plain_white;
        }
        return;
    case MR__MODE_CMYK:
        out->out = out_cmyk;
        return;
    case MR__MODE_I16:
        out->channels = 1;
        out->wide = true;
        out->out = out_i16;
        return;
    case MR__MODE_L:
    case MR__MODE_RGB:
    default:
        return;
    }
}

mr_status mr__colour_rules(const mr__plan_spec *spec, const mr__picture *picture, bool resized,
                           mr__colour *out, mr_error *err)
{
    bool white = spec->alpha == MR__ALPHA_WHITE, keyed;
    mr__mode mode = picture->mode;

    *out = (mr__colour){.filter = spec->filter};
    if (mode >= MR__MODE_F1 && mode <= MR__MODE_F4)
        return rules_floats(spec, mode, out, err);
    if ((unsigned)mode > MR__MODE_I16)
        return mr__error_set(err, MR_E_INTERNAL, "a picture of mode %u", (unsigned)mode);
    keyed = white && picture->palette.has_key;
    if (keyed && (spec->colour_order == MR__RGB_LAST || mode == MR__MODE_I16))
        return mr__error_item(err, MR_STAGE_TRANSFORM, MR_CODE_UNSUPPORTED_VARIANT,
                              "a transparent colour (tRNS) without an alpha channel, on white");
    if (spec->colour_order == MR__RGB_FIRST)
        rules_first(mode, white, out);
    else
        rules_last(mode, white, resized && spec->filter != MR__FILTER_NEAREST, out);
    if (keyed)
        out->in = mode == MR__MODE_RGB ? rgb_of_key_white : grey_of_key_white;
    if (out->wide && resized && spec->filter == MR__FILTER_NEAREST)
        return mr__error_item(err, MR_STAGE_TRANSFORM, MR_CODE_UNSUPPORTED_VARIANT,
                              "16-bit grey resized by nearest before RGB");
    return MR_OK;
}
