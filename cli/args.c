/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the environment, taken by the table of options. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "options.h"
#include "settings.h"
#include "text.h"

bool cli_option_applies(const struct cli_args *args, size_t id)
{
    return (cli_options[id].verbs & args->verb->bit) ||
           (args->verb->bit == VERB_CONFIG && cli_settings_has((enum cli_option_id)id));
}

static int unknown(const struct cli_args *args, const char *typed)
{
    struct cli_nearest nearest = {.typed = typed};
    char shown[128];
    size_t i;

    cli_text_escape(shown, sizeof shown, typed);
    for (i = 0; i < OPT_COUNT; i++) {
        if (cli_option_applies(args, i))
            cli_nearest_offer(&nearest, cli_options[i].name);
        else if (strcmp(cli_options[i].name, typed) == 0)
            return cli_usage(args->verb, "--%s is no option of %s", shown, args->verb->name);
    }
    if (nearest.best)
        return cli_usage(args->verb, "unknown option --%s; did you mean --%s?", shown,
                         nearest.best);
    return cli_usage(args->verb, "unknown option --%s", shown);
}

/* what the command of the Python pipeline calls them */
static const struct {
    const char *name;
    enum cli_option_id id;
    unsigned verbs;
} aliases[] = {
    {"output", OPT_OUT, VERB_EMBED},
    {"batch-size", OPT_BATCH, VERB_INGEST | VERB_EMBED},
    {"topk", OPT_K, VERB_SEARCH},
    {"name", OPT_COLLECTION, VERB_COLLECTION},
};

static bool is_called(const char *called, const char *name, size_t n)
{
    return strlen(called) == n && strncmp(called, name, n) == 0;
}

/* The option of this verb whose name is the first `n` bytes of `name`; OPT_COUNT: none. */
static size_t find_name(const struct cli_args *args, const char *name, size_t n)
{
    size_t i;

    for (i = 0; i < OPT_COUNT; i++)
        if (cli_option_applies(args, i) && is_called(cli_options[i].name, name, n))
            return i;
    for (i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if ((aliases[i].verbs & args->verb->bit) && is_called(aliases[i].name, name, n))
            return aliases[i].id;
    return OPT_COUNT;
}

static size_t find_letter(const struct cli_args *args, char letter)
{
    size_t i;

    for (i = 0; i < OPT_COUNT; i++)
        if (cli_option_applies(args, i) && cli_options[i].letter == letter)
            return i;
    return OPT_COUNT;
}

/* The value behind the option at argv[0]; of some options all that follow, up to the next one. */
static int take_words(struct cli_args *args, enum cli_option_id id, const char *where, int argc,
                      char **argv, int *used)
{
    const struct cli_from from = {RANK_COMMAND, where};
    int rc;

    if (argc < 2)
        return cli_usage(args->verb, "%s wants a value: %s", where, cli_options[id].argument);
    do {
        rc = cli_option_take(args, id, &from, argv[*used]);
        *used += 1;
    } while (rc == CLI_OK && cli_options[id].kind == KIND_WORDS && *used < argc &&
             (argv[*used][0] != '-' || !argv[*used][1]));
    return rc;
}

/* One option at argv[0]; `*used` arguments are consumed. */
static int take_option(struct cli_args *args, int argc, char **argv, int *used)
{
    const char *word = argv[0], *value = NULL;
    char where[80], name[64];
    bool is_long = word[1] == '-';
    size_t n = is_long ? strcspn(word + 2, "=") : 0, id;

    *used = 1;
    (void)snprintf(name, sizeof name, "%.*s", (int)(n < 60 ? n : 60), word + 2);
    id = is_long ? find_name(args, word + 2, n) : find_letter(args, word[1]);
    if (id == OPT_COUNT && !is_long)
        return cli_usage(args->verb, "unknown option -%c", isprint(word[1]) ? word[1] : '?');
    if (id == OPT_COUNT)
        return unknown(args, name);
    if (is_long && word[2 + n] == '=')
        value = word + 3 + n;
    else if (!is_long && word[2])
        value = word + 2;
    (void)snprintf(where, sizeof where, is_long ? "--%s" : "-%.1s", is_long ? name : word + 1);
    if (cli_options[id].kind == KIND_FLAG) {
        if (value)
            return cli_usage(args->verb, "%s takes no value", where);
        return cli_option_take(args, (enum cli_option_id)id,
                               &(struct cli_from){RANK_COMMAND, where}, "1");
    }
    if (value)
        return cli_option_take(args, (enum cli_option_id)id,
                               &(struct cli_from){RANK_COMMAND, where}, value);
    return take_words(args, (enum cli_option_id)id, where, argc, argv, used);
}

void cli_option_variable(enum cli_option_id id, char *dst, size_t size)
{
    (void)snprintf(dst, size, "MILLRACE_%s", id == OPT_INTO ? "STORE" : cli_options[id].name);
    for (; *dst; dst++)
        *dst = (char)(*dst == '-' ? '_' : toupper((unsigned char)*dst));
}

static int take_environment(struct cli_args *args)
{
    char name[64];
    size_t i;

    for (i = 0; i < OPT_COUNT; i++) {
        const char *text;
        int rc;

        if (args->values[i].rank || !cli_option_applies(args, i) || i == OPT_HELP)
            continue;
        /* what is deleted is said where it is said that something is deleted */
        if (args->verb->bit == VERB_DELETE && (i == OPT_GONE || i == OPT_FILTER))
            continue;
        cli_option_variable((enum cli_option_id)i, name, sizeof name);
        text = getenv(name);
        if (!text || !*text)
            continue;
        rc = cli_option_take(args, (enum cli_option_id)i,
                             &(struct cli_from){RANK_ENVIRONMENT, name}, text);
        if (rc != CLI_OK)
            return rc;
    }
    return CLI_OK;
}

int cli_args_parse(struct cli_args *args, const struct cli_verb *verb, int argc, char **argv)
{
    bool only_names = false;
    int i = 0, used = 1, rc = CLI_OK;

    *args = (struct cli_args){.verb = verb, .room = (size_t)argc + 1};
    args->names = calloc((size_t)argc + 1, sizeof *args->names);
    if (!args->names)
        return cli_fail(verb, CLI_ENVIRONMENT, "out of memory");
    for (i = 0; i < argc && rc == CLI_OK; i += used) {
        used = 1;
        if (only_names || argv[i][0] != '-' || !argv[i][1])
            args->names[args->n_names++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_names = true;
        else
            rc = take_option(args, argc - i, argv + i, &used);
    }
    if (rc == CLI_OK && !cli_given(args, OPT_HELP))
        rc = take_environment(args);
    if (rc == CLI_OK && !cli_given(args, OPT_HELP))
        rc = cli_settings_load(args);
    return rc;
}

void cli_args_fini(struct cli_args *args)
{
    size_t i;

    for (i = 0; i < OPT_COUNT; i++)
        free(args->values[i].list);
    free(args->names);
    cli_settings_fini(args);
    *args = (struct cli_args){0};
}
