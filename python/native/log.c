/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the library on their way to Python's logging. Its threads may not wait for the GIL,
 * so a message stays here until a Python thread that uses the object comes by. If none does, the
 * latest are lost, and how many is said.
 */
#include "native.h"

#include <pthread.h>
#include <string.h>

enum { MESSAGES = 64 };

typedef struct message {
    mr_log_level level;
    char part[32];
    char text[512];
} message;

struct mrpy_log {
    pthread_mutex_t lock;
    message messages[MESSAGES];
    unsigned n, lost;
    mr_log_level level;
};

static void write_message(void *cookie, mr_log_level level, const char *part, const char *text)
{
    mrpy_log *log = cookie;

    (void)pthread_mutex_lock(&log->lock);
    if (log->n < MESSAGES) {
        message *m = &log->messages[log->n++];
        m->level = level;
        (void)PyOS_snprintf(m->part, sizeof m->part, "%s", part);
        (void)PyOS_snprintf(m->text, sizeof m->text, "%s", text);
    } else {
        log->lost++;
    }
    (void)pthread_mutex_unlock(&log->lock);
}

/* What the logger "millrace" lets through, as a level of ours; -1 with an exception. */
static int wanted_level(mrpy_state *state)
{
    PyObject *logger = PyObject_CallFunction(state->get_logger, "s", "millrace"), *level = NULL;
    long number;

    if (logger)
        level = PyObject_CallMethod(logger, "getEffectiveLevel", NULL);
    Py_XDECREF(logger);
    number = level ? PyLong_AsLong(level) : -1;
    Py_XDECREF(level);
    if (PyErr_Occurred())
        return -1;
    return number <= 10   ? MR_LOG_DEBUG
           : number <= 20 ? MR_LOG_INFO
           : number <= 30 ? MR_LOG_WARN
                          : MR_LOG_ERROR;
}

mrpy_log *mrpy_log_open(mrpy_state *state, mr_logger *out)
{
    int level = wanted_level(state);
    mrpy_log *log = level < 0 ? NULL : PyMem_RawCalloc(1, sizeof *log);

    if (!log) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return NULL;
    }
    (void)pthread_mutex_init(&log->lock, NULL);
    log->level = (mr_log_level)level;
    mrpy_log_logger(log, out);
    return log;
}

void mrpy_log_logger(mrpy_log *log, mr_logger *out)
{
    *out = (mr_logger){.write = write_message, .cookie = log, .level = log->level};
}

void mrpy_log_close(mrpy_log **log)
{
    if (*log)
        (void)pthread_mutex_destroy(&(*log)->lock);
    PyMem_RawFree(*log);
    *log = NULL;
}

static int say(mrpy_state *state, const message *m)
{
    static const int levels[] = {40, 30, 20, 10}; /* of the module logging */
    PyObject *name = PyUnicode_FromFormat("millrace.%s", m->part), *logger = NULL, *done = NULL;

    if (name)
        logger = PyObject_CallOneArg(state->get_logger, name);
    if (logger)
        done = PyObject_CallMethod(logger, "log", "iss", levels[m->level & 3], "%s", m->text);
    Py_XDECREF(name);
    Py_XDECREF(logger);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* Takes the oldest message; false: there is none. */
static bool take(mrpy_log *log, message *out)
{
    bool is_there;

    (void)pthread_mutex_lock(&log->lock);
    is_there = log->n > 0;
    if (is_there) {
        *out = log->messages[0];
        memmove(log->messages, log->messages + 1, --log->n * sizeof log->messages[0]);
    } else if (log->lost > 0) {
        *out = (message){.level = MR_LOG_WARN, .part = "log"};
        (void)PyOS_snprintf(out->text, sizeof out->text, "%u messages were lost", log->lost);
        log->lost = 0;
        is_there = true;
    }
    (void)pthread_mutex_unlock(&log->lock);
    return is_there;
}

void mrpy_log_drain(mrpy_state *state, mrpy_log *log)
{
    PyObject *type, *value, *trace;
    message m;

    if (!log)
        return;
    PyErr_Fetch(&type, &value, &trace);
    while (take(log, &m))
        if (say(state, &m) < 0)
            PyErr_WriteUnraisable(NULL);
    PyErr_Restore(type, value, trace);
}
