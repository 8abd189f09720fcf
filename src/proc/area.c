/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory without a name: see area.h. */
#include "proc/area.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

mr_status mr__area_open(mr__area *area, const char *name, size_t bytes, mr_error *err)
{
    void *base = MAP_FAILED;
    int rc;

    *area = (mr__area){.fd = -1};
    area->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (area->fd < 0)
        return mr__error_errno(err, MR_E_ENV, errno, "shared memory: memfd_create");
    if (ftruncate(area->fd, (off_t)bytes) == 0)
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

mr_status mr__area_reserve(mr__area *area, size_t offset, size_t bytes, mr_error *err)
{
    int rc = posix_fallocate(area->fd, (off_t)offset, (off_t)bytes);

    if (rc == 0)
        return MR_OK;
    return mr__error_errno(err, MR_E_NO_MEMORY, rc, "shared memory: reserve %zu MiB", bytes >> 20);
}

mr_status mr__area_seal_writes(mr__area *area, mr_error *err)
{
    if (fcntl(area->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0)
        return mr__error_errno(err, MR_E_ENV, errno, "shared memory: F_SEAL_FUTURE_WRITE");
    return MR_OK;
}

void mr__area_unmap(mr__area *area, size_t from, size_t to)
{
    if (area->base && from < to)
        (void)munmap(area->base + from, to - from);
}

void mr__area_close(mr__area *area)
{
    if (area->base)
        (void)munmap(area->base, area->bytes);
    if (area->fd >= 0)
        (void)close(area->fd);
    *area = (mr__area){.fd = -1};
}
