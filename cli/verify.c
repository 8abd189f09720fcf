/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: each file through the reference library and through millrace, a stage at a time, until
 * one differs. What a plan that is not exact may be off by is its max_error.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "difference.h"
#include "options.h"
#include "out.h"
#include "planfile.h"
#include "reference.h"
#include "run.h"
#include "stage.h"
#include "text.h"

/* What became of one file. */
struct verdict {
    enum { SAME, DIFFERENT, NOT_COMPARED } kind;
    char stage[16]; /* where it differs */
    char why[640];
    struct cli_difference difference;
    size_t compared; /* stages */
};

struct verify {
    const struct cli_args *args;
    mr_plan *plan;
    struct cli_reference reference;
    bool exact;
    double max_error; /* levels of 0..255 */
    double slope;     /* of the tensor's values to levels */
    bool unit;        /* stages hold 0..1 */
    size_t files, same, different, not_compared;
};

/* ---- one stage ---- */

/* What values of the stage may be off by. */
static double tolerance(const struct verify *v, const struct cli_reference_stage *stage)
{
    if (strcmp(stage->name, "decode") == 0 || strcmp(stage->name, "mode") == 0)
        return 0;
    if (strcmp(stage->name, "tensor") == 0)
        return v->max_error * v->slope;
    return v->unit ? v->max_error / 255 : v->max_error;
}

/* "row 3, column 7, green" of value `i`. */
static void say_place(const struct verify *v, const struct cli_reference_stage *stage, size_t i,
                      char *out, size_t size)
{
    static const char *const channels[] = {"red", "green", "blue"};
    bool planar =
        strcmp(stage->name, "tensor") == 0 && mr_plan_row_shape(v->plan).layout == MR_LAYOUT_NCHW;
    size_t width = planar ? stage->shape[2] : stage->shape[1];
    size_t plane = (size_t)stage->shape[1] * stage->shape[2];
    size_t channel = planar ? i / plane : i % 3;
    size_t pixel = planar ? i % plane : i / 3;

    (void)snprintf(out, size, "row %zu, column %zu, %s", pixel / width, pixel % width,
                   channel < 3 ? channels[channel] : "?");
}

static void note_difference(const struct verify *v, const struct cli_reference_stage *stage,
                            struct verdict *out)
{
    const struct cli_difference *d = &out->difference;
    char place[96];

    say_place(v, stage, d->first, place, sizeof place);
    out->kind = DIFFERENT;
    (void)snprintf(out->why, sizeof out->why,
                   "%zu of %zu values, max %.6g, mean %.3g, PSNR %.2f dB; first at %s: %.9g, the "
                   "reference has %.9g",
                   d->count, stage->n, d->max, d->mean, d->psnr, place, d->ours, d->theirs);
}

/* The same of millrace's; anything but MR_OK ends the verb. */
static mr_status compare_stage(const struct verify *v, const char *path,
                               const struct cli_reference_stage *stage, struct verdict *out,
                               mr_error *err)
{
    size_t bytes = stage->n * (stage->dtype == MR_DTYPE_U8 ? 1 : sizeof(float));
    struct cli_stage_row row = {0};
    mr_plan *plan = NULL;
    mr_status status = cli_stage_plan(v->plan, stage, &plan, err);

    if (status == MR_E_UNSUPPORTED)
        return MR_OK; /* larger than an output may be: the stages behind it show it all the same */
    (void)snprintf(out->stage, sizeof out->stage, "%s", stage->name);
    if (status == MR_OK)
        status = cli_stage_run(v->args, path, plan, &row, err);
    if (status == MR_OK && !row.values) {
        bool refused =
            row.code == MR_CODE_UNSUPPORTED_VARIANT || row.code == MR_CODE_UNSUPPORTED_FORMAT;

        out->kind = refused ? NOT_COMPARED : DIFFERENT;
        (void)snprintf(out->why, sizeof out->why, "millrace refuses it (%s: %s)%s",
                       mr_code_name(row.code), row.message,
                       refused ? "" : ", the reference does not");
    } else if (status == MR_OK && row.bytes != bytes) {
        out->kind = DIFFERENT;
        (void)snprintf(out->why, sizeof out->why, "%zu bytes, the reference has %zu", row.bytes,
                       bytes);
    } else if (status == MR_OK) {
        cli_difference(stage->dtype, row.values, stage->values, stage->n, &out->difference);
        out->compared++;
        if (v->exact ? out->difference.count > 0 : out->difference.max > tolerance(v, stage))
            note_difference(v, stage, out);
    }
    free(row.values);
    mr_plan_close(&plan);
    return status;
}

/* ---- one file ---- */

/* The reference refuses the picture: so should millrace. */
static mr_status compare_refusal(const struct verify *v, const char *path, const char *refusal,
                                 struct verdict *out, mr_error *err)
{
    struct cli_stage_row row;
    mr_status status = cli_stage_run(v->args, path, v->plan, &row, err);

    if (status != MR_OK)
        return status;
    (void)snprintf(out->stage, sizeof out->stage, "decode");
    out->kind = row.values ? DIFFERENT : SAME;
    if (row.values)
        (void)snprintf(out->why, sizeof out->why,
                       "the reference refuses it (%s), millrace does not", refusal);
    else
        (void)snprintf(out->why, sizeof out->why, "both refuse it: %s; the reference: %s",
                       mr_code_name(row.code), refusal);
    free(row.values);
    return MR_OK;
}

static mr_status compare_file(struct verify *v, const char *path, struct verdict *out,
                              mr_error *err)
{
    struct cli_reference_answer answer;
    mr_status status = cli_reference_ask(&v->reference, v->plan, path, &answer, err);
    size_t i;

    memset(out, 0, sizeof *out);
    if (status == MR_OK && answer.n == 0)
        status = compare_refusal(v, path, answer.refusal, out, err);
    for (i = 0; status == MR_OK && out->kind == SAME && i < answer.n; i++)
        status = compare_stage(v, path, &answer.stages[i], out, err);
    cli_reference_answer_fini(&answer);
    return status;
}

/* ---- what is said ---- */

static bool print_file(const struct verify *v, const char *path, const struct verdict *verdict)
{
    static const char *const kinds[] = {"same", "different", "not compared"};
    const struct cli_difference *d = &verdict->difference;
    char shown[512];
    json_t *line;

    if (!cli_given(v->args, OPT_JSON)) {
        cli_text_escape(shown, sizeof shown, path);
        printf("%-12s  %s", kinds[verdict->kind], shown);
        if (verdict->kind == DIFFERENT)
            printf(": %s", verdict->stage);
        if (verdict->why[0] != '\0')
            printf(": %s", verdict->why);
        printf("\n");
        return cli_out_open();
    }
    line = json_pack("{s:o,s:s,s:i}", "file", cli_out_string(path), "verdict", kinds[verdict->kind],
                     "stages", (int)verdict->compared);
    if (line && verdict->why[0] != '\0')
        (void)json_object_set_new(line, "message", cli_out_string(verdict->why));
    if (line && verdict->kind == DIFFERENT)
        (void)json_object_set_new(line, "stage", json_string(verdict->stage));
    if (line && d->count > 0)
        (void)json_object_update_new(
            line, json_pack("{s:f,s:f,s:o,s:I}", "max", d->max, "mean", d->mean, "psnr",
                            isfinite(d->psnr) ? json_real(d->psnr) : json_null(), "values",
                            (json_int_t)d->count));
    return cli_out_json(line, 9);
}

/* Before the first file: who is compared with whom. */
static void print_head(const struct verify *v)
{
    const char *name;
    json_t *version;

    if (cli_given(v->args, OPT_JSON)) {
        (void)cli_out_json(json_pack("{s:s,s:s,s:b,s:s,s:O}", "plan", mr_plan_name(v->plan),
                                     "fingerprint", mr_plan_fingerprint(v->plan), "exact", v->exact,
                                     "python", v->reference.python, "versions",
                                     v->reference.versions),
                           9);
        return;
    }
    printf("plan       %s  %s\n", mr_plan_name(v->plan), mr_plan_fingerprint(v->plan));
    printf("reference  ");
    json_object_foreach(v->reference.versions, name, version)
        printf("%s %s  ", name, json_string_value(version) ? json_string_value(version) : "?");
    printf("(%s)\n", v->reference.python);
    if (!v->exact)
        printf("tolerance  %g of 255 levels: the plan is not exact\n", v->max_error);
}

static int print_end(const struct verify *v)
{
    int status = v->different > 0 ? CLI_OVER_BUDGET : CLI_OK;

    if (cli_given(v->args, OPT_JSON))
        (void)cli_out_json(json_pack("{s:I,s:I,s:I,s:I}", "files", (json_int_t)v->files, "same",
                                     (json_int_t)v->same, "different", (json_int_t)v->different,
                                     "not_compared", (json_int_t)v->not_compared),
                           9);
    else
        printf("%zu files: %zu the same, %zu different, %zu not compared\n", v->files, v->same,
               v->different, v->not_compared);
    return cli_out_finish(v->args->verb, status);
}

/* ---- the verb ---- */

static mr_status verify_file(struct verify *v, const char *path, bool *open, mr_error *err)
{
    struct verdict verdict;
    mr_status status = compare_file(v, path, &verdict, err);

    if (status != MR_OK)
        return status;
    if (v->files++ == 0)
        print_head(v);
    v->same += verdict.kind == SAME;
    v->different += verdict.kind == DIFFERENT;
    v->not_compared += verdict.kind == NOT_COMPARED;
    *open = print_file(v, path, &verdict);
    return MR_OK;
}

/* What the plan promises, from its JSON: the figures of the table and of its text. */
static void read_promise(struct verify *v)
{
    json_t *json = json_loads(mr_plan_json(v->plan), 0, NULL);
    const char *norm = json_string_value(json_object_get(json, "norm"));
    double rescale = json_number_value(json_object_get(json, "rescale")), least = HUGE_VAL;
    size_t c;

    v->exact = json_is_true(json_object_get(json, "exact"));
    v->max_error = json_number_value(json_object_get(json, "max_error"));
    v->unit = norm && strcmp(norm, "rescale-first") == 0;
    for (c = 0; c < 3; c++)
        least = fmin(least, json_number_value(json_array_get(json_object_get(json, "std"), c)));
    if (norm && strcmp(norm, "torchvision") == 0)
        rescale = 1.0 / 255;
    v->slope = rescale / least;
    json_decref(json);
}

static mr_status open_plan(struct verify *v, mr_error *err)
{
    const char *name = cli_text(v->args, OPT_PLAN);
    char *text = NULL;
    mr_status status = cli_plan_argument(name, &text, err);

    if (status == MR_OK)
        status = text ? mr_plan_parse(text, &v->plan, err) : mr_plan_open(name, &v->plan, err);
    if (status == MR_OK)
        read_promise(v);
    free(text);
    return status;
}

/* Names of sources that are no single files would be read as several. */
static int check_names(const struct cli_args *args)
{
    struct stat st;
    size_t i;

    for (i = 0; i < args->n_names; i++) {
        const char *name = args->names[i];

        if (name[0] == '@' || strcmp(name, "-") == 0)
            return cli_usage(args->verb, "%s: wanted the names of files", name);
        if (stat(name, &st) != 0)
            return cli_fail(args->verb, CLI_USAGE, "%s: %s", name, strerror(errno));
        if (!S_ISREG(st.st_mode))
            return cli_fail(args->verb, CLI_USAGE, "%s: not a regular file", name);
    }
    return CLI_OK;
}

int cli_verify(const struct cli_args *args)
{
    struct verify v = {.args = args};
    const char *python = cli_text(args, OPT_PYTHON);
    mr_stream_options options;
    mr_error err = {0};
    mr_status status;
    bool open = true;
    int rc;
    size_t i;

    if (!cli_given(args, OPT_PLAN))
        return cli_usage(args->verb, "--plan is missing: a preset, or a plan file");
    if (args->n_names == 0)
        return cli_usage(args->verb, "FILE is missing: pictures to compare");
    rc = check_names(args);
    if (rc != CLI_OK)
        return rc;
    status = open_plan(&v, &err);
    if (status == MR_OK)
        status = cli_reference_open(&v.reference, python ? python : "python3", &err);
    cli_stream_options(args, &options);
    v.reference.max_pixels = options.max_pixels;
    for (i = 0; status == MR_OK && open && i < args->n_names; i++)
        status = verify_file(&v, args->names[i], &open, &err);
    rc = status == MR_OK ? print_end(&v) : cli_fail_error(args->verb, status, &err);
    cli_reference_close(&v.reference);
    mr_plan_close(&v.plan);
    return rc;
}
