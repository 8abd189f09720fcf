/* SPDX-License-Identifier: Apache-2.0 */
/* A module for test_module.c; compiled several times, each with another thing wrong. */
#include <stdio.h>

#include "module/module.h"

static const int answer = 42;

static mr_status probe(char *state, size_t size, mr_error *err)
{
    (void)err;
    (void)snprintf(state, size, "fixture");
    return MR_OK;
}

extern MR_API const mr__module mr__module_entry;

const mr__module mr__module_entry = {
    .magic = FIXTURE_MAGIC,
    .abi = FIXTURE_ABI,
    .version = FIXTURE_VERSION,
    .name = "fixture",
    .kind = FIXTURE_KIND,
    .ops = &answer,
    .probe = probe,
};
