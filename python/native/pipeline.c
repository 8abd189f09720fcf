/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipeline: pictures in, rows of a store out.
 *
 * The run has a thread of its own. The caller of run() waits for it in slices, without the GIL,
 * shows the progress that was left for it, and looks for signals: the first ends the run in good
 * order, the next leaves it to end by itself.
 */
#include "native.h"

#include <signal.h>
#include <string.h>
#include <structmember.h>
#include <time.h>

typedef struct pipeline {
    PyObject_HEAD
    mrpy_state *state;
    PyObject *weakrefs;
    mr_pipeline *pipeline;
    mrpy_input input;
    mrpy_log *log;
    pid_t pid;
    bool ran, waiting, closed;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    pthread_t thread;
    bool thread_runs, finished, has_progress;
    mr_progress progress;
    mr_summary summary;
    mr_status status;
    mr_error err;
    mrpy_failures failures; /* the run's while it runs */
} pipeline;

/* ---- the run's own threads: without the GIL ---- */

static void keep_progress(void *cookie, const mr_progress *progress)
{
    pipeline *self = cookie;

    (void)pthread_mutex_lock(&self->lock);
    self->progress = *progress;
    self->has_progress = true;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
}

static void *run_main(void *arg)
{
    pipeline *self = arg;
    mr_summary summary = {0};
    mr_error err = {0};
    mr_status status = mr_pipeline_run(self->pipeline, &summary, &err);

    (void)pthread_mutex_lock(&self->lock);
    self->summary = summary;
    self->err = err;
    self->status = status;
    self->finished = true;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- opening ---- */

static int open_pipeline(pipeline *self, PyObject *inputs, mr_pipeline_options *options)
{
    mr_error err = {0};
    mr_status status;

    options->progress = keep_progress;
    options->progress_cookie = self;
    options->failed = mrpy_failures_add;
    options->failed_cookie = &self->failures;
    self->log = mrpy_log_open(self->state, &options->stream.pool.logger);
    if (!self->log || mrpy_input_open(self->state, inputs, &self->input) < 0)
        return -1;
    Py_BEGIN_ALLOW_THREADS
    status = mr_pipeline_open(self->input.source, options, &self->pipeline, &err);
    Py_END_ALLOW_THREADS
    mrpy_log_drain(self->state, self->log);
    if (status == MR_OK)
        return mrpy_live_add(self->state, (PyObject *)self);
    (void)mrpy_raise(self->state, status, &err);
    return -1;
}

static void init_locks(pipeline *self)
{
    pthread_condattr_t attr;

    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&self->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
}

static PyObject *pipeline_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    mrpy_state *state = mrpy_state_of(type);
    PyObject *left = kwargs ? PyDict_Copy(kwargs) : PyDict_New(), *keep = PyList_New(0);
    PyObject *inputs, *store = NULL;
    mr_pipeline_options options;
    pipeline *self = NULL;
    int rc = -1;

    if (!state || !left || !keep ||
        !PyArg_ParseTuple(args, "OO&:Pipeline", &inputs, PyUnicode_FSConverter, &store) ||
        mrpy_pipeline_options_take(state, left, &options, keep) < 0)
        goto done;
    options.store = PyBytes_AS_STRING(store);
    self = (pipeline *)type->tp_alloc(type, 0);
    if (!self)
        goto done;
    self->state = state;
    self->pid = getpid();
    init_locks(self);
    rc = open_pipeline(self, inputs, &options);
done:
    Py_XDECREF(store);
    Py_XDECREF(left);
    Py_XDECREF(keep);
    if (rc < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

/* ---- ending ---- */

static void join(pipeline *self)
{
    if (!self->thread_runs)
        return;
    self->thread_runs = false;
    Py_BEGIN_ALLOW_THREADS(void)
    pthread_join(self->thread, NULL);
    Py_END_ALLOW_THREADS
}

static void end_pipeline(pipeline *self)
{
    mr_pipeline *handle;

    if (self->pipeline && self->thread_runs)
        mr_pipeline_stop(self->pipeline);
    join(self);
    handle = self->pipeline;
    self->pipeline = NULL;
    if (handle) {
        Py_BEGIN_ALLOW_THREADS
        mr_pipeline_close(&handle);
        Py_END_ALLOW_THREADS
    }
    if (self->input.source)
        mrpy_input_close(&self->input);
    mrpy_log_drain(self->state, self->log);
}

static void pipeline_dealloc(pipeline *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    if (self->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)self);
    if (self->pid == getpid()) {
        end_pipeline(self);
        mrpy_failures_clear(&self->failures);
        mrpy_log_close(&self->log);
        (void)pthread_mutex_destroy(&self->lock);
        (void)pthread_cond_destroy(&self->changed);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static int pipeline_traverse(pipeline *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->input.feed);
    return 0;
}

/* ---- the run ---- */

/* Waits one slice at most; true with the latest progress if there is some. */
static bool wait_slice(pipeline *self, mr_progress *progress, bool *finished)
{
    struct timespec until;
    bool has;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += MRPY_SLICE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    Py_BEGIN_ALLOW_THREADS(void)
    pthread_mutex_lock(&self->lock);
    if (!self->finished && !self->has_progress)
        (void)pthread_cond_timedwait(&self->changed, &self->lock, &until);
    has = self->has_progress;
    self->has_progress = false;
    *progress = self->progress;
    *finished = self->finished;
    (void)pthread_mutex_unlock(&self->lock);
    Py_END_ALLOW_THREADS
    return has;
}

static int show(pipeline *self, PyObject *callback, const mr_progress *progress)
{
    PyObject *record = mrpy_record_of(self->state, MRPY_R_PROGRESS, progress);
    PyObject *done = record ? PyObject_CallOneArg(callback, record) : NULL;

    Py_XDECREF(record);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* Until the run has finished. -1 with the first exception of a signal or of the callback; the run
 * has then been told to stop, and has ended unless there was a second one. */
static int wait_run(pipeline *self, PyObject *callback)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    mr_progress progress;
    bool finished = false;
    int rc;

    while (!finished) {
        bool has = wait_slice(self, &progress, &finished);

        mrpy_log_drain(self->state, self->log);
        rc = PyErr_CheckSignals();
        if (rc == 0 && has && callback != Py_None && !type)
            rc = show(self, callback, &progress);
        if (rc == 0)
            continue;
        if (type) {
            Py_DECREF(type);
            Py_XDECREF(value);
            Py_XDECREF(trace);
            return -1; /* the second one: raised as it is */
        }
        PyErr_Fetch(&type, &value, &trace);
        mr_pipeline_stop(self->pipeline);
    }
    if (!type)
        return 0;
    PyErr_Restore(type, value, trace);
    return -1;
}

static int start_run(pipeline *self)
{
    sigset_t all, before;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the interpreter's */
    rc = pthread_create(&self->thread, NULL, run_main, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    self->thread_runs = rc == 0;
    if (rc == 0)
        return 0;
    (void)mrpy_raise_kind(self->state, MRPY_UNAVAILABLE, "the thread of the run: %s", strerror(rc));
    return -1;
}

static bool usable(pipeline *self)
{
    if (!mrpy_same_process(self->state, self->pid, "pipeline"))
        return false;
    if (!self->closed)
        return true;
    (void)mrpy_raise_kind(self->state, MRPY_CLOSED, "the pipeline is closed");
    return false;
}

static PyObject *result(pipeline *self)
{
    PyObject *error = NULL;

    if (self->status == MR_OK)
        return mrpy_record_of(self->state, MRPY_R_SUMMARY, &self->summary);
    if (self->input.feed && self->status == MR_E_INVALID)
        error = mrpy_feed_error(self->input.feed);
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    else
        (void)mrpy_raise(self->state, self->status, &self->err);
    Py_XDECREF(error);
    return NULL;
}

static PyObject *pipeline_run(pipeline *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"progress", NULL};
    PyObject *callback = Py_None;
    int rc;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:run", names, &callback) || !usable(self))
        return NULL;
    if (self->ran)
        return mrpy_raise_kind(self->state, MRPY_INVALID, "a pipeline runs once");
    if (start_run(self) < 0)
        return NULL;
    self->ran = self->waiting = true;
    rc = wait_run(self, callback);
    self->waiting = false;
    if (rc < 0)
        return NULL;
    join(self);
    return result(self);
}

static PyObject *pipeline_stop(pipeline *self, PyObject *none)
{
    (void)none;
    if (!usable(self))
        return NULL;
    mr_pipeline_stop(self->pipeline);
    Py_RETURN_NONE;
}

static PyObject *pipeline_close(pipeline *self, PyObject *none)
{
    const struct timespec pause = {.tv_nsec = 5000000};

    (void)none;
    if (!mrpy_same_process(self->state, self->pid, "pipeline"))
        return NULL;
    if (!self->closed && self->waiting)
        mr_pipeline_stop(self->pipeline);
    self->closed = true;
    while (self->waiting) { /* another thread is in run() */
        Py_BEGIN_ALLOW_THREADS(void)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() < 0)
            return NULL;
    }
    end_pipeline(self);
    Py_RETURN_NONE;
}

static PyObject *pipeline_enter(PyObject *self, PyObject *none)
{
    (void)none;
    if (!usable((pipeline *)self))
        return NULL;
    Py_INCREF(self);
    return self;
}

static PyObject *pipeline_exit(pipeline *self, PyObject *args)
{
    (void)args;
    return pipeline_close(self, NULL);
}

static PyObject *get_closed(pipeline *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->closed);
}

static PyMethodDef methods[] = {
    {"run", (PyCFunction)(void (*)(void))pipeline_run, METH_VARARGS | METH_KEYWORDS,
     "run(progress=None)\n--\n\n"
     "Runs to the end of the inputs, once; returns a Summary, also when items failed.\n\n"
     "progress: called with a Progress about five times a second, on this thread; what it raises "
     "ends the run.\n"
     "Ctrl-C ends the run in good order (what was taken is stored) and raises KeyboardInterrupt; a "
     "second one raises at once, and close() waits for the rest."},
    {"stop", (PyCFunction)pipeline_stop, METH_NOARGS,
     "stop()\n--\n\nTakes nothing more; what was taken is stored, and run() returns. Any thread."},
    {"close", (PyCFunction)pipeline_close, METH_NOARGS,
     "close()\n--\n\nStops a run and waits for its end. Again: nothing."},
    {"__enter__", pipeline_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)pipeline_exit, METH_VARARGS, NULL},
    {0},
};

static PyObject *get_failures(pipeline *self, void *unused)
{
    (void)unused;
    if (!mrpy_same_process(self->state, self->pid, "pipeline"))
        return NULL;
    if (self->thread_runs && !self->finished)
        return mrpy_raise_kind(self->state, MRPY_BUSY, "failures: the run is not over");
    return mrpy_failures_list(self->state, &self->failures);
}

static PyGetSetDef getset[] = {
    {"failures", (getter)get_failures, NULL,
     "What did not become a row in run(), the first 1,000, list of LedgerEntry.", NULL},
    {"closed", (getter)get_closed, NULL, "Has close() been called?", NULL},
    {0},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(pipeline, weakrefs), READONLY, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Pipeline(inputs, store, /, *, plan=None, embed=None, collection='default', "
     "store_params=None, ledger=None, "
     "metric=None, index='FLAT', force_plan=False, no_ledger=False, refresh='auto', "
     "error_budget='1%', embed_workers=0, commit_rows=0, queue_batches=0, default_plan=None, "
     "**options)\n--\n\n"
     "Pictures to rows of a store: what `millrace ingest` runs. Resumes by itself.\n\n"
     "inputs: as of Stream.\n"
     "store: specification, as of Store.\n"
     "plan: a Plan or a name; None: what the collection remembers, else what the embedder needs.\n"
     "embed: \"builtin\", \"onnx:MODEL\", \"triton:URL\", \"fake:DIM\", or \"none\": rows of the "
     "plan; None: what the collection remembers, else \"builtin\".\n"
     "store_params: dict of what only this kind of store knows, as of Store.\n"
     "metric: \"IP\", \"L2\", \"COSINE\"; None: the collection's, IP for a new one.\n"
     "refresh: \"auto\" (again what has changed), \"always\", \"never\".\n"
     "error_budget: \"1%\", a number of items, or \"none\": failures that still are a success "
     "(Summary.budget_exceeded).\n"
     "embed_workers: batches embedded at once; 0: as many as help.\n"
     "commit_rows: rows that one commit may gather from batches that wait anyway; 0: what the "
     "store "
     "likes.\n"
     "queue_batches: batches that may be embedded and not yet stored; 0: what the store can use.\n"
     "default_plan: name of a plan for an embedder that has none of its own.\n"
     "options: those of Stream but `pool`; rows of a `preprocess` have to look like the plan's."},
    {Py_tp_new, pipeline_new},
    {Py_tp_dealloc, pipeline_dealloc},
    {Py_tp_traverse, pipeline_traverse},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_members, members},
    {0, NULL},
};

PyType_Spec mrpy_pipeline_spec = {
    .name = "millrace._native.Pipeline",
    .basicsize = sizeof(pipeline),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
