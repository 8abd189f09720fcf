/* SPDX-License-Identifier: Apache-2.0 */
/*
 * millrace-worker: started by the host with four descriptors, it maps the shared areas, warms up,
 * closes the door behind itself and serves its mailbox until the host says so or is gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "worker/sandbox.h"
#include "worker/serve.h"

static void *map(int fd, uint64_t bytes, int protection)
{
    void *p = mmap(NULL, (size_t)bytes, protection, MAP_SHARED, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* The control area, checked before anything in it is believed. */
static mr__control *map_control(void)
{
    struct stat st;
    mr__control *control;

    if (fstat(MR__FD_CONTROL, &st) != 0 || (size_t)st.st_size < sizeof *control)
        return NULL;
    control = map(MR__FD_CONTROL, sizeof *control, PROT_READ | PROT_WRITE);
    if (!control || control->magic != MR__RING_MAGIC || control->version != MR__RING_VERSION ||
        control->control_bytes != sizeof *control)
        return NULL;
    return control;
}

static int map_areas(mr__areas *areas)
{
    const mr__control *control;

    areas->control = map_control();
    if (!areas->control)
        return MR__EXIT_PROTOCOL;
    control = areas->control;
    areas->slab = map(MR__FD_SLAB, control->slab_bytes, PROT_READ);
    areas->slots = map(MR__FD_SLOTS, control->slots_bytes, PROT_READ | PROT_WRITE);
    areas->event_fd = MR__FD_EVENT;
    if (!areas->slab || !areas->slots)
        return MR__EXIT_START;
    (void)close(MR__FD_CONTROL);
    (void)close(MR__FD_SLAB);
    (void)close(MR__FD_SLOTS);
    return MR__EXIT_OK;
}

int main(int argc, char **argv)
{
    mr__areas areas = {0};
    mr__serve *serve = NULL;
    mr__sandbox_state state;
    mr_error err = {0};
    uint64_t parent;
    int rc;

    if (argc != 2) {
        (void)fprintf(stderr, "millrace-worker %s: started by millrace itself, not by hand\n",
                      MR_VERSION);
        return 2;
    }
    if (!mr__text_u64(argv[1], &parent) || !mr__sandbox_attach((int)parent))
        return MR__EXIT_START;
    rc = map_areas(&areas);
    if (rc != MR__EXIT_OK)
        return rc;
    if (mr__serve_open(&areas, &serve, &err) != MR_OK)
        return MR__EXIT_START;
    state = mr__sandbox_close_door(areas.event_fd,
                                   areas.control->standing_bytes + areas.control->grant_max_bytes);
    mr__word_store(&areas.control->sandbox_layers, state.layers);
    mr__word_store(&areas.control->landlock_abi, state.landlock_abi);
    mr__serve_run(serve);
    mr__serve_close(&serve);
    return MR__EXIT_OK;
}
