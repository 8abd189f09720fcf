/* SPDX-License-Identifier: Apache-2.0 */
/* N processes over the files of a directory: all prepare, then start together, and the clock runs.
 */
#ifndef BENCH_RACE_H
#define BENCH_RACE_H

#include <stddef.h>
#include <stdint.h>

/* What a process sums up over its share of the files. */
typedef struct bench_totals {
    uint64_t pixels; /* of the sources, as much of them as there is */
    uint64_t read_ns, decode_ns, transform_ns, store_ns;
    uint64_t own, not_own, continued; /* JPEG pictures: mr__decode_counts */
} bench_totals;

typedef struct bench_share {
    char **paths;
    size_t n_paths, first, step; /* the share: first, first + step, ... */
    bench_totals *totals;
} bench_share;

typedef struct bench_runner {
    /* Before the clock; the answer is handed to run. Exits on failure. */
    void *(*prepare)(const bench_share *share, char **options);
    int (*run)(void *state, const bench_share *share); /* 0, or 1 after a message */
} bench_runner;

typedef struct bench_result {
    size_t items;
    double seconds;
    bench_totals totals;
} bench_result;

/* Returns 0, or 1 if a process failed. */
int bench_race(const bench_runner *runner, unsigned long processes, const char *directory,
               char **options, bench_result *out);

/* Memory that is there, shared and zero. Exits on failure. */
void *bench_memory(size_t bytes);

/* The whole file into `to`; its size. Exits on failure. */
size_t bench_read_file(const char *path, unsigned char *to, size_t cap);

_Noreturn void bench_give_up(const char *what);

#endif
