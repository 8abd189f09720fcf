/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preprocess=: a callable or class of the user's in the place of millrace-worker. What the workers
 * run for it is made by millrace/_program.py; here that becomes options of a pool, and the pool is
 * waited for as everything is waited for: in slices, with signals looked for between them.
 */
#include "native.h"

#include <string.h>

const mrpy_field mrpy_program_names[] = {
    {"preprocess", MRPY_TEXT, 0, NULL},       {"preprocess_kwargs", MRPY_TEXT, 0, NULL},
    {"preprocess_input", MRPY_TEXT, 0, NULL}, {"output_shape", MRPY_TEXT, 0, NULL},
    {"output_dtype", MRPY_TEXT, 0, NULL},     {0},
};

/* The list of bytes as argv; the array of pointers lives in `keep` too. */
static const char *const *argv_of(PyObject *list, PyObject *keep)
{
    Py_ssize_t n = PyList_Size(list), k;
    PyObject *room;
    const char **argv;

    if (n < 0)
        return NULL;
    room = PyBytes_FromStringAndSize(NULL, (n + 1) * (Py_ssize_t)sizeof *argv);
    if (!room || PyList_Append(keep, room) < 0 || PyList_Append(keep, list) < 0) {
        Py_XDECREF(room);
        return NULL;
    }
    Py_DECREF(room); /* `keep` has it */
    argv = (const char **)(void *)PyBytes_AS_STRING(room);
    for (k = 0; k < n; k++) {
        argv[k] = PyBytes_AsString(PyList_GET_ITEM(list, k));
        if (!argv[k])
            return NULL;
    }
    argv[n] = NULL;
    return argv;
}

/* (argv, data, items at once) into the options. */
static int take_program(PyObject *program, mr_pool_options *options, PyObject *keep)
{
    PyObject *list, *data;
    unsigned int unit_items;
    Py_ssize_t n;
    char *bytes;

    if (!PyArg_ParseTuple(program, "O!O!I", &PyList_Type, &list, &PyBytes_Type, &data,
                          &unit_items) ||
        PyList_Append(keep, program) < 0 || PyBytes_AsStringAndSize(data, &bytes, &n) < 0)
        return -1;
    options->worker_argv = argv_of(list, keep);
    options->worker_data = bytes;
    options->worker_data_bytes = (size_t)n;
    if (options->unit_items == 0)
        options->unit_items = unit_items;
    return options->worker_argv ? 0 : -1;
}

int mrpy_program_take(PyObject *left, mr_pool_options *options, PyObject *keep)
{
    PyObject *wishes = PyDict_New(), *preprocess = NULL, *module = NULL, *program = NULL;
    const mrpy_field *field;
    int rc = wishes ? 0 : -1;

    for (field = mrpy_program_names; rc == 0 && field->name; field++) {
        PyObject *value = mrpy_option_pop(left, field->name);

        if (value && value != Py_None)
            rc = PyDict_SetItemString(wishes, field->name, value);
        Py_XDECREF(value);
        if (PyErr_Occurred())
            rc = -1;
    }
    if (rc == 0 && PyDict_Size(wishes) > 0) {
        preprocess = PyTuple_New(0);
        module = PyImport_ImportModule("millrace._program");
        if (module && preprocess) {
            PyObject *build = PyObject_GetAttrString(module, "build");

            program = build ? PyObject_Call(build, preprocess, wishes) : NULL;
            Py_XDECREF(build);
        }
        rc = program ? take_program(program, options, keep) : -1;
    }
    Py_XDECREF(program);
    Py_XDECREF(module);
    Py_XDECREF(preprocess);
    Py_XDECREF(wishes);
    return rc;
}

int mrpy_program_wait(mrpy_state *state, mr_pool *pool)
{
    mr_error err = {0};
    mr_status status = MR_AGAIN;

    while (status == MR_AGAIN) {
        Py_BEGIN_ALLOW_THREADS
        status = mr_pool_wait(pool, MRPY_SLICE_MS, &err);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() < 0)
            return -1;
    }
    if (status == MR_OK)
        return 0;
    (void)mrpy_raise(state, status, &err);
    return -1;
}

mr_pool *mrpy_program_pool(mrpy_state *state, const mr_pool_options *options)
{
    mr_pool *pool = NULL;
    mr_error err = {0};
    mr_status status;

    Py_BEGIN_ALLOW_THREADS
    status = mr_pool_open(options, &pool, &err);
    Py_END_ALLOW_THREADS
    if (status != MR_OK) {
        (void)mrpy_raise(state, status, &err);
        return NULL;
    }
    if (mrpy_program_wait(state, pool) == 0)
        return pool;
    Py_BEGIN_ALLOW_THREADS
    mr_pool_close(&pool);
    Py_END_ALLOW_THREADS
    return NULL;
}
