/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions: one class for each status, all derived from millrace.Error. */
#include "native.h"

#include <stdarg.h>
#include <string.h>

typedef struct error_class {
    const char *name;
    PyObject **also; /* a built-in exception that it is too; NULL: none */
    const char *doc;
} error_class;

static int add_class(PyObject *module, mrpy_state *state, mrpy_error_kind kind,
                     const error_class *c)
{
    PyObject *base = state->errors[MRPY_ERROR], *bases = NULL, *names = PyDict_New(), *text = NULL;
    const char *name = strrchr(c->name, '.') + 1;
    int rc = -1;

    if (!names)
        return -1;
    if (kind == MRPY_ERROR) {
        bases = PyTuple_Pack(1, PyExc_Exception);
        if (PyDict_SetItemString(names, "code", Py_None) < 0 ||
            PyDict_SetItemString(names, "stage", Py_None) < 0 ||
            PyDict_SetItemString(names, "status", Py_None) < 0)
            goto done;
    } else {
        bases = c->also ? PyTuple_Pack(2, base, *c->also) : PyTuple_Pack(1, base);
    }
    /* KeyError shows its message in quotes: these are sentences */
    text = PyObject_GetAttrString(PyExc_Exception, "__str__");
    if (!bases || !text || PyDict_SetItemString(names, "__str__", text) < 0)
        goto done;
    state->errors[kind] = PyErr_NewExceptionWithDoc(c->name, c->doc, bases, names);
    if (!state->errors[kind])
        goto done;
    rc = PyModule_AddObjectRef(module, name, state->errors[kind]);
done:
    Py_XDECREF(text);
    Py_XDECREF(bases);
    Py_DECREF(names);
    return rc;
}

int mrpy_errors_init(PyObject *module, mrpy_state *state)
{
    const error_class classes[MRPY_N_ERRORS] = {
        [MRPY_ERROR] = {"millrace.Error", NULL,
                        "Base of all errors of millrace.\n\n"
                        "status: the number of mr_status in millrace/status.h, or None.\n"
                        "code: reason code (\"truncated\") if one item is to blame, else None.\n"
                        "stage: where in the flow (\"decode\"), else None."},
        [MRPY_INVALID] = {"millrace.InvalidError", &PyExc_ValueError,
                          "A wrong argument, option or configuration."},
        [MRPY_MISMATCH] = {"millrace.MismatchError", &PyExc_ValueError,
                           "Plan, embedder or dimension disagree with the store."},
        [MRPY_UNAVAILABLE] = {"millrace.UnavailableError", &PyExc_RuntimeError,
                              "A store, model, server or sandbox is not available."},
        [MRPY_BUSY] = {"millrace.BusyError", &PyExc_RuntimeError,
                       "Held by somebody else: a second writer, or all slots of a stream."},
        [MRPY_NOT_FOUND] = {"millrace.NotFoundError", &PyExc_KeyError,
                            "No such collection, id, preset or file."},
        [MRPY_UNSUPPORTED] = {"millrace.UnsupportedError", &PyExc_NotImplementedError,
                              "Known, but not in this build."},
        [MRPY_ITEM] = {"millrace.ItemError", &PyExc_ValueError,
                       "One input is bad: `code` says how."},
        [MRPY_NO_MEMORY] = {"millrace.OutOfMemoryError", &PyExc_MemoryError,
                            "Memory, or the budget given for it, is used up."},
        [MRPY_IO] = {"millrace.InputOutputError", &PyExc_OSError, "Reading or writing failed."},
        [MRPY_INTERRUPTED] = {"millrace.InterruptedError", NULL, "Stopped on request."},
        [MRPY_INTERNAL] = {"millrace.InternalError", &PyExc_RuntimeError, "A defect of millrace."},
        [MRPY_CLOSED] = {"millrace.ClosedError", &PyExc_ValueError,
                         "Used after close() or release()."},
        [MRPY_FORK] = {"millrace.ForkError", &PyExc_RuntimeError,
                       "Used in another process than the one that opened it."},
    };
    int k;

    for (k = 0; k < MRPY_N_ERRORS; k++)
        if (add_class(module, state, (mrpy_error_kind)k, &classes[k]) < 0)
            return -1;
    return 0;
}

static mrpy_error_kind kind_of(mr_status status)
{
    static const mrpy_error_kind kinds[] = {
        [-MR_E_INVALID] = MRPY_INVALID,
        [-MR_E_MISMATCH] = MRPY_MISMATCH,
        [-MR_E_ENV] = MRPY_UNAVAILABLE,
        [-MR_E_BUSY] = MRPY_BUSY,
        [-MR_E_NOT_FOUND] = MRPY_NOT_FOUND,
        [-MR_E_UNSUPPORTED] = MRPY_UNSUPPORTED,
        [-MR_E_ITEM] = MRPY_ITEM,
        [-MR_E_NO_MEMORY] = MRPY_NO_MEMORY,
        [-MR_E_IO] = MRPY_IO,
        [-MR_E_INTERRUPTED] = MRPY_INTERRUPTED,
        [-MR_E_INTERNAL] = MRPY_INTERNAL,
    };
    int number = -(int)status;

    if (number <= 0 || number >= (int)(sizeof kinds / sizeof kinds[0]))
        return MRPY_ERROR;
    return kinds[number];
}

static int set_text(PyObject *error, const char *name, const char *text)
{
    PyObject *value = PyUnicode_FromString(text);
    int rc = value ? PyObject_SetAttrString(error, name, value) : -1;

    Py_XDECREF(value);
    return rc;
}

static int set_number(PyObject *error, const char *name, long number)
{
    PyObject *value = PyLong_FromLong(number);
    int rc = value ? PyObject_SetAttrString(error, name, value) : -1;

    Py_XDECREF(value);
    return rc;
}

PyObject *mrpy_raise(mrpy_state *state, mr_status status, const mr_error *err)
{
    const char *message = err->message[0] ? err->message : mr_status_text(status);
    PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
    PyObject *class = state->errors[kind_of(status)], *error = NULL;
    int rc = 0;

    if (text)
        error = PyObject_CallOneArg(class, text);
    Py_XDECREF(text);
    if (!error)
        return NULL;
    rc = set_number(error, "status", (long)status);
    if (rc == 0 && err->code != MR_CODE_NONE)
        rc = set_text(error, "code", mr_code_name(err->code));
    if (rc == 0 && err->stage != MR_STAGE_NONE)
        rc = set_text(error, "stage", mr_stage_name(err->stage));
    if (rc == 0 && err->sys_errno != 0)
        rc = set_number(error, "errno", (long)err->sys_errno);
    if (rc == 0)
        PyErr_SetObject(class, error);
    Py_DECREF(error);
    return NULL;
}

PyObject *mrpy_raise_kind(mrpy_state *state, mrpy_error_kind kind, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    PyErr_FormatV(state->errors[kind], format, arguments);
    va_end(arguments);
    return NULL;
}

bool mrpy_same_process(mrpy_state *state, pid_t pid, const char *what)
{
    pid_t here = getpid();

    if (pid == here)
        return true;
    (void)mrpy_raise_kind(state, MRPY_FORK,
                          "the %s was opened by process %ld and cannot be used in %ld, its forked "
                          "child: open it there, or start processes with the method \"spawn\"",
                          what, (long)pid, (long)here);
    return false;
}
