/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's loop: see serve.h. */
#include "worker/serve.h"

#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/text.h"
#include "ring/unit.h"
#include "ring/wake.h"
#include "worker/job.h"

struct mr__serve {
    mr__areas areas;
    mr__cpu_level level;
    mr__decoder *decoder;
    mr__serve_unit_fn *unit; /* NULL: pictures by a plan */
    void *unit_cookie;
    struct {
        uint32_t version; /* of the cell that the transform was made from; 0: none */
        mr__transform *transform;
        size_t row_bytes;
    } plans[MR__PLAN_CELLS];
    uint32_t position;    /* of the next unit in the mailbox */
    uint16_t need_number; /* of the last request for memory */
    mr__unit_desc desc;
    mr__unit_answer answer;
};

/* Everything that is loaded, seeded or resolved on first use is used once while the door is still
 * open. */
static mr_status warm_up(mr__serve *serve, mr_error *err)
{
    mr__transform *transform = NULL;
    mr_plan *plan = NULL;
    mr_status s = mr__decoder_warm_up(serve->decoder, err);

    if (s == MR_OK)
        s = mr_plan_open("millrace/builtin", &plan, err);
    if (s == MR_OK)
        s = mr__transform_open(mr__plan_spec_of(plan), serve->level, &transform, err);
    mr__transform_close(&transform);
    mr_plan_close(&plan);
    return s;
}

mr_status mr__serve_open(const mr__areas *areas, mr__serve **out, mr_error *err)
{
    mr__serve *serve = calloc(1, sizeof *serve);
    const mr__decode_options options = {
        .level = (mr__cpu_level)areas->control->cpu_level,
        .jpeg = (mr__jpeg_choice)areas->control->jpeg,
    };
    mr_status s;

    *out = NULL;
    if (!serve)
        return mr__error_no_memory(err, "worker");
    serve->areas = *areas;
    serve->level = options.level;
    s = mr__decoder_open(&options, &serve->decoder, err);
    if (s == MR_OK)
        s = warm_up(serve, err);
    if (s != MR_OK) {
        mr__serve_close(&serve);
        return s;
    }
    *out = serve;
    return MR_OK;
}

void mr__serve_close(mr__serve **serve)
{
    size_t i;

    if (!*serve)
        return;
    for (i = 0; i < MR__PLAN_CELLS; i++)
        mr__transform_close(&(*serve)->plans[i].transform);
    mr__decoder_close(&(*serve)->decoder);
    free(*serve);
    *serve = NULL;
}

void mr__serve_hook(mr__serve *serve, mr__serve_unit_fn *unit, void *cookie)
{
    serve->unit = unit;
    serve->unit_cookie = cookie;
}

mr__decoder *mr__serve_decoder(mr__serve *serve)
{
    return serve->decoder;
}

/* Compiles the plan of a cell; the host does not touch the cell while a unit that names it is out.
 */
static mr_status compile_plan(mr__serve *serve, uint32_t cell, uint32_t version, mr_error *err)
{
    const mr__plan_cell *shared = &serve->areas.control->plans[cell];
    char text[MR__PLAN_TEXT_MAX];
    mr_plan *plan = NULL;
    mr_status s;

    mr__transform_close(&serve->plans[cell].transform);
    serve->plans[cell].version = 0;
    mr__copy_out(text, shared->text, sizeof text);
    text[sizeof text - 1] = '\0';
    s = mr_plan_parse(text, &plan, err);
    if (s != MR_OK)
        return s;
    s = mr__transform_open(mr__plan_spec_of(plan), serve->level, &serve->plans[cell].transform,
                           err);
    serve->plans[cell].row_bytes = mr_plan_row_shape(plan).bytes;
    mr_plan_close(&plan);
    if (s == MR_OK)
        serve->plans[cell].version = version;
    return s;
}

mr__grant_answer mr__serve_ask(void *cookie, uint64_t bytes)
{
    mr__serve *serve = cookie;
    mr__control *control = serve->areas.control;
    mr__grant_answer answer;

    serve->need_number = (uint16_t)(serve->need_number + 1);
    if (serve->need_number == 0)
        serve->need_number = 1;
    mr__need_ask(control, serve->need_number, bytes);
    mr__wake_raise(serve->areas.event_fd);
    for (;;) {
        uint32_t bell = mr__word_load(&control->doorbell);

        answer = mr__need_answer(control, serve->need_number);
        if (answer != MR__GRANT_PENDING)
            return answer;
        if (mr__word_load(&control->shutdown))
            return MR__GRANT_REQUEUE;
        mr__wake_wait(&control->doorbell, bell);
    }
}

static bool within(uint64_t offset, uint64_t bytes, uint64_t size)
{
    return offset <= size && bytes <= size - offset;
}

bool mr__serve_holds(const mr__serve *serve, const mr__item_desc *item, size_t row_bytes)
{
    const mr__control *control = serve->areas.control;

    return within(item->input_offset, item->input_bytes, control->slab_bytes) &&
           within(item->output_offset, item->output_bytes, control->slots_bytes) &&
           item->output_bytes == row_bytes;
}

static void refuse(mr__item_answer *answer, const char *message)
{
    memset(answer, 0, sizeof *answer);
    answer->code = MR_CODE_IO_ERROR;
    answer->stage = MR_STAGE_TRANSFORM;
    (void)mr__text_copy(answer->message, sizeof answer->message, message);
}

static void run_item(mr__serve *serve, const mr__item_desc *item, mr__item_answer *answer)
{
    uint32_t cell = serve->desc.plan_cell;
    const mr__job_input input = {
        .bytes = serve->areas.slab + item->input_offset,
        .n_bytes = item->input_bytes,
        .kind = (mr__input_kind)item->kind,
        .raw_mode = (mr__mode)item->raw_mode,
        .raw_width = item->raw_width,
        .raw_height = item->raw_height,
        .max_pixels = serve->desc.max_pixels,
        .ask = mr__serve_ask,
        .ask_cookie = serve,
    };

    if (!mr__serve_holds(serve, item, serve->plans[cell].row_bytes)) {
        refuse(answer, "the unit names memory outside its areas");
        return;
    }
    mr__job_run(serve->decoder, serve->plans[cell].transform, &input,
                serve->areas.slots + item->output_offset, answer);
}

static void run_unit(mr__serve *serve)
{
    uint32_t i, cell = serve->desc.plan_cell;
    mr_error err = {0};
    mr_status s = MR_OK;

    if (serve->unit) {
        mr__word_bump(&serve->areas.control->heartbeat);
        serve->unit(serve->unit_cookie, &serve->desc, &serve->answer,
                    serve->areas.control->detail[(serve->position - 1) % MR__MAILBOX_UNITS]);
        return;
    }
    if (cell >= MR__PLAN_CELLS)
        s = mr__error_set(&err, MR_E_INTERNAL, "the unit names no plan");
    else if (serve->plans[cell].version != serve->desc.plan_version)
        s = compile_plan(serve, cell, serve->desc.plan_version, &err);
    for (i = 0; i < serve->desc.n_items; i++) {
        mr__word_bump(&serve->areas.control->heartbeat);
        if (s == MR_OK)
            run_item(serve, &serve->desc.items[i], &serve->answer.items[i]);
        else
            refuse(&serve->answer.items[i], err.message);
    }
}

void mr__serve_run(mr__serve *serve)
{
    mr__control *control = serve->areas.control;

    mr__word_store(&control->ready, 1);
    mr__wake_raise(serve->areas.event_fd);
    for (;;) {
        uint32_t bell = mr__word_load(&control->doorbell);
        mr__unit *unit = &control->units[serve->position % MR__MAILBOX_UNITS];

        if (mr__word_load(&control->shutdown))
            return;
        if (!mr__unit_claim(unit, &serve->desc)) {
            mr__failpoint_die("worker.idle");
            mr__wake_wait(&control->doorbell, bell);
            continue;
        }
        serve->position++;
        mr__failpoint_die("worker.claimed");
        run_unit(serve);
        mr__unit_answer_publish(unit, &serve->answer, serve->desc.n_items);
        mr__failpoint_die("worker.answered");
        mr__wake_raise(serve->areas.event_fd);
    }
}
