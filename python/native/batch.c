/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch: rows in shared memory. Its buffer is the slot itself. A view (memoryview, array, DLPack
 * capsule) keeps the batch alive, the batch its stream, and the slot returns with the last of them.
 */
#include "native.h"

static const char *format_of(mr_dtype dtype)
{
    static const char *const formats[] = {"f", "B", "e"};

    return (unsigned)dtype < sizeof formats / sizeof formats[0] ? formats[dtype] : NULL;
}

static const char *dtype_name(mr_dtype dtype)
{
    static const char *const names[] = {"float32", "uint8", "float16", "bfloat16"};

    return (unsigned)dtype < sizeof names / sizeof names[0] ? names[dtype] : "unknown";
}

static Py_ssize_t item_size(mr_dtype dtype)
{
    return dtype == MR_DTYPE_F32 ? 4 : dtype == MR_DTYPE_U8 ? 1 : 2;
}

static void set_shape(mrpy_batch *self)
{
    const mr_batch *b = self->batch;
    int k;

    self->ndim = 1 + (int)b->dims.n;
    self->shape[0] = (Py_ssize_t)b->n_ok;
    for (k = 1; k < self->ndim; k++)
        self->shape[k] = (Py_ssize_t)b->dims.dims[k - 1];
    self->itemsize = item_size(b->dims.dtype);
    self->strides[self->ndim - 1] = self->itemsize;
    for (k = self->ndim - 1; k > 0; k--)
        self->strides[k - 1] = self->strides[k] * self->shape[k];
}

/* The shape as a tuple. */
static PyObject *shape_tuple(const mrpy_batch *self)
{
    PyObject *tuple = PyTuple_New(self->ndim);
    int k;

    for (k = 0; tuple && k < self->ndim; k++) {
        PyObject *side = PyLong_FromSsize_t(self->shape[k]);
        if (side)
            PyTuple_SET_ITEM(tuple, k, side);
        else
            Py_CLEAR(tuple);
    }
    return tuple;
}

PyObject *mrpy_batch_new(mrpy_state *state, PyObject *stream, mr_batch **batch)
{
    mrpy_batch *self = (mrpy_batch *)state->batch->tp_alloc(state->batch, 0);

    if (!self) {
        mrpy_stream_give_back(stream, batch);
        return NULL;
    }
    Py_INCREF(stream);
    self->state = state;
    self->stream = stream;
    self->batch = *batch;
    *batch = NULL;
    set_shape(self);
    return (PyObject *)self;
}

static void batch_dealloc(mrpy_batch *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (self->stream)
        mrpy_stream_give_back(self->stream, &self->batch);
    Py_XDECREF(self->stream);
    Py_XDECREF(self->ids);
    Py_XDECREF(self->uris);
    Py_XDECREF(self->metadata);
    Py_XDECREF(self->items);
    Py_XDECREF(self->failures);
    type->tp_free(self);
    Py_DECREF(type);
}

bool mrpy_batch_open(const mrpy_batch *self)
{
    if (self->batch)
        return true;
    (void)mrpy_raise_kind(self->state, MRPY_CLOSED, "the batch was released");
    return false;
}

bool mrpy_batch_has_rows(const mrpy_batch *self)
{
    if (!mrpy_batch_open(self))
        return false;
    if (!self->taken)
        return true;
    (void)mrpy_raise_kind(self->state, MRPY_CLOSED, "the rows of the batch were taken");
    return false;
}

/* ---- the buffer ---- */

static int refuse(const char *why)
{
    PyErr_SetString(PyExc_BufferError, why);
    return -1;
}

static int batch_getbuffer(mrpy_batch *self, Py_buffer *view, int flags)
{
    const char *format;

    view->obj = NULL;
    if (!mrpy_batch_has_rows(self))
        return -1;
    if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE)
        return refuse("a batch is read-only");
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS)
        return refuse("a batch is C-contiguous");
    format = format_of(self->batch->shape.dtype);
    if ((flags & PyBUF_FORMAT) == PyBUF_FORMAT && !format)
        return refuse("the buffer protocol has no bfloat16: use numpy() or DLPack");
    if (PyBuffer_FillInfo(view, (PyObject *)self, self->batch->data,
                          self->shape[0] * self->strides[0], 1, PyBUF_SIMPLE) < 0)
        return -1;
    if ((flags & PyBUF_ND) == PyBUF_ND) {
        view->ndim = self->ndim;
        view->shape = self->shape;
        view->itemsize = self->itemsize;
    }
    if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES)
        view->strides = self->strides;
    if ((flags & PyBUF_FORMAT) == PyBUF_FORMAT)
        view->format = (char *)format;
    self->exports++;
    return 0;
}

static void batch_releasebuffer(mrpy_batch *self, Py_buffer *view)
{
    (void)view;
    self->exports--;
}

/* numpy.bfloat16 is the package ml_dtypes'. */
static PyObject *array_of_bfloat16(mrpy_batch *self, PyObject *numpy)
{
    PyObject *types = PyImport_ImportModule("ml_dtypes"), *dtype = NULL, *flat = NULL,
             *array = NULL;
    PyObject *shape;

    if (types)
        dtype = PyObject_GetAttrString(types, "bfloat16");
    Py_XDECREF(types);
    if (dtype)
        flat = self->shape[0] > 0 ? PyObject_CallMethod(numpy, "frombuffer", "OO", self, dtype)
                                  : PyObject_CallMethod(numpy, "empty", "iO", 0, dtype);
    Py_XDECREF(dtype);
    if (!flat)
        return NULL;
    shape = shape_tuple(self);
    if (shape)
        array = PyObject_CallMethod(flat, "reshape", "(O)", shape);
    Py_XDECREF(shape);
    Py_DECREF(flat);
    return array;
}

static PyObject *batch_numpy(mrpy_batch *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"copy", NULL};
    PyObject *numpy, *array = NULL, *own;
    int copy = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:numpy", names, &copy) ||
        !mrpy_batch_has_rows(self))
        return NULL;
    numpy = PyImport_ImportModule("numpy");
    if (!numpy)
        return NULL;
    array = self->batch->shape.dtype == MR_DTYPE_BF16
                ? array_of_bfloat16(self, numpy)
                : PyObject_CallMethod(numpy, "asarray", "O", self);
    Py_DECREF(numpy);
    if (!copy || !array)
        return array;
    own = PyObject_CallMethod(array, "copy", NULL);
    Py_DECREF(array);
    return own;
}

/* The rows where they are, as Rows; NULL without an exception if they cannot stay there. */
static PyObject *keep(mrpy_batch *self)
{
    const char *format = format_of(self->batch->shape.dtype);
    mr_kept *kept = NULL;
    mr_error err = {0};
    mr_status status;

    if (!format || self->exports > 0) /* who looks at them must not see what is written to them */
        return NULL;
    status = mr_batch_keep(self->batch, &kept, &err);
    if (status == MR_AGAIN)
        return NULL;
    if (status != MR_OK)
        return mrpy_raise(self->state, status, &err);
    self->taken = true;
    return mrpy_rows_new(self, format, &kept);
}

static PyObject *batch_take(mrpy_batch *self, PyObject *none)
{
    PyObject *rows, *numpy, *array;

    (void)none;
    if (!mrpy_batch_has_rows(self) || !mrpy_stream_same_process(self->stream))
        return NULL;
    rows = keep(self);
    if (!rows && !PyErr_Occurred())
        return PyObject_CallMethod((PyObject *)self, "numpy", "i", 1);
    numpy = rows ? PyImport_ImportModule("numpy") : NULL;
    array = numpy ? PyObject_CallMethod(numpy, "asarray", "O", rows) : NULL;
    Py_XDECREF(numpy);
    Py_XDECREF(rows);
    return array;
}

/* ---- what is beside the rows ---- */

typedef PyObject *one_fn(mrpy_state *state, const mr_item_result *item);

static PyObject *one_id(mrpy_state *state, const mr_item_result *item)
{
    (void)state;
    return PyUnicode_FromString(item->id);
}

static PyObject *one_uri(mrpy_state *state, const mr_item_result *item)
{
    (void)state;
    return PyUnicode_FromString(item->uri);
}

static PyObject *one_metadata(mrpy_state *state, const mr_item_result *item)
{
    if (item->metadata[0] == '{' && item->metadata[1] == '}')
        return PyDict_New();
    return PyObject_CallFunction(state->json_loads, "s", item->metadata);
}

static PyObject *one_item(mrpy_state *state, const mr_item_result *item)
{
    return mrpy_record_of(state, MRPY_R_ITEM, item);
}

/* A list of one thing of each item, made once; `of_failed` says of which items. */
static PyObject *list_of(mrpy_batch *self, PyObject **made, one_fn *one, bool of_failed)
{
    const mr_batch *b = self->batch;
    PyObject *list;
    uint32_t n, k;

    if (*made) {
        Py_INCREF(*made);
        return *made;
    }
    if (!mrpy_batch_open(self))
        return NULL;
    n = of_failed ? b->n_failed : b->n_ok;
    list = PyList_New((Py_ssize_t)n);
    for (k = 0; list && k < n; k++) {
        PyObject *thing = one(self->state, of_failed ? &b->failures[k] : &b->items[k]);
        if (thing)
            PyList_SET_ITEM(list, (Py_ssize_t)k, thing);
        else
            Py_CLEAR(list);
    }
    Py_XINCREF(list);
    *made = list;
    return list;
}

static PyObject *get_ids(mrpy_batch *self, void *unused)
{
    (void)unused;
    return list_of(self, &self->ids, one_id, false);
}

static PyObject *get_uris(mrpy_batch *self, void *unused)
{
    (void)unused;
    return list_of(self, &self->uris, one_uri, false);
}

static PyObject *get_metadata(mrpy_batch *self, void *unused)
{
    (void)unused;
    return list_of(self, &self->metadata, one_metadata, false);
}

static PyObject *get_items(mrpy_batch *self, void *unused)
{
    (void)unused;
    return list_of(self, &self->items, one_item, false);
}

static PyObject *get_failures(mrpy_batch *self, void *unused)
{
    (void)unused;
    return list_of(self, &self->failures, one_item, true);
}

static PyObject *get_shape(mrpy_batch *self, void *unused)
{
    (void)unused;
    return shape_tuple(self);
}

static PyObject *get_dtype(mrpy_batch *self, void *unused)
{
    (void)unused;
    return mrpy_batch_open(self) ? PyUnicode_FromString(dtype_name(self->batch->shape.dtype))
                                 : NULL;
}

static PyObject *get_index(mrpy_batch *self, void *unused)
{
    (void)unused;
    return mrpy_batch_open(self) ? PyLong_FromUnsignedLongLong(self->batch->index) : NULL;
}

static PyObject *get_nbytes(mrpy_batch *self, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(self->shape[0] * self->strides[0]);
}

static PyObject *get_work_ms(mrpy_batch *self, void *unused)
{
    double ms = 0;
    uint32_t k;

    (void)unused;
    if (!mrpy_batch_open(self))
        return NULL;
    for (k = 0; k < self->batch->n_ok; k++)
        ms += (double)self->batch->items[k].ms_decode + (double)self->batch->items[k].ms_transform;
    return PyFloat_FromDouble(ms);
}

static PyObject *get_released(mrpy_batch *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(!self->batch);
}

static Py_ssize_t batch_length(mrpy_batch *self)
{
    return self->shape[0];
}

static PyObject *batch_release(mrpy_batch *self, PyObject *none)
{
    (void)none;
    if (self->exports > 0) {
        PyErr_Format(PyExc_BufferError,
                     "%zd %s of the batch %s alive: drop what is not needed, copy what is kept",
                     self->exports, self->exports == 1 ? "view" : "views",
                     self->exports == 1 ? "is" : "are");
        return NULL;
    }
    if (!mrpy_stream_same_process(self->stream))
        return NULL;
    mrpy_stream_give_back(self->stream, &self->batch);
    Py_RETURN_NONE;
}

static PyObject *batch_enter(PyObject *self, PyObject *none)
{
    (void)none;
    if (!mrpy_batch_open((mrpy_batch *)self))
        return NULL;
    Py_INCREF(self);
    return self;
}

static PyObject *batch_exit(mrpy_batch *self, PyObject *args)
{
    (void)args;
    return batch_release(self, NULL);
}

static PyObject *batch_repr(mrpy_batch *self)
{
    char sides[MR_DIMS_MAX * 12 + 1] = "";
    size_t used = 0;
    int k;

    if (!self->batch)
        return PyUnicode_FromString("<millrace.Batch released>");
    for (k = 1; k < self->ndim; k++)
        used += (size_t)PyOS_snprintf(sides + used, sizeof sides - used, ",%u",
                                      (unsigned)self->shape[k]);
    return PyUnicode_FromFormat("<millrace.Batch %llu [%zd%s] %s, %u failed>",
                                (unsigned long long)self->batch->index, self->shape[0], sides,
                                dtype_name(self->batch->shape.dtype), self->batch->n_failed);
}

static PyMethodDef methods[] = {
    {"numpy", (PyCFunction)(void (*)(void))batch_numpy, METH_VARARGS | METH_KEYWORDS,
     "numpy(copy=False)\n--\n\n"
     "The rows as an array of `shape` and `dtype`: a read-only view of the slot, or with copy=True "
     "an array of its own. bfloat16 needs the package ml_dtypes."},
    {"take", (PyCFunction)batch_take, METH_NOARGS,
     "take()\n--\n\n"
     "The rows as a writable array of your own, which outlives batch, stream and pool. Without a "
     "copy if the pool has spare_bytes left for it; the batch then has no rows any more."},
    {"release", (PyCFunction)batch_release, METH_NOARGS,
     "release()\n--\n\n"
     "Gives the slot back now. BufferError: views are alive. Again: nothing."},
    {"__dlpack__", (PyCFunction)(void (*)(void))mrpy_batch_dlpack, METH_VARARGS | METH_KEYWORDS,
     "__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\n"
     "The slot as a DLPack capsule, for torch.from_dlpack and the like. Not to be written to."},
    {"__dlpack_device__", (PyCFunction)mrpy_batch_dlpack_device, METH_NOARGS,
     "__dlpack_device__()\n--\n\n(1, 0): the CPU."},
    {"__enter__", batch_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)batch_exit, METH_VARARGS, NULL},
    {0},
};

static PyGetSetDef getset[] = {
    {"ids", (getter)get_ids, NULL, "Ids of the rows, list of str.", NULL},
    {"uris", (getter)get_uris, NULL, "Where the rows came from, list of str.", NULL},
    {"metadata", (getter)get_metadata, NULL, "Metadata of the rows, list of dict.", NULL},
    {"items", (getter)get_items, NULL, "All facts of the rows, list of Item.", NULL},
    {"failures", (getter)get_failures, NULL,
     "What failed on the way, in the order of the inputs, list of Item.", NULL},
    {"shape", (getter)get_shape, NULL,
     "(N, C, H, W) or (N, H, W, C), by the plan; or (N, ...), as `preprocess` makes rows.", NULL},
    {"dtype", (getter)get_dtype, NULL, "\"float32\", \"uint8\", \"float16\" or \"bfloat16\".",
     NULL},
    {"index", (getter)get_index, NULL, "Number of the batch in its stream, from 0.", NULL},
    {"nbytes", (getter)get_nbytes, NULL, "Bytes of all rows.", NULL},
    {"work_ms", (getter)get_work_ms, NULL,
     "Milliseconds that workers spent on the rows, decoding and transforming.", NULL},
    {"released", (getter)get_released, NULL, "Has the slot been given back?", NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "A batch: rows of preprocessed pictures in shared memory, and what failed beside them.\n\n"
     "It has the buffer protocol and DLPack: numpy.asarray(batch), memoryview(batch) and "
     "torch.from_dlpack(batch) are views of the slot, without a copy. The slot goes back to the "
     "stream when the batch and its last view are gone, or with release()."},
    {Py_tp_dealloc, batch_dealloc},
    {Py_tp_repr, batch_repr},
    {Py_sq_length, batch_length},
    {Py_bf_getbuffer, batch_getbuffer},
    {Py_bf_releasebuffer, batch_releasebuffer},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

PyType_Spec mrpy_batch_spec = {
    .name = "millrace._native.Batch",
    .basicsize = sizeof(mrpy_batch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
