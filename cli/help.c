/* SPDX-License-Identifier: Apache-2.0 */
/* Help, made from the tables of verbs and options. */
#include <stdio.h>
#include <string.h>

#include "options.h"

#define COLUMN 26 /* where the explanations begin */
#define WIDTH  100

static const char *const headings[] = {
    [GROUP_MAIN] = "Options",
    [GROUP_SOURCE] = "What is read",
    [GROUP_BAD] = "Bad pictures and limits",
    [GROUP_SPEED] = "Speed and memory",
    [GROUP_OUTPUT] = "Output",
};

/* Text after column COLUMN, folded at spaces. */
static void print_folded(const char *text)
{
    size_t left = strlen(text), room = WIDTH - COLUMN;

    while (left > room) {
        size_t n = room;

        while (n > 0 && text[n] != ' ')
            n--;
        if (n == 0)
            n = room;
        printf("%.*s\n%*s", (int)n, text, COLUMN, "");
        text += n + (text[n] == ' ');
        left = strlen(text);
    }
    printf("%s\n", text);
}

static void print_option(const struct cli_option *option)
{
    char left[64];
    int n;

    if (option->letter && strlen(option->name) == 1)
        n = snprintf(left, sizeof left, "  -%c %s", option->letter, option->argument);
    else if (option->letter)
        n = snprintf(left, sizeof left, "  -%c, --%s %s", option->letter, option->name,
                     option->argument ? option->argument : "");
    else
        n = snprintf(left, sizeof left, "  --%s %s", option->name,
                     option->argument ? option->argument : "");
    printf("%-*s", COLUMN, left);
    if (n >= COLUMN)
        printf("\n%*s", COLUMN, "");
    print_folded(option->help);
}

void cli_help(void)
{
    size_t i;

    printf("millrace %s: a stream of images into embeddings in a vector store\n\n"
           "Usage: millrace VERB [OPTION]...\n\nVerbs:\n",
           mr_version());
    for (i = 0; i < cli_n_verbs; i++)
        printf("  %-12s%s\n", cli_verbs[i].name, cli_verbs[i].summary);
    printf("\nmillrace VERB --help explains a verb; millrace --version shows the version.\n"
           "Options may also be set in the environment: MILLRACE_BATCH=64 is --batch 64.\n\n"
           "Exit status: 0 done; 1 more bad items than the error budget; 2 usage; 3 environment;\n"
           "4 internal error; 130, 143 interrupted.\n");
}

void cli_help_verb(const struct cli_verb *verb)
{
    size_t group, i;

    printf("Usage: millrace %s %s\n\n%s", verb->name, verb->usage, verb->details);
    for (group = 0; group < sizeof headings / sizeof headings[0]; group++) {
        bool headed = false;

        for (i = 0; i < OPT_COUNT; i++) {
            if (cli_options[i].group != group || !(cli_options[i].verbs & verb->bit))
                continue;
            if (!headed)
                printf("\n%s:\n", headings[group]);
            headed = true;
            print_option(&cli_options[i]);
        }
    }
    printf("\nExamples:\n%s", verb->examples);
}
