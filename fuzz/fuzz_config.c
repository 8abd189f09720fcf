/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files: whatever the bytes are, the answer is a configuration whose every value can
 * be found by its name and fits its bounds, or at least one mistake, told with its place.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void on_problem(void *cookie, const char *message)
{
    size_t *told = cookie;

    (*told)++;
    check(strncmp(message, "fuzz:", 5) == 0);
    check(mr__text_is_utf8(message, strlen(message)));
    check(strpbrk(message, "\n\r\033") == NULL);
}

static void check_values(const mr_config *config)
{
    const mr_config_value *value, *found;
    size_t i;

    for (i = 0; (value = mr_config_at(config, i)) != NULL; i++) {
        check(strlen(value->name) > 0 && strlen(value->name) < MR__CONFIG_NAME_MAX);
        check(value->line > 0);
        if (!value->text)
            continue;
        check(strlen(value->text) <= MR__CONFIG_TEXT_MAX);
        check(mr__text_is_utf8(value->text, strlen(value->text)));
        found = mr_config_find(config, value->name);
        /* what is below a key of kind ANY is not looked into: a name may stand there twice */
        check(found != NULL && found <= value);
        check(mr_config_has(config, value->name));
    }
    check(i <= MR__CONFIG_VALUES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mr_config_options options;
    mr_config *config = NULL;
    mr_error err = {0};
    mr_status status;
    size_t told = 0;

    mr_config_options_init(&options);
    options.environment = false;
    options.problem = on_problem;
    options.cookie = &told;
    status = mr_config_parse("fuzz", (const char *)data, size, &options, &config, &err);
    if (status == MR_OK) {
        check(told == 0 && config != NULL);
        check_values(config);
    } else {
        check(config == NULL && err.message[0] != '\0');
        check(told > 0 || size > MR__CONFIG_BYTES_MAX);
    }
    mr_config_close(&config);
    return 0;
}
