/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP through libwebp. Lossless and alpha data cannot be decoded in strips, so the whole canvas is
 * held, and counted in decode_bytes. The first frame of an animation is put on a canvas of zeros
 * (transparent black), which is what Pillow shows of it.
 */
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

#include "decode/codec.h"
#include "decode/webp_header.h"

typedef struct webp_codec {
    mr__codec base;
    const uint8_t *canvas;
    size_t stride;
    uint32_t y, y1; /* rows to give out */
} webp_codec;

static mr_status fail(VP8StatusCode status, mr_error *err)
{
    switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return mr__error_item(err, MR_STAGE_DECODE, MR_CODE_OUT_OF_MEMORY, "WebP: no memory");
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return mr__error_item(err, MR_STAGE_DECODE, MR_CODE_TRUNCATED,
                              "WebP: the pixel data are incomplete");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return mr__error_item(err, MR_STAGE_DECODE, MR_CODE_UNSUPPORTED_VARIANT,
                              "WebP: not supported by libwebp");
    default:
        return mr__error_item(err, MR_STAGE_DECODE, MR_CODE_CORRUPT, "WebP: bad pixel data (%d)",
                              (int)status);
    }
}

static mr_status webp_open(const mr__decode_options *options, mr__codec **out, mr_error *err)
{
    webp_codec *codec = calloc(1, sizeof(*codec));

    (void)options;
    if (codec == NULL)
        return mr__error_no_memory(err, "WebP decoder");
    codec->base.ops = &mr__decode_webp;
    *out = &codec->base;
    return MR_OK;
}

static void webp_close(mr__codec *base)
{
    free(base);
}

/* Decodes the frame into the canvas. */
static mr_status draw(const mr__webp_frame *frame, uint8_t *canvas, size_t stride, mr__mode mode,
                      mr_error *err)
{
    size_t px = mr__mode_bytes(mode);
    WebPDecoderConfig config;
    VP8StatusCode status;

    if (!WebPInitDecoderConfig(&config))
        return mr__error_set(err, MR_E_INTERNAL, "WebP: libwebp of another version");
    config.output.colorspace = mode == MR__MODE_RGBA ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = canvas + frame->y * stride + frame->x * px;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * (frame->height - 1) + frame->width * px;
    status = WebPDecode(frame->data, frame->n, &config);
    return status == VP8_STATUS_OK ? MR_OK : fail(status, err);
}

static mr_status webp_begin(mr__codec *base, const mr__decode_job *job, mr__rows *out,
                            mr_error *err)
{
    const mr__decode_limits limits = {.max_pixels = UINT64_MAX};
    const mr__picture *pic = &job->picture;
    webp_codec *codec = (webp_codec *)base;
    mr__webp_frame frame;
    mr__picture again;
    uint8_t *canvas;
    mr_status st;

    st = mr__webp_open(job->bytes, job->n, &limits, &again, &frame, err);
    if (st != MR_OK)
        return st;
    if (again.width != pic->width || again.height != pic->height || again.mode != pic->mode)
        return mr__error_item(err, MR_STAGE_DECODE, MR_CODE_CORRUPT, "WebP: contradictory headers");
    codec->stride = (size_t)pic->width * mr__mode_bytes(pic->mode);
    canvas = mr__scratch_need(job->scratch, codec->stride * pic->height);
    if (canvas == NULL)
        return fail(VP8_STATUS_OUT_OF_MEMORY, err);
    if (frame.width < pic->width || frame.height < pic->height)
        memset(canvas, 0, codec->stride * pic->height);
    st = draw(&frame, canvas, codec->stride, pic->mode, err);
    if (st != MR_OK)
        return st;
    codec->canvas = canvas;
    codec->y = job->region.y0;
    codec->y1 = job->region.y1;
    *out = (mr__rows){
        .width = pic->width,
        .y0 = job->region.y0,
        .y1 = job->region.y1,
        .pixel_bytes = mr__mode_bytes(pic->mode),
    };
    return MR_OK;
}

static mr_status webp_read(mr__codec *base, mr__strip *out, mr_error *err)
{
    webp_codec *codec = (webp_codec *)base;

    (void)err;
    if (codec->y >= codec->y1)
        return MR_EOF;
    *out = (mr__strip){.planes = {codec->canvas + codec->y * codec->stride},
                       .stride = codec->stride,
                       .n_rows = codec->y1 - codec->y};
    codec->y = codec->y1;
    return MR_OK;
}

static void webp_abort(mr__codec *base)
{
    ((webp_codec *)base)->canvas = NULL;
}

static mr_status webp_finish(mr__codec *base, mr_error *err)
{
    (void)err;
    webp_abort(base);
    return MR_OK;
}

static bool webp_recognise(const uint8_t *bytes, size_t n)
{
    return n >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

const mr__decode_ops mr__decode_webp = {
    .format = MR__FORMAT_WEBP,
    .header_bytes = 30,
    .recognise = webp_recognise,
    .probe = mr__webp_probe,
    .open = webp_open,
    .close = webp_close,
    .begin = webp_begin,
    .read = webp_read,
    .finish = webp_finish,
    .abort = webp_abort,
};
