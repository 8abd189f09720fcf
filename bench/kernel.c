/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One large bicubic resize, as bench/kernel.py holds it against Pillow-SIMD and torch: pixels in
 * memory to resized pixels in memory, one thread.
 *
 *     resize-kernel FILE WIDTHxHEIGHT WIDTHxHEIGHT ROUNDS [OUT]
 *
 * FILE holds rows of RGB; OUT receives the resized rows. Prints {"level","ms":[...]}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/machine.h"
#include "race.h"
#include "worker/job.h"

typedef struct contest {
    mr__decoder *decoder;
    mr__transform *transform;
    mr__job_input input;
    unsigned char *out;
    size_t out_bytes;
    const char *level;
} contest;

/* WIDTHxHEIGHT, each 1..65535. */
static void parse_size(const char *text, uint32_t size[2])
{
    char *end = NULL;
    unsigned long width = strtoul(text, &end, 10), height = 0;

    if (*end == 'x')
        height = strtoul(end + 1, &end, 10);
    if (*end != '\0' || width - 1 >= 65535 || height - 1 >= 65535) {
        (void)fprintf(stderr, "resize-kernel: %s is no WIDTHxHEIGHT\n", text);
        exit(2);
    }
    size[0] = (uint32_t)width;
    size[1] = (uint32_t)height;
}

static void prepare(contest *c, char **argv)
{
    mr__plan_spec spec = {.resize = MR__RESIZE_SQUASH,
                          .filter = MR__FILTER_BICUBIC,
                          .pass_order = MR__PASS_PILLOW_13,
                          .dtype = MR_DTYPE_U8,
                          .layout = MR_LAYOUT_NHWC};
    uint32_t from[2], to[2];
    mr__decode_options decode = {.level = MR__CPU_C};
    mr_error err = {0};
    size_t bytes;
    unsigned char *pixels;

    parse_size(argv[2], from);
    parse_size(argv[3], to);
    spec.resize_width = spec.crop_width = spec.out_width = to[0];
    spec.resize_height = spec.crop_height = spec.out_height = to[1];
    if (mr__cpu_level_detect(getenv("MILLRACE_CPU"), &decode.level, &err) != MR_OK ||
        mr__decoder_open(&decode, &c->decoder, &err) != MR_OK ||
        mr__transform_open(&spec, decode.level, &c->transform, &err) != MR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    c->level = mr__cpu_level_name(decode.level);
    bytes = (size_t)from[0] * from[1] * 3;
    pixels = bench_memory(bytes);
    if (bench_read_file(argv[1], pixels, bytes) != bytes)
        bench_give_up(argv[1]);
    c->out_bytes = (size_t)to[0] * to[1] * 3;
    c->out = bench_memory(c->out_bytes);
    c->input = (mr__job_input){.bytes = pixels,
                               .n_bytes = bytes,
                               .kind = MR__INPUT_RAW,
                               .raw_mode = MR__MODE_RGB,
                               .raw_width = from[0],
                               .raw_height = from[1],
                               .max_pixels = UINT64_C(178956970)};
}

static double once(const contest *c)
{
    mr__item_answer answer;
    uint64_t start = mr__clock_ns();

    mr__job_run(c->decoder, c->transform, &c->input, c->out, &answer);
    if (answer.code != MR_CODE_NONE) {
        (void)fprintf(stderr, "%s\n", answer.message);
        exit(1);
    }
    return (double)(mr__clock_ns() - start) * 1e-6;
}

static void save(const contest *c, const char *path)
{
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(c->out, 1, c->out_bytes, f) != c->out_bytes || fclose(f) != 0)
        bench_give_up(path);
}

int main(int argc, char **argv)
{
    contest c = {0};
    unsigned long rounds;

    if (argc < 5 || argc > 6 || (rounds = strtoul(argv[4], NULL, 10)) == 0) {
        (void)fprintf(stderr, "usage: resize-kernel FILE WIDTHxHEIGHT WIDTHxHEIGHT ROUNDS [OUT]\n");
        return 2;
    }
    prepare(&c, argv);
    (void)once(&c); /* tables and scratch */
    (void)printf("{\"level\":\"%s\",\"ms\":[", c.level);
    for (unsigned long i = 0; i < rounds; i++)
        (void)printf("%s%.3f", i ? "," : "", once(&c));
    (void)printf("]}\n");
    if (argc == 6)
        save(&c, argv[5]);
    return 0;
}
