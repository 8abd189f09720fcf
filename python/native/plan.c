/* SPDX-License-Identifier: Apache-2.0 */
/* Plan: preprocessing as an exact, named contract. */
#include "native.h"

#include <string.h>

typedef struct plan {
    PyObject_HEAD
    mr_plan *plan;
} plan;

static const char *dtype_name(mr_dtype dtype)
{
    static const char *const names[] = {"float32", "uint8", "float16", "bfloat16"};

    return (unsigned)dtype < sizeof names / sizeof names[0] ? names[dtype] : "unknown";
}

static PyObject *wrap(PyTypeObject *type, mr_plan *handle)
{
    plan *self = (plan *)type->tp_alloc(type, 0);

    if (self)
        self->plan = handle;
    else
        mr_plan_close(&handle);
    return (PyObject *)self;
}

static PyObject *plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"name", NULL};
    mrpy_state *state = mrpy_state_of(type);
    mr_plan *handle = NULL;
    mr_error err = {0};
    const char *name;
    mr_status status;

    if (!state || !PyArg_ParseTupleAndKeywords(args, kwargs, "s:Plan", names, &name))
        return NULL;
    status = mr_plan_open(name, &handle, &err);
    return status == MR_OK ? wrap(type, handle) : mrpy_raise(state, status, &err);
}

static PyObject *plan_from_text(PyObject *type, PyObject *text)
{
    mrpy_state *state = mrpy_state_of((PyTypeObject *)type);
    const char *utf8 = PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : NULL;
    mr_plan *handle = NULL;
    mr_error err = {0};
    mr_status status;

    if (!state)
        return NULL;
    if (!utf8) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError, "from_text: a text is wanted, not %.80s",
                         Py_TYPE(text)->tp_name);
        return NULL;
    }
    status = mr_plan_parse(utf8, &handle, &err);
    return status == MR_OK ? wrap((PyTypeObject *)type, handle) : mrpy_raise(state, status, &err);
}

/* The canonical text has at most 4,095 bytes: a larger file is none, whatever it holds. */
static PyObject *plan_from_file(PyObject *type, PyObject *path)
{
    PyObject *io = PyImport_ImportModule("io"), *file = NULL, *text = NULL, *result = NULL, *gone;

    if (io)
        file = PyObject_CallMethod(io, "open", "Osisss", path, "r", -1, "utf-8", "replace", "\n");
    Py_XDECREF(io);
    if (!file)
        return NULL;
    text = PyObject_CallMethod(file, "read", "i", 65536);
    gone = text ? PyObject_CallMethod(file, "close", NULL) : NULL;
    Py_XDECREF(gone);
    if (gone)
        result = plan_from_text(type, text);
    Py_XDECREF(text);
    Py_DECREF(file);
    return result;
}

static void plan_dealloc(plan *self)
{
    PyTypeObject *type = Py_TYPE(self);

    mr_plan_close(&self->plan);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *get_name(plan *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(mr_plan_name(self->plan));
}

static PyObject *get_text(plan *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(mr_plan_text(self->plan));
}

static PyObject *get_fingerprint(plan *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(mr_plan_fingerprint(self->plan));
}

static PyObject *get_shape(plan *self, void *unused)
{
    mr_row_shape s = mr_plan_row_shape(self->plan);

    (void)unused;
    if (s.layout == MR_LAYOUT_NCHW)
        return Py_BuildValue("(III)", s.channels, s.height, s.width);
    return Py_BuildValue("(III)", s.height, s.width, s.channels);
}

static PyObject *get_dtype(plan *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(dtype_name(mr_plan_row_shape(self->plan).dtype));
}

static PyObject *get_layout(plan *self, void *unused)
{
    mr_layout layout = mr_plan_row_shape(self->plan).layout;

    (void)unused;
    return PyUnicode_FromString(layout == MR_LAYOUT_NCHW ? "NCHW" : "NHWC");
}

static PyObject *get_row_bytes(plan *self, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(mr_plan_row_shape(self->plan).bytes);
}

static PyObject *plan_json(plan *self, PyObject *none)
{
    mrpy_state *state = mrpy_state_of(Py_TYPE(self));

    (void)none;
    return state ? PyObject_CallFunction(state->json_loads, "s", mr_plan_json(self->plan)) : NULL;
}

static PyObject *plan_reduce(plan *self, PyObject *none)
{
    PyObject *make = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "from_text");

    (void)none;
    return make ? Py_BuildValue("N(s)", make, mr_plan_text(self->plan)) : NULL;
}

static PyObject *plan_repr(plan *self)
{
    return PyUnicode_FromFormat("<millrace.Plan %s %.12s>", mr_plan_name(self->plan),
                                mr_plan_fingerprint(self->plan));
}

static PyObject *plan_compare(PyObject *a, PyObject *b, int op)
{
    mrpy_state *state = mrpy_state_of(Py_TYPE(a));
    bool equal;

    if (!state)
        return NULL;
    if ((op != Py_EQ && op != Py_NE) || !PyObject_TypeCheck(b, state->plan))
        Py_RETURN_NOTIMPLEMENTED;
    equal =
        strcmp(mr_plan_fingerprint(((plan *)a)->plan), mr_plan_fingerprint(((plan *)b)->plan)) == 0;
    return PyBool_FromLong(equal == (op == Py_EQ));
}

static Py_hash_t plan_hash(plan *self)
{
    PyObject *text = get_fingerprint(self, NULL);
    Py_hash_t hash = text ? PyObject_Hash(text) : -1;

    Py_XDECREF(text);
    return hash;
}

PyObject *mrpy_plan_of(mrpy_state *state, PyObject *object)
{
    if (PyObject_TypeCheck(object, state->plan)) {
        Py_INCREF(object);
        return object;
    }
    if (PyUnicode_Check(object))
        return PyObject_CallOneArg((PyObject *)state->plan, object);
    PyErr_Format(PyExc_TypeError, "plan: a Plan or the name of one is wanted, not %.80s",
                 Py_TYPE(object)->tp_name);
    return NULL;
}

const mr_plan *mrpy_plan_handle(PyObject *object)
{
    return ((plan *)object)->plan;
}

PyObject *mrpy_presets(PyObject *module, PyObject *none)
{
    mrpy_state *state = PyModule_GetState(module);
    PyObject *list = PyList_New(0);
    mr_preset preset;
    size_t k;

    (void)none;
    for (k = 0; list && mr_preset_at(k, &preset); k++) {
        PyObject *record = mrpy_record_of(state, MRPY_R_PRESET, &preset);
        if (!record || PyList_Append(list, record) < 0)
            Py_CLEAR(list);
        Py_XDECREF(record);
    }
    return list;
}

static PyMethodDef methods[] = {
    {"from_text", plan_from_text, METH_O | METH_CLASS,
     "from_text(text)\n--\n\nThe plan that a canonical text (see `text`) describes."},
    {"from_file", plan_from_file, METH_O | METH_CLASS,
     "from_file(path)\n--\n\nThe plan whose canonical text is in a file."},
    {"json", (PyCFunction)plan_json, METH_NOARGS,
     "json()\n--\n\nThe resolved plan as a dict: what `millrace plan NAME --json` prints."},
    {"__reduce__", (PyCFunction)plan_reduce, METH_NOARGS, NULL},
    {0},
};

static PyGetSetDef getset[] = {
    {"name", (getter)get_name, NULL, "Name it was resolved from, or \"custom\".", NULL},
    {"text", (getter)get_text, NULL, "Canonical text, one key=value a line.", NULL},
    {"fingerprint", (getter)get_fingerprint, NULL,
     "\"mr1:\" and the SHA-256 of the canonical text.", NULL},
    {"shape", (getter)get_shape, NULL, "Shape of one row: (C, H, W) or (H, W, C), by `layout`.",
     NULL},
    {"dtype", (getter)get_dtype, NULL, "\"float32\", \"uint8\", \"float16\" or \"bfloat16\".",
     NULL},
    {"layout", (getter)get_layout, NULL, "\"NCHW\" or \"NHWC\".", NULL},
    {"row_bytes", (getter)get_row_bytes, NULL, "Bytes of one row.", NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Plan(name)\n--\n\n"
     "Preprocessing as an exact, named contract; immutable.\n\n"
     "name: a preset (see presets()), with an optional \":WIDTHxHEIGHT\" for \"letterbox\", "
     "\"raw\" and \"original/masked-stretch\",\n"
     "and changes to its text: \"letterbox:320x200?layout=nhwc&filter=bicubic\".\n"
     "Raises NotFoundError, which names the nearest preset."},
    {Py_tp_new, plan_new},
    {Py_tp_dealloc, plan_dealloc},
    {Py_tp_repr, plan_repr},
    {Py_tp_richcompare, plan_compare},
    {Py_tp_hash, plan_hash},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

PyType_Spec mrpy_plan_spec = {
    .name = "millrace._native.Plan",
    .basicsize = sizeof(plan),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
