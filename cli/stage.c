/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage is a plan of its own: the plan's text with other lines where it goes on. So the stages
 * run through the very code, in the very workers, that a run would use.
 */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "run.h"

#define TEXT_MAX 4096
#define SIDE_MAX 16384

/* Lines that every stage before the last has instead of the plan's. */
static const char early[] = "layout=nhwc\n";
static const char no_norm[] = "norm=none\nrescale=1\nmean=0,0,0\nstd=1,1,1\n";
static const char unit_norm[] = "mean=0,0,0\nstd=1,1,1\n";

static bool has(const char *text, const char *line)
{
    const char *at = strstr(text, line);

    return at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

/* Is `line` a key that `lines` sets? */
static bool is_set(const char *lines, const char *line)
{
    size_t n = strcspn(line, "=") + 1;

    for (; *lines; lines += strcspn(lines, "\n") + 1)
        if (strncmp(lines, line, n) == 0)
            return true;
    return false;
}

/* The text with the lines that `lines` sets replaced. */
static bool merge(const char *text, const char *lines, char *out, size_t size)
{
    size_t at = 0;
    int n;

    while (*text) {
        size_t length = strcspn(text, "\n");

        if (!is_set(lines, text)) {
            if (at + length + 2 > size)
                return false;
            memcpy(out + at, text, length);
            out[at + length] = '\n';
            at += length + 1;
        }
        text += length + (text[length] == '\n');
    }
    n = snprintf(out + at, size - at, "%s", lines);
    return n >= 0 && (size_t)n < size - at;
}

/* What differs from the plan until the end of the stage. */
static void lines_of(const char *text, const struct cli_reference_stage *stage, char *out,
                     size_t size)
{
    bool unit = has(text, "norm=rescale-first");
    bool floats = unit || has(text, "engine=float");
    unsigned height = stage->shape[0], width = stage->shape[1];
    bool whole = has(text, "resize=letterbox") || has(text, "resize=masked-stretch");
    char place[160] = "";

    if (strcmp(stage->name, "crop") == 0) {
        (void)snprintf(out, size, "%s%sdtype=%s\n", early, unit ? unit_norm : no_norm,
                       floats ? "f32" : "u8");
        return;
    }
    if (strcmp(stage->name, "resize") == 0) {
        if (whole)
            (void)snprintf(place, sizeof place, "resize=squash\nresize_size=%ux%u\n", width,
                           height);
        (void)snprintf(out, size, "%s%s%scrop=centre-floor\ncrop_size=%ux%u\ndtype=%s\n", early,
                       unit ? unit_norm : no_norm, place, width, height, floats ? "f32" : "u8");
        return;
    }
    (void)snprintf(
        out, size,
        "%s%s%sengine=pillow\nresize=none\nresize_size=0x0\ncrop=centre-floor\n"
        "crop_size=%ux%u\ndtype=u8\n",
        early, no_norm,
        strcmp(stage->name, "decode") == 0 ? "colour=rgb-first\nalpha=drop\nexif=ignore\n" : "",
        width, height);
}

mr_status cli_stage_plan(const mr_plan *plan, const struct cli_reference_stage *stage,
                         mr_plan **out, mr_error *err)
{
    const char *text = mr_plan_text(plan);
    char lines[512], made[TEXT_MAX];

    *out = NULL;
    if (strcmp(stage->name, "tensor") == 0)
        return mr_plan_parse(text, out, err);
    if (stage->shape[0] > SIDE_MAX || stage->shape[1] > SIDE_MAX)
        return MR_E_UNSUPPORTED;
    lines_of(text, stage, lines, sizeof lines);
    if (!merge(text, lines, made, sizeof made)) {
        (void)snprintf(err->message, sizeof err->message, "the plan's text is too long");
        return err->status = MR_E_INTERNAL;
    }
    return mr_plan_parse(made, out, err);
}

/* ---- running it ---- */

static void keep(const mr_batch *batch, struct cli_stage_row *out)
{
    if (batch->n_ok > 0) {
        out->bytes = batch->row_bytes;
        out->values = malloc(batch->row_bytes);
        if (out->values)
            memcpy(out->values, batch->data, batch->row_bytes);
    } else if (batch->n_failed > 0) {
        out->code = batch->failures[0].code;
        (void)snprintf(out->message, sizeof out->message, "%s", batch->failures[0].message);
    }
}

mr_status cli_stage_run(const struct cli_args *args, const char *path, const mr_plan *plan,
                        struct cli_stage_row *out, mr_error *err)
{
    mr_source_options source_options;
    mr_stream_options options;
    mr_source *source = NULL;
    mr_stream *stream = NULL;
    mr_batch *batch = NULL;
    mr_status status;

    memset(out, 0, sizeof *out);
    cli_source_options(args, &source_options);
    cli_stream_options(args, &options);
    options.batch = 1;
    options.slots = 2;
    options.pool.workers = 1;
    status = mr_source_open(&path, 1, &source_options, &source, err);
    if (status == MR_OK)
        status = mr_stream_open(source, plan, NULL, &options, &stream, err);
    if (status == MR_OK)
        status = mr_stream_next(stream, -1, &batch, err);
    if (status == MR_OK) {
        keep(batch, out);
        mr_batch_release(&batch);
    }
    if (stream)
        mr_stream_close(&stream);
    mr_source_close(&source);
    return status;
}
