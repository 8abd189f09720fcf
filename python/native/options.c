/* SPDX-License-Identifier: Apache-2.0 */
/* Keyword arguments into structs of options, by tables of their fields. */
#include "native.h"

#include <stdint.h>
#include <string.h>

static int take_number(PyObject *value, const mrpy_field *field, uint64_t max, uint64_t *out)
{
    PyObject *number = PyNumber_Index(value);
    unsigned long long got;

    if (!number) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s: a whole number is wanted, not %.80s", field->name,
                         Py_TYPE(value)->tp_name);
        return -1;
    }
    got = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_OverflowError))
        return -1;
    if (PyErr_Occurred() || got > max) {
        PyErr_Format(PyExc_ValueError, "%s: %R, 0 to %llu", field->name, value,
                     (unsigned long long)max);
        return -1;
    }
    *out = got;
    return 0;
}

static int take_text(PyObject *value, const mrpy_field *field, const char **out)
{
    Py_ssize_t n;

    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s: a text is wanted, not %.80s", field->name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    *out = PyUnicode_AsUTF8AndSize(value, &n);
    if (!*out)
        return -1;
    if (strlen(*out) == (size_t)n)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: has a NUL in it", field->name);
    return -1;
}

static int take_path(PyObject *value, PyObject *keep, const char **out)
{
    PyObject *bytes = NULL;
    int rc;

    if (!PyUnicode_FSConverter(value, &bytes))
        return -1;
    *out = PyBytes_AS_STRING(bytes);
    rc = PyList_Append(keep, bytes);
    Py_DECREF(bytes);
    return rc;
}

static int take_id_from(PyObject *value, const mrpy_field *field, mr_id_from *out)
{
    static const char *const names[] = {"path", "stem", "sha256"};
    const char *text = NULL;
    int k;

    if (take_text(value, field, &text) < 0)
        return -1;
    for (k = 0; k < 3; k++)
        if (strcmp(text, names[k]) == 0) {
            *out = (mr_id_from)k;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "%s: %R, one of path, stem, sha256", field->name, value);
    return -1;
}

static int take_one(PyObject *value, const mrpy_field *field, void *at, PyObject *keep)
{
    uint64_t number = 0;
    int truth;

    switch (field->kind) {
    case MRPY_U32:
        if (take_number(value, field, UINT32_MAX, &number) < 0)
            return -1;
        *(uint32_t *)at = (uint32_t)number;
        return 0;
    case MRPY_U64:
        return take_number(value, field, UINT64_MAX, at);
    case MRPY_BOOL:
        truth = PyObject_IsTrue(value);
        *(bool *)at = truth > 0;
        return truth < 0 ? -1 : 0;
    case MRPY_DOUBLE:
        *(double *)at = PyFloat_AsDouble(value);
        return PyErr_Occurred() ? -1 : 0;
    case MRPY_TEXT:
        return take_text(value, field, at);
    case MRPY_PATH:
        return take_path(value, keep, at);
    case MRPY_ID_FROM:
        return take_id_from(value, field, at);
    default:
        PyErr_Format(PyExc_SystemError, "%s: no option", field->name);
        return -1;
    }
}

PyObject *mrpy_option_pop(PyObject *left, const char *name)
{
    PyObject *value = PyDict_GetItemString(left, name); /* borrowed */

    if (!value)
        return NULL;
    Py_INCREF(value);
    if (PyDict_DelItemString(left, name) < 0)
        Py_CLEAR(value);
    return value;
}

int mrpy_options_take(PyObject *left, const mrpy_field *fields, void *options, PyObject *keep)
{
    for (; fields->name; fields++) {
        PyObject *value = mrpy_option_pop(left, fields->name);
        int rc = 0;

        if (!value && PyErr_Occurred())
            return -1;
        /* a text lives as long as its object */
        if (value && value != Py_None)
            rc = PyList_Append(keep, value) < 0
                     ? -1
                     : take_one(value, fields, (char *)options + fields->offset, keep);
        Py_XDECREF(value);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* The name in the tables that looks most like `name`: a new reference, or NULL. */
static PyObject *nearest(PyObject *name, const mrpy_field *const *tables)
{
    PyObject *names = PyList_New(0), *difflib = NULL, *close = NULL, *best = NULL;
    const mrpy_field *field;

    for (; names && *tables; tables++)
        for (field = *tables; names && field->name; field++) {
            PyObject *text = PyUnicode_FromString(field->name);
            if (!text || PyList_Append(names, text) < 0)
                Py_CLEAR(names);
            Py_XDECREF(text);
        }
    if (names)
        difflib = PyImport_ImportModule("difflib");
    if (difflib)
        close = PyObject_CallMethod(difflib, "get_close_matches", "OOi", name, names, 1);
    if (close && PyList_Check(close) && PyList_GET_SIZE(close) > 0) {
        best = PyList_GET_ITEM(close, 0);
        Py_INCREF(best);
    }
    Py_XDECREF(close);
    Py_XDECREF(difflib);
    Py_XDECREF(names);
    PyErr_Clear();
    return best;
}

int mrpy_options_end(PyObject *left, const char *what, const mrpy_field *const *tables)
{
    PyObject *name, *value, *best;
    Py_ssize_t at = 0;

    if (!PyDict_Next(left, &at, &name, &value))
        return 0;
    best = nearest(name, tables);
    if (best)
        PyErr_Format(PyExc_TypeError, "%s: unknown argument %U; did you mean %U?", what, name,
                     best);
    else
        PyErr_Format(PyExc_TypeError, "%s: unknown argument %U", what, name);
    Py_XDECREF(best);
    return -1;
}
