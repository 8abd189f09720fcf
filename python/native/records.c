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
    FIELD(mr_item_result, detail, MRPY_TEXT, "more of it, in lines: a traceback; or empty"),
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
    FIELD(mr_preset, max_error, MRPY_DOUBLE, "largest difference from it, levels of 0..255"),
    FIELD(mr_preset, verified, MRPY_BOOL, "compared with the library's own processor"),
    FIELD(mr_preset, unsupported, MRPY_TEXT, "None, or why it cannot be opened"),
    {0},
};

static const mrpy_field collection_fields[] = {
    FIELD(mr_collection, name, MRPY_TEXT, ""),
    FIELD(mr_collection, description, MRPY_TEXT, "free text"),
    FIELD(mr_collection, num_entities, MRPY_U64, "rows"),
    FIELD(mr_collection, dim, MRPY_U32, "length of a vector"),
    FIELD(mr_collection, metric, MRPY_METRIC, "\"IP\", \"L2\" or \"COSINE\""),
    FIELD(mr_collection, index, MRPY_TEXT, "\"FLAT\""),
    FIELD(mr_collection, fingerprint, MRPY_TEXT, "of the plan"),
    FIELD(mr_collection, plan_name, MRPY_TEXT, "name of the plan"),
    FIELD(mr_collection, plan_text, MRPY_TEXT, "canonical text of the plan"),
    FIELD(mr_collection, embedder, MRPY_TEXT, "specification: \"builtin\""),
    FIELD(mr_collection, loaded, MRPY_BOOL, "ready to be searched"),
    {0},
};

static const mrpy_field hit_fields[] = {
    FIELD(mr_hit, id, MRPY_TEXT, "name of the row"),
    FIELD(mr_hit, score, MRPY_FLOAT, "larger is nearer"),
    FIELD(mr_hit, distance, MRPY_FLOAT, "1 - score for IP and COSINE; squared distance for L2"),
    FIELD(mr_hit, uri, MRPY_TEXT, "where the picture came from"),
    FIELD(mr_hit, metadata, MRPY_JSON, "dict"),
    FIELD(mr_hit, fields, MRPY_JSON, "dict of the output fields that were asked for"),
    {0},
};

static const mrpy_field ledger_fields[] = {
    FIELD(mr_ledger_entry, key, MRPY_TEXT, "source key"),
    FIELD(mr_ledger_entry, id, MRPY_TEXT, "name of the item"),
    FIELD(mr_ledger_entry, uri, MRPY_TEXT, "where it came from"),
    FIELD(mr_ledger_entry, state, MRPY_TEXT,
          "\"stored\", \"failed\", \"quarantined\", \"duplicate\""),
    FIELD(mr_ledger_entry, stage, MRPY_STAGE, "where"),
    FIELD(mr_ledger_entry, code, MRPY_CODE, "reason code, or None"),
    FIELD(mr_ledger_entry, message, MRPY_TEXT, "one line for people"),
    FIELD(mr_ledger_entry, attempts, MRPY_U32, "times that a worker was given it"),
    FIELD(mr_ledger_entry, ms_fetch, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_ledger_entry, ms_wait, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_ledger_entry, ms_decode, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_ledger_entry, ms_transform, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_ledger_entry, ms_embed, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_ledger_entry, ms_store, MRPY_FLOAT, "milliseconds"),
    FIELD(mr_ledger_entry, bytes, MRPY_U64, "encoded size"),
    FIELD(mr_ledger_entry, width, MRPY_U32, "pixels"),
    FIELD(mr_ledger_entry, height, MRPY_U32, "pixels"),
    FIELD(mr_ledger_entry, format, MRPY_TEXT, "\"jpeg\", \"png\", \"webp\" or empty"),
    FIELD(mr_ledger_entry, fingerprint, MRPY_TEXT, "of the plan"),
    {0},
};

static const mrpy_field progress_fields[] = {
    FIELD(mr_progress, items, MRPY_U64, "so far"),
    FIELD(mr_progress, ok, MRPY_U64, "items"),
    FIELD(mr_progress, failed, MRPY_U64, "items"),
    FIELD(mr_progress, quarantined, MRPY_U64, "items"),
    FIELD(mr_progress, duplicate, MRPY_U64, "items"),
    FIELD(mr_progress, skipped, MRPY_U64, "items"),
    FIELD(mr_progress, ignored, MRPY_U64, "files"),
    FIELD(mr_progress, seconds, MRPY_DOUBLE, "since the start"),
    FIELD(mr_progress, items_per_s, MRPY_DOUBLE, "over the last few seconds"),
    FIELD(mr_progress, bottleneck, MRPY_TEXT, "\"decode\", \"embed\", ... or empty"),
    {0},
};

static const mrpy_field summary_fields[] = {
    FIELD(mr_summary, items, MRPY_U64, "ok + failed + quarantined + duplicate + skipped"),
    FIELD(mr_summary, ok, MRPY_U64, "items"),
    FIELD(mr_summary, failed, MRPY_U64, "items"),
    FIELD(mr_summary, quarantined, MRPY_U64, "items"),
    FIELD(mr_summary, duplicate, MRPY_U64, "items"),
    FIELD(mr_summary, skipped, MRPY_U64, "items"),
    FIELD(mr_summary, ignored, MRPY_U64, "files"),
    FIELD(mr_summary, by_code, MRPY_BY_CODE, "dict: reason code -> items"),
    FIELD(mr_summary, seconds, MRPY_DOUBLE, "of the run"),
    FIELD(mr_summary, items_per_s, MRPY_DOUBLE, ""),
    FIELD(mr_summary, first_batch_ms, MRPY_DOUBLE, "from the start of the process; 0: none"),
    FIELD(mr_summary, workers, MRPY_U32, "processes"),
    FIELD(mr_summary, worker_restarts, MRPY_U64, "deaths and deadline kills"),
    FIELD(mr_summary, peak_memory_bytes, MRPY_U64, "host and workers, shared memory once"),
    FIELD(mr_summary, bottleneck, MRPY_INLINE, "\"decode\", \"embed\", ..."),
    FIELD(mr_summary, fingerprint, MRPY_INLINE, "of the plan"),
    FIELD(mr_summary, budget_exceeded, MRPY_BOOL, "more failures than error_budget"),
    FIELD(mr_summary, interrupted, MRPY_BOOL, "stop() ended it"),
    {0},
};

static const mrpy_field config_value_fields[] = {
    FIELD(mr_config_value, name, MRPY_TEXT, "\"collections[0].name\""),
    FIELD(mr_config_value, text, MRPY_TEXT, "None: a section, a list, or unset"),
    FIELD(mr_config_value, line, MRPY_U32, "from 1; 0: from the environment"),
    FIELD(mr_config_value, quoted, MRPY_BOOL, "a text, even if it looks like a number"),
    FIELD(mr_config_value, list, MRPY_BOOL, "a list; its items follow"),
    {0},
};

static const mrpy_field config_key_fields[] = {
    FIELD(mr_config_key, name, MRPY_TEXT, "\"triton.url\""),
    FIELD(mr_config_key, kind, MRPY_CONFIG_KIND, "\"text\", \"bool\", \"count\", ..."),
    FIELD(mr_config_key, items, MRPY_U32, "0: one value; n: a list of exactly n values"),
    FIELD(mr_config_key, choices, MRPY_TEXT, "\"http|grpc\", or None"),
    FIELD(mr_config_key, fallback, MRPY_TEXT, "default, or None"),
    FIELD(mr_config_key, environment, MRPY_TEXT, "variable that beats the file, or None"),
    FIELD(mr_config_key, help, MRPY_TEXT, "one line for people"),
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
    [MRPY_R_COLLECTION] = {"millrace.Collection", collection_fields, "A collection of a store."},
    [MRPY_R_HIT] = {"millrace.Hit", hit_fields, "One neighbour."},
    [MRPY_R_LEDGER] = {"millrace.LedgerEntry", ledger_fields, "What happened to one item."},
    [MRPY_R_PROGRESS] = {"millrace.Progress", progress_fields, "What a run is at."},
    [MRPY_R_SUMMARY] = {"millrace.Summary", summary_fields, "How a run ended."},
    [MRPY_R_CONFIG_VALUE] = {"millrace.ConfigValue", config_value_fields, "A value and its place."},
    [MRPY_R_CONFIG_KEY] = {"millrace.ConfigKey", config_key_fields, "A key that a file may have."},
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

static const char *kind_name(mr_config_kind kind)
{
    static const char *const names[] = {"text",   "bool", "count",  "real",
                                        "choice", "any",  "checked"};

    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "any";
}

static PyObject *counts_by_code(const uint64_t *counts)
{
    PyObject *dict = PyDict_New();
    int k;

    for (k = 0; dict && k < MR_CODE_COUNT; k++) {
        PyObject *number;
        if (counts[k] == 0)
            continue;
        number = PyLong_FromUnsignedLongLong(counts[k]);
        if (!number || PyDict_SetItemString(dict, mr_code_name((mr_code)k), number) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(number);
    }
    return dict;
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
    case MRPY_METRIC:
        return text_or_none(mr_metric_name(*(const mr_metric *)at));
    case MRPY_CONFIG_KIND:
        return text_or_none(kind_name(*(const mr_config_kind *)at));
    case MRPY_BY_CODE:
        return counts_by_code(at);
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
