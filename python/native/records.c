/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of the headers as tuples with names, by tables of their fields. */
#include "native.h"

#include <string.h>

#define FIELD(type, member, kind, doc)                                                             \
    {                                                                                              \
#member, kind, offsetof(type, member), doc                                                 \
    }

static const mrpy_field item_fields[] = {
    FIELD(mr_item_result, seq, MRPY_U64, "position in the source, from 0"),
    FIELD(mr_item_result, id, MRPY_TEXT, "name of the item"),
    FIELD(mr_item_result, uri, MRPY_TEXT, "where it came from"),
    FIELD(mr_item_result, key, MRPY_TEXT, "what the ledger is keyed by"),
    FIELD(mr_item_result, metadata, MRPY_JSON, "dict"),
    FIELD(mr_item_result, state, MRPY_STATE, "\"ok\", \"failed\", \"quarantined\", \"duplicate\""),
    FIELD(mr_item_result, stage, MRPY_STAGE, "where it failed, or the last stage that it passed"),
    FIELD(mr_item_result, code, MRPY_CODE, "reason code (\"truncated\"); None if it is ok"),
    FIELD(mr_item_result, message, MRPY_TEXT, "one line for people; empty if it is ok"),
    FIELD(mr_item_result, format, MRPY_TEXT, "\"jpeg\", \"png\", \"webp\" or empty"),
    FIELD(mr_item_result, width, MRPY_U32, "pixels of the stored picture; 0: not known"),
    FIELD(mr_item_result, height, MRPY_U32, "pixels of the stored picture; 0: not known"),
    FIELD(mr_item_result, attempts, MRPY_U32, "times that a worker was given it"),
    FIELD(mr_item_result, bytes, MRPY_U64, "encoded size"),
    FIELD(mr_item_result, ms_fetch, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_item_result, ms_wait, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_item_result, ms_decode, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_item_result, ms_transform, MRPY_FLOAT, "milliseconds"),
    {0},
};

static const mrpy_field stream_stats_fields[] = {
    FIELD(mr_stream_stats, taken, MRPY_U64, "items taken from the source"),
    FIELD(mr_stream_stats, ok, MRPY_U64, "items"),
    FIELD(mr_stream_stats, failed, MRPY_U64, "items"),
    FIELD(mr_stream_stats, quarantined, MRPY_U64, "items"),
    FIELD(mr_stream_stats, bytes, MRPY_U64, "encoded bytes read"),
    FIELD(mr_stream_stats, pixels, MRPY_U64, "source pixels of the items that are ok"),
    FIELD(mr_stream_stats, batches, MRPY_U64, "delivered"),
    FIELD(mr_stream_stats, fetch_s, MRPY_DOUBLE, "seconds, summed over items"),
    FIELD(mr_stream_stats, wait_s, MRPY_DOUBLE, "seconds, summed over items"),
    FIELD(mr_stream_stats, decode_s, MRPY_DOUBLE, "seconds, summed over items"),
    FIELD(mr_stream_stats, transform_s, MRPY_DOUBLE, "seconds, summed over items"),
    FIELD(mr_stream_stats, consumer_wait_s, MRPY_DOUBLE, "seconds spent waiting for batches"),
    FIELD(mr_stream_stats, slot_wait_s, MRPY_DOUBLE, "seconds that the source waited for a slot"),
    FIELD(mr_stream_stats, source_wait_s, MRPY_DOUBLE, "seconds inside the source"),
    FIELD(mr_stream_stats, worker_busy_s, MRPY_DOUBLE, "seconds, summed over workers"),
    FIELD(mr_stream_stats, seconds, MRPY_DOUBLE, "since the stream was opened"),
    FIELD(mr_stream_stats, copied_bytes, MRPY_U64,
          "tensor bytes moved to close the holes of failed items"),
    FIELD(mr_stream_stats, fetch_threads, MRPY_U32, "at work now"),
    {0},
};

static const mrpy_field pool_stats_fields[] = {
    FIELD(mr_pool_stats, workers, MRPY_U32, "processes"),
    FIELD(mr_pool_stats, workers_ready, MRPY_U32, "processes"),
    FIELD(mr_pool_stats, worker_restarts, MRPY_U64, "deaths and deadline kills"),
    FIELD(mr_pool_stats, sandbox_layers, MRPY_U32, "bits: in force in every ready worker"),
    FIELD(mr_pool_stats, landlock_abi, MRPY_U32, "0: none"),
    FIELD(mr_pool_stats, memory_bytes, MRPY_U64, "host and workers now, shared memory once"),
    FIELD(mr_pool_stats, peak_memory_bytes, MRPY_U64, "highest seen by stats() so far"),
    FIELD(mr_pool_stats, grants, MRPY_U64, "decodes that asked for more memory"),
    FIELD(mr_pool_stats, take_backs, MRPY_U64, "items taken back from a slow worker"),
    {0},
};

static const mrpy_field preset_fields[] = {
    FIELD(mr_preset, name, MRPY_TEXT, "name of the plan"),
    FIELD(mr_preset, reference, MRPY_TEXT, "library whose bytes it equals"),
    FIELD(mr_preset, summary, MRPY_TEXT, "one line for people"),
    FIELD(mr_preset, exact, MRPY_BOOL, "byte-exact against the reference"),
    {0},
};

typedef struct record_type {
    const char *name;
    const mrpy_field *fields;
    const char *doc;
} record_type;

static const record_type record_types[MRPY_N_RECORDS] = {
    [MRPY_R_ITEM] = {"millrace.Item", item_fields, "What became of one item."},
    [MRPY_R_STREAM_STATS] = {"millrace.StreamStats", stream_stats_fields, "Figures of a stream."},
    [MRPY_R_POOL_STATS] = {"millrace.PoolStats", pool_stats_fields, "Figures of a pool."},
    [MRPY_R_PRESET] = {"millrace.Preset", preset_fields, "One named plan."},
};

enum { FIELDS_MAX = 32 };

static int add_type(PyObject *module, PyTypeObject **out, const record_type *type)
{
    PyStructSequence_Field fields[FIELDS_MAX + 1] = {{0}};
    PyStructSequence_Desc desc = {.name = type->name, .doc = type->doc, .fields = fields};
    int n;

    for (n = 0; n < FIELDS_MAX && type->fields[n].name; n++)
        fields[n] = (PyStructSequence_Field){type->fields[n].name, type->fields[n].doc};
    desc.n_in_sequence = n;
    *out = PyStructSequence_NewType(&desc);
    if (!*out)
        return -1;
    return PyModule_AddObjectRef(module, strrchr(type->name, '.') + 1, (PyObject *)*out);
}

int mrpy_records_init(PyObject *module, mrpy_state *state)
{
    int k;

    for (k = 0; k < MRPY_N_RECORDS; k++)
        if (add_type(module, &state->records[k], &record_types[k]) < 0)
            return -1;
    return 0;
}

static PyObject *text_or_none(const char *text)
{
    if (!text)
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *json_of(mrpy_state *state, const char *text)
{
    PyObject *string, *value;

    if (!text || strcmp(text, "{}") == 0)
        return PyDict_New();
    string = text_or_none(text);
    if (!string)
        return NULL;
    value = PyObject_CallOneArg(state->json_loads, string);
    Py_DECREF(string);
    return value;
}

static const char *state_name(mr_item_state state)
{
    static const char *const names[] = {"ok", "failed", "quarantined", "duplicate"};

    return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "failed";
}

static PyObject *value_of(mrpy_state *state, const mrpy_field *field, const void *at)
{
    mr_code code;
    mr_stage stage;

    switch (field->kind) {
    case MRPY_U32:
        return PyLong_FromUnsignedLong(*(const uint32_t *)at);
    case MRPY_U64:
        return PyLong_FromUnsignedLongLong(*(const uint64_t *)at);
    case MRPY_I64:
        return PyLong_FromLongLong(*(const int64_t *)at);
    case MRPY_BOOL:
        return PyBool_FromLong(*(const bool *)at);
    case MRPY_FLOAT:
        return PyFloat_FromDouble((double)*(const float *)at);
    case MRPY_DOUBLE:
        return PyFloat_FromDouble(*(const double *)at);
    case MRPY_TEXT:
        return text_or_none(*(const char *const *)at);
    case MRPY_INLINE:
        return text_or_none(at);
    case MRPY_JSON:
        return json_of(state, *(const char *const *)at);
    case MRPY_CODE:
        code = *(const mr_code *)at;
        return text_or_none(code == MR_CODE_NONE ? NULL : mr_code_name(code));
    case MRPY_STAGE:
        stage = *(const mr_stage *)at;
        return text_or_none(stage == MR_STAGE_NONE ? NULL : mr_stage_name(stage));
    case MRPY_STATE:
        return text_or_none(state_name(*(const mr_item_state *)at));
    default:
        PyErr_Format(PyExc_SystemError, "%s: no field", field->name);
        return NULL;
    }
}

PyObject *mrpy_record_of(mrpy_state *state, mrpy_record which, const void *from)
{
    const mrpy_field *fields = record_types[which].fields;
    PyObject *tuple = PyStructSequence_New(state->records[which]);
    Py_ssize_t k;

    for (k = 0; tuple && fields[k].name; k++) {
        PyObject *value = value_of(state, &fields[k], (const char *)from + fields[k].offset);
        if (value)
            PyStructSequence_SetItem(tuple, k, value);
        else
            Py_CLEAR(tuple);
    }
    return tuple;
}
