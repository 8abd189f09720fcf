/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch as a DLPack tensor. The structs are those of the DLPack specification, versions 0 and 1;
 * a consumer that asks for version 1 is told that the memory is read-only, an older one cannot be.
 */
#include "native.h"

#include <string.h>

enum { DL_CPU = 1, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_READ_ONLY = 1 };

typedef struct dl_tensor {
    void *data;
    struct {
        int32_t type, id;
    } device;
    int32_t ndim;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides; /* strides in elements */
    uint64_t byte_offset;
} dl_tensor;

typedef struct dl_managed dl_managed;
struct dl_managed {
    dl_tensor tensor;
    void *context;
    void (*deleter)(dl_managed *self);
};

typedef struct dl_versioned dl_versioned;
struct dl_versioned {
    struct {
        uint32_t major, minor;
    } version;
    void *context;
    void (*deleter)(dl_versioned *self);
    uint64_t flags;
    dl_tensor tensor;
};

/* One export: both forms, of which one is used. */
typedef struct export
{
    mrpy_batch *batch;
    int64_t shape[1 + MR_DIMS_MAX], strides[1 + MR_DIMS_MAX];
    dl_managed plain;
    dl_versioned versioned;
}
export;

/* The consumer may be on any thread, and later than the interpreter: then nothing is left to do. */
static void end_export(export *e)
{
    PyGILState_STATE gil;

    if (!Py_IsInitialized())
        return;
    gil = PyGILState_Ensure();
    e->batch->exports--;
    Py_DECREF(e->batch);
    PyMem_Free(e);
    PyGILState_Release(gil);
}

static void delete_plain(dl_managed *self)
{
    end_export(self->context);
}

static void delete_versioned(dl_versioned *self)
{
    end_export(self->context);
}

/* A capsule that nobody took: its name says so. */
static void drop_capsule(PyObject *capsule)
{
    void *p;

    if (PyCapsule_IsValid(capsule, "dltensor")) {
        p = PyCapsule_GetPointer(capsule, "dltensor");
        delete_plain(p);
    } else if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
        p = PyCapsule_GetPointer(capsule, "dltensor_versioned");
        delete_versioned(p);
    }
}

static void fill_tensor(export *e, dl_tensor *t)
{
    const mrpy_batch *self = e->batch;
    mr_dtype dtype = self->batch->shape.dtype;
    int k;

    for (k = 0; k < self->ndim; k++) {
        e->shape[k] = self->shape[k];
        e->strides[k] = self->strides[k] / self->itemsize;
    }
    *t = (dl_tensor){
        .data = self->batch->data, .ndim = self->ndim, .shape = e->shape, .strides = e->strides};
    t->device.type = DL_CPU;
    t->dtype.code = dtype == MR_DTYPE_U8 ? DL_UINT : dtype == MR_DTYPE_BF16 ? DL_BFLOAT : DL_FLOAT;
    t->dtype.bits = (uint8_t)(self->itemsize * 8);
    t->dtype.lanes = 1;
}

static PyObject *make_capsule(mrpy_batch *self, bool versioned)
{
    export *e = PyMem_Calloc(1, sizeof *e);
    PyObject *capsule;

    if (!e)
        return PyErr_NoMemory();
    Py_INCREF(self);
    e->batch = self;
    self->exports++;
    if (versioned) {
        fill_tensor(e, &e->versioned.tensor);
        e->versioned.version.major = 1;
        e->versioned.context = e;
        e->versioned.deleter = delete_versioned;
        e->versioned.flags = DL_READ_ONLY;
        capsule = PyCapsule_New(&e->versioned, "dltensor_versioned", drop_capsule);
    } else {
        fill_tensor(e, &e->plain.tensor);
        e->plain.context = e;
        e->plain.deleter = delete_plain;
        capsule = PyCapsule_New(&e->plain, "dltensor", drop_capsule);
    }
    if (!capsule)
        end_export(e);
    return capsule;
}

/* Can the consumer's wishes be met? */
static int check_wishes(PyObject *stream, PyObject *device, PyObject *copy)
{
    int type, id;

    if (stream != Py_None) {
        PyErr_SetString(PyExc_BufferError, "__dlpack__: a stream has no meaning on the CPU");
        return -1;
    }
    if (copy == Py_True) {
        PyErr_SetString(PyExc_BufferError, "__dlpack__: it is a view; copy what comes out of it");
        return -1;
    }
    if (device == Py_None)
        return 0;
    if (!PyArg_ParseTuple(device, "ii:dl_device", &type, &id))
        return -1;
    if (type == DL_CPU && id == 0)
        return 0;
    PyErr_SetString(PyExc_BufferError, "__dlpack__: the batch is in the memory of the CPU");
    return -1;
}

PyObject *mrpy_batch_dlpack(mrpy_batch *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
    PyObject *stream = Py_None, *version = Py_None, *device = Py_None, *copy = Py_None;
    int major = 0, minor = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", names, &stream, &version,
                                     &device, &copy) ||
        check_wishes(stream, device, copy) < 0 || !mrpy_batch_has_rows(self))
        return NULL;
    if (version != Py_None && !PyArg_ParseTuple(version, "ii:max_version", &major, &minor))
        return NULL;
    return make_capsule(self, major >= 1);
}

PyObject *mrpy_batch_dlpack_device(mrpy_batch *self, PyObject *none)
{
    (void)self;
    (void)none;
    return Py_BuildValue("(ii)", DL_CPU, 0);
}
