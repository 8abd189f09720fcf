/* SPDX-License-Identifier: Apache-2.0 */
/* Config: the configuration file, checked, with the line of every value. */
#include "native.h"

#include <string.h>

typedef struct config {
    PyObject_HEAD
    mrpy_state *state;
    mr_config *config;
    PyObject *names; /* list: what the keys' strings live in */
    mr_config_key *keys;
} config;

/* Collects what is wrong; the GIL is held all the time. */
static void note_problem(void *cookie, const char *message)
{
    PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");

    if (!text || PyList_Append(cookie, text) < 0)
        PyErr_Clear();
    Py_XDECREF(text);
}

/* The original's keys and those in `extra`, which are not looked into. */
static int take_keys(config *self, PyObject *extra, mr_config_options *options)
{
    size_t n_original, n_extra, k;
    const mr_config_key *original = mr_config_original(&n_original);

    self->names = extra == Py_None ? PyList_New(0) : PySequence_List(extra);
    if (!self->names)
        return -1;
    n_extra = (size_t)PyList_GET_SIZE(self->names);
    self->keys = PyMem_Calloc(n_original + n_extra, sizeof self->keys[0]);
    if (!self->keys) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(self->keys, original, n_original * sizeof original[0]);
    for (k = 0; k < n_extra; k++) {
        const char *name = PyUnicode_AsUTF8(PyList_GET_ITEM(self->names, (Py_ssize_t)k));
        if (!name)
            return -1;
        self->keys[n_original + k] = (mr_config_key){.name = name, .kind = MR_CONFIG_ANY};
    }
    options->keys = self->keys;
    options->n_keys = n_original + n_extra;
    return 0;
}

static int open_config(config *self, const char *path, const mr_config_options *base)
{
    mr_config_options options = *base;
    PyObject *problems = PyList_New(0), *type, *value, *trace;
    mr_error err = {0};
    mr_status status;

    if (!problems)
        return -1;
    options.problem = note_problem;
    options.cookie = problems;
    status = mr_config_open(path, &options, &self->config, &err);
    if (status != MR_OK) {
        (void)mrpy_raise(self->state, status, &err);
        PyErr_Fetch(&type, &value, &trace);
        PyErr_NormalizeException(&type, &value, &trace);
        if (value && PyObject_SetAttrString(value, "problems", problems) < 0)
            PyErr_Clear();
        PyErr_Restore(type, value, trace);
    }
    Py_DECREF(problems);
    return status == MR_OK ? 0 : -1;
}

static PyObject *config_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", "environment", "extra", NULL};
    mrpy_state *state = mrpy_state_of(type);
    PyObject *path = Py_None, *extra = Py_None, *bytes = NULL;
    mr_config_options options;
    config *self = NULL;
    int environment = 1, rc = -1;

    mr_config_options_init(&options);
    if (!state || !PyArg_ParseTupleAndKeywords(args, kwargs, "|O$pO:Config", names, &path,
                                               &environment, &extra))
        return NULL;
    if (path != Py_None && !PyUnicode_FSConverter(path, &bytes))
        return NULL;
    options.environment = environment != 0;
    self = (config *)type->tp_alloc(type, 0);
    if (self) {
        self->state = state;
        rc = take_keys(self, extra, &options);
        if (rc == 0)
            rc = open_config(self, bytes ? PyBytes_AS_STRING(bytes) : NULL, &options);
    }
    Py_XDECREF(bytes);
    if (rc < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void config_dealloc(config *self)
{
    PyTypeObject *type = Py_TYPE(self);

    mr_config_close(&self->config);
    PyMem_Free(self->keys);
    Py_XDECREF(self->names);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *text_of(const mr_config_value *value)
{
    return PyUnicode_DecodeUTF8(value->text, (Py_ssize_t)strlen(value->text), "replace");
}

static PyObject *config_get(config *self, PyObject *args)
{
    const mr_config_value *value;
    PyObject *otherwise = Py_None;
    const char *name;

    if (!PyArg_ParseTuple(args, "s|O:get", &name, &otherwise))
        return NULL;
    value = mr_config_find(self->config, name);
    if (value && value->text)
        return text_of(value);
    Py_INCREF(otherwise);
    return otherwise;
}

static PyObject *config_has(config *self, PyObject *args)
{
    const char *name;

    if (!PyArg_ParseTuple(args, "s:has", &name))
        return NULL;
    return PyBool_FromLong(mr_config_has(self->config, name));
}

static PyObject *config_values(config *self, PyObject *none)
{
    PyObject *list = PyList_New(0);
    const mr_config_value *value;
    size_t k;

    (void)none;
    for (k = 0; list && (value = mr_config_at(self->config, k)) != NULL; k++) {
        PyObject *record = mrpy_record_of(self->state, MRPY_R_CONFIG_VALUE, value);
        if (!record || PyList_Append(list, record) < 0)
            Py_CLEAR(list);
        Py_XDECREF(record);
    }
    return list;
}

static PyObject *config_original(PyObject *type, PyObject *none)
{
    mrpy_state *state = mrpy_state_of((PyTypeObject *)type);
    PyObject *list = PyList_New(0);
    const mr_config_key *keys;
    size_t n, k;

    (void)none;
    keys = mr_config_original(&n);
    for (k = 0; list && state && k < n; k++) {
        PyObject *record = mrpy_record_of(state, MRPY_R_CONFIG_KEY, &keys[k]);
        if (!record || PyList_Append(list, record) < 0)
            Py_CLEAR(list);
        Py_XDECREF(record);
    }
    return list;
}

static PyObject *get_name(config *self, void *unused)
{
    (void)unused;
    return PyUnicode_DecodeFSDefault(mr_config_name(self->config));
}

static PyMethodDef methods[] = {
    {"get", (PyCFunction)config_get, METH_VARARGS,
     "get(name, default=None, /)\n--\n\n"
     "The text of a value (\"triton.url\", \"preprocess.mean[1]\"), or the default if it is "
     "unset."},
    {"has", (PyCFunction)config_has, METH_VARARGS,
     "has(section, /)\n--\n\nHas anything in the section a value?"},
    {"values", (PyCFunction)config_values, METH_NOARGS,
     "values()\n--\n\nEverything in the order of the file, list of ConfigValue."},
    {"original_keys", config_original, METH_NOARGS | METH_CLASS,
     "original_keys()\n--\n\nKeys, defaults and variables of the original pipeline's file, list of "
     "ConfigKey."},
    {0},
};

static PyGetSetDef getset[] = {
    {"name", (getter)get_name, NULL, "Name of the file, empty if there is none.", NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Config(path=None, *, environment=True, extra=())\n--\n\n"
                "A configuration file with the sections of the original pipeline, checked.\n\n"
                "path: the file; None: only the environment.\n"
                "environment: variables beat the file.\n"
                "extra: further sections or keys that are allowed and not looked into.\n\n"
                "InvalidError: mistakes; `problems` lists them all, each with file and line."},
    {Py_tp_new, config_new},
    {Py_tp_dealloc, config_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

PyType_Spec mrpy_config_spec = {
    .name = "millrace._native.Config",
    .basicsize = sizeof(config),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
