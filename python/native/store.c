/* SPDX-License-Identifier: Apache-2.0 */
/* Store: collections of vectors, and their administration. */
#include "native.h"

#include <string.h>
#include <structmember.h>

#define FIELD(type, member, kind)                                                                  \
    {                                                                                              \
#member, kind, offsetof(type, member), NULL                                                \
    }

static const mrpy_field open_fields[] = {
    FIELD(mr_store_options, read_only, MRPY_BOOL),
    FIELD(mr_store_options, must_exist, MRPY_BOOL),
    FIELD(mr_store_options, ledger, MRPY_PATH),
    FIELD(mr_store_options, params, MRPY_PARAMS),
    {0},
};

static const mrpy_field create_fields[] = {
    FIELD(mr_collection_options, description, MRPY_TEXT),
    FIELD(mr_collection_options, metric, MRPY_METRIC),
    FIELD(mr_collection_options, index, MRPY_TEXT),
    FIELD(mr_collection_options, params, MRPY_PARAMS),
    {0},
};

/* A list of parameters is followed by its length. */
_Static_assert(offsetof(mr_store_options, n_params) ==
                   offsetof(mr_store_options, params) + sizeof(void *),
               "n_params follows params");
_Static_assert(offsetof(mr_collection_options, n_params) ==
                   offsetof(mr_collection_options, params) + sizeof(void *),
               "n_params follows params");

bool mrpy_store_enter(mrpy_store *self)
{
    if (!mrpy_same_process(self->state, self->pid, "store"))
        return false;
    Py_BEGIN_ALLOW_THREADS(void)
    pthread_mutex_lock(&self->lock);
    Py_END_ALLOW_THREADS
    if (self->store)
        return true;
    (void)pthread_mutex_unlock(&self->lock);
    (void)mrpy_raise_kind(self->state, MRPY_CLOSED, "the store is closed");
    return false;
}

void mrpy_store_leave(mrpy_store *self)
{
    (void)pthread_mutex_unlock(&self->lock);
    mrpy_log_drain(self->state, self->log);
}

static int open_store(mrpy_store *self, const char *spec, mr_store_options *options)
{
    mr_error err = {0};
    mr_status status;

    self->log = mrpy_log_open(self->state, &options->logger);
    if (!self->log)
        return -1;
    Py_BEGIN_ALLOW_THREADS
    status = mr_store_open(spec, options, &self->store, &err);
    Py_END_ALLOW_THREADS
    mrpy_log_drain(self->state, self->log);
    if (status == MR_OK)
        return mrpy_live_add(self->state, (PyObject *)self);
    (void)mrpy_raise(self->state, status, &err);
    return -1;
}

static PyObject *store_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const mrpy_field *const tables[] = {open_fields, NULL};
    mrpy_state *state = mrpy_state_of(type);
    PyObject *left = kwargs ? PyDict_Copy(kwargs) : PyDict_New(), *keep = PyList_New(0);
    PyObject *spec = NULL;
    mr_store_options options;
    mrpy_store *self = NULL;
    int rc = -1;

    mr_store_options_init(&options);
    if (!state || !left || !keep ||
        !PyArg_ParseTuple(args, "O&:Store", PyUnicode_FSConverter, &spec))
        goto done;
    if (mrpy_options_take(left, open_fields, &options, keep) < 0 ||
        mrpy_options_end(left, "Store", tables) < 0)
        goto done;
    self = (mrpy_store *)type->tp_alloc(type, 0);
    if (!self)
        goto done;
    self->state = state;
    self->pid = getpid();
    (void)pthread_mutex_init(&self->lock, NULL);
    rc = open_store(self, PyBytes_AS_STRING(spec), &options);
done:
    Py_XDECREF(spec);
    Py_XDECREF(left);
    Py_XDECREF(keep);
    if (rc < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void end_store(mrpy_store *self)
{
    Py_BEGIN_ALLOW_THREADS(void)
    pthread_mutex_lock(&self->lock);
    mr_store_close(&self->store);
    (void)pthread_mutex_unlock(&self->lock);
    Py_END_ALLOW_THREADS
    mrpy_log_drain(self->state, self->log);
}

static void store_dealloc(mrpy_store *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (self->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)self);
    if (self->pid == getpid()) {
        end_store(self);
        mrpy_log_close(&self->log);
        (void)pthread_mutex_destroy(&self->lock);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *store_close(mrpy_store *self, PyObject *none)
{
    (void)none;
    if (!mrpy_same_process(self->state, self->pid, "store"))
        return NULL;
    end_store(self);
    Py_RETURN_NONE;
}

/* ---- collections ---- */

/* What a walk over collections or rows of the ledger makes. */
typedef struct walk {
    mrpy_state *state;
    mrpy_record record;
    PyObject *list; /* NULL: an exception was raised */
    PyThreadState *thread;
} walk;

/* Called on the thread that called, which has given the GIL up. */
static int walk_one(walk *w, const void *record)
{
    PyObject *made;

    PyEval_RestoreThread(w->thread);
    made = mrpy_record_of(w->state, w->record, record);
    if (!made || PyList_Append(w->list, made) < 0)
        Py_CLEAR(w->list);
    Py_XDECREF(made);
    w->thread = PyEval_SaveThread();
    return w->list ? 0 : 1;
}

static int walk_collection(void *cookie, const mr_collection *collection)
{
    return walk_one(cookie, collection);
}

static int walk_entry(void *cookie, const mr_ledger_entry *entry)
{
    return walk_one(cookie, entry);
}

static PyObject *walk_end(mrpy_store *self, walk *w, mr_status status, const mr_error *err)
{
    PyEval_RestoreThread(w->thread);
    mrpy_store_leave(self);
    if (!w->list || status == MR_OK)
        return w->list;
    Py_CLEAR(w->list);
    return mrpy_raise(self->state, status, err);
}

static PyObject *store_collections(mrpy_store *self, PyObject *none)
{
    walk w = {.state = self->state, .record = MRPY_R_COLLECTION, .list = PyList_New(0)};
    mr_error err = {0};
    mr_status status;

    (void)none;
    if (!w.list || !mrpy_store_enter(self)) {
        Py_XDECREF(w.list);
        return NULL;
    }
    w.thread = PyEval_SaveThread();
    status = mr_store_list(self->store, walk_collection, &w, &err);
    return walk_end(self, &w, status, &err);
}

static PyObject *store_report(mrpy_store *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"collection", "failed", NULL};
    walk w = {.state = self->state, .record = MRPY_R_LEDGER};
    const char *name = NULL;
    mr_error err = {0};
    mr_status status;
    int failed = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|zp:report", names, &name, &failed))
        return NULL;
    w.list = PyList_New(0);
    if (!w.list || !mrpy_store_enter(self)) {
        Py_XDECREF(w.list);
        return NULL;
    }
    w.thread = PyEval_SaveThread();
    status = mr_store_report(self->store, name, failed != 0, walk_entry, &w, &err);
    return walk_end(self, &w, status, &err);
}

static PyObject *store_collection(mrpy_store *self, PyObject *args)
{
    mr_collection collection = {0};
    PyObject *result = NULL;
    const char *name = NULL;
    mr_error err = {0};
    mr_status status;

    if (!PyArg_ParseTuple(args, "|z:collection", &name) || !mrpy_store_enter(self))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = mr_store_collection(self->store, name, &collection, &err);
    Py_END_ALLOW_THREADS
    mrpy_store_leave(self);
    if (status == MR_OK)
        result = mrpy_record_of(self->state, MRPY_R_COLLECTION, &collection);
    else
        (void)mrpy_raise(self->state, status, &err);
    mr_collection_fini(&collection);
    return result;
}

static PyObject *store_create(mrpy_store *self, PyObject *args, PyObject *kwargs)
{
    const mrpy_field *const tables[] = {create_fields, NULL};
    PyObject *left = kwargs ? PyDict_Copy(kwargs) : PyDict_New(), *keep = PyList_New(0);
    mr_collection_options options;
    mr_status status = MR_E_INVALID;
    mr_error err = {0};
    unsigned dim;

    mr_collection_options_init(&options);
    if (left && keep && PyArg_ParseTuple(args, "sI:create", &options.name, &dim) &&
        mrpy_options_take(left, create_fields, &options, keep) == 0 &&
        mrpy_options_end(left, "create", tables) == 0 && mrpy_store_enter(self)) {
        options.dim = dim;
        Py_BEGIN_ALLOW_THREADS
        status = mr_store_create(self->store, &options, &err);
        Py_END_ALLOW_THREADS
        mrpy_store_leave(self);
        if (status != MR_OK)
            (void)mrpy_raise(self->state, status, &err);
    }
    Py_XDECREF(left);
    Py_XDECREF(keep);
    if (status != MR_OK)
        return NULL;
    Py_RETURN_NONE;
}

typedef mr_status one_name_fn(mr_store *store, const char *name, mr_error *err);

/* A call that takes the name of a collection and answers nothing. */
static PyObject *call_named(mrpy_store *self, PyObject *args, const char *format, one_name_fn *fn)
{
    const char *name = NULL;
    mr_error err = {0};
    mr_status status;

    if (!PyArg_ParseTuple(args, format, &name) || !mrpy_store_enter(self))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = fn(self->store, name, &err);
    Py_END_ALLOW_THREADS
    mrpy_store_leave(self);
    if (status != MR_OK)
        return mrpy_raise(self->state, status, &err);
    Py_RETURN_NONE;
}

static PyObject *store_drop(mrpy_store *self, PyObject *args)
{
    return call_named(self, args, "s:drop", mr_store_drop);
}

static PyObject *store_load(mrpy_store *self, PyObject *args)
{
    return call_named(self, args, "|z:load", mr_store_load);
}

static PyObject *store_release(mrpy_store *self, PyObject *args)
{
    return call_named(self, args, "|z:release", mr_store_release);
}

static PyObject *store_flush(mrpy_store *self, PyObject *args)
{
    return call_named(self, args, "|z:flush", mr_store_flush);
}

static PyObject *store_health(mrpy_store *self, PyObject *none)
{
    char said[512] = "";
    mr_error err = {0};
    mr_status status;

    (void)none;
    if (!mrpy_store_enter(self))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = mr_store_health(self->store, said, sizeof said, &err);
    Py_END_ALLOW_THREADS
    mrpy_store_leave(self);
    return status == MR_OK ? PyUnicode_DecodeUTF8(said, (Py_ssize_t)strlen(said), "replace")
                           : mrpy_raise(self->state, status, &err);
}

static PyObject *store_enter(PyObject *self, PyObject *none)
{
    (void)none;
    if (!mrpy_store_enter((mrpy_store *)self))
        return NULL;
    mrpy_store_leave((mrpy_store *)self);
    Py_INCREF(self);
    return self;
}

static PyObject *store_exit(mrpy_store *self, PyObject *args)
{
    (void)args;
    return store_close(self, NULL);
}

static PyObject *get_closed(mrpy_store *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(!self->store);
}

#define KEYWORDS(fn) (PyCFunction)(void (*)(void))(fn), METH_VARARGS | METH_KEYWORDS

static PyMethodDef methods[] = {
    {"collections", (PyCFunction)store_collections, METH_NOARGS,
     "collections()\n--\n\nAll collections by name, list of Collection."},
    {"collection", (PyCFunction)store_collection, METH_VARARGS,
     "collection(name=None, /)\n--\n\n"
     "One Collection; None is \"default\". NotFoundError names those that are there."},
    {"create", KEYWORDS(store_create),
     "create(name, dim, /, *, description='', metric='IP', index='FLAT', params=None)\n--\n\n"
     "Creates an empty collection for float32 vectors [dim]. params: dict of what the index and "
     "the "
     "schema take."},
    {"drop", (PyCFunction)store_drop, METH_VARARGS,
     "drop(name, /)\n--\n\nRemoves a collection with its rows, index and ledger."},
    {"load", (PyCFunction)store_load, METH_VARARGS,
     "load(name=None, /)\n--\n\nMakes a collection ready to be searched; returns when it is."},
    {"release", (PyCFunction)store_release, METH_VARARGS,
     "release(name=None, /)\n--\n\nGives back the memory that load() took."},
    {"flush", (PyCFunction)store_flush, METH_VARARGS,
     "flush(name=None, /)\n--\n\nReturns when everything written so far is durable and counted."},
    {"delete", KEYWORDS(mrpy_store_delete),
     "delete(ids=None, *, filter=None, collection=None)\n--\n\n"
     "Deletes rows by id (one or an iterable) or by a filter expression; returns how many are "
     "gone, "
     "as far as the store counts them."},
    {"search", KEYWORDS(mrpy_store_search),
     "search(*, vector=None, image=None, id=None, k=10, collection=None, filter=None, "
     "output_fields=None, params=None, force_plan=False, worker_path=None, "
     "require_sandbox=False, allow_private=False)\n--\n\n"
     "The k nearest rows, nearest first, list of Hit.\n\n"
     "vector: float32 [dim], any buffer or sequence of floats; or\n"
     "image: a path or URL, embedded the way that the collection remembers; or\n"
     "id: of a row, itself included.\n"
     "output_fields: further fields wanted in Hit.fields; [\"*\"]: all.\n"
     "params: dict (\"nprobe\", \"ef\", \"consistency\")."},
    {"report", KEYWORDS(store_report),
     "report(collection=None, failed=False)\n--\n\n"
     "What happened to every item, in the order of recording, list of LedgerEntry."},
    {"health", (PyCFunction)store_health, METH_NOARGS,
     "health()\n--\n\nWhat the store is and that it is well; else an error that says what to do."},
    {"close", (PyCFunction)store_close, METH_NOARGS,
     "close()\n--\n\nGives up the writer's lock. Again: nothing."},
    {"__enter__", store_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)store_exit, METH_VARARGS, NULL},
    {0},
};

static PyGetSetDef getset[] = {
    {"closed", (getter)get_closed, NULL, "Has close() been called?", NULL},
    {0},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(mrpy_store, weakrefs), READONLY, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Store(spec, /, *, read_only=False, must_exist=False, ledger=None, params=None)\n--\n\n"
     "Collections of vectors and the ledger of what happened to every item.\n\n"
     "spec: a path (one SQLite file), \"milvus://host:port[/database]\", \"npy:PATH\", \"null:\".\n"
     "read_only: search and report; no writer's lock is taken.\n"
     "must_exist: NotFoundError instead of creating it.\n"
     "ledger: file, for a store that has none inside.\n"
     "params: dict of what only this kind of store knows (\"token\", \"tls_ca\", \"timeout\").\n\n"
     "Any thread may use it; one call runs at a time."},
    {Py_tp_new, store_new},
    {Py_tp_dealloc, store_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_members, members},
    {0, NULL},
};

PyType_Spec mrpy_store_spec = {
    .name = "millrace._native.Store",
    .basicsize = sizeof(mrpy_store),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
