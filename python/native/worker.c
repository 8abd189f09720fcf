/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side: this interpreter is a worker of a pool (millrace/worker.h), and
 * millrace/_worker.py computes its rows.
 *
 * Nothing of shared memory is ever handed to Python. Pixels are memory of this process: what was
 * decoded is lent without a copy, and if a view of it outlives its unit the memory is left to it
 * and other memory takes its place; arrays and encoded bytes are copied out of the slab. Rows are
 * copied into the slot.
 */
#include "native.h"

#include <stdlib.h>
#include <string.h>
#include <structmember.h>

#include "millrace/worker.h"

/* ---- pixels: a buffer [height,width,channels] ---- */

typedef struct pixels {
    PyObject_HEAD
    void *data; /* NULL: none any more */
    bool owned;
    const char *format;
    Py_ssize_t exports, shape[3], strides[3];
} pixels;

static int pixels_getbuffer(pixels *self, Py_buffer *view, int flags)
{
    view->obj = NULL;
    if (!self->data) {
        PyErr_SetString(PyExc_BufferError, "the pixels are gone with their turn");
        return -1;
    }
    if (PyBuffer_FillInfo(view, (PyObject *)self, self->data, self->shape[0] * self->strides[0], 0,
                          PyBUF_SIMPLE) < 0)
        return -1;
    if ((flags & PyBUF_ND) == PyBUF_ND) {
        view->ndim = 3;
        view->shape = self->shape;
        view->itemsize = self->strides[2] > 0 ? self->strides[2] : 1;
    }
    if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES)
        view->strides = self->strides;
    if ((flags & PyBUF_FORMAT) == PyBUF_FORMAT)
        view->format = (char *)self->format;
    self->exports++;
    return 0;
}

static void pixels_releasebuffer(pixels *self, Py_buffer *view)
{
    (void)view;
    self->exports--;
}

static void pixels_dealloc(pixels *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (self->owned)
        free(self->data);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot pixels_slots[] = {
    {Py_tp_doc, "Pixels of one item, [height, width, channels], uint8 or float32, 0..255."},
    {Py_tp_dealloc, pixels_dealloc},
    {Py_bf_getbuffer, pixels_getbuffer},
    {Py_bf_releasebuffer, pixels_releasebuffer},
    {0, NULL},
};

PyType_Spec mrpy_pixels_spec = {
    .name = "millrace._native.Pixels",
    .basicsize = sizeof(pixels),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = pixels_slots,
};

static PyObject *pixels_new(mrpy_state *state, const mr_worker_item *item)
{
    pixels *self = (pixels *)state->pixels->tp_alloc(state->pixels, 0);

    if (!self)
        return NULL;
    self->format = item->dtype == MR_DTYPE_F32 ? "f" : "B";
    self->shape[0] = (Py_ssize_t)item->height;
    self->shape[1] = (Py_ssize_t)item->width;
    self->shape[2] = (Py_ssize_t)item->channels;
    self->strides[2] = item->dtype == MR_DTYPE_F32 ? 4 : 1;
    self->strides[1] = self->strides[2] * self->shape[2];
    self->strides[0] = self->strides[1] * self->shape[1];
    self->data = (void *)(uintptr_t)item->data;
    if (!item->shared)
        return (PyObject *)self;
    self->data = malloc(item->n_bytes);
    self->owned = true;
    if (self->data) {
        memcpy(self->data, item->data, item->n_bytes);
        return (PyObject *)self;
    }
    Py_DECREF(self);
    return PyErr_NoMemory();
}

/* ---- job: one item, for as long as its turn lasts ---- */

typedef struct job {
    PyObject_HEAD
    mr_worker_item *item; /* NULL: its turn is over */
    PyObject *input;      /* Pixels, or bytes */
} job;

static bool job_open(const job *self)
{
    if (self->item)
        return true;
    PyErr_SetString(PyExc_RuntimeError, "the item's turn is over");
    return false;
}

static PyObject *job_done(job *self, PyObject *row)
{
    Py_buffer view;

    if (!job_open(self) || PyObject_GetBuffer(row, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    if ((size_t)view.len != self->item->row_bytes) {
        PyErr_Format(PyExc_ValueError, "%zd bytes for a row of %zu", view.len,
                     self->item->row_bytes);
        PyBuffer_Release(&view);
        return NULL;
    }
    memcpy(self->item->row, view.buf, self->item->row_bytes);
    PyBuffer_Release(&view);
    mr_worker_done(self->item);
    Py_RETURN_NONE;
}

static PyObject *job_fail(job *self, PyObject *args)
{
    const char *message, *detail;

    if (!PyArg_ParseTuple(args, "ss:fail", &message, &detail) || !job_open(self))
        return NULL;
    mr_worker_fail(self->item, MR_CODE_PREPROCESS_FAILED, message, detail);
    Py_RETURN_NONE;
}

static void job_dealloc(job *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(self->input);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef job_methods[] = {
    {"done", (PyCFunction)job_done, METH_O, "done(row)\n--\n\nThe item's row, C-contiguous."},
    {"fail", (PyCFunction)job_fail, METH_VARARGS,
     "fail(message, detail)\n--\n\nThe item has failed as `preprocess_failed`."},
    {0},
};

static PyMemberDef job_members[] = {
    {"input", T_OBJECT, offsetof(job, input), READONLY, "Pixels, or encoded bytes"},
    {0},
};

static PyType_Slot job_slots[] = {
    {Py_tp_doc, "One item of a worker's unit, for as long as its turn lasts."},
    {Py_tp_dealloc, job_dealloc},
    {Py_tp_methods, job_methods},
    {Py_tp_members, job_members},
    {0, NULL},
};

PyType_Spec mrpy_job_spec = {
    .name = "millrace._native.Job",
    .basicsize = sizeof(job),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = job_slots,
};

static PyObject *job_new(mrpy_state *state, mr_worker_item *item)
{
    job *self = (job *)state->job->tp_alloc(state->job, 0);

    if (!self)
        return NULL;
    self->item = item;
    self->input = item->channels > 0
                      ? pixels_new(state, item)
                      : PyBytes_FromStringAndSize(item->data, (Py_ssize_t)item->n_bytes);
    if (!self->input)
        Py_CLEAR(self);
    return (PyObject *)self;
}

/* The turn is over. Who still holds the pixels keeps their memory. */
static void job_end(mrpy_state *state, job *self)
{
    pixels *lent = (pixels *)self->input;
    mr_worker_item *item = self->item;

    self->item = NULL;
    if (!Py_IS_TYPE(self->input, state->pixels) || lent->owned)
        return;
    if (Py_REFCNT(self) > 1 || Py_REFCNT(lent) > 1 || lent->exports > 0)
        lent->owned = mr_worker_keep(item) != NULL;
    else
        lent->data = NULL;
}

/* ---- the worker ---- */

typedef struct worker {
    PyObject_HEAD
    mrpy_state *state;
    mr_worker *worker;
    PyObject *callback;
    PyThreadState *thread; /* while it serves */
} worker;

/* One unit: the callback answers each job. What it raises is told on standard error; the library
 * then lets the items fail that have no answer. */
static void serve_unit(worker *self, mr_worker_item *items, size_t n)
{
    PyObject *jobs = PyList_New((Py_ssize_t)n), *result = NULL;
    size_t made;

    for (made = 0; jobs && made < n; made++) {
        PyObject *one = job_new(self->state, &items[made]);
        if (!one)
            break;
        PyList_SET_ITEM(jobs, (Py_ssize_t)made, one);
    }
    if (jobs && made == n)
        result = PyObject_CallOneArg(self->callback, jobs);
    if (!result)
        PyErr_WriteUnraisable(self->callback);
    Py_XDECREF(result);
    while (jobs && made > 0) {
        job *one = (job *)PyList_GetItem(jobs, (Py_ssize_t)--made);
        if (one && Py_IS_TYPE((PyObject *)one, self->state->job))
            job_end(self->state, one);
        else
            PyErr_Clear();
    }
    Py_XDECREF(jobs);
}

static void run(void *cookie, mr_worker_item *items, size_t n)
{
    worker *self = cookie;

    PyEval_RestoreThread(self->thread);
    serve_unit(self, items, n);
    self->thread = PyEval_SaveThread();
}

static PyObject *worker_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    mrpy_state *state = mrpy_state_of(type);
    mr_error err = {0};
    worker *self;
    mr_status status;

    (void)kwargs;
    if (!state || !PyArg_ParseTuple(args, ":Worker"))
        return NULL;
    self = (worker *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->state = state;
    status = mr_worker_open(NULL, &self->worker, &err);
    if (status == MR_OK)
        return (PyObject *)self;
    Py_DECREF(self);
    return mrpy_raise(state, status, &err);
}

static void worker_dealloc(worker *self)
{
    PyTypeObject *type = Py_TYPE(self);

    mr_worker_close(&self->worker);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *worker_data(worker *self, PyObject *none)
{
    size_t n;
    const void *data = mr_worker_data(self->worker, &n);

    (void)none;
    return PyBytes_FromStringAndSize(data ? data : "", (Py_ssize_t)n);
}

static PyObject *worker_refuse(worker *self, PyObject *message)
{
    const char *text = PyUnicode_AsUTF8(message);

    if (!text)
        return NULL;
    mr_worker_refuse(self->worker, text);
    Py_RETURN_NONE;
}

static int take_dims(PyObject *shape, const char *dtype, mr_dims *out)
{
    static const char *const names[] = {"float32", "uint8", "float16", "bfloat16"};
    Py_ssize_t n = PyTuple_Size(shape), k;
    uint32_t type = 0;

    while (type < 4 && strcmp(names[type], dtype) != 0)
        type++;
    if (n < 0)
        return -1;
    if (type == 4 || n < 1 || n > MR_DIMS_MAX) {
        PyErr_Format(PyExc_ValueError, "rows of type %s with %zd dimensions", dtype, n);
        return -1;
    }
    *out = (mr_dims){.dtype = (mr_dtype)type, .n = (uint32_t)n};
    for (k = 0; k < n; k++) {
        unsigned long side = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(shape, k));

        if (PyErr_Occurred())
            return -1;
        out->dims[k] = side <= UINT32_MAX ? (uint32_t)side : 0;
    }
    if (mr_dims_bytes(out) > 0)
        return 0;
    PyErr_Format(PyExc_ValueError, "rows of shape %R", shape);
    return -1;
}

static PyObject *worker_serve(worker *self, PyObject *args)
{
    PyObject *shape, *callback;
    const char *dtype;
    mr_worker_options options;
    mr_error err = {0};
    mr_status status;
    mr_dims dims;
    int encoded = 0;

    if (!PyArg_ParseTuple(args, "O!sOp:serve", &PyTuple_Type, &shape, &dtype, &callback,
                          &encoded) ||
        take_dims(shape, dtype, &dims) < 0)
        return NULL;
    mr_worker_options_init(&options);
    options.encoded = encoded != 0;
    mr_worker_set_options(self->worker, &options);
    self->callback = callback;
    self->thread = PyEval_SaveThread();
    status = mr_worker_serve(self->worker, &dims, run, self, &err);
    PyEval_RestoreThread(self->thread);
    self->callback = NULL;
    if (status != MR_OK)
        return mrpy_raise(self->state, status, &err);
    Py_RETURN_NONE;
}

static PyMethodDef worker_methods[] = {
    {"data", (PyCFunction)worker_data, METH_NOARGS, "data()\n--\n\nWhat the host handed over."},
    {"refuse", (PyCFunction)worker_refuse, METH_O,
     "refuse(message)\n--\n\nTells the host why this process cannot serve."},
    {"serve", (PyCFunction)worker_serve, METH_VARARGS,
     "serve(shape, dtype, callback, encoded)\n--\n\n"
     "Serves until the pool closes: callback(list of Job) for each unit."},
    {0},
};

static PyType_Slot worker_slots[] = {
    {Py_tp_doc, "Worker()\n--\n\nThis process as a worker of the pool that started it."},
    {Py_tp_new, worker_new},
    {Py_tp_dealloc, worker_dealloc},
    {Py_tp_methods, worker_methods},
    {0, NULL},
};

PyType_Spec mrpy_worker_spec = {
    .name = "millrace._native.Worker",
    .basicsize = sizeof(worker),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = worker_slots,
};
