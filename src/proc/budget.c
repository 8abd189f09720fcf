/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --memory is a promise about the whole run. What is fixed (host, workers, slab, slots) is summed
 * up at open and refused with the figures if it does not fit; the rest is what decodes may be
 * granted.
 */
#include "decode/decode.h"
#include "proc/pool.h"
#include "transform/transform.h"

#define MIB(n) ((uint64_t)(n) << 20)

uint64_t mr__budget_standing(void)
{
    return MR__DECODE_STANDING_BYTES + MR__TRANSFORM_STANDING_BYTES;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

uint32_t mr__budget_workers(const mr_pool_options *options)
{
    uint64_t fit = options->memory_bytes / 2 / (MR__WORKER_BASE_BYTES + mr__budget_standing());
    uint64_t n = mr__machine_cores();

    return (uint32_t)clamp(n < fit ? n : fit, 1, MR__WORKERS_MAX);
}

/* Room for rows of which nobody knows the shape yet: two thirds of what is left. It takes memory
 * only as far as it is used. */
static uint64_t unknown_rows(uint64_t memory, uint64_t others)
{
    uint64_t taken = MR__HOST_BASE_BYTES + others;
    uint64_t left = memory > taken ? memory - taken : 0;

    return clamp(left / 3 * 2 & ~UINT64_C(4095), MIB(8), UINT64_C(1) << 40);
}

/* Areas end where a block of theirs ends: one that was dealt beyond would be none that a worker
 * takes. What is too large to be rounded is too large for everything. */
static uint64_t whole(uint64_t bytes, uint64_t unit)
{
    uint64_t rest = bytes % unit;

    return rest == 0 || bytes > UINT64_MAX - unit ? bytes : bytes + unit - rest;
}

mr_status mr__budget_plan(const mr_pool_options *options, mr__budget *out, mr_error *err)
{
    uint64_t memory = options->memory_bytes;
    uint64_t workers = options->workers * (MR__WORKER_BASE_BYTES + mr__budget_standing());
    uint64_t host = UINT64_MAX;

    out->slab_bytes =
        options->slab_bytes ? options->slab_bytes : clamp(memory / 8, MIB(8), MIB(256));
    if (options->worker_argv)
        workers += options->workers * MR__FOREIGN_STANDING_BYTES;
    if (options->slots_bytes)
        out->slots_bytes = options->slots_bytes;
    else
        out->slots_bytes = options->worker_argv
                               ? unknown_rows(memory, workers + out->slab_bytes +
                                                          clamp(options->held_bytes, 0, memory))
                               : clamp(memory / 4, MIB(8), MIB(256));
    out->slab_bytes = whole(out->slab_bytes, MR__SLAB_UNIT);
    out->slots_bytes = whole(out->slots_bytes, MR__SLOTS_UNIT);
    if (__builtin_add_overflow(MR__HOST_BASE_BYTES, options->held_bytes, &host) ||
        __builtin_add_overflow(out->slab_bytes, out->slots_bytes, &out->fixed_bytes) ||
        __builtin_add_overflow(out->fixed_bytes, host, &out->fixed_bytes) ||
        __builtin_add_overflow(out->fixed_bytes, workers, &out->fixed_bytes))
        out->fixed_bytes = UINT64_MAX;
    if (out->fixed_bytes > memory || out->fixed_bytes == UINT64_MAX)
        return mr__error_set(
            err, MR_E_NO_MEMORY,
            "memory: %llu MiB are needed (host %llu, %u workers %llu, input slab %llu, batch "
            "slots %llu), %llu MiB are allowed; raise --memory, or lower --batch or --workers",
            (unsigned long long)(out->fixed_bytes >> 20), (unsigned long long)(host >> 20),
            options->workers, (unsigned long long)(workers >> 20),
            (unsigned long long)(out->slab_bytes >> 20),
            (unsigned long long)(out->slots_bytes >> 20), (unsigned long long)(memory >> 20));
    out->grant_bytes = memory - out->fixed_bytes;
    return MR_OK;
}
