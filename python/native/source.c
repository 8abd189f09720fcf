/* SPDX-License-Identifier: Apache-2.0 */
/* Source: files, directories and lists, as the command takes them; and what a stream may read. */
#include "native.h"

#include <structmember.h>

typedef struct source {
    PyObject_HEAD
    mrpy_state *state;
    mr_source *source;
    pid_t pid;
    bool used; /* by a stream: a source is read once */
} source;

#define FIELD(member, kind)                                                                        \
    {                                                                                              \
#member, kind, offsetof(mr_source_options, member), NULL                                   \
    }

static const mrpy_field fields[] = {
    FIELD(all_files, MRPY_BOOL),  FIELD(follow, MRPY_BOOL),  FIELD(nul_separated, MRPY_BOOL),
    FIELD(id_from, MRPY_ID_FROM), FIELD(stdin_fd, MRPY_U32), {0},
};

/* Opens the `n` specifications in a tuple. */
static mr_source *open_specs(mrpy_state *state, PyObject *specs, const mr_source_options *options)
{
    Py_ssize_t n = PyTuple_GET_SIZE(specs), k;
    PyObject *keep = PyList_New(0);
    const char **names = PyMem_Calloc((size_t)n + 1, sizeof names[0]);
    mr_source *handle = NULL;
    mr_error err = {0};
    mr_status status;

    if (!names)
        PyErr_NoMemory();
    for (k = 0; k < n && keep && names; k++) {
        PyObject *bytes = NULL;
        if (!PyUnicode_FSConverter(PyTuple_GET_ITEM(specs, k), &bytes) ||
            PyList_Append(keep, bytes) < 0)
            Py_CLEAR(keep);
        else
            names[k] = PyBytes_AS_STRING(bytes);
        Py_XDECREF(bytes);
    }
    if (keep && names) {
        Py_BEGIN_ALLOW_THREADS
        status = mr_source_open(names, (size_t)n, options, &handle, &err);
        Py_END_ALLOW_THREADS
        if (status != MR_OK)
            (void)mrpy_raise(state, status, &err);
    }
    PyMem_Free(names);
    Py_XDECREF(keep);
    return handle;
}

static PyObject *source_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const mrpy_field *const tables[] = {fields, NULL};
    mrpy_state *state = mrpy_state_of(type);
    PyObject *left = kwargs ? PyDict_Copy(kwargs) : PyDict_New(), *keep = PyList_New(0);
    mr_source_options options;
    mr_source *handle = NULL;
    source *self = NULL;

    mr_source_options_init(&options);
    if (state && left && keep && mrpy_options_take(left, fields, &options, keep) == 0 &&
        mrpy_options_end(left, "Source", tables) == 0)
        handle = open_specs(state, args, &options);
    if (handle)
        self = (source *)type->tp_alloc(type, 0);
    if (self) {
        self->state = state;
        self->source = handle;
        self->pid = getpid();
    } else {
        mr_source_close(&handle);
    }
    Py_XDECREF(left);
    Py_XDECREF(keep);
    return (PyObject *)self;
}

static void source_dealloc(source *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (self->pid == getpid())
        mr_source_close(&self->source);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *get_ignored(source *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(mr_source_ignored(self->source));
}

static int take_source(source *self, mrpy_input *out)
{
    if (!mrpy_same_process(self->state, self->pid, "source"))
        return -1;
    if (self->used) {
        (void)mrpy_raise_kind(self->state, MRPY_CLOSED,
                              "the source was given to a stream already: it is read once");
        return -1;
    }
    self->used = true;
    Py_INCREF(self);
    out->owner = (PyObject *)self;
    out->source = self->source;
    return 0;
}

static int take_path(mrpy_state *state, PyObject *path, mrpy_input *out)
{
    PyObject *specs = PyTuple_Pack(1, path);
    mr_source_options options;

    mr_source_options_init(&options);
    if (specs)
        out->source = open_specs(state, specs, &options);
    Py_XDECREF(specs);
    return out->source ? 0 : -1;
}

static int take_items(mrpy_state *state, PyObject *inputs, mrpy_input *out)
{
    PyObject *iterator = NULL;
    int rc;

    if (PyBytes_Check(inputs) || PyByteArray_Check(inputs) || PyDict_Check(inputs))
        PyErr_Format(PyExc_TypeError,
                     "inputs: one picture is not a sequence of pictures: put the %.80s into a list",
                     Py_TYPE(inputs)->tp_name);
    else
        iterator = PyObject_GetIter(inputs);
    if (!iterator)
        return -1;
    rc = mrpy_feed_start(state, iterator, &out->feed, &out->source);
    Py_DECREF(iterator);
    return rc;
}

int mrpy_input_open(mrpy_state *state, PyObject *inputs, mrpy_input *out)
{
    *out = (mrpy_input){0};
    if (PyObject_TypeCheck(inputs, state->source))
        return take_source((source *)inputs, out);
    if (PyUnicode_Check(inputs) || PyObject_HasAttrString(inputs, "__fspath__"))
        return take_path(state, inputs, out);
    return take_items(state, inputs, out);
}

void mrpy_input_close(mrpy_input *input)
{
    if (input->feed)
        mrpy_feed_stop(input->feed);
    if (!input->owner)
        mr_source_close(&input->source);
    input->source = NULL;
    Py_CLEAR(input->feed);
    Py_CLEAR(input->owner);
}

static PyGetSetDef getset[] = {
    {"ignored", (getter)get_ignored, NULL,
     "Files passed over so far: hidden, no image by name, links inside.", NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Source(*specs, all_files=False, follow=False, nul_separated=False, id_from='path', "
     "stdin_fd=0)\n--\n\n"
     "What the command takes as SOURCE, read one after the other, once: files, "
     "directories (recursively), URLs, \"@list\", \"-\".\n\n"
     "all_files: directories: every regular file, not only image extensions.\n"
     "follow: directories: follow symbolic links found inside.\n"
     "nul_separated: lists and standard input: items end with NUL.\n"
     "id_from: \"path\", \"stem\" or \"sha256\".\n"
     "stdin_fd: descriptor that \"-\" reads."},
    {Py_tp_new, source_new},
    {Py_tp_dealloc, source_dealloc},
    {Py_tp_getset, getset},
    {0, NULL},
};

PyType_Spec mrpy_source_spec = {
    .name = "millrace._native.Source",
    .basicsize = sizeof(source),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
