/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files through whole plans, for the oracles: the very job of a worker, without the worker. Each
 * line of stdin is a plan, a tab, and the path of a file. The answer is a 32-bit word, the code of
 * the item (0: none), and on 0 another, the bytes of the row, and the row. MILLRACE_CPU chooses the
 * kernels, MILLRACE_JPEG the decoder. With an argument N: each line N times, and the nanoseconds of
 * the fastest, with those of its transform, on stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "millrace/plan.h"
#include "worker/job.h"

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "plan-dump: %s\n", what);
    exit(2);
}

static void check(mr_status status, const mr_error *err)
{
    if (status != MR_OK)
        die(err->message);
}

/* The file, 64 bytes of nothing behind it; the caller frees it. */
static uint8_t *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes;
    long size;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
        die(path);
    *n = (size_t)size;
    bytes = calloc(1, *n + 64);
    rewind(file);
    if (bytes == NULL || fread(bytes, 1, *n, file) != *n)
        die(path);
    (void)fclose(file);
    return bytes;
}

typedef struct tools {
    mr__decoder *decoder;
    mr__cpu_level level;
    long times;
} tools;

static void run(const tools *t, const char *name, const char *path)
{
    mr__job_input input = {.kind = MR__INPUT_ENCODED, .max_pixels = (uint64_t)1 << 32};
    uint64_t best = UINT64_MAX, transform_us = 0;
    mr__transform *transform = NULL;
    static mr__item_answer answer;
    mr_plan *plan = NULL;
    mr_error err = {0};
    uint8_t *bytes, *row;
    uint32_t head[2];
    size_t row_bytes;

    check(mr_plan_open(name, &plan, &err), &err);
    check(mr__transform_open(mr__plan_spec_of(plan), t->level, &transform, &err), &err);
    row_bytes = mr_plan_row_shape(plan).bytes;
    row = aligned_alloc(64, (row_bytes + 63) & ~(size_t)63);
    input.bytes = bytes = read_file(path, &input.n_bytes);
    if (row == NULL)
        die("out of memory");
    for (long i = 0; i < t->times; i++) {
        uint64_t begin = mr__clock_ns(), took;

        mr__job_run(t->decoder, transform, &input, row, &answer);
        took = mr__clock_ns() - begin;
        if (took < best) {
            best = took;
            transform_us = answer.transform_us;
        }
    }
    if (t->times > 1)
        (void)fprintf(stderr, "%llu %llu\n", (unsigned long long)best,
                      (unsigned long long)transform_us * 1000);
    head[0] = answer.code;
    head[1] = (uint32_t)row_bytes;
    (void)fwrite(head, sizeof *head, answer.code == 0 ? 2 : 1, stdout);
    if (answer.code == 0)
        (void)fwrite(row, 1, row_bytes, stdout);
    (void)fflush(stdout);
    mr__transform_close(&transform);
    mr_plan_close(&plan);
    free(bytes);
    free(row);
}

int main(int argc, char **argv)
{
    tools t = {.times = argc > 1 ? strtol(argv[1], NULL, 10) : 1};
    mr__decode_options options = {0};
    static char line[8192];
    mr_error err = {0};

    check(mr__cpu_level_detect(getenv("MILLRACE_CPU"), &t.level, &err), &err);
    options.level = t.level;
    check(mr__jpeg_choice_parse(getenv("MILLRACE_JPEG"), &options.jpeg, &err), &err);
    check(mr__decoder_open(&options, &t.decoder, &err), &err);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *path = strchr(line, '\t');

        line[strcspn(line, "\n")] = '\0';
        if (path == NULL)
            die("not PLAN, a tab, FILE");
        *path++ = '\0';
        run(&t, line, path);
    }
    mr__decoder_close(&t.decoder);
    return 0;
}
