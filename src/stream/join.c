/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream finds its place: a pool, the shape of its rows, room for its batches in the slots.
 *
 * Where the workers run millrace-worker the shape follows from the plan, and the pool is made to
 * measure. Another program says what its rows are once it is ready, so there the pool comes first.
 */
#include <string.h>

#include "base/size.h"
#include "plan/spec.h"
#include "stream/stream.h"

/* How many slots are wanted; the answer is how many at least: those asked for, else two. */
static uint32_t slots_range(const mr_stream *stream, uint32_t *wanted)
{
    *wanted = stream->options.slots ? stream->options.slots : 4;
    return stream->options.slots ? stream->options.slots : 2;
}

static mr_status size_up(mr_stream *stream, mr_error *err)
{
    size_t bytes;

    if (!mr__size_mul(&bytes, stream->shape.bytes, stream->options.batch) ||
        !mr__size_align(&bytes, bytes, 4096) || bytes > SIZE_MAX / MR__SLOTS_MAX)
        return mr__error_set(err, MR_E_NO_MEMORY, "stream: a batch of %u rows of %zu bytes",
                             stream->options.batch, stream->shape.bytes);
    stream->slot_bytes = bytes;
    return MR_OK;
}

static mr_dims dims_of_picture(const mr_row_shape *shape)
{
    bool planes = shape->layout == MR_LAYOUT_NCHW;

    return (mr_dims){.dtype = shape->dtype,
                     .n = 3,
                     .dims = {planes ? shape->channels : shape->height,
                              planes ? shape->height : shape->width,
                              planes ? shape->width : shape->channels}};
}

/* Rows that look like pictures are taken for such; all others are one line of numbers. */
static mr_row_shape shape_of_dims(const mr_dims *dims)
{
    const uint32_t *d = dims->dims;
    mr_row_shape shape = {.dtype = dims->dtype, .bytes = mr_dims_bytes(dims)};
    uint64_t n = 1;
    uint32_t i;

    for (i = 0; i < dims->n; i++)
        n *= d[i]; /* at most 2^40: mr_dims_bytes saw to it */
    shape.channels = shape.height = 1;
    shape.width = n <= UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    if (dims->n != 3 || (d[0] > 4 && d[2] > 4))
        return shape;
    shape.layout = d[0] <= 4 ? MR_LAYOUT_NCHW : MR_LAYOUT_NHWC;
    shape.channels = d[0] <= 4 ? d[0] : d[2];
    shape.height = d[0] <= 4 ? d[1] : d[0];
    shape.width = d[0] <= 4 ? d[2] : d[1];
    return shape;
}

/* The program's word, and the plan's if there is one: they have to agree. */
static mr_status agree(mr_stream *stream, mr_error *err)
{
    char said[160], planned[160];
    mr_status s = mr_pool_wait(stream->pool, -1, err);

    if (s != MR_OK)
        return s;
    (void)mr_pool_dims(stream->pool, &stream->dims);
    stream->shape = shape_of_dims(&stream->dims);
    if (stream->plan) {
        mr_row_shape shape = mr_plan_row_shape(stream->plan);
        mr_dims dims = dims_of_picture(&shape);

        if (dims.dtype != stream->dims.dtype || stream->dims.n != 3 ||
            memcmp(dims.dims, stream->dims.dims, 3 * sizeof dims.dims[0]) != 0) {
            mr__program_dims_text(&stream->dims, said, sizeof said);
            mr__program_dims_text(&dims, planned, sizeof planned);
            return mr__error_set(err, MR_E_MISMATCH,
                                 "stream: the worker program's rows are %s, the plan's %s", said,
                                 planned);
        }
        stream->shape = shape;
    }
    return size_up(stream, err);
}

/* Room for the slots in the pool: as many as are wanted, fewer if there is less. One by one: rows
 * that are kept may lie between them. */
static bool lease_slots(mr_stream *stream)
{
    mr__extents *area = &stream->pool->slots;
    uint32_t wanted, least = slots_range(stream, &wanted), n;

    for (n = 0; n < wanted; n++)
        if (!mr__extents_take(area, stream->slot_bytes, &stream->slots[n]))
            break;
    if (n < least) {
        while (n-- > 0)
            mr__extents_give(area, stream->slots[n], stream->slot_bytes);
        return false;
    }
    stream->options.slots = stream->n_slots = n;
    while (n-- > 0)
        mr__pool_slots_want(stream->pool, stream->slots[n] + stream->slot_bytes);
    if (stream->pool->keeper)
        mr__keeper_want(stream->pool->keeper, stream->slot_bytes);
    return true;
}

/* A pool of the stream's own, as large as it needs; for rows of which the shape is not known, as
 * large as there is memory. */
static mr_status open_pool(mr_stream *stream, mr_error *err)
{
    mr_pool_options options = stream->options.pool;
    uint32_t wanted, least = slots_range(stream, &wanted);
    mr_status s = MR_E_NO_MEMORY;

    if (options.workers == 0)
        options.workers = mr__budget_workers(&options);
    for (; wanted >= least; wanted--) {
        mr__budget budget;
        if (!options.worker_argv)
            options.slots_bytes = stream->slot_bytes * wanted;
        s = mr__budget_plan(&options, &budget, err);
        if (s == MR_OK)
            break;
    }
    if (s != MR_OK)
        return s;
    stream->owns_pool = true;
    return mr_pool_open(&options, &stream->pool, err);
}

static mr_status no_room(const mr_stream *stream, mr_error *err)
{
    uint32_t wanted, least = slots_range(stream, &wanted);

    return mr__error_set(
        err, MR_E_NO_MEMORY,
        "memory: %u batches of %u rows of %zu bytes need %llu MiB, %llu MiB of the "
        "pool's %llu are free; raise --memory, or lower --batch",
        least, stream->options.batch, stream->shape.bytes,
        (unsigned long long)(stream->slot_bytes * least >> 20) + 1,
        (unsigned long long)((stream->pool->slots.total - stream->pool->slots.in_use) >> 20),
        (unsigned long long)(stream->pool->slots.total >> 20));
}

/* The slots and the plan's cell. */
static mr_status lease(mr_stream *stream, mr_error *err)
{
    mr_status s = MR_OK;

    mr__pool_lock(stream->pool);
    if (stream->n_slots == 0 && !lease_slots(stream))
        s = no_room(stream, err);
    if (s == MR_OK && stream->plan) {
        s = mr__pool_plan_get(stream->pool, mr_plan_text(stream->plan), &stream->plan_cell,
                              &stream->plan_version, err);
        stream->has_plan = s == MR_OK;
    }
    mr__pool_unlock(stream->pool);
    return s;
}

static mr_status join_foreign(mr_stream *stream, mr_pool *pool, mr_error *err)
{
    mr_status s = MR_OK;

    stream->pool = pool;
    if (!pool)
        s = open_pool(stream, err);
    if (s == MR_OK)
        s = agree(stream, err);
    return s == MR_OK ? lease(stream, err) : s;
}

/* A pool: the one given if it has room, else one of its own. */
mr_status mr__stream_join(mr_stream *stream, mr_pool *pool, mr_error *err)
{
    mr_status s;
    bool fits;

    if (pool ? pool->foreign : stream->options.pool.worker_argv != NULL)
        return join_foreign(stream, pool, err);
    if (!stream->plan)
        return mr__error_set(err, MR_E_INVALID, "stream: a plan is needed");
    stream->shape = mr_plan_row_shape(stream->plan);
    stream->dims = dims_of_picture(&stream->shape);
    s = size_up(stream, err);
    if (s != MR_OK)
        return s;
    if (pool) {
        stream->pool = pool;
        mr__pool_lock(pool);
        fits = lease_slots(stream);
        mr__pool_unlock(pool);
        if (!fits)
            stream->pool = NULL;
    }
    if (!stream->pool)
        s = open_pool(stream, err);
    return s == MR_OK ? lease(stream, err) : s;
}
