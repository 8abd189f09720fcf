/* SPDX-License-Identifier: Apache-2.0 */
/* Are these the keys that there are, each once, with values that they take? */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"

/* "collections[12].name" -> "collections[].name" */
static void pattern_of(const char *name, char out[MR__CONFIG_NAME_MAX])
{
    size_t n = 0;

    for (; *name; name++) {
        out[n++] = *name;
        if (*name == '[')
            name += strspn(name + 1, "0123456789");
    }
    out[n] = '\0';
}

static const mr_config_key *find_key(const mr_config *config, const char *pattern)
{
    size_t i;

    for (i = 0; i < config->options->n_keys; i++)
        if (strcmp(config->options->keys[i].name, pattern) == 0)
            return &config->options->keys[i];
    return NULL;
}

/* Does a key lie below `pattern`? `next`: the character that follows, '.' or '['. */
static bool has_below(const mr_config *config, const char *pattern, char next)
{
    size_t n = strlen(pattern), i;

    for (i = 0; i < config->options->n_keys; i++)
        if (strncmp(config->options->keys[i].name, pattern, n) == 0 &&
            config->options->keys[i].name[n] == next)
            return true;
    return false;
}

struct guess {
    char name[MR__CONFIG_NAME_MAX]; /* "": nothing is near enough */
    size_t distance;
};

/* Offers the part of `key` that ends where a part below `parent_len` bytes does. */
static void offer(struct guess *guess, const char *key, size_t parent_len, const char *typed)
{
    size_t n = strcspn(key + parent_len, ".["), typed_len = strlen(typed), distance;
    char word[MR__CONFIG_NAME_MAX];

    (void)snprintf(word, sizeof word, "%.*s", (int)n, key + parent_len);
    distance = mr__text_distance(word, typed);
    if (typed_len >= 2 && strncmp(word, typed, typed_len) == 0)
        distance = 1; /* what was typed is its beginning */
    if (distance > 1 + typed_len / 3 || distance >= typed_len ||
        (guess->name[0] && distance >= guess->distance))
        return;
    guess->distance = distance;
    (void)snprintf(guess->name, sizeof guess->name, "%.*s", (int)(parent_len + n), key);
}

/* The nearest key beside the one that was typed, else the nearest one of any section. */
static void guess_key(const mr_config *config, const char *pattern, struct guess *guess)
{
    const char *dot = strrchr(pattern, '.'), *typed = dot ? dot + 1 : pattern;
    size_t parent_len = (size_t)(typed - pattern), i;

    for (i = 0; i < config->options->n_keys; i++)
        if (strncmp(config->options->keys[i].name, pattern, parent_len) == 0)
            offer(guess, config->options->keys[i].name, parent_len, typed);
    if (guess->name[0])
        return;
    for (i = 0; i < config->options->n_keys; i++) {
        const char *key = config->options->keys[i].name, *last = strrchr(key, '.');

        offer(guess, key, last ? (size_t)(last + 1 - key) : 0, typed);
    }
}

static void unknown(mr_config *config, const mr__config_node *node, const char *pattern)
{
    struct guess guess = {.name = ""};

    guess_key(config, pattern, &guess);
    mr__config_problem(config, node->value.line, "unknown key %s%s%s%s", node->value.name,
                       guess.name[0] ? "; did you mean " : "", guess.name,
                       guess.name[0] ? "?" : "");
}

static bool seen_before(const mr_config *config, size_t index)
{
    size_t i;

    for (i = 0; i < index; i++)
        if (strcmp(config->nodes[i].value.name, config->nodes[index].value.name) == 0)
            return true;
    return false;
}

static uint32_t children(const mr_config *config, size_t index)
{
    uint32_t depth = config->nodes[index].depth, n = 0;
    size_t i;

    for (i = index + 1; i < config->n && config->nodes[i].depth > depth; i++)
        n += config->nodes[i].depth == depth + 1;
    return n;
}

static void check_text(mr_config *config, const mr__config_node *node, const mr_config_key *key)
{
    char why[256] = "", shown[128];

    if (mr__config_fits(key, node->value.text, why, sizeof why))
        return;
    mr__text_escape(shown, sizeof shown, node->value.text, strlen(node->value.text));
    mr__config_problem(config, node->value.line, "%s %s: %s", node->value.name,
                       shown[0] ? shown : "\"\"", why);
}

/* A list of values: its length and each of them. */
static void check_list(mr_config *config, size_t index, const mr_config_key *key)
{
    const mr__config_node *node = &config->nodes[index];
    size_t i;

    if (node->kind != MR__NODE_LIST || children(config, index) != key->items) {
        mr__config_problem(config, node->value.line, "%s: wanted a list of %u values",
                           node->value.name, key->items);
        return;
    }
    for (i = index + 1; i < config->n && config->nodes[i].depth > node->depth; i++) {
        if (config->nodes[i].kind == MR__NODE_VALUE)
            check_text(config, &config->nodes[i], key);
        else
            mr__config_problem(config, config->nodes[i].value.line, "%s: wanted a value",
                               config->nodes[i].value.name);
    }
}

/* Checks the node; true: what is below it is to be looked at too. */
static bool check_node(mr_config *config, size_t index)
{
    const mr__config_node *node = &config->nodes[index];
    const mr_config_key *key;
    char pattern[MR__CONFIG_NAME_MAX];

    pattern_of(node->value.name, pattern);
    key = find_key(config, pattern);
    if (!key && !has_below(config, pattern, '.') && !has_below(config, pattern, '[')) {
        unknown(config, node, pattern);
        return false;
    }
    if (seen_before(config, index)) {
        mr__config_problem(config, node->value.line, "%s: a second time", node->value.name);
        return false;
    }
    if (node->kind == MR__NODE_NULL || (key && key->kind == MR_CONFIG_ANY))
        return false;
    if (key && key->items > 0) {
        check_list(config, index, key);
    } else if (key && node->kind == MR__NODE_VALUE) {
        check_text(config, node, key);
    } else if (key) {
        mr__config_problem(config, node->value.line, "%s: wanted one value", node->value.name);
    } else {
        bool list = has_below(config, pattern, '[');

        if (node->kind == (list ? MR__NODE_LIST : MR__NODE_MAP))
            return true;
        mr__config_problem(config, node->value.line, "%s: wanted %s", node->value.name,
                           list ? "a list" : "a section with keys of its own");
    }
    return false;
}

void mr__config_check(mr_config *config)
{
    size_t i = 0;

    while (i < config->n) {
        uint32_t depth = config->nodes[i].depth;

        if (check_node(config, i++))
            continue;
        while (i < config->n && config->nodes[i].depth > depth)
            i++;
    }
}
