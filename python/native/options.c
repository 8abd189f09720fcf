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

/* One of `n` words, as its number. */
static int take_word(PyObject *value, const mrpy_field *field, const char *const *words, int n)
{
    const char *text = NULL;
    int k;

    if (take_text(value, field, &text) < 0)
        return -1;
    for (k = 0; k < n; k++)
        if (strcmp(text, words[k]) == 0)
            return k;
    PyErr_Format(PyExc_ValueError, "%s: %R, one of %s, %s, %s", field->name, value, words[0],
                 words[1], words[2]);
    return -1;
}

static int take_id_from(PyObject *value, const mrpy_field *field, mr_id_from *out)
{
    static const char *const words[] = {"path", "stem", "sha256"};
    int k = take_word(value, field, words, 3);

    *out = k < 0 ? *out : (mr_id_from)k;
    return k < 0 ? -1 : 0;
}

static int take_refresh(PyObject *value, const mrpy_field *field, mr_refresh *out)
{
    static const char *const words[] = {"auto", "always", "never"};
    int k = take_word(value, field, words, 3);

    *out = k < 0 ? *out : (mr_refresh)k;
    return k < 0 ? -1 : 0;
}

static int take_metric(PyObject *value, const mrpy_field *field, mr_metric *out)
{
    const char *text = NULL;
    mr_error err = {0};

    if (take_text(value, field, &text) < 0)
        return -1;
    if (mr_metric_from_name(text, out, &err) == MR_OK)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s", field->name, err.message);
    return -1;
}

/* "1%", a number of items, or "none". */
static int take_budget(PyObject *value, const mrpy_field *field, mr_error_budget *out)
{
    const char *text = NULL;
    char *end = NULL;

    if (PyLong_Check(value)) {
        out->kind = MR_BUDGET_COUNT;
        out->value = PyLong_AsDouble(value);
        return PyErr_Occurred() ? -1 : 0;
    }
    if (take_text(value, field, &text) < 0)
        return -1;
    if (strcmp(text, "none") == 0) {
        *out = (mr_error_budget){.kind = MR_BUDGET_NONE};
        return 0;
    }
    out->value = PyOS_string_to_double(text, &end, NULL);
    PyErr_Clear();
    out->kind = MR_BUDGET_PERCENT;
    if (end && end != text && strcmp(end, "%") == 0)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: %R; \"1%%\", a number of items, or \"none\"", field->name,
                 value);
    return -1;
}

/* Room for `n` things of `size` bytes that lives in `keep`; NULL with an exception. */
static void *kept(PyObject *keep, Py_ssize_t n, size_t size)
{
    PyObject *bytes = NULL;

    if ((size_t)n <= (size_t)PY_SSIZE_T_MAX / size - 1)
        bytes = PyBytes_FromStringAndSize(NULL, (n + 1) * (Py_ssize_t)size);
    else
        PyErr_NoMemory();
    if (!bytes || PyList_Append(keep, bytes) < 0) {
        Py_XDECREF(bytes);
        return NULL;
    }
    Py_DECREF(bytes); /* `keep` has it */
    return PyBytes_AS_STRING(bytes);
}

/* What a field of MRPY_TEXTS or MRPY_PARAMS is in its struct. */
typedef struct array {
    const void *at;
    size_t n;
} array;

static int take_texts(PyObject *value, const mrpy_field *field, array *out, PyObject *keep)
{
    PyObject *tuple;
    const char **texts = NULL;
    Py_ssize_t n, k;
    int rc = 0;

    if (PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s: a list of texts is wanted, not one text", field->name);
        return -1;
    }
    tuple = PySequence_Tuple(value);
    if (!tuple)
        return -1;
    n = PyTuple_GET_SIZE(tuple);
    if (PyList_Append(keep, tuple) == 0)
        texts = kept(keep, n, sizeof texts[0]);
    Py_DECREF(tuple);
    for (k = 0; texts && rc == 0 && k < n; k++)
        rc = take_text(PyTuple_GET_ITEM(tuple, k), field, &texts[k]);
    *out = (array){.at = texts, .n = (size_t)n};
    return texts ? rc : -1;
}

/* The text of a parameter's value: numbers and truth values as they are written in files. */
static int take_param(PyObject *value, const mrpy_field *field, mr_param *out, PyObject *keep)
{
    PyObject *text = PyBool_Check(value) ? PyUnicode_FromString(value == Py_True ? "true" : "false")
                                         : PyObject_Str(value);
    int rc = text ? PyList_Append(keep, text) : -1;

    Py_XDECREF(text);
    return rc < 0 ? -1 : take_text(text, field, &out->value);
}

static int take_params(PyObject *value, const mrpy_field *field, array *out, PyObject *keep)
{
    PyObject *items = PyMapping_Items(value), *pair;
    mr_param *params = NULL;
    Py_ssize_t n, k;
    int rc = 0;

    if (!items)
        return -1;
    n = PyList_GET_SIZE(items);
    if (PyList_Append(keep, items) == 0)
        params = kept(keep, n, sizeof params[0]);
    Py_DECREF(items);
    for (k = 0; params && rc == 0 && k < n; k++) {
        pair = PyList_GET_ITEM(items, k);
        rc = take_text(PyTuple_GET_ITEM(pair, 0), field, &params[k].name);
        if (rc == 0)
            rc = take_param(PyTuple_GET_ITEM(pair, 1), field, &params[k], keep);
    }
    *out = (array){.at = params, .n = (size_t)n};
    return params ? rc : -1;
}

int mrpy_option_convert(PyObject *value, const mrpy_field *field, void *at, PyObject *keep)
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
    case MRPY_REFRESH:
        return take_refresh(value, field, at);
    case MRPY_METRIC:
        return take_metric(value, field, at);
    case MRPY_BUDGET:
        return take_budget(value, field, at);
    case MRPY_TEXTS:
        return take_texts(value, field, at, keep);
    case MRPY_PARAMS:
        return take_params(value, field, at, keep);
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
                     : mrpy_option_convert(value, fields, (char *)options + fields->offset, keep);
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
