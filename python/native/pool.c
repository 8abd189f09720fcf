/* SPDX-License-Identifier: Apache-2.0 */
/* Pool: the worker processes and all shared memory, which stream after stream may use. */
#include "native.h"

#include <structmember.h>

typedef struct pool {
    PyObject_HEAD
    mrpy_state *state;
    PyObject *weakrefs;
    mr_pool *pool;
    mrpy_log *log;
    pid_t pid;
    Py_ssize_t streams; /* that run on it */
    bool closed, program;
} pool;

#define FIELD(member, kind)                                                                        \
    {                                                                                              \
#member, kind, offsetof(mr_pool_options, member), NULL                                     \
    }

const mrpy_field mrpy_pool_fields[] = {
    FIELD(workers, MRPY_U32),
    FIELD(memory_bytes, MRPY_U64),
    FIELD(slab_bytes, MRPY_U64),
    FIELD(slots_bytes, MRPY_U64),
    FIELD(item_timeout_ms, MRPY_U32),
    FIELD(require_sandbox, MRPY_BOOL),
    FIELD(worker_path, MRPY_PATH),
    FIELD(worker_start_ms, MRPY_U32),
    FIELD(unit_items, MRPY_U32),
    FIELD(worker_sandbox, MRPY_BOOL),
    {0},
};

static const mrpy_field own_fields[] = {
    FIELD(spare_bytes, MRPY_U64),
    {0},
};

static int open_pool(pool *self, mr_pool_options *options)
{
    mr_error err = {0};
    mr_status status;

    self->log = mrpy_log_open(self->state, &options->logger);
    if (!self->log)
        return -1;
    Py_BEGIN_ALLOW_THREADS
    status = mr_pool_open(options, &self->pool, &err);
    Py_END_ALLOW_THREADS
    if (status == MR_OK)
        return mrpy_live_add(self->state, (PyObject *)self);
    (void)mrpy_raise(self->state, status, &err);
    return -1;
}

static PyObject *pool_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const mrpy_field *const tables[] = {mrpy_pool_fields, own_fields, mrpy_program_names, NULL};
    mrpy_state *state = mrpy_state_of(type);
    PyObject *left = NULL, *keep = NULL;
    mr_pool_options options;
    pool *self = NULL;
    int rc = -1;

    if (!state || !PyArg_ParseTuple(args, ":Pool"))
        return NULL;
    left = kwargs ? PyDict_Copy(kwargs) : PyDict_New();
    keep = PyList_New(0);
    if (!left || !keep)
        goto done;
    mr_pool_options_init(&options);
    options.worker_path = state->worker_path[0] ? state->worker_path : NULL;
    if (mrpy_options_take(left, mrpy_pool_fields, &options, keep) < 0 ||
        mrpy_options_take(left, own_fields, &options, keep) < 0 ||
        mrpy_program_take(left, &options, keep) < 0 || mrpy_options_end(left, "Pool", tables) < 0)
        goto done;
    self = (pool *)type->tp_alloc(type, 0);
    if (!self)
        goto done;
    self->state = state;
    self->pid = getpid();
    self->program = options.worker_argv != NULL;
    rc = open_pool(self, &options);
done:
    Py_XDECREF(left);
    Py_XDECREF(keep);
    if (rc < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

/* Ends the workers once nobody needs them. */
static void finish(pool *self)
{
    mr_pool *handle = self->pool;

    if (!self->closed || self->streams > 0 || !handle || self->pid != getpid())
        return;
    self->pool = NULL;
    Py_BEGIN_ALLOW_THREADS
    mr_pool_close(&handle);
    Py_END_ALLOW_THREADS
    mrpy_log_drain(self->state, self->log);
}

void mrpy_pool_log_drain(PyObject *object)
{
    pool *self = (pool *)object;

    mrpy_log_drain(self->state, self->log);
}

static void pool_dealloc(pool *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (self->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)self);
    self->closed = true;
    finish(self);
    if (self->pid == getpid())
        mrpy_log_close(&self->log);
    type->tp_free(self);
    Py_DECREF(type);
}

static bool usable(pool *self)
{
    if (!mrpy_same_process(self->state, self->pid, "pool"))
        return false;
    if (!self->closed)
        return true;
    (void)mrpy_raise_kind(self->state, MRPY_CLOSED, "the pool is closed");
    return false;
}

mr_pool *mrpy_pool_get(mrpy_state *state, PyObject *object)
{
    pool *self = (pool *)object;

    if (!PyObject_TypeCheck(object, state->pool)) {
        PyErr_Format(PyExc_TypeError, "pool: a Pool is wanted, not %.80s",
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    if (!usable(self))
        return NULL;
    self->streams++;
    return self->pool;
}

bool mrpy_pool_runs_program(PyObject *object)
{
    return ((pool *)object)->program;
}

void mrpy_pool_put(PyObject *object)
{
    pool *self = (pool *)object;

    self->streams--;
    finish(self);
}

static PyObject *pool_close(pool *self, PyObject *none)
{
    (void)none;
    if (!mrpy_same_process(self->state, self->pid, "pool"))
        return NULL;
    self->closed = true;
    finish(self);
    Py_RETURN_NONE;
}

PyObject *mrpy_pool_figures(mrpy_state *state, mr_pool *handle)
{
    mr_pool_stats stats;

    Py_BEGIN_ALLOW_THREADS
    mr_pool_stats_get(handle, &stats);
    Py_END_ALLOW_THREADS
    return mrpy_record_of(state, MRPY_R_POOL_STATS, &stats);
}

PyObject *mrpy_pool_workers(mr_pool *handle)
{
    enum { PIDS = 256 };
    int pids[PIDS];
    PyObject *list;
    size_t n, k;

    Py_BEGIN_ALLOW_THREADS
    n = mr_pool_pids(handle, pids, PIDS);
    Py_END_ALLOW_THREADS
    n = n < PIDS ? n : PIDS;
    list = PyList_New((Py_ssize_t)n);
    for (k = 0; list && k < n; k++) {
        PyObject *pid = PyLong_FromLong(pids[k]);
        if (pid)
            PyList_SET_ITEM(list, (Py_ssize_t)k, pid);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *pool_stats(pool *self, PyObject *none)
{
    PyObject *stats;

    (void)none;
    if (!usable(self))
        return NULL;
    self->streams++; /* nobody closes it meanwhile */
    stats = mrpy_pool_figures(self->state, self->pool);
    mrpy_pool_put((PyObject *)self);
    return stats;
}

static PyObject *pool_pids(pool *self, PyObject *none)
{
    PyObject *pids;

    (void)none;
    if (!usable(self))
        return NULL;
    self->streams++;
    pids = mrpy_pool_workers(self->pool);
    mrpy_pool_put((PyObject *)self);
    return pids;
}

static PyObject *pool_row_bytes(pool *self, PyObject *none)
{
    PyObject *bytes = NULL;
    mr_dims dims;

    (void)none;
    if (!usable(self))
        return NULL;
    if (!self->program)
        Py_RETURN_NONE;
    self->streams++;
    if (mrpy_program_wait(self->state, self->pool) == 0)
        bytes = mr_pool_dims(self->pool, &dims) ? PyLong_FromSize_t(mr_dims_bytes(&dims))
                                                : Py_NewRef(Py_None);
    mrpy_pool_put((PyObject *)self);
    return bytes;
}

static PyObject *pool_enter(PyObject *self, PyObject *none)
{
    (void)none;
    if (!usable((pool *)self))
        return NULL;
    Py_INCREF(self);
    return self;
}

static PyObject *pool_exit(pool *self, PyObject *args)
{
    (void)args;
    return pool_close(self, NULL);
}

static PyObject *get_closed(pool *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->closed);
}

static PyMethodDef methods[] = {
    {"close", (PyCFunction)pool_close, METH_NOARGS,
     "close()\n--\n\nEnds the workers, after the last stream that uses them. Again: nothing."},
    {"stats", (PyCFunction)pool_stats, METH_NOARGS,
     "stats()\n--\n\nFigures of now, a PoolStats. Reads /proc: about a millisecond."},
    {"pids", (PyCFunction)pool_pids, METH_NOARGS,
     "pids()\n--\n\nProcess ids of the workers, for monitoring."},
    {"row_bytes", (PyCFunction)pool_row_bytes, METH_NOARGS,
     "row_bytes()\n--\n\nBytes of a row that `preprocess` makes; waits until a worker is ready. "
     "None if there is no `preprocess`: a plan says it."},
    {"__enter__", pool_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)pool_exit, METH_VARARGS, NULL},
    {0},
};

static PyGetSetDef getset[] = {
    {"closed", (getter)get_closed, NULL, "Has close() been called?", NULL},
    {0},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(pool, weakrefs), READONLY, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Pool(*, workers=0, memory_bytes=536870912, slab_bytes=0, slots_bytes=0, spare_bytes=0, "
     "item_timeout_ms=10000, require_sandbox=False, worker_path=None, preprocess=None, "
     "preprocess_kwargs=None, preprocess_input='pixels', output_shape=None, output_dtype=None, "
     "unit_items=0, worker_start_ms=0, worker_sandbox=False)\n--\n\n"
     "Worker processes and shared memory that stream after stream may use: a warm pool starts a "
     "stream in about a millisecond.\n\n"
     "workers: processes, 1..256; 0: the CPUs that this process may use.\n"
     "memory_bytes: budget of host and workers together.\n"
     "slab_bytes: input slab; 0: an eighth of the budget.\n"
     "slots_bytes: room for the batches of all streams at a time; 0: a quarter of the budget, 8 to "
     "256 MiB. A stream that does not fit starts workers of its own.\n"
     "spare_bytes: part of slots_bytes, for rows that Batch.take() gives away without a copy; 0: "
     "each is copied.\n"
     "item_timeout_ms: deadline of one picture in a worker.\n"
     "require_sandbox: refuse to start without the whole sandbox.\n"
     "worker_path: the worker executable, if not the package's own.\n"
     "preprocess and all that follow: see Stream. Its streams then need no plan."},
    {Py_tp_new, pool_new},
    {Py_tp_dealloc, pool_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_members, members},
    {0, NULL},
};

PyType_Spec mrpy_pool_spec = {
    .name = "millrace._native.Pool",
    .basicsize = sizeof(pool),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
