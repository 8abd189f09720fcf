/* SPDX-License-Identifier: Apache-2.0 */
/* Markers up to the start of scan, the plain ones only. */
#include "decode/baseline/frame.h"

#include <stddef.h>

enum {
    SOF0 = 0xC0,
    SOF1 = 0xC1,
    DHT = 0xC4,
    SOI = 0xD8,
    SOS = 0xDA,
    DQT = 0xDB,
    DRI = 0xDD,
    APP0 = 0xE0,
    APP14 = 0xEE,
    APP15 = 0xEF,
    COM = 0xFE
};

typedef struct reader {
    const uint8_t *at, *end;
    mr__frame *frame;
    bool has_frame, has_quant[4], jfif, adobe;
    uint8_t transform; /* of the Adobe marker */
} reader;

/* A segment's body. */
typedef struct segment {
    const uint8_t *at;
    size_t n;
} segment;

static bool take_segment(reader *r, uint8_t *marker, segment *out)
{
    size_t size;

    if (r->end - r->at < 4 || r->at[0] != 0xFF)
        return false;
    *marker = r->at[1];
    size = (size_t)r->at[2] << 8 | r->at[3];
    if (size < 2 || size + 2 > (size_t)(r->end - r->at))
        return false;
    *out = (segment){.at = r->at + 4, .n = size - 2};
    r->at += size + 2;
    return true;
}

static bool read_quant(reader *r, segment s)
{
    for (; s.n > 0; s.at += 65, s.n -= 65) {
        uint8_t which = s.at[0]; /* high half: 16-bit values */

        if (which > 3 || s.n < 65)
            return false;
        for (int i = 0; i < 64; i++) {
            if (s.at[1 + i] == 0)
                return false;
            r->frame->quant[which][i] = s.at[1 + i];
        }
        r->has_quant[which] = true;
    }
    return true;
}

static bool read_huffman(reader *r, segment s)
{
    while (s.n > 0) {
        uint8_t which = s.at[0] & 15, type = s.at[0] >> 4;
        size_t n = 0;

        if (s.n < 17 || which > 3 || type > 1)
            return false;
        for (int i = 0; i < 16; i++)
            n += s.at[1 + i];
        if (n == 0 || n > 256 || s.n < 17 + n)
            return false;
        (type ? r->frame->ac : r->frame->dc)[which] = s.at + 1;
        s.at += 17 + n;
        s.n -= 17 + n;
    }
    return true;
}

static bool usual_sampling(const mr__frame *frame)
{
    const mr__frame_component *c = frame->components;

    if (frame->n_components == 1)
        return true; /* one component has one block an MCU, whatever its factors say */
    return c[0].h <= 2 && c[0].v <= c[0].h && c[1].h == 1 && c[1].v == 1 && c[2].h == 1 &&
           c[2].v == 1;
}

static bool read_frame(reader *r, segment s)
{
    mr__frame *frame = r->frame;

    if (r->has_frame || s.n < 6 || s.at[0] != 8)
        return false;
    frame->height = (uint32_t)s.at[1] << 8 | s.at[2];
    frame->width = (uint32_t)s.at[3] << 8 | s.at[4];
    frame->n_components = s.at[5];
    if ((frame->n_components != 1 && frame->n_components != 3) || frame->width == 0 ||
        frame->height == 0 || s.n != 6 + 3 * (size_t)frame->n_components)
        return false;
    for (uint32_t i = 0; i < frame->n_components; i++) {
        const uint8_t *p = s.at + 6 + (size_t)3 * i;

        frame->components[i] =
            (mr__frame_component){.id = p[0], .h = p[1] >> 4, .v = p[1] & 15, .quant = p[2]};
        if (p[2] > 3 || frame->components[i].h == 0 || frame->components[i].v == 0 ||
            frame->components[i].h > 4 || frame->components[i].v > 4)
            return false;
    }
    if (frame->n_components == 1)
        frame->components[0].h = frame->components[0].v = 1;
    r->has_frame = true;
    return usual_sampling(frame);
}

static void read_app(reader *r, uint8_t marker, segment s)
{
    if (marker == APP0 && s.n >= 14 && memcmp(s.at, "JFIF", 5) == 0)
        r->jfif = true;
    if (marker == APP14 && s.n >= 12 && memcmp(s.at, "Adobe", 5) == 0) {
        r->adobe = true;
        r->transform = s.at[11];
    }
}

/* Are three components YCbCr? By the markers, as libjpeg has it; what is unusual is left to it. */
static bool is_ycc(const reader *r)
{
    const mr__frame_component *c = r->frame->components;

    if (r->adobe && !r->jfif)
        return r->transform == 1;
    return r->jfif || (c[0].id == 1 && c[1].id == 2 && c[2].id == 3);
}

static bool read_scan(const reader *r, segment s)
{
    mr__frame *frame = r->frame;
    size_t n = frame->n_components;

    if (!r->has_frame || s.n != 4 + 2 * n || s.at[0] != n || s.at[1 + 2 * n] != 0 ||
        s.at[2 + 2 * n] != 63 || s.at[3 + 2 * n] != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        mr__frame_component *c = &frame->components[i];
        uint8_t tables = s.at[2 + 2 * i];

        c->dc = tables >> 4;
        c->ac = tables & 15;
        if (s.at[1 + 2 * i] != c->id || c->dc > 3 || c->ac > 3 || !frame->dc[c->dc] ||
            !frame->ac[c->ac] || !r->has_quant[c->quant])
            return false;
        for (size_t j = 0; j < i; j++)
            if (frame->components[j].id == c->id)
                return false;
    }
    /* two chroma samples or fewer across are not interpolated by libjpeg */
    return n == 1 || (is_ycc(r) && (frame->components[0].h == 1 || frame->width > 4));
}

static bool read_marker(reader *r, uint8_t marker, segment s)
{
    switch (marker) {
    case SOF0:
    case SOF1:
        return read_frame(r, s);
    case DHT:
        return read_huffman(r, s);
    case DQT:
        return read_quant(r, s);
    case DRI:
        if (s.n != 2)
            return false;
        r->frame->restart = (uint32_t)s.at[0] << 8 | s.at[1];
        return true;
    default:
        read_app(r, marker, s);
        return (marker >= APP0 && marker <= APP15) || marker == COM;
    }
}

bool mr__frame_read(const uint8_t *bytes, size_t n, mr__frame *out)
{
    reader r = {.at = bytes + 2, .end = bytes + n, .frame = out};
    uint8_t marker = 0;
    segment s;

    memset(out, 0, sizeof *out);
    if (n < 4 || bytes[0] != 0xFF || bytes[1] != SOI)
        return false;
    while (take_segment(&r, &marker, &s)) {
        if (marker == SOS) {
            out->scan = r.at;
            return read_scan(&r, s);
        }
        if (!read_marker(&r, marker, s))
            return false;
    }
    return false;
}
