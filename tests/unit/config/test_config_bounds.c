/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: hostile text is refused at its bounds, and what is just within them is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "told.h"

static void refused(const char *text, size_t n, const char *message)
{
    struct told told;
    mr_config *config = NULL;
    mr_error err;

    assert_int_equal(read_text(text, n, &told, &config, &err), MR_E_INVALID);
    assert_null(config);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" instead of \"%s\"", err.message, message);
}

static void taken(const char *text, size_t n)
{
    struct told told;
    mr_config *config = NULL;
    mr_error err;

    if (read_text(text, n, &told, &config, &err) != MR_OK)
        fail_msg("%s", err.message);
    mr_config_close(&config);
}

static void test_what_is_not_taken(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"log_level: &a INFO\ncache_compiled_functions: *a\n", "f.yaml:2: aliases are not taken"},
        {"*a : 1\n", "f.yaml:1: aliases are not taken"},
        {"log_level: !!python/object:os.system x\n", "f.yaml:1: tags are not taken"},
        {"log_level: !own INFO\n", "f.yaml:1: tags are not taken"},
        {"log_level: INFO\n---\nlog_level: INFO\n", "f.yaml:2: more than one document"},
        {"- a\n", "f.yaml:1: wanted sections"},
        {"word\n", "f.yaml:1: wanted sections"},
        {"? [a]\n: 1\n", "f.yaml:1: a list or a section where a key belongs"},
        {"a b: 1\n", "f.yaml:1: a b is not the name of a key"},
        {"\"\\e[31m\": 1\n", "f.yaml:1: \\x1b[31m is not the name of a key"},
        {"triton: {url: \"a\\0b\"}\n", "f.yaml:1: a NUL byte in a value"},
        {"log_level: \xff\n", "not YAML"},
        {"log_level: \"b\n", "not YAML"},
        {"\tlog_level: 1\n", "not YAML"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused(cases[i].text, strlen(cases[i].text), cases[i].message);
    taken("log_level: !!str INFO\n", 22);
    refused("log_level: \0", 12, "not YAML");
}

/* "collections: [{search_params: [[...]]}]" nested `deep` levels. */
static void test_depth(void **state)
{
    char text[400] = "collections: [{search_params: ";
    size_t start = strlen(text), n;

    (void)state;
    for (n = 0; n < 13; n++) {
        text[start + n] = '[';
        text[start + 13 + n] = ']';
    }
    (void)snprintf(text + start + 26, 8, "}]");
    taken(text, strlen(text)); /* levels 1, 2, 3..15 */
    memset(text + start, '[', 300);
    refused(text, start + 300, "nested too deep");
}

static void test_depth_of_a_million_brackets(void **state)
{
    static const char start[] = "collections: [{search_params: ";
    size_t n = 1 << 20;
    char *text = malloc(n);

    (void)state;
    assert_non_null(text);
    memset(text, '[', n);
    memcpy(text, start, sizeof start - 1);
    refused(text, n, "nested too deep");
    free(text);
}

static void test_number_of_values(void **state)
{
    /* collections, [0], search_params: three; then the items */
    size_t fits = 4096 - 3, n, i;
    static char text[9000];
    int used;

    (void)state;
    for (n = fits; n <= fits + 1; n++) {
        used = snprintf(text, 100, "collections: [{search_params: [");
        for (i = 0; i < n; i++)
            used += snprintf(text + used, 8, "1%s", i + 1 < n ? "," : "]}]");
        if (n == fits)
            taken(text, (size_t)used);
        else
            refused(text, (size_t)used, "too many values");
    }
}

static void test_length_of_a_value(void **state)
{
    char text[4200] = "log_level: INFO\ntriton:\n  url: ";
    size_t start = strlen(text);

    (void)state;
    memset(text + start, 'a', 4097);
    taken(text, start + 4096);
    refused(text, start + 4097, "f.yaml:3: a value is too long");
}

static void test_size_of_the_text(void **state)
{
    size_t most = 1 << 20;
    char *text = malloc(most + 1);

    (void)state;
    assert_non_null(text);
    memset(text, ' ', most + 1);
    text[0] = '#';
    taken(text, most);
    refused(text, most + 1, "more than 1048576 bytes");
    free(text);
}

static void test_files(void **state)
{
    char path[] = "/tmp/millrace-config-XXXXXX";
    mr_config_options options;
    mr_config *config = NULL;
    mr_error err;
    int fd = mkstemp(path);

    (void)state;
    mr_config_options_init(&options);
    options.environment = false;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "log_level: INFO\n", 16), 16);
    assert_int_equal(mr_config_open(path, &options, &config, &err), MR_OK);
    assert_string_equal(mr_config_find(config, "log_level")->text, "INFO");
    mr_config_close(&config);
    assert_int_equal(write(fd, "x: 1\n", 5), 5);
    assert_int_equal(mr_config_open(path, &options, &config, &err), MR_E_INVALID);
    assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
    assert_int_equal(mr_config_open(path, &options, &config, &err), MR_E_INVALID);
    assert_non_null(strstr(err.message, "more than 1048576 bytes"));
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mr_config_open(path, &options, &config, &err), MR_E_ENV);
    assert_int_equal(mr_config_open("/tmp", &options, &config, &err), MR_E_ENV);
    assert_non_null(strstr(err.message, "not a regular file"));
    assert_int_equal(mr_config_open("/dev/zero", &options, &config, &err), MR_E_ENV);
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_taken),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_depth_of_a_million_brackets),
        cmocka_unit_test(test_number_of_values),
        cmocka_unit_test(test_length_of_a_value),
        cmocka_unit_test(test_size_of_the_text),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
