/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items on their way from Python to the library.
 *
 * A Python thread of its own (millrace/_feed.py) walks the iterable and puts items into a few
 * cells; the library's feeder takes them out. So the feeder never waits for the GIL, and a stream
 * that closes never waits for an iterable that blocks: whoever waits here is woken, and the thread
 * finds the feed stopped when it comes back with its next item.
 *
 *     cleaned <= done <= given <= filled      counts of cells, each `given` or `done` by the
 * feeder, `filled` or `cleaned` by the Python thread
 *
 * A cell between done and cleaned holds references that only the Python thread may drop.
 */
#include "native.h"

#include <pthread.h>
#include <string.h>

enum { CELLS = 16, REFS = 5 };

/* Encoded bytes that wait here, besides one item of any size. They are not in the budget. */
#define BYTES_MAX ((Py_ssize_t)8 << 20)

static const char raised[] = "the iterable of items raised an exception";

typedef struct cell {
    mr_item item;
    PyObject *refs[REFS]; /* what the strings of `item` live in */
    int n_refs;
    Py_buffer bytes;
    bool has_bytes;
} cell;

typedef struct feed {
    PyObject_HEAD
    pthread_mutex_t lock;
    pthread_cond_t changed;
    cell cells[CELLS];
    uint64_t filled, given, done, cleaned;
    Py_ssize_t waiting_bytes;
    bool stopped, ended;
    PyObject *error;
    pid_t pid;
} feed;

/* ---- the library's side: without the GIL ---- */

static mr_status feed_next(void *cookie, mr_item *item, mr_error *err)
{
    feed *self = cookie;
    mr_status status = MR_OK;

    (void)pthread_mutex_lock(&self->lock);
    if (self->done < self->given) {
        self->waiting_bytes -= self->cells[self->done % CELLS].bytes.len;
        self->done++;
        (void)pthread_cond_broadcast(&self->changed);
    }
    while (self->given == self->filled && !self->ended && !self->stopped)
        (void)pthread_cond_wait(&self->changed, &self->lock);
    if (self->stopped) {
        status = MR_E_INTERRUPTED;
    } else if (self->given < self->filled) {
        *item = self->cells[self->given++ % CELLS].item;
    } else if (self->error) {
        status = MR_E_INVALID;
        memcpy(err->message, raised, sizeof raised);
    } else {
        status = MR_EOF;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return status;
}

static void feed_interrupt(void *cookie)
{
    feed *self = cookie;

    (void)pthread_mutex_lock(&self->lock);
    self->stopped = true;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
}

/* ---- Python's side ---- */

static void cell_clear(cell *c)
{
    while (c->n_refs > 0)
        Py_DECREF(c->refs[--c->n_refs]);
    if (c->has_bytes)
        PyBuffer_Release(&c->bytes);
    *c = (cell){0};
}

/* A text for the cell; what cannot be one (a lone surrogate, a NUL) makes the item fail as `code`.
 */
static int cell_text(cell *c, PyObject *text, mr_code code, const char **out)
{
    Py_ssize_t n;

    *out = NULL;
    if (text == Py_None)
        return 0;
    if (PyBytes_Check(text)) {
        *out = PyBytes_AS_STRING(text);
        n = PyBytes_GET_SIZE(text);
    } else {
        *out = PyUnicode_AsUTF8AndSize(text, &n);
        if (!*out && !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        PyErr_Clear();
    }
    if (*out && strlen(*out) == (size_t)n) {
        Py_INCREF(text);
        c->refs[c->n_refs++] = text;
        return 0;
    }
    *out = NULL;
    if (c->item.code == MR_CODE_NONE) {
        c->item.code = code;
        (void)PyOS_snprintf(c->item.message, sizeof c->item.message, "%s",
                            code == MR_CODE_BAD_METADATA ? "the metadata is no text"
                                                         : "a name has a NUL, or is no Unicode");
    }
    return 0;
}

static int cell_rejection(cell *c, PyObject *code, PyObject *message)
{
    const char *text;

    if (code == Py_None)
        return 0;
    text = PyUnicode_AsUTF8(code);
    if (!text)
        return -1;
    c->item.code = mr_code_from_name(text);
    text = PyUnicode_AsUTF8(message);
    if (!text)
        return -1;
    (void)PyOS_snprintf(c->item.message, sizeof c->item.message, "%s", text);
    return 0;
}

/* put's arguments, in their order */
enum { A_LOCATOR = 0, A_URI, A_ID, A_METADATA, A_BYTES, A_CODE, A_MESSAGE, A_PIXELS, N_ARGS };

/* (height, width, channels, is it float32) of an array; the library judges them. */
static int cell_pixels(cell *c, PyObject *pixels)
{
    unsigned int height, width, channels;
    int floats;

    if (pixels == Py_None)
        return 0;
    if (!PyArg_ParseTuple(pixels, "IIIp:pixels", &height, &width, &channels, &floats))
        return -1;
    c->item.pixels = (mr_pixels){.height = height,
                                 .width = width,
                                 .channels = channels,
                                 .dtype = floats ? MR_DTYPE_F32 : MR_DTYPE_U8};
    return 0;
}

static int cell_fill(cell *c, PyObject *const *args)
{
    if (cell_rejection(c, args[A_CODE], args[A_MESSAGE]) < 0 ||
        cell_text(c, args[A_LOCATOR], MR_CODE_NOT_FOUND, &c->item.locator) < 0 ||
        cell_text(c, args[A_URI], MR_CODE_BAD_ID, &c->item.uri) < 0 ||
        cell_text(c, args[A_ID], MR_CODE_BAD_ID, &c->item.id) < 0 ||
        cell_text(c, args[A_METADATA], MR_CODE_BAD_METADATA, &c->item.metadata) < 0)
        return -1;
    if (args[A_BYTES] == Py_None)
        return 0;
    if (PyObject_GetBuffer(args[A_BYTES], &c->bytes, PyBUF_SIMPLE) < 0)
        return -1;
    c->has_bytes = true;
    c->item.bytes = c->bytes.len > 0 ? c->bytes.buf : "";
    c->item.n_bytes = (size_t)c->bytes.len;
    return cell_pixels(c, args[A_PIXELS]);
}

static bool has_room(const feed *self)
{
    if (self->filled - self->done >= CELLS)
        return false;
    return self->waiting_bytes < BYTES_MAX || self->filled == self->done;
}

/* Waits for room, without the GIL; the cells that are done with are moved to `old`, `*n_old` of
 * them. False: the feed is stopped. */
static bool wait_room(feed *self, cell *old, int *n_old)
{
    bool go;

    *n_old = 0;
    Py_BEGIN_ALLOW_THREADS(void)
    pthread_mutex_lock(&self->lock);
    while (!has_room(self) && !self->stopped)
        (void)pthread_cond_wait(&self->changed, &self->lock);
    go = !self->stopped;
    for (; self->cleaned < self->done; self->cleaned++) {
        cell *c = &self->cells[self->cleaned % CELLS];
        old[(*n_old)++] = *c;
        *c = (cell){0};
    }
    (void)pthread_mutex_unlock(&self->lock);
    Py_END_ALLOW_THREADS
    return go;
}

static PyObject *feed_put(feed *self, PyObject *const *args, Py_ssize_t n)
{
    cell next = {0}, old[CELLS];
    int n_old, k;
    bool go;

    if (n != N_ARGS) {
        PyErr_SetString(PyExc_TypeError, "put: eight arguments");
        return NULL;
    }
    if (cell_fill(&next, args) < 0) {
        cell_clear(&next);
        return NULL;
    }
    go = wait_room(self, old, &n_old);
    for (k = 0; k < n_old; k++)
        cell_clear(&old[k]);
    if (!go) {
        cell_clear(&next);
        Py_RETURN_FALSE;
    }
    (void)pthread_mutex_lock(&self->lock);
    self->cells[self->filled % CELLS] = next;
    self->filled++;
    self->waiting_bytes += next.bytes.len;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    Py_RETURN_TRUE;
}

static PyObject *feed_end(feed *self, PyObject *error)
{
    (void)pthread_mutex_lock(&self->lock);
    if (error != Py_None && !self->error) {
        Py_INCREF(error);
        self->error = error;
    }
    self->ended = true;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    Py_RETURN_NONE;
}

static int feed_traverse(feed *self, visitproc visit, void *arg)
{
    int k;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->error);
    for (k = 0; k < CELLS; k++)
        Py_VISIT(self->cells[k].bytes.obj);
    return 0;
}

static int feed_clear(feed *self)
{
    Py_CLEAR(self->error);
    return 0;
}

static void feed_dealloc(feed *self)
{
    PyTypeObject *type = Py_TYPE(self);
    int k;

    PyObject_GC_UnTrack(self);
    (void)feed_clear(self);
    for (k = 0; k < CELLS; k++)
        cell_clear(&self->cells[k]);
    if (self->pid == getpid()) {
        (void)pthread_mutex_destroy(&self->lock);
        (void)pthread_cond_destroy(&self->changed);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- for streams ---- */

int mrpy_feed_start(mrpy_state *state, PyObject *iterator, PyObject **out, mr_source **source)
{
    feed *self = (feed *)state->feed->tp_alloc(state->feed, 0);
    PyObject *module, *started = NULL;
    mr_error err = {0};
    mr_status status;

    if (!self)
        return -1;
    self->pid = getpid();
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
    status = mr_source_from_callback(feed_next, feed_interrupt, NULL, self, source, &err);
    module =
        status == MR_OK ? PyImport_ImportModule("millrace._feed") : mrpy_raise(state, status, &err);
    if (module)
        started = PyObject_CallMethod(module, "start", "OO", self, iterator);
    Py_XDECREF(module);
    if (started) {
        Py_DECREF(started);
        *out = (PyObject *)self;
        return 0;
    }
    mr_source_close(source);
    Py_DECREF(self);
    return -1;
}

void mrpy_feed_stop(PyObject *object)
{
    feed_interrupt(object);
}

PyObject *mrpy_feed_error(PyObject *object)
{
    PyObject *error = ((feed *)object)->error;

    Py_XINCREF(error);
    return error;
}

static PyMethodDef methods[] = {
    {"put", (PyCFunction)(void (*)(void))feed_put, METH_FASTCALL,
     "put(locator, uri, id, metadata, data, code, message, pixels)\n--\n\n"
     "Hands one item over; waits for room. False: nobody wants any more."},
    {"end", (PyCFunction)feed_end, METH_O,
     "end(error)\n--\n\nNothing more comes; `error` is None or why."},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Items on their way from an iterable to a stream."},
    {Py_tp_dealloc, feed_dealloc},
    {Py_tp_traverse, feed_traverse},
    {Py_tp_clear, feed_clear},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec mrpy_feed_spec = {
    .name = "millrace._native.Feed",
    .basicsize = sizeof(feed),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
