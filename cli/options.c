/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of options, and what their values are. Parsing, help and messages about mistakes
 * all come from it.
 */
#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "settings.h"
#include "text.h"

#define CHOICES_MAX 8

#define RUNS    VERB_RUNS
#define WORKING (VERB_RUNS | VERB_BENCH)
#define DECODES (WORKING | VERB_VERIFY)

const struct cli_option cli_options[OPT_COUNT] = {
    [OPT_INTO] = {"into", 0, KIND_TEXT, GROUP_MAIN, VERB_INGEST, "STORE", NULL, 0, 0,
                  "where the embeddings go: photos.mill (one file), milvus://HOST:PORT[/DATABASE], "
                  "npy:PATH, null: (default: "
                  "$MILLRACE_STORE, else the configured store)"},
    [OPT_OUT] = {"out", 0, KIND_TEXT, GROUP_MAIN, VERB_EMBED | VERB_PREPROCESS, "FILE", NULL, 0, 0,
                 "file to write: NAME.npy (and NAME.npy.ids.jsonl beside it), or null: to measure"},
    [OPT_PLAN] = {"plan", 0, KIND_TEXT, GROUP_MAIN, WORKING | VERB_HEALTH | VERB_VERIFY,
                  "NAME|FILE", NULL, 0, 0,
                  "preprocessing: a preset or a plan file (default: what the store remembers, else "
                  "what the embedder needs)"},
    [OPT_PYTHON] = {"python", 0, KIND_TEXT, GROUP_MAIN, VERB_VERIFY, "FILE", NULL, 0, 0,
                    "interpreter that has the reference library (default: python3 of PATH)"},
    [OPT_EMBEDDER] = {"embed", 0, KIND_TEXT, GROUP_MAIN,
                      VERB_INGEST | VERB_EMBED | VERB_BENCH | VERB_HEALTH, "SPEC", NULL, 0, 0,
                      "embedder: builtin, onnx:MODEL[?OPTIONS], "
                      "triton:http://HOST:PORT/MODEL (or grpc://), "
                      "fake:DIM (default: what the store remembers, else builtin)"},
    [OPT_ONNXRUNTIME] = {"onnxruntime", 0, KIND_TEXT, GROUP_MAIN,
                         VERB_INGEST | VERB_EMBED | VERB_SEARCH | VERB_BENCH | VERB_DOCTOR |
                             VERB_HEALTH,
                         "PATH", NULL, 0, 0,
                         "ONNX Runtime: libonnxruntime.so, or a folder that holds it (default: "
                         "searched for)"},
    [OPT_COLLECTION] = {"collection", 0, KIND_TEXT, GROUP_MAIN, VERB_STORES, "NAME", NULL, 0, 0,
                        "collection of the store (default: default)"},
    [OPT_LEDGER] = {"ledger", 0, KIND_TEXT, GROUP_MAIN,
                    VERB_INGEST | VERB_REPORT | VERB_DELETE | VERB_COLLECTION, "FILE", NULL, 0, 0,
                    "ledger of a store that has none inside (default: "
                    "~/.local/state/millrace/STORE.ledger)"},
    [OPT_REFRESH] =
        {"refresh", 0, KIND_CHOICE, GROUP_MAIN, VERB_INGEST, "WHEN", "auto|always|never", 0, 0,
         "items that are stored already: again if they changed (auto, default), always, "
         "never"},
    [OPT_FORCE_PLAN] = {"force-plan", 0, KIND_FLAG, GROUP_MAIN, VERB_INGEST | VERB_SEARCH, NULL,
                        NULL, 0, 0, "go on although the collection was made with another plan"},
    [OPT_INDEX] = {"index", 0, KIND_TEXT, GROUP_MAIN, VERB_INGEST | VERB_COLLECTION, "TYPE", NULL,
                   0, 0, "index of a new collection (default: FLAT)"},
    [OPT_METRIC] = {"metric", 0, KIND_CHOICE, GROUP_MAIN, VERB_INGEST | VERB_COLLECTION, "METRIC",
                    "IP|L2|COSINE", 0, 0, "metric of a new collection: IP (default), L2, COSINE"},
    [OPT_DIM] = {"dim", 0, KIND_COUNT, GROUP_MAIN, VERB_COLLECTION, "N", NULL, 1, 32768,
                 "create: length of a vector, 1..32768"},
    [OPT_DESCRIPTION] = {"description", 0, KIND_TEXT, GROUP_MAIN, VERB_COLLECTION, "TEXT", NULL, 0,
                         0, "create: for people"},
    [OPT_IDS] = {"ids", 0, KIND_WORDS, GROUP_MAIN, VERB_INSERT, "ID...", NULL, 0, 0,
                 "an id for each input, in their order; up to the next option"},
    [OPT_METADATA] = {"metadata", 0, KIND_TEXT, GROUP_MAIN, VERB_INSERT, "FILE.json", NULL, 0, 0,
                      "a JSON list of objects, one for each input"},
    [OPT_CREATE] = {"create-collection", 0, KIND_FLAG, GROUP_MAIN, VERB_INSERT, NULL, NULL, 0, 0,
                    "make the collection if it is missing (always done)"},
    [OPT_IMAGE] = {"image", 0, KIND_TEXT, GROUP_MAIN, VERB_SEARCH, "FILE", NULL, 0, 0,
                   "nearest to this picture"},
    [OPT_ID] = {"id", 0, KIND_TEXT, GROUP_MAIN, VERB_SEARCH, "ID", NULL, 0, 0,
                "nearest to this row of the collection"},
    [OPT_GONE] = {"id", 0, KIND_WORDS, GROUP_MAIN, VERB_DELETE, "ID...", NULL, 0, 0,
                  "rows that go; up to the next option"},
    [OPT_VECTOR] = {"vector", 0, KIND_TEXT, GROUP_MAIN, VERB_SEARCH, "FILE.npy", NULL, 0, 0,
                    "nearest to these vectors, float32 [D] or [Q,D]"},
    [OPT_K] = {"k", 'k', KIND_COUNT, GROUP_MAIN, VERB_SEARCH, "N", NULL, 1, 16384,
               "neighbours wanted, 1..16384 (default: 10)"},
    [OPT_FILTER] = {"filter", 0, KIND_TEXT, GROUP_MAIN, VERB_SEARCH | VERB_DELETE, "EXPR", NULL, 0,
                    0,
                    "only rows that match, such as 'metadata[\"label\"] == \"cat\" and id != "
                    "\"a\"'"},
    [OPT_OUTPUT_FIELD] = {"output-field", 0, KIND_LIST, GROUP_MAIN, VERB_SEARCH, "NAME", NULL, 0, 0,
                          "also show this field of each hit (id, uri, metadata, fingerprint, "
                          "vector, * for all); may be repeated"},
    [OPT_PARAM] = {"param", 0, KIND_LIST, GROUP_MAIN, VERB_SEARCH | VERB_COLLECTION, "NAME=VALUE",
                   NULL, 0, 0,
                   "what the index knows: nlist, M (create), nprobe, ef (search); may be repeated"},
    [OPT_FAILED] = {"failed", 0, KIND_FLAG, GROUP_MAIN, VERB_REPORT, NULL, NULL, 0, 0,
                    "only items that are not stored"},

    [OPT_ID_FROM] = {"id-from", 0, KIND_CHOICE, GROUP_SOURCE, RUNS, "WHAT", "path|stem", 0, 0,
                     "ids are made from: path (default), stem"},
    [OPT_ALL_FILES] = {"all-files", 0, KIND_FLAG, GROUP_SOURCE, WORKING, NULL, NULL, 0, 0,
                       "directories: every regular file, not only image extensions"},
    [OPT_FOLLOW] = {"follow", 0, KIND_FLAG, GROUP_SOURCE, WORKING, NULL, NULL, 0, 0,
                    "directories: follow symbolic links found inside"},
    [OPT_NUL] = {"null", '0', KIND_FLAG, GROUP_SOURCE, WORKING, NULL, NULL, 0, 0,
                 "lists and stdin: names end with NUL, not newline"},
    [OPT_ALLOW_PRIVATE] = {"allow-private", 0, KIND_FLAG, GROUP_SOURCE, WORKING | VERB_SEARCH, NULL,
                           NULL, 0, 0,
                           "URLs: also addresses that are not public (this machine, its network)"},
    [OPT_FETCH_TIMEOUT] = {"fetch-timeout", 0, KIND_TIME, GROUP_SOURCE, WORKING, "TIME", NULL, 1,
                           3600000,
                           "deadline of one URL, with redirects and attempts, 1ms..1h (default: "
                           "60s)"},
    [OPT_FETCH_IDLE] = {"fetch-idle", 0, KIND_TIME, GROUP_SOURCE, WORKING, "TIME", NULL, 1, 3600000,
                        "URLs: to connect, and that a server may say nothing, 1ms..1h (default: "
                        "10s)"},

    [OPT_ERROR_BUDGET] = {"error-budget", 0, KIND_BUDGET, GROUP_BAD, RUNS, "1%|N|none", NULL, 0, 0,
                          "bad items that still make a success; N stops the run after more "
                          "(default: 1%)"},
    [OPT_ITEM_TIMEOUT] = {"item-timeout", 0, KIND_TIME, GROUP_BAD, DECODES, "TIME", NULL, 1,
                          3600000, "deadline of one picture in a worker, 1ms..1h (default: 10s)"},
    [OPT_MAX_PIXELS] = {"max-pixels", 0, KIND_COUNT, GROUP_BAD, DECODES, "N", NULL, 1,
                        UINT64_C(1) << 32,
                        "largest picture, width times height (default: "
                        "178956970)"},
    [OPT_MAX_BYTES] = {"max-bytes", 0, KIND_SIZE, GROUP_BAD, DECODES, "SIZE", NULL, 1,
                       UINT64_C(1) << 40, "largest encoded picture (default: half the input slab)"},
    [OPT_REQUIRE_SANDBOX] = {"require-sandbox", 0, KIND_FLAG, GROUP_BAD, DECODES | VERB_SEARCH,
                             NULL, NULL, 0, 0, "refuse to run unless the sandbox is complete"},

    [OPT_WORKERS] = {"workers", 0, KIND_AUTO, GROUP_SPEED, WORKING, "N|auto", NULL, 1, 256,
                     "worker processes (default: auto, the CPUs that may be used)"},
    [OPT_BATCH] = {"batch", 0, KIND_COUNT, GROUP_SPEED, WORKING, "N", NULL, 1, 4096,
                   "pictures a batch, 1..4096 (default: 32)"},
    [OPT_BATCH_WAIT] = {"batch-wait-ms", 0, KIND_COUNT, GROUP_SPEED, RUNS, "N", NULL, 0, 86400000,
                        "a partial batch leaves after N ms; 0: only when full (default: 1000)"},
    [OPT_MEMORY] = {"memory", 0, KIND_SIZE, GROUP_SPEED, DECODES, "SIZE", NULL, 1 << 20,
                    UINT64_C(1) << 50, "budget for host and workers together (default: 512M)"},
    [OPT_UNORDERED] = {"unordered", 0, KIND_FLAG, GROUP_SPEED, RUNS, NULL, NULL, 0, 0,
                       "deliver batches as they complete, not in the order of the source"},
    [OPT_EMBED_WORKERS] = {"embed-workers", 0, KIND_AUTO, GROUP_SPEED, VERB_INGEST | VERB_EMBED,
                           "N|auto", NULL, 1, 64,
                           "batches embedded at once (default: auto, as many as help)"},
    [OPT_COMMIT_ROWS] = {"commit-rows", 0, KIND_AUTO, GROUP_SPEED, VERB_INGEST, "N|auto", NULL, 1,
                         1000000,
                         "rows that one commit may gather from batches that wait (default: auto, "
                         "what the store likes)"},
    [OPT_QUEUE] = {"queue", 0, KIND_AUTO, GROUP_SPEED, VERB_INGEST | VERB_EMBED, "N|auto", NULL, 1,
                   1000000,
                   "batches that may wait to be stored, as far as memory goes (default: auto)"},
    [OPT_FETCH_THREADS] = {"fetch-threads", 0, KIND_AUTO, GROUP_SPEED, WORKING, "N|auto", NULL, 1,
                           64,
                           "files or URLs read at once (default: auto, 2 files, up to 32 URLs)"},

    [OPT_JSON] = {"json", 0, KIND_FLAG, GROUP_OUTPUT, VERB_ALL, NULL, NULL, 0, 0,
                  "the result as JSON, one object a line"},
    [OPT_PROGRESS] = {"progress", 0, KIND_CHOICE, GROUP_OUTPUT, RUNS, "WHEN", "auto|always|never",
                      0, 0, "progress line on stderr (default: auto, when it is a terminal)"},
    [OPT_CONFIG] = {"config", 0, KIND_TEXT, GROUP_OUTPUT, VERB_ALL | VERB_CONFIG, "FILE", NULL, 0,
                    0, "configuration file; options and environment beat what it says"},
    [OPT_LOG_LEVEL] = {"log-level", 0, KIND_CHOICE, GROUP_OUTPUT, VERB_ALL | VERB_CONFIG, "LEVEL",
                       "error|warn|info|debug", 0, 0, "messages on stderr (default: warn)"},
    [OPT_LOG_FORMAT] = {"log-format", 0, KIND_CHOICE, GROUP_OUTPUT, VERB_ALL | VERB_CONFIG,
                        "FORMAT", "text|json", 0, 0, "of messages: text (default), json"},
    [OPT_HELP] = {"help", 'h', KIND_FLAG, GROUP_OUTPUT, VERB_ALL | VERB_CONFIG, NULL, NULL, 0, 0,
                  "this text"},
};

struct unit {
    const char *name;
    uint64_t worth;
};

static bool parse_budget(const char *text, mr_error_budget *out)
{
    char *end;
    uint64_t count;

    if (strcmp(text, "none") == 0) {
        *out = (mr_error_budget){.kind = MR_BUDGET_NONE};
        return true;
    }
    if (cli_text_count(text, &count)) {
        *out = (mr_error_budget){.kind = MR_BUDGET_COUNT, .value = (double)count};
        return true;
    }
    if (!isdigit((unsigned char)*text) || strspn(text, "0123456789.") + 1 != strlen(text))
        return false;
    *out = (mr_error_budget){.kind = MR_BUDGET_PERCENT, .value = strtod(text, &end)};
    return strcmp(end, "%") == 0 && out->value <= 100;
}

/* Position of `text` among "a|b|c"; offers each to `nearest`, whose names live in `names`. */
static bool parse_choice(const char *choices, const char *text, uint64_t *out,
                         struct cli_nearest *nearest, char names[CHOICES_MAX][16])
{
    uint64_t i;

    for (i = 0; *choices && i < CHOICES_MAX; i++) {
        size_t n = strcspn(choices, "|");

        (void)snprintf(names[i], sizeof names[i], "%.*s", (int)n, choices);
        *out = i;
        if (strcasecmp(names[i], text) == 0)
            return true;
        cli_nearest_offer(nearest, names[i]);
        choices += n + (choices[n] == '|');
    }
    return false;
}

static bool in_range(const struct cli_option *option, uint64_t number)
{
    return number >= option->min && number <= option->max;
}

/* In the largest of `units` that holds `number` without a rest. */
static void show_round(char *dst, size_t size, uint64_t number, const struct unit *units)
{
    while (units[1].name && number % units[1].worth == 0)
        units++;
    (void)snprintf(dst, size, "%llu%s", (unsigned long long)(number / units->worth), units->name);
}

void cli_option_show(const struct cli_option *option, uint64_t number, char *dst, size_t size)
{
    static const struct unit counts[] = {{"", 1}, {NULL, 0}};
    static const struct unit times[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
    static const struct unit sizes[] = {{"", 1},
                                        {"K", UINT64_C(1) << 10},
                                        {"M", UINT64_C(1) << 20},
                                        {"G", UINT64_C(1) << 30},
                                        {"T", UINT64_C(1) << 40},
                                        {NULL, 0}};

    show_round(dst, size, number,
               option->kind == KIND_TIME   ? times
               : option->kind == KIND_SIZE ? sizes
                                           : counts);
}

/* " from 1ms to 1h": what the option takes, in its own units. "" where there is no range. */
static void show_range(char *dst, size_t size, const struct cli_option *option)
{
    char min[32], max[32];

    if (option->max == 0)
        return;
    cli_option_show(option, option->min, min, sizeof min);
    cli_option_show(option, option->max, max, sizeof max);
    (void)snprintf(dst, size, " from %s to %s", min, max);
}

/* What would have been right. */
static void say_wanted(const struct cli_option *option, const char *hint, char *why, size_t size)
{
    static const char *const wants[] = {
        [KIND_FLAG] = "wanted true or false",
        [KIND_TEXT] = "wanted a value",
        [KIND_LIST] = "wanted a value",
        [KIND_WORDS] = "wanted a value",
        [KIND_COUNT] = "wanted a number",
        [KIND_AUTO] = "wanted a number or auto",
        [KIND_SIZE] = "wanted a size such as 512M,",
        [KIND_TIME] = "wanted a time such as 10s or 250ms,",
        [KIND_CHOICE] = "wanted one of",
        [KIND_BUDGET] = "wanted a percentage such as 1%, a number of items, or none",
    };
    char range[160] = "", near[64] = "";

    if (option->kind == KIND_CHOICE)
        (void)snprintf(range, sizeof range, " %s", option->choices);
    else
        show_range(range, sizeof range, option);
    if (hint)
        (void)snprintf(near, sizeof near, "; did you mean %s?", hint);
    (void)snprintf(why, size, "%s%s%s", wants[option->kind], range, near);
}

bool cli_option_read(const struct cli_option *option, const char *text, struct cli_reading *out)
{
    struct cli_nearest nearest = {.typed = text};
    char names[CHOICES_MAX][16];
    bool ok = true;

    out->number = 0;
    switch (option->kind) {
    case KIND_FLAG:
        ok = cli_text_truth(text, &out->number);
        break;
    case KIND_TEXT:
    case KIND_LIST:
    case KIND_WORDS:
        ok = *text != '\0';
        break;
    case KIND_AUTO:
        if (strcmp(text, "auto") == 0)
            break;
        /* fall through */
    case KIND_COUNT:
        ok = cli_text_count(text, &out->number) && in_range(option, out->number);
        break;
    case KIND_SIZE:
        ok = cli_text_size(text, &out->number) && in_range(option, out->number);
        break;
    case KIND_TIME:
        ok = cli_text_time(text, 1000, &out->number) && in_range(option, out->number);
        break;
    case KIND_CHOICE:
        ok = parse_choice(option->choices, text, &out->number, &nearest, names);
        break;
    case KIND_BUDGET:
        ok = parse_budget(text, &out->budget);
        break;
    }
    if (!ok)
        say_wanted(option, nearest.best, out->why, sizeof out->why);
    return ok;
}

/* One more of the option's values. Those of a lower rank go first. */
static bool append(struct cli_args *args, enum cli_option_id id, const struct cli_from *from,
                   const char *text)
{
    struct cli_value *value = &args->values[id];

    if (!value->list)
        value->list = calloc(args->room, sizeof *value->list);
    if (!value->list)
        return false;
    if (value->rank != from->rank)
        value->n_list = 0;
    if (value->n_list < args->room)
        value->list[value->n_list++] = text;
    value->given = true;
    value->rank = from->rank;
    value->text = text;
    return true;
}

int cli_option_take(struct cli_args *args, enum cli_option_id id, const struct cli_from *from,
                    const char *text)
{
    const struct cli_option *option = &cli_options[id];
    struct cli_reading reading;
    char shown[128];

    if (!cli_option_read(option, text, &reading)) {
        cli_text_escape(shown, sizeof shown, text);
        return cli_usage(args->verb, "%s %s: %s", from->where, shown, reading.why);
    }
    if (option->kind == KIND_LIST || option->kind == KIND_WORDS)
        return append(args, id, from, text)
                   ? CLI_OK
                   : cli_fail(args->verb, CLI_ENVIRONMENT, "out of memory");
    if (option->kind == KIND_BUDGET)
        args->budget = reading.budget;
    args->values[id] = (struct cli_value){.given = option->kind != KIND_FLAG || reading.number == 1,
                                          .rank = from->rank,
                                          .text = text,
                                          .number = reading.number};
    return CLI_OK;
}
