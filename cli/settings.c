/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file as options. A key of millrace itself is checked and understood as its
 * option is; the table of options stays the only place that knows ranges and words. Of the
 * original's sections, milvus names a store and triton an embedder where none is named otherwise.
 */
#include "settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "console.h"
#include "declared.h"
#include "storearg.h"
#include "text.h"

const struct cli_setting cli_settings[] = {
    {"source.id_from", OPT_ID_FROM},
    {"source.all_files", OPT_ALL_FILES},
    {"source.follow", OPT_FOLLOW},
    {"source.nul_separated", OPT_NUL},
    {"source.allow_private", OPT_ALLOW_PRIVATE},
    {"source.fetch_threads", OPT_FETCH_THREADS},
    {"source.fetch_timeout", OPT_FETCH_TIMEOUT},
    {"source.fetch_idle", OPT_FETCH_IDLE},
    {"workers.count", OPT_WORKERS},
    {"workers.batch", OPT_BATCH},
    {"workers.batch_wait_ms", OPT_BATCH_WAIT},
    {"workers.unordered", OPT_UNORDERED},
    {"workers.require_sandbox", OPT_REQUIRE_SANDBOX},
    {"store.location", OPT_INTO},
    {"store.collection", OPT_COLLECTION},
    {"store.index", OPT_INDEX},
    {"store.metric", OPT_METRIC},
    {"store.ledger", OPT_LEDGER},
    {"store.refresh", OPT_REFRESH},
    {"store.commit_rows", OPT_COMMIT_ROWS},
    {"store.queue", OPT_QUEUE},
    {"embed.embedder", OPT_EMBEDDER},
    {"embed.onnxruntime", OPT_ONNXRUNTIME},
    {"embed.workers", OPT_EMBED_WORKERS},
    {"plan.name", OPT_PLAN},
    {"plan.force", OPT_FORCE_PLAN},
    {"limits.error_budget", OPT_ERROR_BUDGET},
    {"limits.item_timeout", OPT_ITEM_TIMEOUT},
    {"limits.max_pixels", OPT_MAX_PIXELS},
    {"limits.max_bytes", OPT_MAX_BYTES},
    {"limits.memory", OPT_MEMORY},
    {"log.level", OPT_LOG_LEVEL},
    {"log.format", OPT_LOG_FORMAT},
    {"log.progress", OPT_PROGRESS},
};
const size_t cli_n_settings = sizeof cli_settings / sizeof cli_settings[0];

/* keys of the original that mean what an option means */
static const struct cli_setting originals[] = {
    {"preprocess.batch_size", OPT_BATCH},
    {"preprocess.num_workers", OPT_WORKERS},
    {"log_level", OPT_LOG_LEVEL},
};

/* the same, of how far the stages run ahead */
static const struct cli_setting stages[] = {
    {"async_pipeline.embedding_workers", OPT_EMBED_WORKERS},
    {"async_pipeline.insert_batch_size", OPT_COMMIT_ROWS},
    {"async_pipeline.queue_maxsize", OPT_QUEUE},
};

/* the same, of a store that is Milvus */
static const struct cli_setting milvus[] = {
    {"milvus.collection_name", OPT_COLLECTION},
    {"milvus.index_type", OPT_INDEX},
    {"milvus.metric_type", OPT_METRIC},
};

enum {
    N_ORIGINALS = sizeof originals / sizeof originals[0],
    N_STAGES = sizeof stages / sizeof stages[0],
    N_MILVUS = sizeof milvus / sizeof milvus[0]
};

bool cli_settings_has(enum cli_option_id id)
{
    size_t i;

    for (i = 0; i < cli_n_settings; i++)
        if (cli_settings[i].option == id)
            return true;
    return false;
}

static bool check_option(const mr_config_key *key, const char *text, char *why, size_t size)
{
    struct cli_reading reading;
    bool ok = cli_option_read(key->cookie, text, &reading);

    if (!ok)
        (void)snprintf(why, size, "%s", reading.why);
    return ok;
}

struct told {
    const struct cli_args *args;
    size_t mistakes;
};

/* With a place in a file: as compilers tell it, so that editors find it. */
static void tell_mistake(void *cookie, const char *message)
{
    struct told *told = cookie;
    const char *path = cli_text(told->args, OPT_CONFIG);
    char shown[4096];

    told->mistakes++;
    cli_text_escape(shown, sizeof shown, path ? path : "");
    if (path && strncmp(message, shown, strlen(shown)) == 0)
        fprintf(stderr, "%s\n", message);
    else
        (void)cli_usage(told->args->verb, "%s", message);
}

static int open_config(struct cli_args *args)
{
    struct told told = {.args = args};
    mr_config_options options;
    mr_config_key *keys;
    mr_error err = {0};
    mr_status status;
    size_t i;

    mr_config_options_init(&options);
    keys = calloc(options.n_keys + cli_n_settings, sizeof *keys);
    if (!keys)
        return cli_fail(args->verb, CLI_ENVIRONMENT, "out of memory");
    for (i = 0; i < cli_n_settings; i++)
        keys[i] = (mr_config_key){.name = cli_settings[i].key,
                                  .kind = MR_CONFIG_CHECKED,
                                  .check = check_option,
                                  .cookie = &cli_options[cli_settings[i].option]};
    memcpy(keys + i, options.keys, options.n_keys * sizeof *keys);
    options.keys = keys;
    options.n_keys += i;
    options.problem = tell_mistake;
    options.cookie = &told;
    status = mr_config_open(cli_text(args, OPT_CONFIG), &options, &args->config, &err);
    free(keys);
    if (status == MR_E_INVALID && told.mistakes > 0)
        return CLI_USAGE;
    /* a file that was named and cannot be read is a mistake of configuration, not of the machine */
    if (status == MR_E_ENV)
        return cli_usage(args->verb, "%s", err.message);
    return status == MR_OK ? CLI_OK : cli_fail_error(args->verb, status, &err);
}

/* The library's name of a level of Python's logging. */
static const char *level_of(const char *text)
{
    static const char *const pairs[][2] = {{"WARNING", "warn"}, {"CRITICAL", "error"}};
    size_t i;

    for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (strcasecmp(text, pairs[i][0]) == 0)
            return pairs[i][1];
    return text;
}

/* Takes `text` for the option if nothing that beats `rank` has set it. */
static int take(struct cli_args *args, const struct cli_setting *setting, enum cli_rank rank,
                const mr_config_value *value, const char *text)
{
    struct cli_from from = {.rank = rank};
    char where[600];

    if (args->values[setting->option].rank >= rank || !cli_option_applies(args, setting->option))
        return CLI_OK;
    if (value && value->line > 0)
        (void)snprintf(where, sizeof where, "%.300s:%u: %.200s", mr_config_name(args->config),
                       value->line, setting->key);
    else
        (void)snprintf(where, sizeof where, "%.200s", setting->key);
    from.where = where;
    return cli_option_take(args, setting->option, &from,
                           setting->option == OPT_LOG_LEVEL ? level_of(text) : text);
}

/* Those of `n` settings that stand in the file or, as `rank` says, in the environment. */
static int take_all(struct cli_args *args, const struct cli_setting *settings, size_t n,
                    enum cli_rank rank)
{
    int rc = CLI_OK;
    size_t i;

    for (i = 0; i < n && rc == CLI_OK; i++) {
        const mr_config_value *value = mr_config_find(args->config, settings[i].key);

        if (value && (value->line == 0) == (rank == RANK_ENVIRONMENT))
            rc = take(args, &settings[i], rank, value, value->text);
    }
    return rc;
}

const char *cli_settings_original(const struct cli_args *args, const char *name)
{
    const mr_config_value *value = mr_config_find(args->config, name);
    size_t n, i;
    const mr_config_key *keys = mr_config_original(&n);

    if (value)
        return value->text;
    for (i = 0; i < n; i++)
        if (strcmp(keys[i].name, name) == 0)
            return keys[i].fallback;
    return NULL;
}

/* The defaults of the original, where the file has its section. */
static int take_defaults(struct cli_args *args, const struct cli_setting *settings, size_t n)
{
    int rc = CLI_OK;
    size_t i;

    for (i = 0; i < n && rc == CLI_OK; i++) {
        const char *text = cli_settings_original(args, settings[i].key);

        if (text && strchr(settings[i].key, '.'))
            rc = take(args, &settings[i], RANK_FILE, NULL, text);
    }
    return rc;
}

/* Does the file give the section a value (or, by `rank`, the environment)? */
static bool has(const struct cli_args *args, const char *section, enum cli_rank rank)
{
    const mr_config_value *value;
    size_t n = strlen(section), i;

    for (i = 0; (value = mr_config_at(args->config, i)) != NULL; i++)
        if (value->text && strncmp(value->name, section, n) == 0 && value->name[n] == '.' &&
            (value->line == 0) == (rank == RANK_ENVIRONMENT))
            return true;
    return false;
}

static bool from_environment(const struct cli_args *args, const char *key)
{
    const mr_config_value *value = mr_config_find(args->config, key);

    return value && value->line == 0;
}

/* "milvus://host:port" of the section. */
static bool make_store(struct cli_args *args)
{
    if (asprintf(&args->made_store, "milvus://%s:%s", cli_settings_original(args, "milvus.host"),
                 cli_settings_original(args, "milvus.port")) >= 0)
        return true;
    args->made_store = NULL;
    return false;
}

/* A part of a specification: what could end it is %XX. */
static void write_part(FILE *out, const char *text)
{
    for (; *text; text++) {
        bool plain = isalnum((unsigned char)*text) || strchr("-._~/:", *text);
        fprintf(out, plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

/* Seconds of the section as a time of the specification, at least `least_ms`. */
static void write_time(FILE *out, const char *name, const char *seconds, double least_ms)
{
    double ms = strtod(seconds, NULL) * 1e3;

    fprintf(out, "&%s=%.0fms", name, ms < least_ms ? least_ms : ms);
}

/* "triton:http://host:port/model/version?..." of the section. */
static bool make_embedder(struct cli_args *args)
{
    static const char *const more[][2] = {{"shm", "triton.shared_memory"},
                                          {"wait", "triton.wait"},
                                          {"in_flight", "triton.in_flight"},
                                          {"headers", "triton.headers"},
                                          {"ca", "triton.ca"},
                                          {"cert", "triton.cert"},
                                          {"key", "triton.key"}};
    const char *url = cli_settings_original(args, "triton.url");
    size_t size, i;
    FILE *out = open_memstream(&args->made_embedder, &size);

    if (!out)
        return false;
    fputs("triton:", out);
    if (!strstr(url, "://"))
        fprintf(out, "%s://", cli_settings_original(args, "triton.protocol"));
    fprintf(out, "%s/", url);
    write_part(out, cli_settings_original(args, "triton.model_name"));
    fprintf(out, "/%s?input=", cli_settings_original(args, "triton.model_version"));
    write_part(out, cli_settings_original(args, "triton.input_name"));
    fputs("&output=", out);
    write_part(out, cli_settings_original(args, "triton.output_name"));
    write_time(out, "timeout", cli_settings_original(args, "triton.timeout"), 1);
    fprintf(out, "&retries=%s", cli_settings_original(args, "triton.max_retries"));
    write_time(out, "delay", cli_settings_original(args, "triton.retry_delay"), 0);
    for (i = 0; i < sizeof more / sizeof more[0]; i++) {
        const mr_config_value *value = mr_config_find(args->config, more[i][1]);
        if (!value)
            continue;
        fprintf(out, "&%s=", more[i][0]);
        write_part(out, value->text);
        if (strcmp(more[i][0], "wait") == 0)
            fputs("s", out);
    }
    if (fclose(out) == 0)
        return true;
    free(args->made_embedder);
    args->made_embedder = NULL;
    return false;
}

/*
 * The store: --into or the name on the command line, $MILLRACE_STORE, MILVUS_HOST, store.location,
 * the section milvus. The embedder in the same way.
 */
static int choose(struct cli_args *args)
{
    static const struct cli_setting store = {"store.location", OPT_INTO};
    static const struct cli_setting embedder = {"embed.embedder", OPT_EMBEDDER};
    bool env_store = from_environment(args, "milvus.host");
    bool env_embedder =
        from_environment(args, "triton.url") || from_environment(args, "triton.model_name");
    const mr_config_value *location = mr_config_find(args->config, "store.location");
    const char *text = getenv("MILLRACE_STORE");
    int rc = CLI_OK;

    if (env_store || has(args, "milvus", RANK_FILE))
        if (!make_store(args))
            return cli_fail(args->verb, CLI_ENVIRONMENT, "out of memory");
    if (env_embedder || has(args, "triton", RANK_FILE))
        if (!make_embedder(args))
            return cli_fail(args->verb, CLI_ENVIRONMENT, "out of memory");
    if (!text || !*text)
        text = env_store || !location ? args->made_store : location->text;
    args->store = text;
    if (args->store)
        rc = take(args, &store, env_store ? RANK_ENVIRONMENT : RANK_FILE, location, args->store);
    if (rc == CLI_OK && env_embedder)
        rc = take(args, &embedder, RANK_ENVIRONMENT, NULL, args->made_embedder);
    if (rc == CLI_OK)
        rc = take_all(args, &embedder, 1, RANK_FILE);
    if (rc == CLI_OK && args->made_embedder)
        rc = take(args, &embedder, RANK_FILE, NULL, args->made_embedder);
    return rc;
}

/* Is the store of this command Milvus? */
static bool is_milvus(const struct cli_args *args)
{
    const char *store = args->store;

    if (cli_given(args, OPT_INTO))
        store = cli_text(args, OPT_INTO);
    if ((args->verb->bit & (VERB_SEARCH | VERB_REPORT | VERB_DELETE | VERB_HEALTH)) &&
        args->n_names > cli_has_query(args))
        store = args->names[0];
    if (args->verb->bit == VERB_COLLECTION && args->n_names > 1)
        store = args->names[1];
    return store && strncmp(store, "milvus://", 9) == 0;
}

/* What the file declares of the collection, where it is made by a run. */
static int take_declared(struct cli_args *args, bool on_milvus)
{
    static const struct cli_setting metric = {"collections.index.metric_type", OPT_METRIC};
    static const struct cli_setting index = {"collections.index.index_type", OPT_INDEX};
    const mr_config_value *configured = mr_config_find(args->config, "store.collection");
    const char *name = cli_text(args, OPT_COLLECTION);
    struct cli_declared declared;
    int rc = CLI_OK;

    if (!name && configured)
        name = configured->text;
    if (!name)
        name = on_milvus ? cli_settings_original(args, "milvus.collection_name") : "default";
    if (!(args->verb->bit & VERB_INGEST) || !cli_declared_find(args, name, &declared))
        return CLI_OK;
    if (declared.metric)
        rc = take(args, &metric, RANK_FILE, NULL, declared.metric);
    /* the indexes that a file declares are those of Milvus; a local store searches exactly */
    if (rc == CLI_OK && declared.index && on_milvus)
        rc = take(args, &index, RANK_FILE, NULL, declared.index);
    return rc;
}

int cli_settings_load(struct cli_args *args)
{
    bool on_milvus;
    int rc;

    /* `config init` makes the file; what is not there yet cannot be read */
    if (args->verb->bit == VERB_CONFIG && args->n_names > 0 && strcmp(args->names[0], "init") == 0)
        return CLI_OK;
    rc = open_config(args);
    if (rc == CLI_OK)
        rc = choose(args);
    on_milvus = rc == CLI_OK && is_milvus(args);
    if (rc == CLI_OK)
        rc = take_all(args, originals, N_ORIGINALS, RANK_ENVIRONMENT);
    if (rc == CLI_OK && on_milvus)
        rc = take_all(args, milvus, N_MILVUS, RANK_ENVIRONMENT);
    if (rc == CLI_OK)
        rc = take_declared(args, on_milvus);
    if (rc == CLI_OK)
        rc = take_all(args, cli_settings, cli_n_settings, RANK_FILE);
    if (rc == CLI_OK)
        rc = take_all(args, originals, N_ORIGINALS, RANK_FILE);
    if (rc == CLI_OK)
        rc = take_all(args, stages, N_STAGES, RANK_FILE);
    if (rc == CLI_OK && has(args, "async_pipeline", RANK_FILE))
        rc = take_defaults(args, stages, N_STAGES);
    if (rc == CLI_OK && has(args, "preprocess", RANK_FILE))
        rc = take_defaults(args, originals, N_ORIGINALS);
    if (rc == CLI_OK && on_milvus && args->made_store)
        rc = take_defaults(args, milvus, N_MILVUS);
    return rc;
}

/* Appends the `n` values of a list, or of its default, with `between`. */
static void add_items(const struct cli_args *args, const char *key, uint32_t n, char between,
                      char *to, size_t size)
{
    const char *fallback = cli_settings_original(args, key);
    char name[64];
    uint32_t i;

    for (i = 0; i < n; i++) {
        const mr_config_value *value;
        size_t used = strlen(to);

        (void)snprintf(name, sizeof name, "%s[%u]", key, i);
        value = mr_config_find(args->config, name);
        fallback += strspn(fallback, "[, ");
        (void)snprintf(to + used, size - used, "%.*s%c", value ? 64 : (int)strcspn(fallback, ",]"),
                       value ? value->text : fallback, i + 1 < n ? between : '\0');
        fallback += strcspn(fallback, ",]");
    }
}

bool cli_settings_plan(const struct cli_args *args, char *name, size_t size)
{
    static const char *const width_first[] = {"preprocess.image_size[1]",
                                              "preprocess.image_size[0]"};
    const char *layout = cli_settings_original(args, "preprocess.data_format");
    char sides[2][32] = {"224", "224"}, mean[256] = "", std[256] = "";
    int i;

    if (!has(args, "preprocess", RANK_FILE))
        return false;
    for (i = 0; i < 2; i++) {
        const mr_config_value *value = mr_config_find(args->config, width_first[i]);

        if (value)
            (void)snprintf(sides[i], sizeof sides[i], "%s", value->text);
    }
    add_items(args, "preprocess.mean", 3, ',', mean, sizeof mean);
    add_items(args, "preprocess.std", 3, ',', std, sizeof std);
    (void)snprintf(name, size, "original/masked-stretch:%sx%s?mean=%s&std=%s&layout=%s", sides[0],
                   sides[1], mean, std, strcasecmp(layout, "NHWC") == 0 ? "nhwc" : "nchw");
    return true;
}

void cli_settings_fini(struct cli_args *args)
{
    mr_config_close(&args->config);
    free(args->made_store);
    free(args->made_embedder);
}
