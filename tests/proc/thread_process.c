/* SPDX-License-Identifier: Apache-2.0 */
/* Workers as threads: the same serve loop over the host's own mappings. */
#include "thread_process.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring/wake.h"
#include "worker/serve.h"

typedef struct worker_thread {
    pthread_t thread;
    mr__areas areas;
    int ended_fd;
} worker_thread;

static void *thread_main(void *arg)
{
    worker_thread *self = arg;
    mr__serve *serve = NULL;
    mr_error err;

    if (mr__serve_open(&self->areas, &serve, &err) == MR_OK)
        mr__serve_run(serve);
    mr__serve_close(&serve);
    mr__wake_raise(self->ended_fd);
    return NULL;
}

/* Where the host maps the file of `fd`. At an address of its own a worker's accesses would be to
 * other memory, as a race detector sees it. */
static void *host_mapping(int fd)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    struct stat st;
    char line[512];
    void *found = NULL;

    if (!maps || fstat(fd, &st) != 0)
        abort();
    while (!found && fgets(line, sizeof line, maps)) {
        unsigned long long from, inode;
        if (strstr(line, "memfd:millrace") &&
            sscanf(line, "%llx-%*x %*s %*x %*s %llu", &from, &inode) == 2 && inode == st.st_ino)
            found = (void *)(uintptr_t)from;
    }
    (void)fclose(maps);
    return found;
}

static mr_status thread_start(const mr__process_program *program, const mr__process_files *files,
                              mr__process *out, mr_error *err)
{
    worker_thread *self = calloc(1, sizeof *self);
    mr__control *control = host_mapping(files->control);

    (void)program;
    if (!self || !control)
        abort();
    self->areas.control = control;
    self->areas.slab = host_mapping(files->slab);
    self->areas.slots = host_mapping(files->slots);
    self->areas.event_fd = files->event;
    self->ended_fd = eventfd(0, EFD_CLOEXEC);
    *out = (mr__process){.pid = 1, .fd = self->ended_fd, .private = self};
    if (!self->areas.slab || !self->areas.slots ||
        pthread_create(&self->thread, NULL, thread_main, self) != 0)
        return mr__error_set(err, MR_E_ENV, "a worker thread does not start");
    return MR_OK;
}

static void thread_kill(mr__process *process)
{
    worker_thread *self = process->private;

    mr__word_store(&self->areas.control->shutdown, 1);
    mr__wake_ring(&self->areas.control->doorbell);
}

static mr__process_end thread_reap(mr__process *process)
{
    worker_thread *self = process->private;

    (void)pthread_join(self->thread, NULL);
    (void)close(self->ended_fd);
    free(self);
    *process = (mr__process){.fd = -1};
    return (mr__process_end){.known = true};
}

const mr__process_ops mr__process_thread = {
    .start = thread_start,
    .kill = thread_kill,
    .reap = thread_reap,
};
