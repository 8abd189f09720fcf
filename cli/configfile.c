/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a configuration file. The values of millrace's own keys are read from the same structs
 * that a run gets, so that what is shown is what holds, and defaults are known in one place.
 */
#include "configfile.h"

#include <ctype.h>
#include <string.h>

#include "console.h"
#include "run.h"
#include "settings.h"

#define WIDTH 100

/* What a run would get. */
struct effective {
    mr_pipeline_options pipeline;
    mr_source_options source;
    const char *onnxruntime;
};

/* A word that other readers of YAML take for something else than a text. */
static bool is_word(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off"};
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_plain(const char *text)
{
    size_t n = strlen(text), i;

    for (i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("_./:+%-@", text[i]))
            return false;
    return n > 0 && strcasecmp(text, "null") != 0 && text[n - 1] != ':' &&
           (isalnum((unsigned char)text[0]) || text[0] == '/' ||
            (text[0] == '.' && text[1] == '/'));
}

/* A text as YAML reads it back. */
static void write_text(FILE *out, const char *text, bool quote)
{
    const unsigned char *p = (const unsigned char *)text;

    if (!quote && is_plain(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7F)
            fprintf(out, "\\x%02X", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

/* The same without what is secret in a URL: user, password, query (but the options of an embedder,
 * which are no secrets). */
static void write_masked(FILE *out, const char *text, bool quote)
{
    const char *host = strstr(text, "://"), *at, *query;
    bool options = strncmp(text, "triton:", 7) == 0;
    char shown[8300];
    size_t n;

    if (!host) {
        write_text(out, text, quote);
        return;
    }
    host += 3;
    n = strcspn(host, "/?#");
    at = memrchr(host, '@', n);
    query = options ? NULL : strchr(at ? at : host, '?');
    (void)snprintf(shown, sizeof shown, "%.*s%s%.*s%s", (int)(host - text), text, at ? "***" : "",
                   query ? (int)(query - (at ? at : host)) : (int)strlen(at ? at : host),
                   at ? at : host, query ? "?***" : "");
    write_text(out, shown, quote);
}

static void write_budget(FILE *out, const mr_error_budget *budget)
{
    if (budget->kind == MR_BUDGET_NONE)
        fputs("none", out);
    else
        fprintf(out, "%.15g%s", budget->value, budget->kind == MR_BUDGET_PERCENT ? "%" : "");
}

/* Text of an option; NULL: unset. */
static const char *text_of(const struct effective *e, enum cli_option_id id)
{
    switch (id) {
    case OPT_INTO:
        return e->pipeline.store;
    case OPT_COLLECTION:
        return e->pipeline.collection;
    case OPT_INDEX:
        return e->pipeline.index;
    case OPT_LEDGER:
        return e->pipeline.ledger;
    case OPT_EMBEDDER:
        return e->pipeline.embed;
    case OPT_ONNXRUNTIME:
        return e->onnxruntime;
    default:
        return e->pipeline.plan;
    }
}

/* Number of an option as it holds, by what its kind counts. */
static uint64_t number_of(const struct cli_args *args, const struct effective *e,
                          enum cli_option_id id)
{
    const mr_stream_options *stream = &e->pipeline.stream;

    switch (id) {
    case OPT_ID_FROM:
        return e->source.id_from;
    case OPT_ALL_FILES:
        return e->source.all_files;
    case OPT_FOLLOW:
        return e->source.follow;
    case OPT_NUL:
        return e->source.nul_separated;
    case OPT_ALLOW_PRIVATE:
        return stream->allow_private;
    case OPT_FETCH_THREADS:
        return stream->fetch_threads;
    case OPT_FETCH_TIMEOUT:
        return stream->fetch_timeout_ms;
    case OPT_FETCH_IDLE:
        return stream->fetch_idle_ms;
    case OPT_WORKERS:
        return stream->pool.workers;
    case OPT_BATCH:
        return stream->batch;
    case OPT_BATCH_WAIT:
        return stream->batch_wait_ms;
    case OPT_UNORDERED:
        return stream->unordered;
    case OPT_REQUIRE_SANDBOX:
        return stream->pool.require_sandbox;
    case OPT_METRIC:
        return e->pipeline.metric;
    case OPT_REFRESH:
        return e->pipeline.refresh;
    case OPT_FORCE_PLAN:
        return e->pipeline.force_plan;
    case OPT_EMBED_WORKERS:
        return e->pipeline.embed_workers;
    case OPT_COMMIT_ROWS:
        return e->pipeline.commit_rows;
    case OPT_QUEUE:
        return e->pipeline.queue_batches;
    case OPT_ITEM_TIMEOUT:
        return stream->pool.item_timeout_ms;
    case OPT_MAX_PIXELS:
        return stream->max_pixels;
    case OPT_MAX_BYTES:
        return stream->max_bytes;
    case OPT_MEMORY:
        return stream->pool.memory_bytes;
    case OPT_LOG_LEVEL:
        return cli_console_level(args);
    default:
        return cli_number(args, id, 0); /* words of which the first is the default */
    }
}

/* null: none of them, what is there decides. */
static void write_choice(FILE *out, const char *choices, uint64_t number)
{
    for (; number > 0 && *choices; number--) {
        choices += strcspn(choices, "|");
        choices += *choices == '|';
    }
    fprintf(out, "%.*s", *choices ? (int)strcspn(choices, "|") : 4, *choices ? choices : "null");
}

static void write_value(FILE *out, const struct cli_args *args, const struct effective *e,
                        enum cli_option_id id)
{
    const struct cli_option *option = &cli_options[id];
    uint64_t number;
    char shown[32];

    if (option->kind == KIND_TEXT) {
        if (text_of(e, id))
            write_masked(out, text_of(e, id), is_word(text_of(e, id)));
        else
            fputs("null", out);
        return;
    }
    if (option->kind == KIND_BUDGET) {
        write_budget(out, &e->pipeline.budget);
        return;
    }
    number = number_of(args, e, id);
    cli_option_show(option, number, shown, sizeof shown);
    if (option->kind == KIND_FLAG)
        fputs(number ? "true" : "false", out);
    else if (option->kind == KIND_CHOICE)
        write_choice(out, option->choices, number);
    else if (option->kind == KIND_AUTO && number == 0)
        fputs("auto", out);
    else
        fputs(number < option->min ? "null" : shown, out); /* null: chosen by the library */
}

/* A comment, folded at spaces. */
static void write_comment(FILE *out, const char *lead, const char *text)
{
    size_t room = WIDTH - strlen(lead);

    while (strlen(text) > room) {
        size_t n = room;

        while (n > 0 && text[n] != ' ')
            n--;
        if (n == 0)
            n = room;
        fprintf(out, "%s%.*s\n", lead, (int)n, text);
        text += n + (text[n] == ' ');
    }
    fprintf(out, "%s%s\n", lead, text);
}

/* "--batch N, MILLRACE_BATCH: pictures a batch ..." */
static void explain(FILE *out, const struct cli_setting *setting)
{
    const struct cli_option *o = &cli_options[setting->option];
    char variable[64], text[400];

    cli_option_variable(setting->option, variable, sizeof variable);
    (void)snprintf(text, sizeof text, "--%s%s%s, %s: %s", o->name, o->argument ? " " : "",
                   o->kind == KIND_CHOICE ? o->choices
                   : o->argument          ? o->argument
                                          : "",
                   variable, o->help);
    write_comment(out, "  # ", text);
}

static void write_own(FILE *out, const struct cli_args *args, bool comments)
{
    const struct cli_run run = {.store = cli_given(args, OPT_INTO) ? cli_text(args, OPT_INTO)
                                                                   : args->store,
                                .embed = cli_text(args, OPT_EMBEDDER)};
    struct effective e;
    const char *section = "";
    size_t i;

    cli_pipeline_options(args, &run, &e.pipeline);
    cli_source_options(args, &e.source);
    if (cli_given(args, OPT_PLAN))
        e.pipeline.plan = cli_text(args, OPT_PLAN);
    e.onnxruntime = cli_text(args, OPT_ONNXRUNTIME);
    for (i = 0; i < cli_n_settings; i++) {
        const char *key = cli_settings[i].key;
        size_t n = strcspn(key, ".");

        if (strncmp(section, key, n + 1) != 0)
            fprintf(out, "%s%.*s:\n", comments && i > 0 ? "\n" : "", (int)n, key);
        section = key;
        if (comments)
            explain(out, &cli_settings[i]);
        fprintf(out, "  %s: ", key + n + 1);
        write_value(out, args, &e, cli_settings[i].option);
        fputc('\n', out);
    }
}

/* The value of a key of the original: a list, one value, its default, or null. */
static void write_original(FILE *out, const struct cli_args *args, const mr_config_key *key)
{
    const mr_config_value *value = mr_config_find(args->config, key->name);
    char name[128];
    uint32_t i;

    (void)snprintf(name, sizeof name, "%s[0]", key->name);
    if (value && key->secret) {
        fputs("\"***\"", out);
    } else if (value) {
        write_masked(out, value->text, value->quoted);
    } else if (key->items > 0 && mr_config_find(args->config, name)) {
        for (i = 0; i < key->items; i++) {
            (void)snprintf(name, sizeof name, "%s[%u]", key->name, i);
            value = mr_config_find(args->config, name);
            fprintf(out, "%s%s", i > 0 ? ", " : "[", value ? value->text : "");
        }
        fputc(']', out);
    } else {
        fputs(key->fallback ? key->fallback : "null", out);
    }
}

/* A list with all that is in it, as it stands in the file. */
static void write_tree(FILE *out, const struct cli_args *args, const char *name)
{
    const mr_config_value *value;
    size_t n = strlen(name), i;

    for (i = 0; (value = mr_config_at(args->config, i)) != NULL; i++) {
        const char *p = value->name, *last = p;
        int depth = 0;

        if (strncmp(p, name, n) != 0 || (p[n] != '\0' && p[n] != '['))
            continue;
        for (; *p; p++) {
            if (*p != '.' && *p != '[')
                continue;
            depth++;
            last = *p == '.' ? p + 1 : p;
        }
        fprintf(out, "%*s%s%s", 2 * depth, "", *last == '[' ? "-" : last, *last == '[' ? "" : ":");
        if (value->text) {
            fputc(' ', out);
            write_masked(out, value->text, value->quoted);
        }
        fputc('\n', out);
    }
}

void cli_configfile_print(const struct cli_args *args, FILE *out)
{
    const char *section = "";
    size_t n, i;
    const mr_config_key *keys = mr_config_original(&n);

    write_own(out, args, false);
    for (i = 0; i < n; i++) {
        const char *key = keys[i].name;
        size_t len = strcspn(key, ".[");
        char name[64];

        (void)snprintf(name, sizeof name, "%.*s", (int)len, key);
        if (!mr_config_has(args->config, name))
            continue;
        if (key[len] == '[') {
            if (strncmp(section, key, len + 1) != 0)
                write_tree(out, args, name);
        } else if (key[len] == '\0') {
            fprintf(out, "%s: ", key);
            write_original(out, args, &keys[i]);
            fputc('\n', out);
        } else {
            if (strncmp(section, key, len + 1) != 0)
                fprintf(out, "%s:\n", name);
            fprintf(out, "  %s: ", key + len + 1);
            write_original(out, args, &keys[i]);
            fputc('\n', out);
        }
        section = key;
    }
}

/* A key of the original, as a comment: what it is, then the line that may be used. */
static void offer_original(FILE *out, const mr_config_key *key, const char **section)
{
    size_t len = strcspn(key->name, ".[");
    bool list = key->name[len] == '[', top = key->name[len] == '\0';
    char text[300];

    if (!top && strncmp(*section, key->name, len + 1) != 0)
        fprintf(out, "#\n# %.*s:%s\n", (int)len, key->name, list ? " a list, of:" : "");
    else if (top)
        fputs("#\n", out);
    *section = key->name;
    if (list) {
        (void)snprintf(text, sizeof text, "%s: %s%s%s%s", key->name, key->help,
                       key->choices ? " (" : "", key->choices ? key->choices : "",
                       key->choices ? ")" : "");
        write_comment(out, "#   # ", text);
        return;
    }
    (void)snprintf(text, sizeof text, "%s%s%s%s%s%s", key->environment ? key->environment : "",
                   key->environment ? ": " : "", key->help, key->choices ? " (" : "",
                   key->choices ? key->choices : "", key->choices ? ")" : "");
    write_comment(out, top ? "# # " : "#   # ", text);
    fprintf(out, "# %s%s: %s\n", top ? "" : "  ", top ? key->name : key->name + len + 1,
            key->fallback ? key->fallback : "null");
}

void cli_configfile_init(const struct cli_verb *verb, FILE *out)
{
    const struct cli_args none = {.verb = verb};
    const char *section = "";
    size_t n, i;
    const mr_config_key *keys = mr_config_original(&n);

    fputs(
        "# Configuration of millrace, with every key and its default. Options of the command beat\n"
        "# environment variables, which beat this file. null: as if the line were not there.\n\n",
        out);
    write_own(out, &none, true);
    fputs("\n# Sections of the Python pipeline's file. A file that has milvus: or triton: uses "
          "them as\n"
          "# store and embedder, unless one is named above.\n",
          out);
    for (i = 0; i < n; i++)
        offer_original(out, &keys[i], &section);
}
