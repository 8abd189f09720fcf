/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping what the host shares: see areas.h. */
#include "worker/areas.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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
    if (!control)
        return NULL;
    if (control->magic == MR__RING_MAGIC && control->version == MR__RING_VERSION &&
        control->control_bytes == sizeof *control)
        return control;
    (void)munmap(control, sizeof *control);
    return NULL;
}

int mr__areas_map(mr__areas *areas)
{
    const mr__control *control;

    *areas = (mr__areas){.event_fd = MR__FD_EVENT};
    areas->control = map_control();
    if (!areas->control)
        return MR__EXIT_PROTOCOL;
    control = areas->control;
    areas->slab = map(MR__FD_SLAB, control->slab_bytes, PROT_READ);
    areas->slots = map(MR__FD_SLOTS, control->slots_bytes, PROT_READ | PROT_WRITE);
    if (!areas->slab || !areas->slots) {
        mr__areas_unmap(areas);
        return MR__EXIT_START;
    }
    (void)close(MR__FD_CONTROL);
    (void)close(MR__FD_SLAB);
    (void)close(MR__FD_SLOTS);
    return MR__EXIT_OK;
}

void mr__areas_unmap(mr__areas *areas)
{
    uint64_t slab, slots;

    if (!areas->control)
        return;
    slab = areas->control->slab_bytes;
    slots = areas->control->slots_bytes;
    if (areas->slab)
        (void)munmap((void *)(uintptr_t)areas->slab, (size_t)slab);
    if (areas->slots)
        (void)munmap(areas->slots, (size_t)slots);
    (void)munmap(areas->control, sizeof *areas->control);
    areas->control = NULL;
    areas->slab = areas->slots = NULL;
}
