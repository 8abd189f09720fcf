/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of options, and the parsing of a command line by it. */
#ifndef MILLRACE_CLI_OPTIONS_H
#define MILLRACE_CLI_OPTIONS_H

#include "cli.h"

enum cli_option_id {
    OPT_INTO,
    OPT_OUT,
    OPT_PLAN,
    OPT_PYTHON,
    OPT_EMBEDDER,
    OPT_ONNXRUNTIME,
    OPT_COLLECTION,
    OPT_LEDGER,
    OPT_REFRESH,
    OPT_FORCE_PLAN,
    OPT_INDEX,
    OPT_METRIC,
    OPT_DIM,
    OPT_DESCRIPTION,
    OPT_IDS,
    OPT_METADATA,
    OPT_CREATE,
    OPT_IMAGE,
    OPT_ID,
    OPT_GONE, /* --id of delete: several */
    OPT_VECTOR,
    OPT_K,
    OPT_FILTER,
    OPT_OUTPUT_FIELD,
    OPT_PARAM,
    OPT_FAILED,
    OPT_ID_FROM,
    OPT_ALL_FILES,
    OPT_FOLLOW,
    OPT_NUL,
    OPT_ALLOW_PRIVATE,
    OPT_FETCH_TIMEOUT,
    OPT_FETCH_IDLE,
    OPT_ERROR_BUDGET,
    OPT_ITEM_TIMEOUT,
    OPT_MAX_PIXELS,
    OPT_MAX_BYTES,
    OPT_REQUIRE_SANDBOX,
    OPT_WORKERS,
    OPT_BATCH,
    OPT_BATCH_WAIT,
    OPT_MEMORY,
    OPT_UNORDERED,
    OPT_EMBED_WORKERS,
    OPT_COMMIT_ROWS,
    OPT_QUEUE,
    OPT_FETCH_THREADS,
    OPT_JSON,
    OPT_PROGRESS,
    OPT_CONFIG,
    OPT_LOG_LEVEL,
    OPT_LOG_FORMAT,
    OPT_HELP,
    OPT_COUNT
};

enum cli_option_kind {
    KIND_FLAG,
    KIND_TEXT,
    KIND_LIST,   /* texts: each mention adds one */
    KIND_WORDS,  /* texts: each mention adds all words up to the next option */
    KIND_COUNT,  /* min..max */
    KIND_AUTO,   /* the same, or "auto" = 0 */
    KIND_SIZE,   /* bytes, min..max */
    KIND_TIME,   /* milliseconds, min..max; a bare number is seconds */
    KIND_CHOICE, /* one of `choices`; number = its position */
    KIND_BUDGET  /* "1%", a count, or "none" */
};

enum cli_option_group { GROUP_MAIN, GROUP_SOURCE, GROUP_BAD, GROUP_SPEED, GROUP_OUTPUT };

struct cli_option {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    enum cli_option_kind kind;
    enum cli_option_group group;
    unsigned verbs;       /* bits of enum cli_verb_bit */
    const char *argument; /* for help; NULL for flags */
    const char *choices;  /* "auto|always|never" */
    uint64_t min, max;
    const char *help; /* with the default */
};

extern const struct cli_option cli_options[OPT_COUNT];

/* Where a value comes from; more beats less. */
enum cli_rank { RANK_DEFAULT, RANK_FILE, RANK_ENVIRONMENT, RANK_COMMAND };

struct cli_from {
    enum cli_rank rank;
    const char *where; /* "--batch", "MILLRACE_BATCH", "FILE:LINE: workers.batch" */
};

struct cli_value {
    bool given; /* of a flag: and true */
    enum cli_rank rank;
    const char *text;
    uint64_t number;   /* parsed; for KIND_BUDGET: see `budget` of cli_args */
    const char **list; /* of KIND_LIST and KIND_WORDS */
    size_t n_list;
};

struct cli_args {
    const struct cli_verb *verb;
    struct cli_value values[OPT_COUNT];
    mr_error_budget budget;
    const char **names; /* what is not an option */
    size_t n_names;
    size_t room;       /* for the values of one option */
    const char *store; /* that the environment or the file names; NULL: none */
    mr_config *config; /* the file, and the environment names that go with it */
    char *made_store;  /* from the sections milvus and triton */
    char *made_embedder;
};

/* What the text of a value stands for, or what was wanted instead. */
struct cli_reading {
    uint64_t number;
    mr_error_budget budget;
    char why[320];
};

/* Is `text` a value of the option? */
bool cli_option_read(const struct cli_option *option, const char *text, struct cli_reading *out);

/* Reads one value into its place. CLI_OK, or CLI_USAGE after the mistake was told. */
int cli_option_take(struct cli_args *args, enum cli_option_id id, const struct cli_from *from,
                    const char *text);

/* A number of the option as people write it: 512M, 10s, 32. */
void cli_option_show(const struct cli_option *option, uint64_t number, char *dst, size_t size);

/* MILLRACE_BATCH_WAIT_MS for --batch-wait-ms; --into and STORE share MILLRACE_STORE. */
void cli_option_variable(enum cli_option_id id, char *dst, size_t size);

/* Does the verb take it? `config` takes all that a file can say. */
bool cli_option_applies(const struct cli_args *args, size_t id);

/*
 * Parses what follows the verb; the environment (MILLRACE_BATCH for --batch) fills in what the
 * command line leaves out, the configuration file what both leave out. CLI_OK, or CLI_USAGE after
 * the mistake was told. Free with cli_args_fini.
 */
int cli_args_parse(struct cli_args *args, const struct cli_verb *verb, int argc, char **argv);
void cli_args_fini(struct cli_args *args);

static inline bool cli_given(const struct cli_args *args, enum cli_option_id id)
{
    return args->values[id].given;
}

/* Text of an option, NULL if it was not given. */
static inline const char *cli_text(const struct cli_args *args, enum cli_option_id id)
{
    return args->values[id].given ? args->values[id].text : NULL;
}

/* Number of an option, `otherwise` if it was not given. */
static inline uint64_t cli_number(const struct cli_args *args, enum cli_option_id id,
                                  uint64_t otherwise)
{
    return args->values[id].given ? args->values[id].number : otherwise;
}

/* Help on stdout. */
void cli_help(void);
void cli_help_verb(const struct cli_verb *verb);

#endif
