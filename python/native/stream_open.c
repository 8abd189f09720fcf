/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a stream: what its constructor takes. */
#include "native.h"

#define FIELD(member, kind)                                                                        \
    {                                                                                              \
#member, kind, offsetof(mr_stream_options, member), NULL                                   \
    }

const mrpy_field mrpy_stream_fields[] = {
    FIELD(batch, MRPY_U32),
    FIELD(batch_wait_ms, MRPY_U32),
    FIELD(slots, MRPY_U32),
    FIELD(fetch_threads, MRPY_U32),
    FIELD(max_pixels, MRPY_U64),
    FIELD(max_bytes, MRPY_U64),
    FIELD(unordered, MRPY_BOOL),
    FIELD(allow_private, MRPY_BOOL),
    FIELD(fetch_timeout_ms, MRPY_U32),
    FIELD(fetch_idle_ms, MRPY_U32),
    {0},
};

static const mrpy_field named_fields[] = {
    {"inputs", MRPY_TEXT, 0, NULL},
    {"plan", MRPY_TEXT, 0, NULL},
    {"pool", MRPY_TEXT, 0, NULL},
    {0},
};

/* What the constructor was given, besides numbers. */
typedef struct arguments {
    PyObject *inputs, *plan, *pool; /* new references */
} arguments;

static int take_arguments(PyObject *args, PyObject *left, arguments *a)
{
    PyObject *inputs = NULL, *plan = NULL;

    if (!PyArg_ParseTuple(args, "|OO:Stream", &inputs, &plan))
        return -1;
    Py_XINCREF(inputs);
    Py_XINCREF(plan);
    a->inputs = inputs ? inputs : mrpy_option_pop(left, "inputs");
    a->plan = plan ? plan : mrpy_option_pop(left, "plan");
    a->pool = mrpy_option_pop(left, "pool");
    if (a->pool == Py_None)
        Py_CLEAR(a->pool);
    if (PyErr_Occurred())
        return -1;
    if (a->plan == Py_None)
        Py_CLEAR(a->plan);
    if (a->inputs)
        return 0;
    PyErr_SetString(PyExc_TypeError, "Stream: the argument inputs is missing");
    return -1;
}

/* Plan, input and pool, and the stream on them. */
static int open_stream(mrpy_stream *self, arguments *a, const mr_stream_options *options)
{
    mr_pool *pool = NULL, *own = NULL;
    mr_error err = {0};
    mr_status status;

    self->plan = a->plan ? mrpy_plan_of(self->state, a->plan) : Py_NewRef(Py_None);
    if (!self->plan)
        return -1;
    if (a->pool) {
        pool = mrpy_pool_get(self->state, a->pool);
        if (!pool)
            return -1;
        self->pool = a->pool;
        a->pool = NULL;
    }
    if (pool && mrpy_pool_runs_program(self->pool) && mrpy_program_wait(self->state, pool) < 0)
        return -1;
    if (!a->plan && !options->pool.worker_argv && !(pool && mrpy_pool_runs_program(self->pool))) {
        PyErr_SetString(PyExc_TypeError, "Stream: the argument plan is missing");
        return -1;
    }
    if (mrpy_input_open(self->state, a->inputs, &self->input) < 0)
        return -1;
    /* a pool of its own, but waited for where Ctrl-C is heard */
    if (!pool && options->pool.worker_argv) {
        own = mrpy_program_pool(self->state, &options->pool);
        if (!own)
            return -1;
        pool = own;
    }
    Py_BEGIN_ALLOW_THREADS
    status = mr_stream_open(self->input.source, a->plan ? mrpy_plan_handle(self->plan) : NULL, pool,
                            options, &self->stream, &err);
    if (status == MR_OK && own)
        mr_stream_adopt_pool(self->stream);
    else if (own)
        mr_pool_close(&own);
    Py_END_ALLOW_THREADS
    if (status == MR_OK)
        return mrpy_live_add(self->state, (PyObject *)self);
    (void)mrpy_raise(self->state, status, &err);
    return -1;
}

PyObject *mrpy_stream_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const mrpy_field *const tables[] = {named_fields, mrpy_stream_fields, mrpy_pool_fields,
                                        mrpy_program_names, NULL};
    mrpy_state *state = mrpy_state_of(type);
    PyObject *left = kwargs ? PyDict_Copy(kwargs) : PyDict_New(), *keep = PyList_New(0);
    mr_stream_options options;
    arguments a = {0};
    mrpy_stream *self = NULL;
    int rc = -1;

    mr_stream_options_init(&options);
    if (!state || !left || !keep || take_arguments(args, left, &a) < 0)
        goto done;
    options.pool.worker_path = state->worker_path[0] ? state->worker_path : NULL;
    if (mrpy_options_take(left, mrpy_stream_fields, &options, keep) < 0 ||
        mrpy_options_take(left, mrpy_pool_fields, &options.pool, keep) < 0 ||
        mrpy_program_take(left, &options.pool, keep) < 0 ||
        mrpy_options_end(left, "Stream", tables) < 0)
        goto done;
    self = (mrpy_stream *)type->tp_alloc(type, 0);
    if (!self)
        goto done;
    self->state = state;
    self->pid = getpid();
    if (!a.pool)
        self->log = mrpy_log_open(state, &options.pool.logger);
    rc = a.pool || self->log ? open_stream(self, &a, &options) : -1;
done:
    Py_XDECREF(a.inputs);
    Py_XDECREF(a.plan);
    Py_XDECREF(a.pool);
    Py_XDECREF(left);
    Py_XDECREF(keep);
    if (rc < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}
