/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One unit of a foreign program: its items are decoded to RGB, or handed out as they are, and what
 * the program makes of them is answered.
 *
 * All pictures of a unit are held at once, as the program may want them together. What they take
 * over the standing allowance is asked for, like the memory of any decode; a unit that would need
 * an unfair part of what can be granted is served in parts.
 */
#include "worker/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/text.h"

#define ALIGNMENT 64

static void fail(mr__foreign_slot *slot, mr_stage stage, mr_code code, const char *message)
{
    slot->answered = true;
    slot->answer->code = (uint32_t)code;
    slot->answer->stage = (uint32_t)stage;
    (void)mr__text_copy(slot->answer->message, sizeof slot->answer->message, message);
}

/* An array, as the host describes it. Not believed either: this process may have a bug to defend.
 */
static void look_at_array(mr__foreign_slot *slot)
{
    static const uint32_t channels[] = {
        [MR__MODE_L] = 1, [MR__MODE_LA] = 2, [MR__MODE_RGB] = 3, [MR__MODE_RGBA] = 4};
    const mr__item_desc *desc = slot->desc;
    bool floats = desc->kind == MR__INPUT_FLOATS;
    uint32_t n = floats ? desc->raw_mode : 0;
    size_t bytes;

    if (!floats && desc->raw_mode < sizeof channels / sizeof channels[0])
        n = channels[desc->raw_mode];
    if (n == 0 || n > 4 || desc->raw_width == 0 || desc->raw_width > 65535 ||
        desc->raw_height == 0 || desc->raw_height > 65535 ||
        !mr__size_mul(&bytes, (size_t)desc->raw_width * desc->raw_height,
                      n * (floats ? sizeof(float) : 1)) ||
        bytes != desc->input_bytes) {
        fail(slot, MR_STAGE_PROBE, MR_CODE_CORRUPT, "the array's bytes do not add up");
        return;
    }
    slot->is_shared = true;
    slot->height = slot->answer->height = desc->raw_height;
    slot->width = slot->answer->width = desc->raw_width;
}

static void look_at_picture(const mr_worker *worker, mr__foreign_slot *slot, const uint8_t *bytes)
{
    const mr__decode_limits limits = {.max_pixels = worker->max_pixels};
    mr_error err = {0};
    bool turned;

    if (mr__probe(bytes, slot->desc->input_bytes, &limits, &slot->picture, &err) != MR_OK) {
        fail(slot, err.stage != MR_STAGE_NONE ? err.stage : MR_STAGE_PROBE,
             err.code != MR_CODE_NONE ? err.code : MR_CODE_CORRUPT, err.message);
        return;
    }
    turned = worker->options.apply_exif && slot->picture.orientation >= 5;
    slot->answer->format = (uint32_t)slot->picture.format;
    slot->answer->width = slot->picture.width;
    slot->answer->height = slot->picture.height;
    slot->width = turned ? slot->picture.height : slot->picture.width;
    slot->height = turned ? slot->picture.width : slot->picture.height;
    slot->pixel_bytes = (size_t)slot->width * slot->height * 3;
    slot->work_bytes = slot->picture.decode_bytes;
}

/* What the item is, and what it will take. Answers at once what can only fail. */
static void look(mr_worker *worker, mr__foreign_slot *slot)
{
    const uint8_t *bytes = worker->areas.slab + slot->desc->input_offset;

    if (!mr__serve_holds(worker->serve, slot->desc, worker->row_bytes))
        fail(slot, MR_STAGE_TRANSFORM, MR_CODE_IO_ERROR, "the unit names memory outside its areas");
    else if (slot->desc->kind != MR__INPUT_ENCODED)
        look_at_array(slot);
    else if (worker->options.encoded)
        slot->is_shared = true;
    else
        look_at_picture(worker, slot, bytes);
}

/* The transform that turns decoded rows of this picture into RGB bytes [H,W,3]. */
static mr_status rgb_transform(mr_worker *worker, const mr__foreign_slot *slot, mr_error *err)
{
    mr__plan_spec spec = {.alpha = MR__ALPHA_DROP,
                          .exif = worker->options.apply_exif ? MR__EXIF_APPLY : MR__EXIF_IGNORE,
                          .resize = MR__RESIZE_NONE,
                          .crop = MR__CROP_NONE,
                          .norm = MR__NORM_NONE,
                          .dtype = MR_DTYPE_U8,
                          .layout = MR_LAYOUT_NHWC,
                          .out_width = slot->width,
                          .out_height = slot->height};
    const mr__picture *was = &worker->rgb_of;

    if (worker->rgb && was->width == slot->picture.width && was->height == slot->picture.height &&
        was->orientation == slot->picture.orientation)
        return MR_OK;
    mr__transform_close(&worker->rgb);
    worker->rgb_of = slot->picture;
    return mr__transform_open(&spec, (mr__cpu_level)worker->areas.control->cpu_level, &worker->rgb,
                              err);
}

static bool make_room(mr__foreign_slot *slot)
{
    size_t bytes;

    if (slot->capacity >= slot->pixel_bytes)
        return true;
    free(slot->pixels);
    slot->capacity = 0;
    slot->pixels = NULL;
    if (mr__size_align(&bytes, slot->pixel_bytes, ALIGNMENT))
        slot->pixels = aligned_alloc(ALIGNMENT, bytes);
    if (!slot->pixels)
        return false;
    slot->capacity = bytes;
    return true;
}

/* Memory was seen to. */
static void decode(mr_worker *worker, mr__foreign_slot *slot)
{
    const mr__job_input input = {
        .bytes = worker->areas.slab + slot->desc->input_offset,
        .n_bytes = slot->desc->input_bytes,
        .kind = MR__INPUT_ENCODED,
        .max_pixels = worker->max_pixels,
    };
    mr_error err = {0};

    if (!make_room(slot)) {
        fail(slot, MR_STAGE_DECODE, MR_CODE_OUT_OF_MEMORY, "no memory for the decoded picture");
        return;
    }
    if (rgb_transform(worker, slot, &err) != MR_OK) {
        fail(slot, MR_STAGE_DECODE, MR_CODE_OUT_OF_MEMORY, err.message);
        return;
    }
    mr__job_run(mr__serve_decoder(worker->serve), worker->rgb, &input, slot->pixels, slot->answer);
    slot->answered = slot->answer->code != MR_CODE_NONE;
}

static mr_worker_item hand_out(mr_worker *worker, uint32_t index)
{
    const mr__foreign_slot *slot = &worker->slots[index];
    const mr__item_desc *desc = slot->desc;
    mr_worker_item item = {.data = slot->pixels,
                           .n_bytes = slot->pixel_bytes,
                           .height = slot->height,
                           .width = slot->width,
                           .channels = 3,
                           .dtype = MR_DTYPE_U8,
                           .row = worker->areas.slots + desc->output_offset,
                           .row_bytes = worker->row_bytes,
                           .worker = worker,
                           .index = index};

    if (!slot->is_shared)
        return item;
    item.shared = true;
    item.data = worker->areas.slab + desc->input_offset;
    item.n_bytes = desc->input_bytes;
    item.dtype = desc->kind == MR__INPUT_FLOATS ? MR_DTYPE_F32 : MR_DTYPE_U8;
    item.channels = desc->kind == MR__INPUT_FLOATS ? desc->raw_mode
                    : desc->kind == MR__INPUT_RAW  ? mr__mode_bytes((mr__mode)desc->raw_mode)
                                                   : 0;
    return item;
}

/* The program's turn, for what is left of items [from,to). */
static void run(mr_worker *worker, uint32_t from, uint32_t to)
{
    uint64_t start = mr__clock_ns(), us;
    uint32_t i, n = 0;

    for (i = from; i < to; i++)
        if (!worker->slots[i].answered)
            worker->items[n++] = hand_out(worker, i);
    if (n == 0)
        return;
    worker->run(worker->cookie, worker->items, n);
    us = (mr__clock_ns() - start) / 1000 / n;
    for (i = from; i < to; i++) {
        mr__foreign_slot *slot = &worker->slots[i];

        slot->answer->transform_us = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
        if (!slot->answered)
            fail(slot, MR_STAGE_TRANSFORM, MR_CODE_PREPROCESS_FAILED,
                 "the worker program gave no answer");
    }
}

/* Buffers from earlier units, as far as they are over the standing allowance. */
static void trim(mr_worker *worker)
{
    size_t kept = 0;
    uint32_t i;

    for (i = 0; i < MR__UNIT_ITEMS; i++) {
        mr__foreign_slot *slot = &worker->slots[i];

        if (kept + slot->capacity <= MR__FOREIGN_STANDING_BYTES) {
            kept += slot->capacity;
            continue;
        }
        free(slot->pixels);
        slot->pixels = NULL;
        slot->capacity = 0;
    }
}

/* Memory for the pictures [from,to), if that is more than needs no asking. */
static mr__grant_answer ask(mr_worker *worker, uint32_t from, uint32_t to)
{
    uint64_t pixels = 0, work = 0;
    uint32_t i;

    for (i = from; i < to; i++) {
        const mr__foreign_slot *slot = &worker->slots[i];

        if (slot->answered)
            continue;
        pixels += slot->pixel_bytes;
        work = slot->work_bytes > work ? slot->work_bytes : work;
    }
    if (pixels > MR__FOREIGN_STANDING_BYTES)
        work += pixels - MR__FOREIGN_STANDING_BYTES;
    if (work == 0)
        return MR__GRANT_GRANTED;
    trim(worker);
    return mr__serve_ask(worker->serve, work);
}

static void serve_part(mr_worker *worker, uint32_t from, uint32_t to)
{
    mr__grant_answer granted = ask(worker, from, to);
    uint32_t i;

    for (i = from; i < to; i++) {
        mr__foreign_slot *slot = &worker->slots[i];

        if (slot->answered)
            continue;
        if (granted == MR__GRANT_GRANTED && !slot->is_shared)
            decode(worker, slot);
        else if (granted == MR__GRANT_REFUSED)
            fail(slot, MR_STAGE_PROBE, MR_CODE_TOO_MANY_PIXELS,
                 "the decoded picture needs more memory than the budget has");
        else if (granted != MR__GRANT_GRANTED)
            fail(slot, MR_STAGE_PROBE, MR_CODE_OUT_OF_MEMORY, "given back: the stream is closing");
    }
    run(worker, from, to);
}

/* The end of the part that begins at `from`: as many pictures as take a fair share of memory. */
static uint32_t part_end(const mr_worker *worker, uint32_t from)
{
    uint64_t fair = worker->areas.control->grant_max_bytes / 8, sum = 0;
    uint32_t i;

    if (fair < MR__FOREIGN_STANDING_BYTES)
        fair = MR__FOREIGN_STANDING_BYTES;
    for (i = from; i < worker->n; i++) {
        sum += worker->slots[i].pixel_bytes;
        if (i > from && sum > fair)
            break;
    }
    return i;
}

/* What was said of failures, in the order of the items, as the host expects it. */
static void publish_details(const mr_worker *worker, char *detail)
{
    uint32_t i, at = 0;

    for (i = 0; i < worker->n; i++) {
        const mr__foreign_slot *slot = &worker->slots[i];

        slot->answer->detail_bytes = slot->detail_bytes;
        mr__copy_in(detail + at, worker->detail + slot->detail_at, slot->detail_bytes);
        at += slot->detail_bytes;
    }
}

void mr__foreign_unit(void *cookie, const mr__unit_desc *unit, mr__unit_answer *answer,
                      char *detail)
{
    mr_worker *worker = cookie;
    uint32_t i, from, to;

    worker->n = unit->n_items;
    worker->max_pixels = unit->max_pixels;
    worker->detail_used = 0;
    for (i = 0; i < worker->n; i++) {
        mr__foreign_slot *slot = &worker->slots[i];

        slot->desc = &unit->items[i];
        slot->answer = &answer->items[i];
        memset(slot->answer, 0, sizeof *slot->answer);
        slot->answer->stage = MR_STAGE_TRANSFORM;
        slot->answered = slot->is_shared = false;
        slot->pixel_bytes = slot->work_bytes = 0;
        slot->height = slot->width = 0;
        slot->detail_at = slot->detail_bytes = 0;
        look(worker, slot);
    }
    for (from = 0; from < worker->n; from = to) {
        to = part_end(worker, from);
        serve_part(worker, from, to);
    }
    publish_details(worker, detail);
    trim(worker);
}
