/* SPDX-License-Identifier: Apache-2.0 */
/* Searching a store, and deleting from it: calls with many arguments. */
#include "native.h"

#include <string.h>

#define FIELD(member, kind)                                                                        \
    {                                                                                              \
#member, kind, offsetof(mr_search_options, member), NULL                                   \
    }

static const mrpy_field search_fields[] = {
    FIELD(collection, MRPY_TEXT),    FIELD(k, MRPY_U32),
    FIELD(filter, MRPY_TEXT),        FIELD(output_fields, MRPY_TEXTS),
    FIELD(params, MRPY_PARAMS),      FIELD(force_plan, MRPY_BOOL),
    FIELD(worker_path, MRPY_PATH),   FIELD(require_sandbox, MRPY_BOOL),
    FIELD(allow_private, MRPY_BOOL), {0},
};

static const mrpy_field query_fields[] = {
    {"vector", MRPY_TEXT, 0, NULL},
    {"image", MRPY_TEXT, 0, NULL},
    {"id", MRPY_TEXT, 0, NULL},
    {0},
};

_Static_assert(offsetof(mr_search_options, n_params) ==
                   offsetof(mr_search_options, params) + sizeof(void *),
               "n_params follows params");
_Static_assert(offsetof(mr_search_options, n_output_fields) ==
                   offsetof(mr_search_options, output_fields) + sizeof(void *),
               "n_output_fields follows output_fields");

/* What is searched for: exactly one of the three. */
typedef struct query {
    PyObject *vector, *image, *id; /* new references, or NULL */
    PyObject *floats;              /* bytes: float32 [dim] */
    PyObject *path;                /* bytes */
    const char *text;
    uint32_t dim;
} query;

static void query_fini(query *q)
{
    Py_XDECREF(q->vector);
    Py_XDECREF(q->image);
    Py_XDECREF(q->id);
    Py_XDECREF(q->floats);
    Py_XDECREF(q->path);
}

/* float32 from a sequence of numbers. */
static int floats_of_sequence(query *q)
{
    PyObject *fast = PySequence_Fast(q->vector, "vector: a sequence of floats is wanted");
    Py_ssize_t n = fast ? PySequence_Fast_GET_SIZE(fast) : -1, k;
    float *out;

    if (n < 0)
        return -1;
    if (n <= (Py_ssize_t)(UINT32_MAX / sizeof(float)))
        q->floats = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(float));
    else
        PyErr_SetString(PyExc_ValueError, "vector: too long");
    out = q->floats ? (float *)(void *)PyBytes_AS_STRING(q->floats) : NULL;
    for (k = 0; out && k < n; k++) {
        double value = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(fast, k));
        if (PyErr_Occurred())
            break;
        out[k] = (float)value;
    }
    Py_DECREF(fast);
    q->dim = (uint32_t)n;
    return PyErr_Occurred() ? -1 : 0;
}

/* float32 from a buffer of them; 1: it is another kind of object. */
static int floats_of_buffer(query *q)
{
    Py_buffer view;
    int rc = 1;

    if (!PyObject_CheckBuffer(q->vector))
        return 1;
    if (PyObject_GetBuffer(q->vector, &view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) < 0) {
        PyErr_Clear();
        return 1;
    }
    if (view.ndim == 1 && view.format && strcmp(view.format, "f") == 0 &&
        view.shape[0] <= (Py_ssize_t)UINT32_MAX) {
        q->floats = PyBytes_FromStringAndSize(view.buf, view.len);
        q->dim = (uint32_t)view.shape[0];
        rc = q->floats ? 0 : -1;
    }
    PyBuffer_Release(&view);
    return rc;
}

static int take_query(mrpy_state *state, PyObject *left, query *q)
{
    int n, rc = 0;

    q->vector = mrpy_option_pop(left, "vector");
    q->image = mrpy_option_pop(left, "image");
    q->id = mrpy_option_pop(left, "id");
    if (q->vector == Py_None)
        Py_CLEAR(q->vector);
    if (q->image == Py_None)
        Py_CLEAR(q->image);
    if (q->id == Py_None)
        Py_CLEAR(q->id);
    n = (q->vector != NULL) + (q->image != NULL) + (q->id != NULL);
    if (PyErr_Occurred())
        return -1;
    if (n != 1) {
        (void)mrpy_raise_kind(state, MRPY_INVALID,
                              "search: one of vector, image and id is wanted, not %d", n);
        return -1;
    }
    if (q->image) {
        rc = PyUnicode_FSConverter(q->image, &q->path) ? 0 : -1;
        q->text = rc == 0 ? PyBytes_AS_STRING(q->path) : NULL;
    } else if (q->id) {
        q->text = PyUnicode_AsUTF8(q->id);
        rc = q->text ? 0 : -1;
    } else {
        rc = floats_of_buffer(q);
        if (rc > 0)
            rc = floats_of_sequence(q);
    }
    return rc;
}

static mr_status search(mr_store *store, const query *q, const mr_search_options *options,
                        mr_hits **out, mr_error *err)
{
    if (q->path)
        return mr_search_image(store, q->text, options, out, err);
    if (q->text)
        return mr_search_id(store, q->text, options, out, err);
    return mr_search_vector(store, (const float *)(const void *)PyBytes_AS_STRING(q->floats),
                            q->dim, options, out, err);
}

static PyObject *list_hits(mrpy_state *state, mr_hits *hits)
{
    size_t n = mr_hits_count(hits), k;
    PyObject *list = PyList_New((Py_ssize_t)n);

    for (k = 0; list && k < n; k++) {
        PyObject *hit = mrpy_record_of(state, MRPY_R_HIT, mr_hits_at(hits, k));
        if (hit)
            PyList_SET_ITEM(list, (Py_ssize_t)k, hit);
        else
            Py_CLEAR(list);
    }
    return list;
}

PyObject *mrpy_store_search(mrpy_store *self, PyObject *args, PyObject *kwargs)
{
    const mrpy_field *const tables[] = {query_fields, search_fields, NULL};
    PyObject *left = kwargs ? PyDict_Copy(kwargs) : PyDict_New(), *keep = PyList_New(0);
    mr_search_options options;
    PyObject *result = NULL;
    mr_hits *hits = NULL;
    query q = {0};
    mr_error err = {0};
    mr_status status;

    mr_search_options_init(&options);
    options.worker_path = self->state->worker_path[0] ? self->state->worker_path : NULL;
    if (!left || !keep || !PyArg_ParseTuple(args, ":search") ||
        take_query(self->state, left, &q) < 0 ||
        mrpy_options_take(left, search_fields, &options, keep) < 0 ||
        mrpy_options_end(left, "search", tables) < 0 || !mrpy_store_enter(self))
        goto done;
    mrpy_log_logger(self->log, &options.logger);
    Py_BEGIN_ALLOW_THREADS
    status = search(self->store, &q, &options, &hits, &err);
    Py_END_ALLOW_THREADS
    mrpy_store_leave(self);
    result = status == MR_OK ? list_hits(self->state, hits) : mrpy_raise(self->state, status, &err);
    mr_hits_free(&hits);
done:
    query_fini(&q);
    Py_XDECREF(left);
    Py_XDECREF(keep);
    return result;
}

/* The ids as one string or an iterable of them: an array that lives in `keep`. */
static const char *const *ids_of(PyObject *ids, PyObject *keep, size_t *n)
{
    static const mrpy_field field = {"ids", MRPY_TEXTS, 0, NULL};
    struct {
        const char *const *texts;
        size_t n;
    } got = {0};
    PyObject *list = PyUnicode_Check(ids) ? PyTuple_Pack(1, ids) : PySequence_Tuple(ids);

    if (!list || PyList_Append(keep, list) < 0 ||
        mrpy_option_convert(list, &field, &got, keep) < 0) {
        Py_XDECREF(list);
        return NULL;
    }
    Py_DECREF(list);
    *n = got.n;
    return got.texts;
}

PyObject *mrpy_store_delete(mrpy_store *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"ids", "filter", "collection", NULL};
    const char *filter = NULL, *collection = NULL;
    const char *const *texts = NULL;
    PyObject *ids = Py_None, *keep;
    mr_status status;
    mr_error err = {0};
    uint64_t deleted = 0;
    size_t n = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$zz:delete", names, &ids, &filter,
                                     &collection))
        return NULL;
    if ((ids == Py_None) == (filter == NULL))
        return mrpy_raise_kind(self->state, MRPY_INVALID,
                               "delete: either ids or a filter is wanted");
    keep = PyList_New(0);
    if (keep && !filter)
        texts = ids_of(ids, keep, &n);
    if (!keep || (!filter && !texts) || !mrpy_store_enter(self)) {
        Py_XDECREF(keep);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    if (filter)
        status = mr_store_delete_where(self->store, collection, filter, &deleted, &err);
    else
        status = mr_store_delete(self->store, collection, texts, n, &deleted, &err);
    Py_END_ALLOW_THREADS
    mrpy_store_leave(self);
    Py_DECREF(keep);
    return status == MR_OK ? PyLong_FromUnsignedLongLong(deleted)
                           : mrpy_raise(self->state, status, &err);
}
