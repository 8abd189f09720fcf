/* SPDX-License-Identifier: Apache-2.0 */
/* Monotonic time. */
#ifndef MR_BASE_CLOCK_H
#define MR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since an arbitrary point (CLOCK_MONOTONIC): the same in every process of the machine.
 */
static inline uint64_t mr__clock_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* For pauses between attempts (base/stop.h), and for parts that are slow on purpose, to be
 * measured. */
static inline void mr__clock_sleep_ms(uint64_t ms)
{
    uint64_t at = mr__clock_ns() + ms * 1000000;
    struct timespec ts = {.tv_sec = (time_t)(at / 1000000000), .tv_nsec = (long)(at % 1000000000)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0)
        ;
}

#endif
