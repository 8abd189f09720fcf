/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the start of a process to its first batch. Each run is a `millrace preprocess` of its own
 * over the 32 smallest pictures; its summary says when the first batch was there.
 */
#include "firstbatch.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#define PICTURES 32
#define RUNS_MAX 100

extern char **environ;

/* Starts the run with `list` as its stdin and the write end of `out` as its stdout. */
static bool start(const struct cli_args *args, int list, const int out[2], pid_t *pid)
{
    char workers[16] = "auto";
    char *argv[] = {"millrace", "preprocess", "-",     "-0",        "--out", "null:",
                    "--json",   "--batch",    "32",    "--workers", workers, "--error-budget",
                    "none",     "--progress", "never", NULL};
    posix_spawn_file_actions_t actions;
    bool ok;

    if (cli_number(args, OPT_WORKERS, 0) > 0)
        (void)snprintf(workers, sizeof workers, "%u", (unsigned)cli_number(args, OPT_WORKERS, 0));
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    ok = posix_spawn_file_actions_adddup2(&actions, list, STDIN_FILENO) == 0 &&
         posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO) == 0 &&
         posix_spawn(pid, "/proc/self/exe", &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    return ok;
}

/* first_batch_ms of one run; negative if it failed. */
static double once(const struct cli_args *args, const struct cli_corpus *corpus)
{
    int list = cli_corpus_list(corpus, PICTURES), out[2] = {-1, -1}, state = -1;
    double ms = -1;
    json_t *line = NULL;
    bool started;
    pid_t pid = 0;
    FILE *f;

    if (list < 0 || pipe2(out, O_CLOEXEC) != 0) {
        if (list >= 0)
            (void)close(list);
        return ms;
    }
    started = start(args, list, out, &pid);
    (void)close(list);
    (void)close(out[1]);
    f = fdopen(out[0], "r");
    if (f && started)
        line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
    if (f)
        (void)fclose(f);
    else
        (void)close(out[0]);
    while (started && waitpid(pid, &state, 0) < 0 && errno == EINTR)
        ;
    if (line && WIFEXITED(state) && WEXITSTATUS(state) == 0)
        ms = json_number_value(json_object_get(line, "first_batch_ms"));
    json_decref(line);
    return ms > 0 ? ms : -1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double cli_first_batch_ms(const struct cli_args *args, const struct cli_corpus *corpus, int runs)
{
    double ms[RUNS_MAX];
    int i;

    if (runs < 1 || runs > RUNS_MAX)
        return -1;
    for (i = 0; i < runs; i++) {
        ms[i] = once(args, corpus);
        if (ms[i] < 0)
            return -1;
    }
    qsort(ms, (size_t)runs, sizeof ms[0], by_value);
    return runs % 2 ? ms[runs / 2] : (ms[runs / 2 - 1] + ms[runs / 2]) / 2;
}
