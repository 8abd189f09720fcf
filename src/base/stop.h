/* SPDX-License-Identifier: Apache-2.0 */
/* A flag that may be raised by a signal handler, and that those look at who wait for somebody. A
 * handler can wake nobody up, so they look often; NULL is a flag that nobody raises. */
#ifndef MR_BASE_STOP_H
#define MR_BASE_STOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

enum { MR__STOP_LOOK_MS = 20 };

typedef atomic_bool mr__stop;

static inline bool mr__stop_raised(const mr__stop *stop)
{
    return stop && atomic_load(stop);
}

/* A pause between attempts; false, and soon, once the flag is raised. */
static inline bool mr__stop_pause(const mr__stop *stop, uint64_t ms)
{
    while (!mr__stop_raised(stop) && ms > 0) {
        uint64_t now = stop && ms > MR__STOP_LOOK_MS ? MR__STOP_LOOK_MS : ms;

        mr__clock_sleep_ms(now);
        ms -= now;
    }
    return !mr__stop_raised(stop);
}

#endif
