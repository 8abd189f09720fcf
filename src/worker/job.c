/* SPDX-License-Identifier: Apache-2.0 */
/* One picture, from encoded bytes to its row of the tensor: where decode and transform meet. */
#include "worker/job.h"

#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/text.h"

static uint32_t microseconds(uint64_t ns)
{
    uint64_t us = ns / 1000;

    return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void answer_error(mr__item_answer *answer, const mr_error *err, mr_stage stage)
{
    bool blames_item = err->status == MR_E_ITEM && err->code != MR_CODE_NONE;

    answer->code = (uint32_t)(blames_item ? err->code : MR_CODE_CORRUPT);
    if (err->status == MR_E_NO_MEMORY)
        answer->code = MR_CODE_OUT_OF_MEMORY;
    answer->stage = (uint32_t)(err->stage != MR_STAGE_NONE ? err->stage : stage);
    (void)mr__text_copy(answer->message, sizeof answer->message, err->message);
}

/* Of raw pixels their mode, of floats the number of channels. */
static bool raw_mode(const mr__job_input *input, mr__mode *mode)
{
    uint32_t said = (uint32_t)input->raw_mode;

    if (input->kind == MR__INPUT_FLOATS && said >= 1 && said <= 4)
        *mode = (mr__mode)(MR__MODE_F1 + said - 1);
    else if (input->kind == MR__INPUT_RAW && said <= MR__MODE_I16 && said != MR__MODE_P)
        *mode = input->raw_mode;
    else
        return false;
    return true;
}

/* Header only: what the picture is, and whether it may be decoded at all. */
static mr_status look(const mr__job_input *input, mr__picture *picture, mr_error *err)
{
    const mr__decode_limits limits = {.max_pixels = input->max_pixels};
    uint64_t pixels = (uint64_t)input->raw_width * input->raw_height;

    if (input->kind == MR__INPUT_ENCODED)
        return mr__probe(input->bytes, input->n_bytes, &limits, picture, err);
    memset(picture, 0, sizeof *picture);
    if (!raw_mode(input, &picture->mode))
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_UNSUPPORTED_VARIANT,
                              "raw pixels of mode %u", (unsigned)input->raw_mode);
    picture->width = input->raw_width;
    picture->height = input->raw_height;
    picture->orientation = 1;
    picture->has_transparency = picture->mode == MR__MODE_LA || picture->mode == MR__MODE_RGBA;
    if (pixels == 0 || input->raw_width > 65535 || input->raw_height > 65535)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_BAD_DIMENSIONS, "%ux%u pixels",
                              input->raw_width, input->raw_height);
    if (pixels * mr__mode_bytes(picture->mode) != input->n_bytes)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_CORRUPT, "%zu bytes for %ux%u pixels",
                              input->n_bytes, input->raw_width, input->raw_height);
    if (pixels > input->max_pixels)
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_TOO_MANY_PIXELS, "%ux%u pixels",
                              input->raw_width, input->raw_height);
    return MR_OK;
}

static mr_status ask(const mr__job_input *input, uint64_t bytes, mr_error *err)
{
    if (bytes == 0 || !input->ask)
        return MR_OK;
    switch (input->ask(input->ask_cookie, bytes)) {
    case MR__GRANT_GRANTED:
        return MR_OK;
    case MR__GRANT_REFUSED:
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_TOO_MANY_PIXELS,
                              "decoding needs %llu MiB of memory, more than the budget has",
                              (unsigned long long)(bytes >> 20) + 1);
    default:
        return mr__error_item(err, MR_STAGE_PROBE, MR_CODE_OUT_OF_MEMORY,
                              "given back: the stream is closing");
    }
}

/* One picture on its way: what the stages below hand to each other. */
typedef struct job {
    mr__decoder *decoder;
    mr__transform *transform;
    const mr__job_input *input;
    mr__picture picture;
    mr__region region;
    uint64_t transform_ns;
} job;

/* Strips of rows from the decoder to the transform. */
static mr_status move_rows(job *j, uint32_t n_rows, mr_error *err)
{
    uint32_t done = 0;

    for (;;) {
        mr__strip strip;
        uint64_t t0;
        mr_status s = mr__decoder_read(j->decoder, &strip, err);

        if (s == MR_EOF)
            return MR_OK;
        if (s != MR_OK)
            return s;
        t0 = mr__clock_ns();
        s = mr__transform_rows(j->transform, &strip, err);
        j->transform_ns += mr__clock_ns() - t0;
        if (s != MR_OK)
            return s;
        if (done < n_rows / 2 && done + strip.n_rows >= n_rows / 2)
            mr__failpoint_die("worker.half_row");
        done += strip.n_rows;
    }
}

static mr_status run_encoded(job *j, mr_error *err)
{
    mr__rows rows;
    mr_status s = mr__decoder_begin(j->decoder, j->input->bytes, j->input->n_bytes, &j->picture,
                                    &j->region, &rows, err);

    if (s != MR_OK)
        return s;
    mr__transform_columns(j->transform, rows.x0, rows.width);
    s = move_rows(j, rows.y1 - rows.y0, err);
    if (s != MR_OK)
        return s;
    return mr__decoder_finish(j->decoder, err);
}

static mr_status run_raw(job *j, mr_error *err)
{
    size_t stride = (size_t)j->picture.width * mr__mode_bytes(j->picture.mode);
    mr__strip strip = {.planes = {j->input->bytes + j->region.y0 * stride},
                       .stride = stride,
                       .n_rows = j->region.y1 - j->region.y0};

    mr__transform_columns(j->transform, 0, j->picture.width);
    return mr__transform_rows(j->transform, &strip, err);
}

/* The stages after the header. */
static mr_status run_stages(job *j, void *dst, mr_error *err)
{
    uint64_t t0 = mr__clock_ns();
    mr_status s = mr__transform_begin(j->transform, &j->picture, dst, &j->region, err);

    j->transform_ns += mr__clock_ns() - t0;
    if (s != MR_OK)
        return s;
    s = j->input->kind == MR__INPUT_ENCODED ? run_encoded(j, err) : run_raw(j, err);
    if (s != MR_OK)
        return s;
    t0 = mr__clock_ns();
    s = mr__transform_finish(j->transform, err);
    j->transform_ns += mr__clock_ns() - t0;
    return s;
}

void mr__job_run(mr__decoder *decoder, mr__transform *transform, const mr__job_input *input,
                 void *dst, mr__item_answer *answer)
{
    uint64_t start = mr__clock_ns(), asked, needed;
    job j = {.decoder = decoder, .transform = transform, .input = input};
    mr_error err = {0};
    mr_status s;

    memset(answer, 0, offsetof(mr__item_answer, message));
    answer->message[0] = '\0';
    answer->stage = MR_STAGE_TRANSFORM;
    s = look(input, &j.picture, &err);
    if (s != MR_OK) {
        answer_error(answer, &err, MR_STAGE_PROBE);
        return;
    }
    answer->format = (uint32_t)j.picture.format;
    answer->width = j.picture.width;
    answer->height = j.picture.height;
    needed = (uint64_t)j.picture.decode_bytes + mr__transform_bytes(transform, &j.picture);
    asked = mr__clock_ns();
    s = ask(input, needed, &err);
    start += mr__clock_ns() - asked; /* waiting for memory is not decoding */
    if (s == MR_OK)
        s = run_stages(&j, dst, &err);
    if (s != MR_OK)
        answer_error(answer, &err, MR_STAGE_DECODE);
    if (s != MR_OK || needed > 0)
        mr__decoder_abort(decoder);
    if (needed > 0)
        mr__transform_trim(transform);
    answer->transform_us = microseconds(j.transform_ns);
    answer->decode_us = microseconds(mr__clock_ns() - start - j.transform_ns);
}
