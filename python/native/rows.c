/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: what Batch.take() gives away, the memory of the slot itself. Writable, and the holder's as
 * long as it likes.
 *
 * The memory is shared with the workers, and so it would be with a child by fork: there the slot's
 * next rows would shine through. So each fork takes a copy along, which the child puts in the same
 * place; the parent's own memory stays where it is, whoever writes to it meanwhile.
 */
#include "native.h"

#include <string.h>
#include <sys/mman.h>

struct mrpy_rows {
    PyObject_HEAD
    mrpy_state *state;
    mrpy_rows *next, **link; /* of those that a fork has to copy; link NULL: none of them */
    mr_kept *kept;           /* NULL: this is a child's copy */
    pid_t pid;
    void *data, *snapshot; /* snapshot: for the child, while a fork is under way */
    size_t bytes;
    const char *format;
    int ndim;
    Py_ssize_t itemsize, shape[1 + MR_DIMS_MAX], strides[1 + MR_DIMS_MAX];
};

PyObject *mrpy_rows_new(const mrpy_batch *batch, const char *format, mr_kept **kept)
{
    mrpy_state *state = batch->state;
    mrpy_rows *self = (mrpy_rows *)state->rows->tp_alloc(state->rows, 0);

    if (!self) {
        mr_kept_release(kept);
        return NULL;
    }
    self->state = state;
    self->pid = getpid();
    self->kept = *kept;
    self->data = self->kept->data;
    self->bytes = self->kept->bytes;
    *kept = NULL;
    self->format = format;
    self->ndim = batch->ndim;
    self->itemsize = batch->itemsize;
    memcpy(self->shape, batch->shape, sizeof self->shape);
    memcpy(self->strides, batch->strides, sizeof self->strides);
    self->next = state->first_rows;
    self->link = &state->first_rows;
    if (self->next)
        self->next->link = &self->next;
    state->first_rows = self;
    return (PyObject *)self;
}

static void unlink_rows(mrpy_rows *self)
{
    if (!self->link)
        return;
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    self->next = NULL;
    self->link = NULL;
}

static void drop_snapshot(mrpy_rows *self)
{
    if (self->snapshot)
        (void)munmap(self->snapshot, self->bytes);
    self->snapshot = NULL;
}

static void rows_dealloc(mrpy_rows *self)
{
    PyTypeObject *type = Py_TYPE(self);

    unlink_rows(self);
    drop_snapshot(self);
    if (self->pid == getpid()) {
        Py_BEGIN_ALLOW_THREADS
        if (self->kept)
            mr_kept_release(&self->kept);
        else
            (void)munmap(self->data, self->bytes);
        Py_END_ALLOW_THREADS
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static int rows_getbuffer(mrpy_rows *self, Py_buffer *view, int flags)
{
    view->obj = NULL;
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS) {
        PyErr_SetString(PyExc_BufferError, "rows are C-contiguous");
        return -1;
    }
    if (PyBuffer_FillInfo(view, (PyObject *)self, self->data, self->shape[0] * self->strides[0], 0,
                          PyBUF_WRITABLE) < 0)
        return -1;
    view->itemsize = self->itemsize;
    if ((flags & PyBUF_ND) == PyBUF_ND) {
        view->ndim = self->ndim;
        view->shape = self->shape;
    }
    if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES)
        view->strides = self->strides;
    if ((flags & PyBUF_FORMAT) == PyBUF_FORMAT)
        view->format = (char *)self->format;
    return 0;
}

/* ---- fork ---- */

static PyObject *before_fork(PyObject *module, PyObject *none)
{
    mrpy_state *state = PyModule_GetState(module);
    mrpy_rows *rows;

    (void)none;
    state->forks++;
    for (rows = state->first_rows; rows; rows = rows->next) {
        void *copy;

        if (rows->snapshot)
            continue;
        copy = mmap(NULL, rows->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (copy == MAP_FAILED)
            return PyErr_NoMemory();
        memcpy(copy, rows->data, rows->bytes);
        rows->snapshot = copy;
    }
    Py_RETURN_NONE;
}

static PyObject *after_fork_in_parent(PyObject *module, PyObject *none)
{
    mrpy_state *state = PyModule_GetState(module);
    mrpy_rows *rows;

    (void)none;
    if (state->forks > 0 && --state->forks == 0)
        for (rows = state->first_rows; rows; rows = rows->next)
            drop_snapshot(rows);
    Py_RETURN_NONE;
}

static PyObject *after_fork_in_child(PyObject *module, PyObject *none)
{
    mrpy_state *state = PyModule_GetState(module);
    mrpy_rows *rows;

    (void)none;
    state->forks = 0;
    while ((rows = state->first_rows) != NULL) {
        unlink_rows(rows);
        if (!rows->snapshot || mremap(rows->snapshot, rows->bytes, rows->bytes,
                                      MREMAP_MAYMOVE | MREMAP_FIXED, rows->data) == MAP_FAILED)
            continue; /* of a thread that is not here; or the parent was told that memory is short
                       */
        rows->snapshot = NULL;
        rows->kept = NULL;
        rows->pid = getpid();
    }
    Py_RETURN_NONE;
}

static PyMethodDef hooks[] = {
    {"_before_fork", before_fork, METH_NOARGS, NULL},
    {"_after_fork_in_parent", after_fork_in_parent, METH_NOARGS, NULL},
    {"_after_fork_in_child", after_fork_in_child, METH_NOARGS, NULL},
};

/* PyObject *hook, or NULL with an exception */
static int set_hook(PyObject *kwargs, const char *when, PyMethodDef *method, PyObject *module)
{
    PyObject *hook = PyCFunction_New(method, module);
    int rc = hook ? PyDict_SetItemString(kwargs, when, hook) : -1;

    Py_XDECREF(hook);
    return rc;
}

int mrpy_rows_init(PyObject *module)
{
    PyObject *os = PyImport_ImportModule("os"), *kwargs = PyDict_New(), *args = PyTuple_New(0);
    PyObject *hook_up = os ? PyObject_GetAttrString(os, "register_at_fork") : NULL, *done = NULL;

    if (hook_up && kwargs && args && set_hook(kwargs, "before", &hooks[0], module) == 0 &&
        set_hook(kwargs, "after_in_parent", &hooks[1], module) == 0 &&
        set_hook(kwargs, "after_in_child", &hooks[2], module) == 0)
        done = PyObject_Call(hook_up, args, kwargs);
    Py_XDECREF(done);
    Py_XDECREF(hook_up);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    Py_XDECREF(os);
    return done ? 0 : -1;
}

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Rows in the memory of a slot, the holder's own: writable, not changed by anybody else, and "
     "there as long as it is held, whatever becomes of the stream and the pool. It has the buffer "
     "protocol; Batch.take() gives it as an array."},
    {Py_tp_dealloc, rows_dealloc},
    {Py_bf_getbuffer, rows_getbuffer},
    {0, NULL},
};

PyType_Spec mrpy_rows_spec = {
    .name = "millrace._native.Rows",
    .basicsize = sizeof(mrpy_rows),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
