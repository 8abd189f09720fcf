/* SPDX-License-Identifier: Apache-2.0 */
/* The module millrace._native: its types, its functions, its state. */
#include "native.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

mrpy_state *mrpy_state_of(PyTypeObject *type)
{
    for (; type; type = type->tp_base) {
        PyObject *module;

        if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE))
            continue;
        module = PyType_GetModule(type);
        if (module && PyModule_GetDef(module) == &mrpy_module)
            return PyModule_GetState(module);
        PyErr_Clear(); /* a class of Python's: its base is asked */
    }
    PyErr_SetString(PyExc_SystemError, "no type of millrace");
    return NULL;
}

int mrpy_type_add(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
    *out = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    if (!*out)
        return -1;
    return PyModule_AddObjectRef(module, strrchr(spec->name, '.') + 1, (PyObject *)*out);
}

int mrpy_live_add(mrpy_state *state, PyObject *object)
{
    PyObject *done = PyObject_CallMethod(state->live, "add", "O", object);

    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* The worker that was installed with this extension stands beside it. */
static void find_worker(mrpy_state *state)
{
    static const char name[] = "millrace-worker";
    char path[PATH_MAX];
    Dl_info info;
    char *slash;
    size_t n;

    if (getenv("MILLRACE_WORKER")) /* the library reads it */
        return;
    if (dladdr((const void *)&mrpy_module, &info) == 0 || !realpath(info.dli_fname, path))
        return;
    slash = strrchr(path, '/');
    n = slash ? (size_t)(slash + 1 - path) : 0;
    if (n == 0 || n + sizeof name > sizeof state->worker_path)
        return;
    memcpy(state->worker_path, path, n);
    memcpy(state->worker_path + n, name, sizeof name);
    if (access(state->worker_path, X_OK) != 0)
        state->worker_path[0] = '\0';
}

static PyObject *get_attribute(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name), *got;

    got = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return got;
}

static int add_facts(PyObject *module, mrpy_state *state)
{
    PyObject *weak_set = get_attribute("weakref", "WeakSet");

    state->json_loads = get_attribute("json", "loads");
    state->get_logger = get_attribute("logging", "getLogger");
    state->live = weak_set ? PyObject_CallNoArgs(weak_set) : NULL;
    Py_XDECREF(weak_set);
    if (!state->json_loads || !state->get_logger || !state->live)
        return -1;
    find_worker(state);
    if (PyModule_AddObjectRef(module, "_live", state->live) < 0)
        return -1;
    if (PyModule_AddStringConstant(module, "worker_path", state->worker_path) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "__version__", mr_version());
}

static int module_exec(PyObject *module)
{
    mrpy_state *state = PyModule_GetState(module);

    if (add_facts(module, state) < 0 || mrpy_errors_init(module, state) < 0 ||
        mrpy_records_init(module, state) < 0)
        return -1;
    if (mrpy_type_add(module, &mrpy_plan_spec, &state->plan) < 0 ||
        mrpy_type_add(module, &mrpy_source_spec, &state->source) < 0 ||
        mrpy_type_add(module, &mrpy_feed_spec, &state->feed) < 0 ||
        mrpy_type_add(module, &mrpy_pool_spec, &state->pool) < 0 ||
        mrpy_type_add(module, &mrpy_stream_spec, &state->stream) < 0 ||
        mrpy_type_add(module, &mrpy_batch_spec, &state->batch) < 0 ||
        mrpy_type_add(module, &mrpy_pixels_spec, &state->pixels) < 0 ||
        mrpy_type_add(module, &mrpy_job_spec, &state->job) < 0 ||
        mrpy_type_add(module, &mrpy_worker_spec, &state->worker) < 0 ||
        mrpy_type_add(module, &mrpy_rows_spec, &state->rows) < 0 || mrpy_rows_init(module) < 0 ||
        mrpy_type_add(module, &mrpy_pipeline_spec, &state->pipeline) < 0 ||
        mrpy_type_add(module, &mrpy_store_spec, &state->store) < 0 ||
        mrpy_type_add(module, &mrpy_config_spec, &state->config) < 0)
        return -1;
    return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    mrpy_state *state = PyModule_GetState(module);
    int k;

    for (k = 0; k < MRPY_N_ERRORS; k++)
        Py_VISIT(state->errors[k]);
    for (k = 0; k < MRPY_N_RECORDS; k++)
        Py_VISIT(state->records[k]);
    Py_VISIT(state->plan);
    Py_VISIT(state->source);
    Py_VISIT(state->feed);
    Py_VISIT(state->pool);
    Py_VISIT(state->stream);
    Py_VISIT(state->batch);
    Py_VISIT(state->pipeline);
    Py_VISIT(state->store);
    Py_VISIT(state->config);
    Py_VISIT(state->pixels);
    Py_VISIT(state->job);
    Py_VISIT(state->worker);
    Py_VISIT(state->rows);
    Py_VISIT(state->json_loads);
    Py_VISIT(state->get_logger);
    Py_VISIT(state->live);
    return 0;
}

static int module_clear(PyObject *module)
{
    mrpy_state *state = PyModule_GetState(module);
    int k;

    for (k = 0; k < MRPY_N_ERRORS; k++)
        Py_CLEAR(state->errors[k]);
    for (k = 0; k < MRPY_N_RECORDS; k++)
        Py_CLEAR(state->records[k]);
    Py_CLEAR(state->plan);
    Py_CLEAR(state->source);
    Py_CLEAR(state->feed);
    Py_CLEAR(state->pool);
    Py_CLEAR(state->stream);
    Py_CLEAR(state->batch);
    Py_CLEAR(state->pipeline);
    Py_CLEAR(state->store);
    Py_CLEAR(state->config);
    Py_CLEAR(state->pixels);
    Py_CLEAR(state->job);
    Py_CLEAR(state->worker);
    Py_CLEAR(state->rows);
    Py_CLEAR(state->json_loads);
    Py_CLEAR(state->get_logger);
    Py_CLEAR(state->live);
    return 0;
}

static void module_free(void *module)
{
    (void)module_clear(module);
}

static PyMethodDef functions[] = {
    {"presets", mrpy_presets, METH_NOARGS, "presets()\n--\n\nAll named plans, list of Preset."},
    {0},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

struct PyModuleDef mrpy_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "millrace._native",
    .m_doc = "The library of millrace as Python objects: use the package millrace.",
    .m_size = sizeof(mrpy_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&mrpy_module);
}
