/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream: pictures in, batches in shared memory out.
 *
 * The handle outlives close() as long as a batch, and so a view of its slot, is alive: the shared
 * memory is theirs. Who is the last (a caller inside next, a batch, close itself) ends it.
 */
#include "native.h"

#include <math.h>
#include <string.h>
#include <structmember.h>
#include <time.h>

/* Ends the stream if it is closed and nobody is in it any more. */
static void finish(mrpy_stream *self)
{
    mr_stream *handle = self->stream;

    if (!self->closed || self->held > 0 || self->callers > 0 || self->pid != getpid())
        return;
    self->stream = NULL;
    if (handle) {
        Py_BEGIN_ALLOW_THREADS
        mr_stream_stats_get(handle, &self->last);
        mr_stream_close(&handle);
        Py_END_ALLOW_THREADS
    }
    mrpy_log_drain(self->state, self->log);
    mrpy_log_close(&self->log);
    if (self->input.source)
        mrpy_input_close(&self->input);
    if (self->pool) {
        PyObject *pool = self->pool;
        self->pool = NULL;
        mrpy_pool_put(pool);
        Py_DECREF(pool);
    }
}

static int stream_traverse(mrpy_stream *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->input.feed);
    return 0;
}

static void stream_dealloc(mrpy_stream *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    if (self->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)self);
    self->closed = true;
    finish(self);
    Py_XDECREF(self->plan);
    type->tp_free(self);
    Py_DECREF(type);
}

static bool usable(mrpy_stream *self)
{
    if (!mrpy_same_process(self->state, self->pid, "stream"))
        return false;
    if (!self->closed)
        return true;
    (void)mrpy_raise_kind(self->state, MRPY_CLOSED, "the stream is closed");
    return false;
}

mrpy_state *mrpy_stream_state(PyObject *object)
{
    return ((mrpy_stream *)object)->state;
}

bool mrpy_stream_same_process(PyObject *object)
{
    mrpy_stream *self = (mrpy_stream *)object;

    return mrpy_same_process(self->state, self->pid, "stream");
}

void mrpy_stream_give_back(PyObject *object, mr_batch **batch)
{
    mrpy_stream *self = (mrpy_stream *)object;
    mr_batch *handle = *batch;

    *batch = NULL;
    if (!handle || self->pid != getpid())
        return;
    Py_BEGIN_ALLOW_THREADS
    mr_batch_release(&handle);
    Py_END_ALLOW_THREADS
    self->held--;
    finish(self);
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What the status of a wait means to Python: an exception. The iterable's own comes out as it was
 * raised. */
static void raise_status(mrpy_stream *self, mr_status status, const mr_error *err)
{
    PyObject *error = NULL;

    if (self->input.feed && status == MR_E_INVALID)
        error = mrpy_feed_error(self->input.feed);
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    else
        (void)mrpy_raise(self->state, status, err);
    Py_XDECREF(error);
}

/* Another thread has closed the stream: this is not the end of the inputs. */
static mr_status closed_meanwhile(mrpy_stream *self, mr_batch **batch)
{
    Py_BEGIN_ALLOW_THREADS
    mr_batch_release(batch);
    Py_END_ALLOW_THREADS(void)
    mrpy_raise_kind(self->state, MRPY_CLOSED, "the stream was closed meanwhile");
    return MR_E_INTERRUPTED;
}

/* The next batch, MR_EOF, MR_AGAIN at the deadline (seconds; negative: none), or a negative status
 * with an exception. */
static mr_status wait_batch(mrpy_stream *self, double deadline, mr_batch **out)
{
    mr_error err = {0};
    mr_status status;

    for (;;) {
        double left = deadline < 0 ? MRPY_SLICE_MS : (deadline - now()) * 1e3;
        int slice = left < MRPY_SLICE_MS ? (left > 0 ? (int)ceil(left) : 0) : MRPY_SLICE_MS;

        Py_BEGIN_ALLOW_THREADS
        status = mr_stream_next(self->stream, slice, out, &err);
        Py_END_ALLOW_THREADS
        mrpy_log_drain(self->state, self->log);
        if (self->pool)
            mrpy_pool_log_drain(self->pool);
        if (status < 0)
            raise_status(self, status, &err);
        else if (self->closed)
            status = closed_meanwhile(self, out);
        if (status != MR_AGAIN)
            return status;
        if (PyErr_CheckSignals() < 0)
            return MR_E_INTERRUPTED;
        if (deadline >= 0 && now() >= deadline)
            return MR_AGAIN;
    }
}

/* A batch; NULL with `*status` MR_EOF or MR_AGAIN, or with an exception. */
static PyObject *take_batch(mrpy_stream *self, double deadline, mr_status *status)
{
    mr_batch *batch = NULL;
    PyObject *result = NULL;

    *status = MR_E_INVALID;
    if (!usable(self))
        return NULL;
    self->callers++;
    *status = wait_batch(self, deadline, &batch);
    if (*status == MR_OK) {
        self->held++;
        result = mrpy_batch_new(self->state, (PyObject *)self, &batch);
    }
    self->callers--;
    finish(self);
    return result;
}

static PyObject *stream_iternext(mrpy_stream *self)
{
    mr_status status;

    return take_batch(self, -1, &status); /* NULL without an exception is the end */
}

static PyObject *stream_next(mrpy_stream *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", NULL};
    PyObject *timeout = Py_None, *batch;
    double deadline = -1;
    mr_status status;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:next", names, &timeout))
        return NULL;
    if (timeout != Py_None) {
        double seconds = PyFloat_AsDouble(timeout);
        if (PyErr_Occurred())
            return NULL;
        deadline = now() + (seconds > 0 ? seconds : 0);
    }
    batch = take_batch(self, deadline, &status);
    if (batch || status < 0 || PyErr_Occurred())
        return batch;
    if (status == MR_AGAIN) {
        PyErr_Format(PyExc_TimeoutError, "no batch within %R seconds", timeout);
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *stream_stop(mrpy_stream *self, PyObject *none)
{
    (void)none;
    if (!usable(self))
        return NULL;
    self->callers++;
    Py_BEGIN_ALLOW_THREADS
    mr_stream_stop(self->stream);
    Py_END_ALLOW_THREADS
    self->callers--;
    finish(self);
    Py_RETURN_NONE;
}

/* Those inside next() leave within a slice. */
static int wait_callers(mrpy_stream *self)
{
    const struct timespec pause = {.tv_nsec = 5000000};

    while (self->callers > 0) {
        Py_BEGIN_ALLOW_THREADS(void)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() < 0)
            return -1;
    }
    return 0;
}

static PyObject *stream_close(mrpy_stream *self, PyObject *none)
{
    bool first = !self->closed;

    (void)none;
    if (!mrpy_same_process(self->state, self->pid, "stream"))
        return NULL;
    self->closed = true;
    if (first && self->stream) {
        self->callers++;
        Py_BEGIN_ALLOW_THREADS
        mr_stream_stop(self->stream);
        Py_END_ALLOW_THREADS
        self->callers--;
        if (wait_callers(self) < 0)
            return NULL;
    }
    finish(self);
    Py_RETURN_NONE;
}

static PyObject *stream_enter(PyObject *self, PyObject *none)
{
    (void)none;
    if (!usable((mrpy_stream *)self))
        return NULL;
    Py_INCREF(self);
    return self;
}

static PyObject *stream_exit(mrpy_stream *self, PyObject *args)
{
    (void)args;
    return stream_close(self, NULL);
}

static PyObject *stream_stats(mrpy_stream *self, PyObject *none)
{
    mr_stream_stats stats = self->last;

    (void)none;
    if (!mrpy_same_process(self->state, self->pid, "stream"))
        return NULL;
    if (self->stream) {
        self->callers++;
        Py_BEGIN_ALLOW_THREADS
        mr_stream_stats_get(self->stream, &stats);
        Py_END_ALLOW_THREADS
        self->callers--;
        finish(self);
    }
    return mrpy_record_of(self->state, MRPY_R_STREAM_STATS, &stats);
}

static PyObject *stream_pool_stats(mrpy_stream *self, PyObject *none)
{
    PyObject *stats;

    (void)none;
    if (!usable(self))
        return NULL;
    self->callers++;
    stats = mrpy_pool_figures(self->state, mr_stream_pool(self->stream));
    self->callers--;
    finish(self);
    return stats;
}

static PyObject *stream_pids(mrpy_stream *self, PyObject *none)
{
    PyObject *pids;

    (void)none;
    if (!usable(self))
        return NULL;
    self->callers++;
    pids = mrpy_pool_workers(mr_stream_pool(self->stream));
    self->callers--;
    finish(self);
    return pids;
}

static PyObject *get_closed(mrpy_stream *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->closed);
}

static PyMethodDef methods[] = {
    {"next", (PyCFunction)(void (*)(void))stream_next, METH_VARARGS | METH_KEYWORDS,
     "next(timeout=None)\n--\n\n"
     "The next Batch, or None after the last. timeout: seconds; then TimeoutError.\n"
     "BusyError: the caller itself holds every slot. Any thread, several at once."},
    {"stop", (PyCFunction)stream_stop, METH_NOARGS,
     "stop()\n--\n\nTakes nothing more from the inputs; what was taken is still delivered."},
    {"close", (PyCFunction)stream_close, METH_NOARGS,
     "close()\n--\n\n"
     "Ends the stream at once. While batches or views are alive, their shared memory and the "
     "workers stay until the last of them is gone. Again: nothing."},
    {"stats", (PyCFunction)stream_stats, METH_NOARGS,
     "stats()\n--\n\nFigures, a StreamStats; after close() those at its end."},
    {"pool_stats", (PyCFunction)stream_pool_stats, METH_NOARGS,
     "pool_stats()\n--\n\nFigures of the pool that the stream runs on, a PoolStats."},
    {"pids", (PyCFunction)stream_pids, METH_NOARGS,
     "pids()\n--\n\nProcess ids of the workers, for monitoring."},
    {"__enter__", stream_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)stream_exit, METH_VARARGS, NULL},
    {0},
};

static PyGetSetDef getset[] = {
    {"closed", (getter)get_closed, NULL, "Has close() been called?", NULL},
    {0},
};

static PyMemberDef members[] = {
    {"plan", T_OBJECT, offsetof(mrpy_stream, plan), READONLY, "The Plan that it runs, or None."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(mrpy_stream, weakrefs), READONLY, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Stream(inputs, plan=None, *, pool=None, batch=32, batch_wait_ms=1000, slots=0, "
     "fetch_threads=0, "
     "max_pixels=178956970, max_bytes=0, unordered=False, allow_private=False, "
     "fetch_timeout_ms=60000, fetch_idle_ms=10000, workers=0, memory_bytes=536870912, "
     "slab_bytes=0, slots_bytes=0, item_timeout_ms=10000, require_sandbox=False, worker_path=None, "
     "preprocess=None, preprocess_kwargs=None, preprocess_input='pixels', output_shape=None, "
     "output_dtype=None, unit_items=0, worker_start_ms=0, worker_sandbox=False)\n--\n\n"
     "Iterates over batches of preprocessed pictures, in the order of the inputs, as they are "
     "complete.\n\n"
     "inputs: a path or URL (a directory is read recursively), a Source, or any iterable, endless "
     "ones too, of items. An item is a path, a URL, the bytes of an encoded picture, an array "
     "[H,W] "
     "or [H,W,C] of pixels, 0..255, or a dict or object with `uri`, `bytes` or `array`, and `id` "
     "and `metadata`. It is read ahead in a thread of its "
     "own.\n"
     "plan: a Plan or the name of one; not needed with preprocess.\n"
     "pool: a Pool to run on; without it the stream starts workers of its own, to which `workers` "
     "and all that follow apply.\n"
     "batch: items a batch, 1..4096.\n"
     "batch_wait_ms: a partial batch leaves after this long; 0: only when full.\n"
     "slots: batches in flight, those held by the caller included, 2..64; 0: 4.\n"
     "fetch_threads: 1..64; 0: 2, and 32 once there are URLs.\n"
     "max_pixels: width times height of one picture.\n"
     "max_bytes: encoded size of one picture; 0: half the input slab.\n"
     "unordered: deliver batches as they complete.\n"
     "allow_private: URLs: also addresses that are not public.\n"
     "fetch_timeout_ms: of one URL, with redirects and attempts.\n"
     "fetch_idle_ms: to connect, and that a server may say nothing.\n"
     "workers, memory_bytes, ...: see Pool.\n"
     "preprocess: instead of a plan: a function, an object or a class of yours, which runs in "
     "interpreters of its own. It gets each picture as an array [H,W,3] uint8 (or the array that "
     "was given) and returns an array; an object may have _preprocess_single_jax(picture), which "
     "gets float32, or preprocess_batch(list of pictures), which returns one row for each.\n"
     "preprocess_kwargs: dict, for the class or the function.\n"
     "preprocess_input: \"pixels\", or \"bytes\": files as they are.\n"
     "output_shape, output_dtype: of one row; None: what it makes of a picture of 256 x 320.\n"
     "unit_items: pictures that a worker is given at once, 1..16; 0: 8 for preprocess_batch, else "
     "1. The deadline is that of their sum.\n"
     "worker_start_ms: that a worker may take until it serves; 0: 10000, with preprocess 30000.\n"
     "worker_sandbox: the workers of preprocess can write no file and reach no network.\n\n"
     "A bad picture raises nothing: see Batch.failures. What the iterable raises comes out of the "
     "iteration, after the batches before it."},
    {Py_tp_new, mrpy_stream_new},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_traverse, stream_traverse},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, stream_iternext},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_members, members},
    {0, NULL},
};

PyType_Spec mrpy_stream_spec = {
    .name = "millrace._native.Stream",
    .basicsize = sizeof(mrpy_stream),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};
