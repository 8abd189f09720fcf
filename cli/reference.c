/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of reference.py, which this one carries, over two pipes: a line of JSON each way, and
 * arrays behind the answers. It is the user's own Python, but what comes is measured all the same.
 */
#include "reference.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "out.h"
#include "reference_program.h"

#define LINE_MAX_BYTES 65536
#define VALUES_MAX     ((size_t)1 << 31)

extern char **environ;

static mr_status refuse(mr_error *err, const struct cli_reference *reference, const char *why)
{
    err->status = MR_E_ENV;
    (void)snprintf(err->message, sizeof err->message,
                   "reference: %.100s: %.300s; name a Python that has Pillow and numpy: --python "
                   "FILE",
                   reference->python, why);
    return MR_E_ENV;
}

/* ---- its life ---- */

static mr_status spawn(struct cli_reference *reference, const int in[2], const int out[2],
                       mr_error *err)
{
    char *argv[] = {(char *)(uintptr_t)reference->python, "-c",
                    (char *)(uintptr_t)reference_program, NULL};
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc == 0) {
        rc = posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        if (rc == 0)
            rc = posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        if (rc == 0)
            rc = posix_spawnp(&reference->pid, reference->python, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    if (rc == 0)
        return MR_OK;
    reference->pid = 0;
    return refuse(err, reference, strerror(rc));
}

mr_status cli_reference_open(struct cli_reference *reference, const char *python, mr_error *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    mr_status status = MR_OK;

    *reference = (struct cli_reference){.python = python};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        status = refuse(err, reference, strerror(errno));
    else
        status = spawn(reference, in, out, err);
    if (in[0] >= 0)
        (void)close(in[0]);
    if (out[1] >= 0)
        (void)close(out[1]);
    reference->in = in[1] >= 0 ? fdopen(in[1], "w") : NULL;
    reference->out = out[0] >= 0 ? fdopen(out[0], "r") : NULL;
    if (status == MR_OK && (!reference->in || !reference->out))
        status = refuse(err, reference, strerror(errno));
    if (status != MR_OK)
        cli_reference_close(reference);
    return status;
}

void cli_reference_close(struct cli_reference *reference)
{
    int end;

    if (reference->in)
        (void)fclose(reference->in);
    if (reference->out)
        (void)fclose(reference->out);
    while (reference->pid > 0 && waitpid(reference->pid, &end, 0) < 0 && errno == EINTR)
        ;
    json_decref(reference->versions);
    *reference = (struct cli_reference){0};
}

/* ---- a question and its answer ---- */

static mr_status send(struct cli_reference *reference, const mr_plan *plan, const char *path,
                      mr_error *err)
{
    json_t *request =
        json_pack("{s:o,s:o,s:I}", "plan", json_loads(mr_plan_json(plan), 0, NULL), "path",
                  cli_out_string(path), "max_pixels", (json_int_t)reference->max_pixels);
    char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
    mr_status status = MR_OK;

    json_decref(request);
    if (!line)
        status = refuse(err, reference, "out of memory");
    else if (fprintf(reference->in, "%s\n", line) < 0 || fflush(reference->in) != 0)
        status = refuse(err, reference, "it has ended");
    free(line);
    return status;
}

/* One line of its answer as an object. */
static mr_status receive(struct cli_reference *reference, json_t **out, mr_error *err)
{
    char *line = malloc(LINE_MAX_BYTES);
    mr_status status = MR_OK;

    *out = NULL;
    if (!line)
        return refuse(err, reference, "out of memory");
    if (!fgets(line, LINE_MAX_BYTES, reference->out))
        status = refuse(err, reference, "it ended without an answer");
    else
        *out = json_loads(line, 0, NULL);
    if (status == MR_OK && !json_is_object(*out))
        status = refuse(err, reference, "its answer is not a line of JSON");
    free(line);
    return status;
}

/* The first answer is about the program itself. */
static mr_status receive_versions(struct cli_reference *reference, mr_error *err)
{
    json_t *first;
    mr_status status = receive(reference, &first, err);

    if (status != MR_OK)
        return status;
    reference->versions = json_incref(json_object_get(first, "versions"));
    if (!json_is_object(reference->versions)) {
        const char *missing = json_string_value(json_object_get(first, "missing"));

        status = refuse(err, reference, missing ? missing : "its answer has no versions");
    }
    json_decref(first);
    return status;
}

static bool read_shape(const json_t *shape, struct cli_reference_stage *out)
{
    size_t k;

    out->n = 1;
    for (k = 0; k < 3; k++) {
        json_int_t side = json_integer_value(json_array_get(shape, k));

        if (side < 1 || side > 65535 || out->n > VALUES_MAX / (size_t)side)
            return false;
        out->shape[k] = (uint32_t)side;
        out->n *= (size_t)side;
    }
    return json_array_size(shape) == 3;
}

static bool read_stage(const json_t *said, struct cli_reference_stage *out)
{
    const char *name = json_string_value(json_object_get(said, "name"));
    const char *dtype = json_string_value(json_object_get(said, "dtype"));

    if (!name || !dtype || strlen(name) >= sizeof out->name)
        return false;
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    out->dtype = strcmp(dtype, "uint8") == 0 ? MR_DTYPE_U8 : MR_DTYPE_F32;
    return (out->dtype == MR_DTYPE_U8 || strcmp(dtype, "float32") == 0) &&
           read_shape(json_object_get(said, "shape"), out);
}

static mr_status receive_stages(struct cli_reference *reference, const json_t *said,
                                struct cli_reference_answer *out, mr_error *err)
{
    size_t i, n = json_array_size(said);

    if (n < 1 || n > CLI_STAGES_MAX)
        return refuse(err, reference, "its answer has no stages");
    for (i = 0; i < n; i++)
        if (!read_stage(json_array_get(said, i), &out->stages[i]))
            return refuse(err, reference, "its answer has a stage that is none");
    for (i = 0; i < n; i++) {
        struct cli_reference_stage *stage = &out->stages[i];
        size_t size = stage->dtype == MR_DTYPE_U8 ? 1 : sizeof(float);

        stage->values = calloc(stage->n, size);
        if (!stage->values)
            return refuse(err, reference, "out of memory");
        if (fread(stage->values, size, stage->n, reference->out) != stage->n)
            return refuse(err, reference, "it ended within an array");
    }
    out->n = n;
    return MR_OK;
}

mr_status cli_reference_ask(struct cli_reference *reference, const mr_plan *plan, const char *path,
                            struct cli_reference_answer *out, mr_error *err)
{
    const char *error;
    json_t *said = NULL;
    mr_status status = send(reference, plan, path, err);

    memset(out, 0, sizeof *out);
    if (status == MR_OK && !reference->versions)
        status = receive_versions(reference, err);
    if (status == MR_OK)
        status = receive(reference, &said, err);
    if (status == MR_OK) {
        error = json_string_value(json_object_get(said, "error"));
        if (error)
            (void)snprintf(out->refusal, sizeof out->refusal, "%s", error);
        else
            status = receive_stages(reference, json_object_get(said, "stages"), out, err);
    }
    json_decref(said);
    return status;
}

void cli_reference_answer_fini(struct cli_reference_answer *answer)
{
    size_t i;

    for (i = 0; i < CLI_STAGES_MAX; i++)
        free(answer->stages[i].values);
    memset(answer, 0, sizeof *answer);
}
