/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The border to worker programs of somebody else's (worker.h): attaching, what is agreed before the
 * first unit, and answers. The loop is that of millrace-worker (serve.c); a unit goes to
 * foreign_unit.c.
 */
#include "worker/foreign.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/text.h"

void mr_worker_options_init(mr_worker_options *options)
{
    *options = (mr_worker_options){0};
}

/* Ends with its host from here on; a host that is gone already is noticed. */
static bool attach(const mr__control *control)
{
    sigset_t interrupt;

    (void)signal(SIGINT, SIG_IGN);
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return false;
    (void)prctl(PR_SET_NAME, "millrace-worker");
    return (uint32_t)getppid() == control->host_pid;
}

static mr_status map_data(mr_worker *worker, mr_error *err)
{
    uint64_t bytes = worker->areas.control->data_bytes;
    void *data;

    if (bytes == 0)
        return MR_OK;
    data = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, MR__FD_DATA, 0);
    if (data == MAP_FAILED)
        return mr__error_set(err, MR_E_ENV, "worker: cannot map what the host handed over");
    worker->data = data;
    worker->data_bytes = (size_t)bytes;
    (void)close(MR__FD_DATA);
    return MR_OK;
}

mr_status mr_worker_open(const mr_worker_options *options, mr_worker **out, mr_error *err)
{
    mr_worker *worker = calloc(1, sizeof *worker);
    mr_status s = MR_OK;

    *out = NULL;
    if (!worker)
        return mr__error_no_memory(err, "worker");
    if (options)
        worker->options = *options;
    if (mr__areas_map(&worker->areas) != MR__EXIT_OK) {
        free(worker);
        return mr__error_set(err, MR_E_INVALID,
                             "worker: no pool of this version has started this process");
    }
    /* what this process starts itself is no worker */
    (void)fcntl(worker->areas.event_fd, F_SETFD, FD_CLOEXEC);
    if (!attach(worker->areas.control))
        s = mr__error_set(err, MR_E_ENV, "worker: the host is gone");
    if (s == MR_OK)
        s = map_data(worker, err);
    if (s == MR_OK)
        s = mr__serve_open(&worker->areas, &worker->serve, err);
    if (s != MR_OK)
        mr_worker_close(&worker);
    *out = worker;
    return s;
}

const void *mr_worker_data(const mr_worker *worker, size_t *n_bytes)
{
    *n_bytes = worker->data_bytes;
    return worker->data;
}

void mr_worker_set_options(mr_worker *worker, const mr_worker_options *options)
{
    worker->options = *options;
}

void mr_worker_refuse(mr_worker *worker, const char *message)
{
    char text[MR__TROUBLE_MAX] = "";

    (void)mr__text_copy(text, sizeof text, message);
    mr__copy_in(worker->areas.control->trouble, text, sizeof text);
}

/* What the host is told before the first unit. */
static void introduce(mr_worker *worker, const mr_dims *row)
{
    mr__control *control = worker->areas.control;
    mr__row_dims said = {.dtype = (uint32_t)row->dtype, .n = row->n};
    uint32_t abi = 0;

    memcpy(said.dims, row->dims, sizeof said.dims);
    mr__copy_in(&control->row, &said, sizeof said);
    if (control->confine)
        mr__word_store(&control->sandbox_layers, mr__confine(&abi));
    mr__word_store(&control->landlock_abi, abi);
}

mr_status mr_worker_serve(mr_worker *worker, const mr_dims *row, mr_worker_run_fn *run,
                          void *cookie, mr_error *err)
{
    worker->row_bytes = mr_dims_bytes(row);
    if (worker->row_bytes == 0)
        return mr__error_set(err, MR_E_INVALID, "worker: the shape of its rows is none");
    worker->run = run;
    worker->cookie = cookie;
    introduce(worker, row);
    mr__serve_hook(worker->serve, mr__foreign_unit, worker);
    mr__serve_run(worker->serve);
    return MR_OK;
}

void mr_worker_done(mr_worker_item *item)
{
    mr__foreign_slot *slot = &item->worker->slots[item->index];

    slot->answered = true;
    slot->answer->code = MR_CODE_NONE;
}

/* Its share of what the unit may say in all; of a text that is longer the end counts. */
static void add_detail(mr_worker *worker, mr__foreign_slot *slot, const char *text)
{
    uint32_t share = (MR__DETAIL_MAX - worker->detail_used) / worker->n;
    size_t n = strlen(text);
    const char *cut = n < share ? "" : "...\n";

    if (n >= share && share <= sizeof "...\n")
        return;
    if (n >= share)
        text += n - (share - sizeof "...\n");
    slot->detail_at = worker->detail_used;
    (void)snprintf(worker->detail + worker->detail_used, share, "%s%s", cut, text);
    slot->detail_bytes = (uint32_t)strlen(worker->detail + worker->detail_used);
    worker->detail_used += slot->detail_bytes;
}

void mr_worker_fail(mr_worker_item *item, mr_code code, const char *message, const char *detail)
{
    mr_worker *worker = item->worker;
    mr__foreign_slot *slot = &worker->slots[item->index];
    bool known = code > MR_CODE_NONE && code < MR_CODE_COUNT;

    if (slot->answered)
        return;
    slot->answered = true;
    slot->answer->code = (uint32_t)(known ? code : MR_CODE_PREPROCESS_FAILED);
    slot->answer->stage = MR_STAGE_TRANSFORM;
    (void)mr__text_copy(slot->answer->message, sizeof slot->answer->message, message);
    if (detail && detail[0])
        add_detail(worker, slot, detail);
}

void *mr_worker_keep(mr_worker_item *item)
{
    mr__foreign_slot *slot = &item->worker->slots[item->index];
    void *pixels = slot->is_shared ? NULL : slot->pixels;

    if (!slot->is_shared) {
        slot->pixels = NULL;
        slot->capacity = 0;
    }
    return pixels;
}

void mr_worker_free(void *pixels)
{
    free(pixels);
}

void mr_worker_close(mr_worker **handle)
{
    mr_worker *worker = *handle;
    size_t i;

    if (!worker)
        return;
    mr__serve_close(&worker->serve);
    mr__transform_close(&worker->rgb);
    for (i = 0; i < MR__UNIT_ITEMS; i++)
        free(worker->slots[i].pixels);
    if (worker->data)
        (void)munmap(worker->data, worker->data_bytes);
    (void)close(worker->areas.event_fd);
    mr__areas_unmap(&worker->areas);
    free(worker);
    *handle = NULL;
}
