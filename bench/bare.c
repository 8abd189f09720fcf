/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare loop: what the machinery is measured against, and where the time goes. N processes, each
 * reads its share of the files and runs the same decode and transform as a worker (same code, same
 * flags, decoder reused) into rotating, cold output slots. No queue, no supervisor, no delivery:
 * the most that this machine can do with this code.
 *
 *     bare-loop PROCESSES PLAN DIRECTORY
 *
 * prints {"items","seconds","items_per_s","pixels","clock_hz","ns":{"read","decode","resize",
 * "store"},"jpeg":{"own","libjpeg","left to libjpeg"}}, summed over all processes; the last says
 * who decoded. `resize` is the transform without the store;
 * `store` is what the transform takes of pictures that already have the size of the output, where
 * little more than normalising and storing is left: measured by itself, after the clock has
 * stopped, and an upper bound, as those pictures may take the way through the kernels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/machine.h"
#include "race.h"
#include "worker/job.h"

#define SLOTS      128 /* rows written in turn: as many as four batches of 32 */
#define STORE_RUNS 512 /* of the store by itself */

typedef struct loop {
    mr__decoder *decoder;
    mr__transform *transform;
    unsigned char *slots, *input;
    size_t row_bytes, input_cap;
    uint32_t width, height; /* of the output */
} loop;

static int run(void *state, const bench_share *share)
{
    loop *l = state;
    bench_totals *totals = share->totals;
    const mr__decode_counts before = mr__decoder_counts(l->decoder); /* warmed up */
    mr__decode_counts counts;
    mr__item_answer answer;
    size_t k = 0;

    for (size_t i = share->first; i < share->n_paths; i += share->step, k++) {
        mr__job_input input = {.bytes = l->input, .max_pixels = UINT64_C(178956970)};
        uint64_t t0 = mr__clock_ns(), t1, transform_ns;

        input.n_bytes = bench_read_file(share->paths[i], l->input, l->input_cap);
        t1 = mr__clock_ns();
        mr__job_run(l->decoder, l->transform, &input, l->slots + k % SLOTS * l->row_bytes, &answer);
        if (answer.code != MR_CODE_NONE) {
            (void)fprintf(stderr, "%s: %s\n", share->paths[i], answer.message);
            return 1;
        }
        transform_ns = (uint64_t)answer.transform_us * 1000;
        totals->read_ns += t1 - t0;
        totals->transform_ns += transform_ns;
        totals->decode_ns += mr__clock_ns() - t1 - transform_ns;
        totals->pixels += (uint64_t)answer.width * answer.height;
    }
    counts = mr__decoder_counts(l->decoder);
    totals->own = counts.jpeg_own - before.jpeg_own;
    totals->not_own = counts.jpeg_not_own - before.jpeg_not_own;
    totals->continued = counts.jpeg_continued - before.jpeg_continued;
    return 0;
}

/* Nanoseconds for normalising and storing one row of output. */
static int run_store(void *state, const bench_share *share)
{
    loop *l = state;
    mr__job_input input = {.bytes = l->input,
                           .n_bytes = (size_t)l->width * l->height * 3,
                           .kind = MR__INPUT_RAW,
                           .raw_mode = MR__MODE_RGB,
                           .raw_width = l->width,
                           .raw_height = l->height,
                           .max_pixels = UINT64_C(178956970)};
    mr__item_answer answer;
    uint64_t start = mr__clock_ns();

    for (size_t k = 0; k < STORE_RUNS; k++) {
        mr__job_run(l->decoder, l->transform, &input, l->slots + k % SLOTS * l->row_bytes, &answer);
        if (answer.code != MR_CODE_NONE) {
            (void)fprintf(stderr, "store: %s\n", answer.message);
            return 1;
        }
    }
    share->totals->store_ns = (mr__clock_ns() - start) / STORE_RUNS;
    return 0;
}

static void *prepare(const bench_share *share, char **options)
{
    loop *l = calloc(1, sizeof *l);
    mr_plan *plan = NULL;
    mr__decode_options decode = {.level = MR__CPU_C};
    mr_row_shape shape;
    mr_error err = {0};

    (void)share;
    if (!l)
        bench_give_up("memory");
    if (mr_plan_open(options[0], &plan, &err) != MR_OK ||
        mr__cpu_level_detect(getenv("MILLRACE_CPU"), &decode.level, &err) != MR_OK ||
        mr__jpeg_choice_parse(getenv("MILLRACE_JPEG"), &decode.jpeg, &err) != MR_OK ||
        mr__decoder_open(&decode, &l->decoder, &err) != MR_OK ||
        mr__decoder_warm_up(l->decoder, &err) != MR_OK ||
        mr__transform_open(mr__plan_spec_of(plan), decode.level, &l->transform, &err) != MR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    shape = mr_plan_row_shape(plan);
    l->row_bytes = shape.bytes;
    l->width = shape.width;
    l->height = shape.height;
    l->slots = bench_memory(l->row_bytes * SLOTS);
    l->input_cap = (size_t)64 << 20;
    l->input = bench_memory(l->input_cap);
    mr_plan_close(&plan);
    return l;
}

/* Steps of the processor's constant-rate counter in a second, 0 where there is none. */
static double clock_hz(void)
{
#if defined(__x86_64__)
    uint64_t ns = mr__clock_ns(), ticks = __builtin_ia32_rdtsc();

    while (mr__clock_ns() - ns < 50000000)
        ;
    return (double)(__builtin_ia32_rdtsc() - ticks) * 1e9 / (double)(mr__clock_ns() - ns);
#else
    return 0;
#endif
}

int main(int argc, char **argv)
{
    const bench_runner whole = {.prepare = prepare, .run = run};
    const bench_runner store = {.prepare = prepare, .run = run_store};
    bench_result result, stored;
    const bench_totals *t = &result.totals;
    uint64_t store_ns;
    unsigned long n;

    if (argc != 4 || (n = strtoul(argv[1], NULL, 10)) == 0) {
        (void)fprintf(stderr, "usage: bare-loop PROCESSES PLAN DIRECTORY\n");
        return 2;
    }
    if (bench_race(&whole, n, argv[3], argv + 2, &result) != 0 ||
        bench_race(&store, n, argv[3], argv + 2, &stored) != 0)
        return 1;
    store_ns = stored.totals.store_ns / n * result.items;
    if (store_ns > t->transform_ns)
        store_ns = t->transform_ns;
    (void)printf("{\"items\":%zu,\"seconds\":%.4f,\"items_per_s\":%.1f,\"pixels\":%llu,"
                 "\"clock_hz\":%.0f,\"ns\":{\"read\":%llu,\"decode\":%llu,\"resize\":%llu,"
                 "\"store\":%llu},\"jpeg\":{\"own\":%llu,\"libjpeg\":%llu,"
                 "\"left to libjpeg\":%llu}}\n",
                 result.items, result.seconds, (double)result.items / result.seconds,
                 (unsigned long long)t->pixels, clock_hz(), (unsigned long long)t->read_ns,
                 (unsigned long long)t->decode_ns, (unsigned long long)(t->transform_ns - store_ns),
                 (unsigned long long)store_ns, (unsigned long long)t->own,
                 (unsigned long long)t->not_own, (unsigned long long)t->continued);
    return 0;
}
