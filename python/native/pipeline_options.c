/* SPDX-License-Identifier: Apache-2.0 */
/* What the constructor of a pipeline takes. */
#include "native.h"

#define FIELD(member, kind)                                                                        \
    {                                                                                              \
#member, kind, offsetof(mr_pipeline_options, member), NULL                                 \
    }

static const mrpy_field fields[] = {
    FIELD(embed, MRPY_TEXT),
    FIELD(collection, MRPY_TEXT),
    FIELD(store_params, MRPY_PARAMS),
    FIELD(ledger, MRPY_PATH),
    FIELD(metric, MRPY_METRIC),
    FIELD(index, MRPY_TEXT),
    FIELD(force_plan, MRPY_BOOL),
    FIELD(no_ledger, MRPY_BOOL),
    FIELD(refresh, MRPY_REFRESH),
    {"error_budget", MRPY_BUDGET, offsetof(mr_pipeline_options, budget), NULL},
    FIELD(embed_workers, MRPY_U32),
    FIELD(commit_rows, MRPY_U32),
    FIELD(queue_batches, MRPY_U32),
    FIELD(default_plan, MRPY_TEXT),
    {0},
};

_Static_assert(offsetof(mr_pipeline_options, n_store_params) ==
                   offsetof(mr_pipeline_options, store_params) + sizeof(void *),
               "n_store_params follows store_params");

static const mrpy_field named_fields[] = {{"plan", MRPY_TEXT, 0, NULL}, {0}};

/* `plan`: a name, or a Plan, whose text is meant. */
static int take_plan(mrpy_state *state, PyObject *left, mr_pipeline_options *options,
                     PyObject *keep)
{
    PyObject *plan = mrpy_option_pop(left, "plan"), *text = NULL;
    int rc = -1;

    if (!plan)
        return PyErr_Occurred() ? -1 : 0;
    if (plan == Py_None) {
        rc = 0;
    } else if (PyObject_TypeCheck(plan, state->plan)) {
        text = PyObject_GetAttrString(plan, "text");
        options->plan_text = text ? PyUnicode_AsUTF8(text) : NULL;
        rc = options->plan_text ? PyList_Append(keep, text) : -1;
    } else if (PyUnicode_Check(plan)) {
        options->plan = PyUnicode_AsUTF8(plan);
        rc = options->plan ? PyList_Append(keep, plan) : -1;
    } else {
        PyErr_Format(PyExc_TypeError, "plan: a Plan or the name of one is wanted, not %.80s",
                     Py_TYPE(plan)->tp_name);
    }
    Py_XDECREF(text);
    Py_DECREF(plan);
    return rc;
}

int mrpy_pipeline_options_take(mrpy_state *state, PyObject *left, mr_pipeline_options *options,
                               PyObject *keep)
{
    const mrpy_field *const tables[] = {
        named_fields, fields, mrpy_stream_fields, mrpy_pool_fields, mrpy_program_names, NULL};

    mr_pipeline_options_init(options);
    options->stream.pool.worker_path = state->worker_path[0] ? state->worker_path : NULL;
    if (take_plan(state, left, options, keep) < 0 ||
        mrpy_options_take(left, fields, options, keep) < 0 ||
        mrpy_options_take(left, mrpy_stream_fields, &options->stream, keep) < 0 ||
        mrpy_options_take(left, mrpy_pool_fields, &options->stream.pool, keep) < 0 ||
        mrpy_program_take(left, &options->stream.pool, keep) < 0)
        return -1;
    return mrpy_options_end(left, "Pipeline", tables);
}
