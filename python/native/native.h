/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extension millrace._native: the public headers as Python objects, and no policy of its own.
 *
 * Three rules keep it free of deadlocks:
 *   - no thread of the library ever takes the GIL: what it has for Python (a message, a figure) is
 *     left where a Python thread picks it up, and what it needs from Python waits in a feed;
 *   - every call into the library that may block or take one of its locks gives the GIL up;
 *   - who waits, waits in slices, and looks for signals and for close() between them.
 *
 * An object belongs to the process that made it. In a forked child its methods raise ForkError, and
 * nothing of the parent's is touched, by destructors neither.
 */
#ifndef MRPY_NATIVE_H
#define MRPY_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "millrace/millrace.h"

/* How long one wait lasts before signals are looked for. */
#define MRPY_SLICE_MS 50

/* Exceptions, by what went wrong; the first is the base of all. */
typedef enum mrpy_error_kind {
    MRPY_ERROR = 0,
    MRPY_INVALID,
    MRPY_MISMATCH,
    MRPY_UNAVAILABLE,
    MRPY_BUSY,
    MRPY_NOT_FOUND,
    MRPY_UNSUPPORTED,
    MRPY_ITEM,
    MRPY_NO_MEMORY,
    MRPY_IO,
    MRPY_INTERRUPTED,
    MRPY_INTERNAL,
    MRPY_CLOSED,
    MRPY_FORK,
    MRPY_N_ERRORS
} mrpy_error_kind;

/* Tuples with names, one type for each struct of the headers. */
typedef enum mrpy_record {
    MRPY_R_ITEM = 0,
    MRPY_R_STREAM_STATS,
    MRPY_R_POOL_STATS,
    MRPY_R_PRESET,
    MRPY_R_COLLECTION,
    MRPY_R_HIT,
    MRPY_R_LEDGER,
    MRPY_R_PROGRESS,
    MRPY_R_SUMMARY,
    MRPY_R_CONFIG_VALUE,
    MRPY_R_CONFIG_KEY,
    MRPY_N_RECORDS
} mrpy_record;

typedef struct mrpy_rows mrpy_rows;

typedef struct mrpy_state {
    PyObject *errors[MRPY_N_ERRORS];
    PyTypeObject *records[MRPY_N_RECORDS];
    PyTypeObject *plan, *source, *feed, *pool, *stream, *batch, *pipeline, *store, *config;
    PyTypeObject *pixels, *job, *worker, *rows;
    mrpy_rows *first_rows;  /* whose memory is shared: not counted as references */
    unsigned forks;         /* under way */
    PyObject *json_loads;   /* json.loads */
    PyObject *get_logger;   /* logging.getLogger */
    PyObject *live;         /* weak set of what an exit has to close */
    char worker_path[4096]; /* beside this extension; "" if it is not there */
} mrpy_state;

extern struct PyModuleDef mrpy_module;

/* module.c: the state of the module that defined `type`, or the type that it derives from. */
mrpy_state *mrpy_state_of(PyTypeObject *type);
/* module.c: makes the type of `spec` and puts it into the module under its name. */
int mrpy_type_add(PyObject *module, PyType_Spec *spec, PyTypeObject **out);
/* module.c: `object` is closed when the interpreter exits. */
int mrpy_live_add(mrpy_state *state, PyObject *object);

/* errors.c */
int mrpy_errors_init(PyObject *module, mrpy_state *state);
/* Raises what `status` and `err` say; NULL always. */
PyObject *mrpy_raise(mrpy_state *state, mr_status status, const mr_error *err);
/* Raises an error of this extension's own; NULL always. */
PyObject *mrpy_raise_kind(mrpy_state *state, mrpy_error_kind kind, const char *format, ...);
/* Is this still the process that made the object? If not, ForkError is raised. */
bool mrpy_same_process(mrpy_state *state, pid_t pid, const char *what);

/* options.c: keyword arguments into a struct of options. */
typedef enum mrpy_kind {
    MRPY_U32,
    MRPY_U64,
    MRPY_I64,
    MRPY_BOOL,
    MRPY_FLOAT,
    MRPY_DOUBLE,
    MRPY_TEXT,   /* const char *; NULL is None */
    MRPY_PATH,   /* const char *, option only: str, bytes or os.PathLike */
    MRPY_INLINE, /* char[], record only */
    MRPY_JSON,   /* const char *, record only: parsed */
    MRPY_CODE,
    MRPY_STAGE,
    MRPY_STATE,
    MRPY_METRIC,
    MRPY_CONFIG_KIND, /* record only */
    MRPY_BY_CODE,     /* uint64_t[MR_CODE_COUNT], record only: dict of those that are not 0 */
    MRPY_ID_FROM,     /* option only, as all that follow */
    MRPY_REFRESH,
    MRPY_BUDGET,
    MRPY_TEXTS, /* const char *const *, and size_t after it: iterable of str */
    MRPY_PARAMS /* const mr_param *, and size_t after it: mapping */
} mrpy_kind;

typedef struct mrpy_field {
    const char *name;
    mrpy_kind kind;
    size_t offset;
    const char *doc;
} mrpy_field;

/*
 * Takes the arguments that `fields` name out of `left` (a copy of the keyword arguments) into
 * `options`. None leaves the default. What must live as long as the strings is put into `keep`, a
 * list. -1 with an exception.
 */
int mrpy_options_take(PyObject *left, const mrpy_field *fields, void *options, PyObject *keep);
/* One value into what `field` says, at `at`. */
int mrpy_option_convert(PyObject *value, const mrpy_field *field, void *at, PyObject *keep);
/* Takes one argument out of `left`: a new reference, NULL without an exception if it is not there.
 */
PyObject *mrpy_option_pop(PyObject *left, const char *name);
/* Whatever is left is no argument of `what`: TypeError. `tables` are those that were looked at,
 * NULL at their end. */
int mrpy_options_end(PyObject *left, const char *what, const mrpy_field *const *tables);

/* failures.c: what did not become a row, the first of a run. Added to by the library's threads,
 * without the GIL; looked at when the run is over. */
#define MRPY_FAILURES_MAX 1000
typedef struct mrpy_failure mrpy_failure;
typedef struct mrpy_failures {
    mrpy_failure *first, *last;
    size_t n;
} mrpy_failures;
void mrpy_failures_add(void *cookie, const mr_ledger_entry *entry);
/* A list of LedgerEntry; NULL with an exception. */
PyObject *mrpy_failures_list(mrpy_state *state, const mrpy_failures *all);
void mrpy_failures_clear(mrpy_failures *all);

/* records.c: structs as tuples with names. */
int mrpy_records_init(PyObject *module, mrpy_state *state);
PyObject *mrpy_record_of(mrpy_state *state, mrpy_record which, const void *from);

/* log.c: messages of the library, for Python's logging. */
typedef struct mrpy_log mrpy_log;
/* `out` is the logger to give to the library; the log must outlive its use. */
mrpy_log *mrpy_log_open(mrpy_state *state, mr_logger *out);
void mrpy_log_logger(mrpy_log *log, mr_logger *out);
/* Says what has come so far. Exceptions that are set stay set. NULL is allowed. */
void mrpy_log_drain(mrpy_state *state, mrpy_log *log);
void mrpy_log_close(mrpy_log **log);

/* plan.c */
extern PyType_Spec mrpy_plan_spec;
PyObject *mrpy_presets(PyObject *module, PyObject *none);
/* A Plan: the one given, or that of a name. A new reference. */
PyObject *mrpy_plan_of(mrpy_state *state, PyObject *plan);
const mr_plan *mrpy_plan_handle(PyObject *plan);

/* feed.c: items from Python to the thread of the library that asks for them. */
extern PyType_Spec mrpy_feed_spec;

/* source.c */
extern PyType_Spec mrpy_source_spec;

/* What a stream reads: a source of the library's own, or a feed. */
typedef struct mrpy_input {
    mr_source *source;
    PyObject *feed;  /* NULL: not from Python */
    PyObject *owner; /* a Source object that is in use by this; NULL: `source` is ours */
} mrpy_input;

/* source.c: a path, a Source, or any iterable of items. */
int mrpy_input_open(mrpy_state *state, PyObject *inputs, mrpy_input *out);
/* source.c: nothing more is read. The GIL is held. */
void mrpy_input_close(mrpy_input *input);
/* feed.c: a source that reads `feed`, whose thread is started on `iterator`. */
int mrpy_feed_start(mrpy_state *state, PyObject *iterator, PyObject **feed, mr_source **out);
/* feed.c: whoever waits goes on; the thread ends with its next item. */
void mrpy_feed_stop(PyObject *feed);
/* feed.c: the exception that the iterable ended with: a new reference, or NULL. */
PyObject *mrpy_feed_error(PyObject *feed);

/* pool.c */
extern PyType_Spec mrpy_pool_spec;
extern const mrpy_field mrpy_pool_fields[];
/* The handle for one more stream; NULL with an exception. */
mr_pool *mrpy_pool_get(mrpy_state *state, PyObject *pool);
/* The stream is closed. */
void mrpy_pool_put(PyObject *pool);
/* Says what its threads have left to be said. */
void mrpy_pool_log_drain(PyObject *pool);
/* Does it run a program of the user's? */
bool mrpy_pool_runs_program(PyObject *pool);
/* Figures and process ids of any pool, while nobody closes it. */
PyObject *mrpy_pool_figures(mrpy_state *state, mr_pool *pool);
PyObject *mrpy_pool_workers(mr_pool *pool);

/* program.c: the arguments that name a preprocessor of the user's own */
extern const mrpy_field mrpy_program_names[];
/* Takes them out of `left`, into options that are good as long as `keep`. After the pool's fields.
 */
int mrpy_program_take(PyObject *left, mr_pool_options *options, PyObject *keep);
/* Opens a pool, and waits until its program has said what its rows are; NULL with an exception. */
mr_pool *mrpy_program_pool(mrpy_state *state, const mr_pool_options *options);
int mrpy_program_wait(mrpy_state *state, mr_pool *pool);

/* worker.c */
extern PyType_Spec mrpy_pixels_spec, mrpy_job_spec, mrpy_worker_spec;

/* stream.c */
typedef struct mrpy_stream {
    PyObject_HEAD
    mrpy_state *state;
    PyObject *weakrefs;
    mr_stream *stream; /* NULL: ended */
    mrpy_input input;
    PyObject *pool; /* the one given, or NULL */
    mrpy_log *log;
    PyObject *plan;
    mr_stream_stats last; /* once ended */
    pid_t pid;
    Py_ssize_t held, callers;
    bool closed;
} mrpy_stream;

extern PyType_Spec mrpy_stream_spec;
/* stream_open.c */
PyObject *mrpy_stream_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
extern const mrpy_field mrpy_stream_fields[];
/* The batch of a stream is given back: `batch` becomes NULL. Nothing happens in another process. */
void mrpy_stream_give_back(PyObject *stream, mr_batch **batch);
mrpy_state *mrpy_stream_state(PyObject *stream);
bool mrpy_stream_same_process(PyObject *stream);

/* pipeline.c */
extern PyType_Spec mrpy_pipeline_spec;

/* pipeline_options.c: the keyword arguments into options that live as long as `left` and `keep`. */
int mrpy_pipeline_options_take(mrpy_state *state, PyObject *left, mr_pipeline_options *options,
                               PyObject *keep);

/* store.c */
typedef struct mrpy_store {
    PyObject_HEAD
    mrpy_state *state;
    PyObject *weakrefs;
    mr_store *store; /* NULL: closed */
    mrpy_log *log;
    pid_t pid;
    pthread_mutex_t lock; /* one call at a time */
} mrpy_store;

extern PyType_Spec mrpy_store_spec;
/* Takes the store for one call, waiting for others; false with an exception. */
bool mrpy_store_enter(mrpy_store *self);
void mrpy_store_leave(mrpy_store *self);

/* search.c */
PyObject *mrpy_store_search(mrpy_store *self, PyObject *args, PyObject *kwargs);
PyObject *mrpy_store_delete(mrpy_store *self, PyObject *args, PyObject *kwargs);

/* config.c */
extern PyType_Spec mrpy_config_spec;

/* batch.c */
typedef struct mrpy_batch {
    PyObject_HEAD
    mrpy_state *state;
    PyObject *stream;
    mr_batch *batch;    /* NULL: released */
    Py_ssize_t exports; /* live views */
    int ndim;
    Py_ssize_t itemsize, shape[1 + MR_DIMS_MAX], strides[1 + MR_DIMS_MAX];
    bool taken;                                         /* the rows are somebody else's now */
    PyObject *ids, *uris, *metadata, *items, *failures; /* made when they are asked for */
} mrpy_batch;

extern PyType_Spec mrpy_batch_spec;
/* Takes `*batch` over: it is given back also on failure. */
PyObject *mrpy_batch_new(mrpy_state *state, PyObject *stream, mr_batch **batch);
/* Still there? If not, ClosedError is raised. */
bool mrpy_batch_open(const mrpy_batch *self);
/* And its rows? */
bool mrpy_batch_has_rows(const mrpy_batch *self);

/* rows.c */
extern PyType_Spec mrpy_rows_spec;
/* What forks have to do. */
int mrpy_rows_init(PyObject *module);
/* Takes `*kept`, the rows of `batch`, over: it is given back also on failure. */
PyObject *mrpy_rows_new(const mrpy_batch *batch, const char *format, mr_kept **kept);

/* dlpack.c */
PyObject *mrpy_batch_dlpack(mrpy_batch *self, PyObject *args, PyObject *kwargs);
PyObject *mrpy_batch_dlpack_device(mrpy_batch *self, PyObject *none);

#endif
