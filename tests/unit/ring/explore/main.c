/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explores every scenario, or with --mutant expects that one of them finds what is wrong.
 *
 *     test-explore [NAME-PART]
 *     test-explore --mutant [NAME-PART]
 */
#include <stdio.h>
#include <string.h>

#include "explore.h"

/* What a scenario was made for must have happened in it, or it proves nothing. */
static bool shows_enough(const scenario *what, const findings *found)
{
    if (found->take_backs >= what->want_take_backs && found->restarts >= what->want_restarts &&
        found->grants >= what->want_grants && found->interleavings >= 2)
        return true;
    (void)printf("# only %u take-backs, %u restarts, %u grants\n", found->take_backs,
                 found->restarts, found->grants);
    return false;
}

static bool explore_one(size_t i)
{
    const scenario *what = &explore_scenarios[i];
    findings found;
    bool good;

    explore(what, true, &found);
    good = !found.violated && shows_enough(what, &found);
    if (found.violated)
        (void)printf("# %s\n", found.what);
    (void)printf("# %llu states, %llu steps, %.3g interleavings\n",
                 (unsigned long long)found.states, (unsigned long long)found.steps,
                 found.interleavings);
    (void)printf("%sok %zu - %s\n", good ? "" : "not ", i + 1, what->name);
    (void)fflush(stdout);
    return good;
}

static int find_mutant(const char *part)
{
    findings found;
    size_t i;

    (void)printf("1..1\n");
    for (i = 0; i < explore_n_scenarios; i++) {
        if (!strstr(explore_scenarios[i].name, part))
            continue;
        explore(&explore_scenarios[i], false, &found);
        if (!found.violated)
            continue;
        (void)printf("# %s: %s\n", explore_scenarios[i].name, found.what);
        (void)printf("ok 1 - the mutant is found\n");
        return 0;
    }
    (void)printf("not ok 1 - the mutant is not found\n");
    return 1;
}

int main(int argc, char **argv)
{
    size_t i, failed = 0;

    if (argc > 1 && strcmp(argv[1], "--mutant") == 0)
        return find_mutant(argc > 2 ? argv[2] : "");
    (void)printf("1..%zu\n", explore_n_scenarios);
    for (i = 0; i < explore_n_scenarios; i++)
        if (argc < 2 || strstr(explore_scenarios[i].name, argv[1]))
            failed += !explore_one(i);
    return failed > 0;
}
