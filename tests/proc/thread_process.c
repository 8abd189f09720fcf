/* SPDX-License-Identifier: Apache-2.0 */
/* Workers as threads: the same serve loop over mappings of their own. */
#include "thread_process.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring/wake.h"
#include "worker/serve.h"

typedef struct worker_thread {
    pthread_t thread;
    mr__areas areas;
    size_t slab_bytes, slots_bytes;
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

static void *map(int fd, size_t bytes, int protection)
{
    void *p = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}

static mr_status thread_start(const char *path, const mr__process_files *files, mr__process *out,
                              mr_error *err)
{
    worker_thread *self = calloc(1, sizeof *self);
    mr__control *control = map(files->control, sizeof *control, PROT_READ | PROT_WRITE);

    (void)path;
    if (!self || !control)
        abort();
    self->slab_bytes = control->slab_bytes;
    self->slots_bytes = control->slots_bytes;
    self->areas.control = control;
    self->areas.slab = map(files->slab, self->slab_bytes, PROT_READ);
    self->areas.slots = map(files->slots, self->slots_bytes, PROT_READ | PROT_WRITE);
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
    (void)munmap(self->areas.control, sizeof *self->areas.control);
    (void)munmap((void *)(uintptr_t)self->areas.slab, self->slab_bytes);
    (void)munmap(self->areas.slots, self->slots_bytes);
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
