/* SPDX-License-Identifier: Apache-2.0 */
/* Is this text a value of that key? */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "config/config.h"
#include "plan/plan.h"

static bool is_bool(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_count(const mr_config_key *key, const char *text, char *why, size_t size)
{
    uint64_t number;

    if (mr__text_u64(text, &number) && number >= key->min && number <= key->max)
        return true;
    (void)snprintf(why, size, "wanted a number from %llu to %llu", (unsigned long long)key->min,
                   (unsigned long long)key->max);
    return false;
}

static bool is_real(const mr_config_key *key, const char *text, char *why, size_t size)
{
    bool any = key->min == 0 && key->max == 0;
    double number;

    if (mr__number_parse(text, &number) &&
        (any || (number >= (double)key->min && number <= (double)key->max)))
        return true;
    if (any)
        (void)snprintf(why, size, "wanted a number");
    else
        (void)snprintf(why, size, "wanted a number from %llu to %llu", (unsigned long long)key->min,
                       (unsigned long long)key->max);
    return false;
}

static bool is_choice(const mr_config_key *key, const char *text, char *why, size_t size)
{
    const char *choice = key->choices;
    char word[64], best[64] = "";
    size_t least = 1 + strlen(text) / 3;

    while (*choice) {
        size_t n = strcspn(choice, "|"), distance;

        (void)snprintf(word, sizeof word, "%.*s", (int)n, choice);
        if (strcasecmp(word, text) == 0)
            return true;
        distance = mr__text_distance(word, text);
        if (distance <= least) {
            least = distance;
            (void)snprintf(best, sizeof best, "%s", word);
        }
        choice += n + (choice[n] == '|');
    }
    (void)snprintf(why, size, "wanted one of %s%s%s%s", key->choices,
                   best[0] ? "; did you mean " : "", best, best[0] ? "?" : "");
    return false;
}

bool mr__config_fits(const mr_config_key *key, const char *text, char *why, size_t size)
{
    switch (key->kind) {
    case MR_CONFIG_TEXT:
        (void)snprintf(why, size, "wanted a value");
        return *text != '\0';
    case MR_CONFIG_BOOL:
        (void)snprintf(why, size, "wanted true or false");
        return is_bool(text);
    case MR_CONFIG_COUNT:
        return is_count(key, text, why, size);
    case MR_CONFIG_REAL:
        return is_real(key, text, why, size);
    case MR_CONFIG_CHOICE:
        return is_choice(key, text, why, size);
    case MR_CONFIG_ANY:
        return true;
    case MR_CONFIG_CHECKED:
        return key->check(key, text, why, size);
    }
    return false;
}
