/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory without a name: see area.h. */
#include "proc/area.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

mr_status mr__area_open(mr__area *area, const char *name, size_t bytes, mr_error *err)
{
    void *base;
    int rc;

    *area = (mr__area){.fd = -1};
    area->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (area->fd < 0)
        return mr__error_errno(err, MR_E_ENV, errno, "shared memory: memfd_create");
    /* reserved now: running out later would be SIGBUS in the middle of a picture */
    rc =
        ftruncate(area->fd, (off_t)bytes) == 0 ? posix_fallocate(area->fd, 0, (off_t)bytes) : errno;
    if (rc != 0) {
        mr__area_close(area);
        return mr__error_errno(err, MR_E_NO_MEMORY, rc, "shared memory: reserve %zu MiB for %s",
                               bytes >> 20, name);
    }
    base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, area->fd, 0);
    if (base == MAP_FAILED || fcntl(area->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
        rc = errno;
        mr__area_close(area);
        return mr__error_errno(err, MR_E_NO_MEMORY, rc, "shared memory: map %s", name);
    }
    area->base = base;
    area->bytes = bytes;
    return MR_OK;
}

mr_status mr__area_seal_writes(mr__area *area, mr_error *err)
{
    if (fcntl(area->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0)
        return mr__error_errno(err, MR_E_ENV, errno, "shared memory: F_SEAL_FUTURE_WRITE");
    return MR_OK;
}

void mr__area_close(mr__area *area)
{
    if (area->base)
        (void)munmap(area->base, area->bytes);
    if (area->fd > 0)
        (void)close(area->fd);
    *area = (mr__area){.fd = -1};
}
