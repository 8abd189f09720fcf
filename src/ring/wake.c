/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping and waking across the process border: see wake.h. */
#include "ring/wake.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void mr__wake_wait(mr__word *word, uint32_t seen)
{
    /* not FUTEX_PRIVATE: the word lies in memory that two processes map */
    (void)syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

void mr__wake_ring(mr__word *doorbell)
{
    mr__word_bump(doorbell);
    (void)syscall(SYS_futex, doorbell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void mr__wake_raise(int event_fd)
{
    uint64_t one = 1;

    while (write(event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void mr__wake_clear(int event_fd)
{
    uint64_t count;

    while (read(event_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}
