/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG: who decodes it. Our own decoder (baseline/) takes what nearly all files are, and gives rows
 * as planes of the columns that were asked for. libjpeg takes the rest, and judges everything that
 * is not as it should be: where ours stops, libjpeg goes on from the same row, and where the end of
 * the file was not seen, libjpeg says whether it is truncated. So verdicts and pixels are
 * libjpeg's, whoever decoded.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "decode/baseline/baseline.h"
#include "decode/codec.h"
#include "decode/jpeg_header.h"
#include "decode/libjpeg.h"

typedef struct jpeg_codec {
    mr__codec base;
    mr__libjpeg *libjpeg;
    mr__baseline *baseline;
    const mr__decode_job *job; /* NULL when idle */
    mr__rows rows;
    bool own; /* our own decoder is at work, not libjpeg */

    /* of our own decoder: the strip that it fills */
    uint32_t next; /* row of the picture that comes next */
    uint32_t strip_rows;
    size_t stride;
    uint8_t *planes[3];

    uint32_t skip; /* bytes of libjpeg's rows before the first column that was announced */
} jpeg_codec;

/* --- our own --- */

/* Bytes of a row of a plane: what may be read and written beside the pixels included. */
static size_t plane_stride(uint32_t width)
{
    return ((size_t)width + 63) / 64 * 64 + 2 * (size_t)MR__STRIP_MARGIN;
}

/* False: not for our own decoder. */
static bool own_takes(jpeg_codec *codec, size_t *room)
{
    const mr__decode_job *job = codec->job;
    const mr__picture *pic = &job->picture;

    if (job->jpeg == MR__JPEG_LIBJPEG || pic->progressive)
        return false;
    if (pic->mode != MR__MODE_L && pic->mode != MR__MODE_RGB)
        return false;
    return mr__baseline_begin(codec->baseline, job->bytes, job->n, pic, &job->region, room);
}

static mr_status own_begin(jpeg_codec *codec, size_t room, mr_error *err)
{
    const mr__region *region = &codec->job->region;
    uint32_t channels = mr__mode_bytes(codec->job->picture.mode);
    uint8_t *memory;
    size_t plane;

    codec->rows = (mr__rows){
        .x0 = region->x0,
        .width = region->x1 - region->x0,
        .y0 = region->y0,
        .y1 = region->y1,
        .pixel_bytes = channels,
    };
    codec->next = region->y0;
    codec->stride = plane_stride(codec->rows.width);
    codec->strip_rows = mr__strip_rows(codec->stride * channels);
    plane = codec->stride * codec->strip_rows;
    memory = mr__scratch_need(codec->job->scratch, plane * channels + room);
    if (memory == NULL)
        return mr__error_item(err, MR_STAGE_DECODE, MR_CODE_OUT_OF_MEMORY,
                              "JPEG: no memory for a strip of rows");
    for (uint32_t i = 0; i < channels; i++)
        codec->planes[i] = memory + i * plane + MR__STRIP_MARGIN;
    mr__baseline_start(codec->baseline, memory + channels * plane);
    return MR_OK;
}

/* --- libjpeg --- */

/* Where our own decoder may not be helped. */
static mr_status check_choice(const jpeg_codec *codec, const char *why, mr_error *err)
{
    if (codec->job->jpeg != MR__JPEG_OWN)
        return MR_OK;
    return mr__error_item(err, MR_STAGE_DECODE, MR_CODE_UNSUPPORTED_VARIANT,
                          "JPEG: %s, and MILLRACE_JPEG=own leaves nothing to libjpeg", why);
}

/* libjpeg goes on where our own decoder stopped. Its columns hold those that were announced. */
static mr_status change_over(jpeg_codec *codec, mr_error *err)
{
    mr__rows rows;
    mr_status st = check_choice(codec, "not as it should be", err);

    if (st == MR_OK)
        st = mr__libjpeg_begin(codec->libjpeg, codec->job, codec->next, &rows, err);
    if (st != MR_OK)
        return st;
    codec->own = false;
    codec->skip = (codec->rows.x0 - rows.x0) * rows.pixel_bytes;
    codec->job->counts->jpeg_continued++;
    return MR_OK;
}

/* --- the codec --- */

static void jpeg_close(mr__codec *base)
{
    jpeg_codec *codec = (jpeg_codec *)base;

    mr__libjpeg_close(&codec->libjpeg);
    mr__baseline_close(&codec->baseline);
    free(codec);
}

static mr_status jpeg_open(const mr__decode_options *options, mr__codec **out, mr_error *err)
{
    jpeg_codec *codec = calloc(1, sizeof(*codec));

    if (codec == NULL)
        return mr__error_no_memory(err, "JPEG decoder");
    codec->base.ops = &mr__decode_jpeg;
    codec->libjpeg = mr__libjpeg_open();
    codec->baseline = mr__baseline_open(options->level);
    if (codec->libjpeg == NULL || codec->baseline == NULL) {
        jpeg_close(&codec->base);
        return mr__error_no_memory(err, "JPEG decoder");
    }
    *out = &codec->base;
    return MR_OK;
}

static void jpeg_abort_codec(mr__codec *base)
{
    jpeg_codec *codec = (jpeg_codec *)base;

    mr__libjpeg_abort(codec->libjpeg);
    codec->job = NULL;
}

static mr_status jpeg_begin(mr__codec *base, const mr__decode_job *job, mr__rows *out,
                            mr_error *err)
{
    jpeg_codec *codec = (jpeg_codec *)base;
    size_t room = 0;
    mr_status st;

    codec->job = job;
    codec->skip = 0;
    codec->own = own_takes(codec, &room);
    if (codec->own) {
        st = own_begin(codec, room, err);
    } else {
        job->counts->jpeg_not_own++;
        st = check_choice(codec, "not baseline", err);
        if (st == MR_OK)
            st = mr__libjpeg_begin(codec->libjpeg, job, job->region.y0, &codec->rows, err);
    }
    if (st != MR_OK) {
        codec->job = NULL;
        return st;
    }
    *out = codec->rows;
    return MR_OK;
}

static mr_status read_library(jpeg_codec *codec, mr__strip *out, mr_error *err)
{
    mr_status st = mr__libjpeg_read(codec->libjpeg, out, err);

    if (st == MR_OK)
        out->planes[0] += codec->skip;
    return st;
}

static mr_status jpeg_read(mr__codec *base, mr__strip *out, mr_error *err)
{
    jpeg_codec *codec = (jpeg_codec *)base;
    mr_status st;
    int n;

    if (!codec->own)
        return read_library(codec, out, err);
    n = mr__baseline_rows(codec->baseline, codec->planes, codec->stride, codec->strip_rows);
    if (n == 0)
        return MR_EOF;
    if (n < 0) {
        st = change_over(codec, err);
        return st == MR_OK ? read_library(codec, out, err) : st;
    }
    codec->next += (uint32_t)n;
    *out = (mr__strip){.stride = codec->stride, .n_rows = (uint32_t)n, .planar = true};
    for (uint32_t i = 0; i < codec->rows.pixel_bytes; i++)
        out->planes[i] = codec->planes[i];
    return MR_OK;
}

static mr_status jpeg_finish(mr__codec *base, mr_error *err)
{
    jpeg_codec *codec = (jpeg_codec *)base;
    mr_status st = MR_OK;

    if (codec->own && mr__baseline_complete(codec->baseline)) {
        codec->job->counts->jpeg_own++;
    } else {
        if (codec->own)
            st = change_over(codec, err);
        if (st == MR_OK)
            st = mr__libjpeg_finish(codec->libjpeg, err);
    }
    jpeg_abort_codec(base);
    return st;
}

static bool jpeg_recognise(const uint8_t *bytes, size_t n)
{
    return n >= 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0;
}

const mr__decode_ops mr__decode_jpeg = {
    .format = MR__FORMAT_JPEG,
    .header_bytes = 20,
    .recognise = jpeg_recognise,
    .probe = mr__jpeg_probe,
    .open = jpeg_open,
    .close = jpeg_close,
    .begin = jpeg_begin,
    .read = jpeg_read,
    .finish = jpeg_finish,
    .abort = jpeg_abort_codec,
};
