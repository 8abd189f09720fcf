/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a text as a configuration and keeping what it is told. */
#ifndef MR_TEST_CONFIG_TOLD_H
#define MR_TEST_CONFIG_TOLD_H

#include <stdio.h>
#include <string.h>

#include "millrace/config.h"

struct told {
    char text[4096]; /* the messages, one a line */
    size_t n;
};

static inline void tell(void *cookie, const char *message)
{
    struct told *told = cookie;
    size_t used = strlen(told->text);

    (void)snprintf(told->text + used, sizeof told->text - used, "%s\n", message);
    told->n++;
}

/* Keys of the original and two of a caller's own; the environment is left alone. */
static inline mr_status read_text(const char *text, size_t n, struct told *told, mr_config **out,
                                  mr_error *err)
{
    mr_config_options options;

    *told = (struct told){.n = 0};
    mr_config_options_init(&options);
    options.environment = false;
    options.problem = tell;
    options.cookie = told;
    return mr_config_parse("f.yaml", text, n, &options, out, err);
}

#endif
