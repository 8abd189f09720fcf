/* SPDX-License-Identifier: Apache-2.0 */
/* N processes over the files of a directory: all prepare, then start together, and the clock runs.
 */
#include "race.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

_Noreturn void bench_give_up(const char *what)
{
    perror(what);
    exit(1);
}

void *bench_memory(size_t bytes)
{
    void *p =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (p == MAP_FAILED)
        bench_give_up("memory");
    return p;
}

size_t bench_read_file(const char *path, unsigned char *to, size_t cap)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t done = 0;

    if (fd < 0 || fstat(fd, &st) != 0 || (size_t)st.st_size > cap)
        bench_give_up(path);
    while (done < (size_t)st.st_size) {
        ssize_t n = read(fd, to + done, (size_t)st.st_size - done);

        if (n <= 0)
            bench_give_up(path);
        done += (size_t)n;
    }
    (void)close(fd);
    return done;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **list(const char *dir, size_t *n)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    char **paths = NULL;
    size_t cap = 0;

    if (!d)
        bench_give_up(dir);
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (*n == cap) {
            cap = cap ? cap * 2 : 256;
            paths = reallocarray(paths, cap, sizeof paths[0]);
        }
        if (!paths || asprintf(&paths[(*n)++], "%s/%s", dir, entry->d_name) < 0)
            bench_give_up("memory");
    }
    (void)closedir(d);
    if (*n > 0)
        qsort(paths, *n, sizeof paths[0], by_name);
    return paths;
}

static void add(bench_totals *sum, const bench_totals *one)
{
    sum->pixels += one->pixels;
    sum->read_ns += one->read_ns;
    sum->decode_ns += one->decode_ns;
    sum->transform_ns += one->transform_ns;
    sum->store_ns += one->store_ns;
    sum->own += one->own;
    sum->not_own += one->not_own;
    sum->continued += one->continued;
}

int bench_race(const bench_runner *runner, unsigned long processes, const char *directory,
               char **options, bench_result *out)
{
    bench_totals *totals = bench_memory(processes * sizeof *totals);
    bench_share share = {.step = processes};
    int ready[2], go[2], status, failed = 0;
    uint64_t start;
    char byte = 0;

    if (pipe(ready) != 0 || pipe(go) != 0)
        bench_give_up("pipe");
    share.paths = list(directory, &share.n_paths);
    for (unsigned long i = 0; i < processes; i++) {
        void *state;

        if (fork() != 0)
            continue;
        share.first = i;
        share.totals = totals + i;
        state = runner->prepare(&share, options);
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
            _exit(1);
        _exit(runner->run(state, &share));
    }
    (void)close(ready[1]); /* so that one who exits is noticed */
    for (unsigned long i = 0; i < processes; i++)
        if (read(ready[0], &byte, 1) != 1)
            return 1;
    start = mr__clock_ns();
    for (unsigned long i = 0; i < processes; i++)
        if (write(go[1], &byte, 1) != 1)
            return 1;
    for (unsigned long i = 0; i < processes; i++) {
        (void)wait(&status);
        failed |= status;
    }
    out->seconds = (double)(mr__clock_ns() - start) * 1e-9;
    out->items = share.n_paths;
    memset(&out->totals, 0, sizeof out->totals);
    for (unsigned long i = 0; i < processes; i++)
        add(&out->totals, totals + i);
    return failed != 0;
}
