/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker program of somebody else's, over the public headers and the shared library alone. What
 * it does is named by its first argument, and in `act` by the width of the array that it is given.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "foreigner.h"
#include "millrace/worker.h"

static const char *handed = "";

static double mean_of(const mr_worker_item *item)
{
    size_t n = (size_t)item->height * item->width * item->channels, i;
    double sum = 0;

    for (i = 0; i < n; i++)
        sum += item->dtype == MR_DTYPE_F32 ? (double)((const float *)item->data)[i]
                                           : (double)((const unsigned char *)item->data)[i];
    return n > 0 ? sum / (double)n : -1;
}

static void say(const mr_worker_item *item, size_t n)
{
    const float row[FOREIGNER_ROW] = {
        (float)item->height,  (float)item->width, (float)item->channels, (float)item->dtype,
        (float)mean_of(item), (float)n,           (float)strlen(handed), (float)item->n_bytes,
    };

    memcpy(item->row, row, sizeof row);
}

/* False: left without an answer. */
static bool act(mr_worker_item *item, size_t n)
{
    static char long_detail[20000];

    switch (item->width) {
    case WIDTH_ABORT:
        abort();
    case WIDTH_EXIT:
        exit(3);
    case WIDTH_HANG:
        for (;;)
            (void)pause();
    case WIDTH_MUTE:
        return false;
    case WIDTH_FAIL:
        mr_worker_fail(item, MR_CODE_NONE, "ValueError: no\tgood", "first line\nlast\x01 line\n");
        return true;
    case WIDTH_LONG:
        memset(long_detail, 'x', sizeof long_detail - 1);
        (void)snprintf(long_detail + sizeof long_detail - 5, 5, "end\n");
        mr_worker_fail(item, MR_CODE_CORRUPT, "long", long_detail);
        return true;
    default:
        say(item, n);
        mr_worker_done(item);
        return true;
    }
}

static void run_act(void *cookie, mr_worker_item *items, size_t n)
{
    size_t i;

    (void)cookie;
    for (i = 0; i < n; i++)
        (void)act(&items[i], n);
}

/* Keeps every other picture beyond its turn, as an interpreter does whose user kept a view of it.
 */
static void run_copy(void *cookie, mr_worker_item *items, size_t n)
{
    static unsigned char *kept;
    static unsigned char first;
    static unsigned turn;
    size_t i;

    (void)cookie;
    for (i = 0; i < n; i++) {
        if (items[i].n_bytes != items[i].row_bytes) {
            mr_worker_fail(&items[i], MR_CODE_NONE, "another size", NULL);
            continue;
        }
        memcpy(items[i].row, items[i].data, items[i].row_bytes);
        if (kept && kept[0] != first)
            abort(); /* what was kept is nobody else's */
        mr_worker_done(&items[i]);
        if (turn++ % 2 == 0 || items[i].shared)
            continue;
        mr_worker_free(kept);
        kept = mr_worker_keep(&items[i]);
        first = kept[0];
    }
}

static int number_if(bool failed)
{
    return failed ? errno : 0;
}

/* What a confined program must not do, as errno; 0: it could. */
static void run_confined(void *cookie, mr_worker_item *items, size_t n)
{
    size_t i;

    (void)cookie;
    for (i = 0; i < n; i++) {
        int writes =
            open("/tmp/millrace-test-confined", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int write_error = number_if(writes < 0), reads, socket_fd, read_error, socket_error;
        pid_t child;
        float *row = items[i].row;

        if (writes >= 0)
            (void)unlink("/tmp/millrace-test-confined");
        reads = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        read_error = number_if(reads < 0);
        socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socket_error = number_if(socket_fd < 0);
        child = fork();
        if (child == 0)
            _exit(0);
        row[3] = (float)number_if(child < 0);
        if (child > 0)
            (void)waitpid(child, NULL, 0);
        row[0] = (float)write_error;
        row[1] = (float)read_error;
        row[2] = (float)socket_error;
        (void)close(writes);
        (void)close(reads);
        (void)close(socket_fd);
        mr_worker_done(&items[i]);
    }
}

static void run_zero(void *cookie, mr_worker_item *items, size_t n)
{
    size_t i;

    (void)cookie;
    for (i = 0; i < n; i++) {
        memset(items[i].row, 0, items[i].row_bytes);
        mr_worker_done(&items[i]);
    }
}

typedef struct mode {
    const char *name;
    mr_worker_run_fn *run;
    mr_dims dims;
} mode;

static const mode modes[] = {
    {"act", run_act, {MR_DTYPE_F32, 1, {FOREIGNER_ROW}}},
    {"encoded", run_act, {MR_DTYPE_F32, 1, {FOREIGNER_ROW}}},
    {"copy", run_copy, {MR_DTYPE_U8, 3, {FOREIGNER_HEIGHT, FOREIGNER_WIDTH, 3}}},
    {"confined", run_confined, {MR_DTYPE_F32, 2, {2, 2}}},
    {"plan", run_zero, {MR_DTYPE_F32, 3, {3, 224, 224}}},
    {"huge", run_zero, {MR_DTYPE_F32, 3, {1000, 1000, 100}}},
    {"nothing", run_zero, {MR_DTYPE_F32, 0, {0}}},
};

/* Before it serves: what keeps it from that. */
static int not_serving(const char *name, mr_worker *worker)
{
    if (strcmp(name, "refuse") == 0)
        mr_worker_refuse(worker, "ImportError: no module named \x1b[1mx");
    if (strcmp(name, "never") == 0)
        for (;;)
            (void)pause();
    return 5;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    mr_worker_options options;
    mr_worker *worker;
    mr_error err = {0};
    size_t n, i;
    mr_status s;
    int rc, lie = strcmp(name, "fickle") == 0;

    mr_worker_options_init(&options);
    options.encoded = strcmp(name, "encoded") == 0;
    if (mr_worker_open(&options, &worker, &err) != MR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    if (mr_worker_data(worker, &n))
        handed = mr_worker_data(worker, &n);
    (void)printf("printed by a worker\n");
    for (i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        mr_dims dims = modes[i].dims;

        if (strcmp(lie ? "act" : name, modes[i].name) != 0)
            continue;
        if (lie)
            dims.dims[0] += (uint32_t)getpid() % 97;
        s = mr_worker_serve(worker, &dims, modes[i].run, NULL, &err);
        if (s != MR_OK)
            mr_worker_refuse(worker, err.message);
        mr_worker_close(&worker);
        return s != MR_OK;
    }
    rc = not_serving(name, worker);
    mr_worker_close(&worker);
    return rc;
}
