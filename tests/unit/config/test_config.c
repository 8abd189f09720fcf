/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: values with their lines, mistakes with theirs, the environment over the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "told.h"

static mr_config *good(const char *text)
{
    struct told told;
    mr_config *config = NULL;
    mr_error err;

    if (read_text(text, strlen(text), &told, &config, &err) != MR_OK)
        fail_msg("%s", told.text);
    assert_int_equal(told.n, 0);
    return config;
}

/* The text has exactly these mistakes; the first is in the error. */
static void bad(const char *text, const char *messages)
{
    struct told told;
    mr_config *config = NULL;
    mr_error err;

    assert_int_equal(read_text(text, strlen(text), &told, &config, &err), MR_E_INVALID);
    assert_null(config);
    assert_string_equal(told.text, messages);
    assert_int_equal(strncmp(err.message, messages, strlen(err.message)), 0);
    assert_int_equal(err.status, MR_E_INVALID);
}

static void assert_value(const mr_config *config, const char *name, const char *text, uint32_t line)
{
    const mr_config_value *value = mr_config_find(config, name);

    assert_non_null(value);
    assert_string_equal(value->text, text);
    assert_int_equal(value->line, line);
}

static void test_values_and_lines(void **state)
{
    mr_config *config = good("# first\n"
                             "triton:\n"
                             "  url: gpu:8000\n"
                             "  model_version: '1'\n"
                             "preprocess: {batch_size: 8, mean: [0.5, -1e-3, .25],\n"
                             "             use_gpu: Yes}\n"
                             "collections:\n"
                             "- name: a\n"
                             "  search_params: {nprobe: 32}\n"
                             "- name: b\n"
                             "  description: ''\n");

    (void)state;
    assert_value(config, "triton.url", "gpu:8000", 3);
    assert_value(config, "triton.model_version", "1", 4);
    assert_true(mr_config_find(config, "triton.model_version")->quoted);
    assert_false(mr_config_find(config, "triton.url")->quoted);
    assert_value(config, "preprocess.batch_size", "8", 5);
    assert_value(config, "preprocess.mean[1]", "-1e-3", 5);
    assert_value(config, "preprocess.use_gpu", "Yes", 6);
    assert_value(config, "collections[0].search_params.nprobe", "32", 9);
    assert_value(config, "collections[1].name", "b", 10);
    assert_value(config, "collections[1].description", "", 11);
    assert_null(mr_config_find(config, "triton"));
    assert_null(mr_config_find(config, "triton.timeout"));
    assert_true(mr_config_has(config, "triton"));
    assert_true(mr_config_has(config, "collections"));
    assert_false(mr_config_has(config, "trito"));
    assert_false(mr_config_has(config, "milvus"));
    assert_string_equal(mr_config_at(config, 0)->name, "triton");
    assert_string_equal(mr_config_at(config, 1)->name, "triton.url");
    assert_string_equal(mr_config_name(config), "f.yaml");
    mr_config_close(&config);
    assert_null(config);
}

static void test_nothing_is_fine(void **state)
{
    static const char *const texts[] = {
        "",  "# only words\n", "---\n",
        "~", "triton:\n",      "triton: null\nlog_level: ~\ncollections: []\n"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        mr_config *config = good(texts[i]);

        assert_false(mr_config_has(config, "triton"));
        assert_null(mr_config_find(config, "log_level"));
        mr_config_close(&config);
    }
}

static void test_unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    bad("trition:\n  url: a\n", "f.yaml:1: unknown key trition; did you mean triton?\n");
    bad("triton:\n  model_nmae: a\n",
        "f.yaml:2: unknown key triton.model_nmae; did you mean triton.model_name?\n");
    bad("batch_size: 3\n",
        "f.yaml:1: unknown key batch_size; did you mean preprocess.batch_size?\n");
    bad("\n\ntriton:\n\n  prot: http\n",
        "f.yaml:5: unknown key triton.prot; did you mean triton.protocol?\n");
    bad("collections:\n- nam: x\n  schema:\n    fields:\n    - tipe: JSON\n",
        "f.yaml:2: unknown key collections[0].nam; did you mean collections[].name?\n"
        "f.yaml:5: unknown key collections[0].schema.fields[0].tipe; did you mean "
        "collections[].schema.fields[].type?\n");
    bad("zzzzzz: 1\n", "f.yaml:1: unknown key zzzzzz\n");
}

static void test_all_mistakes_are_told(void **state)
{
    (void)state;
    bad("milvus:\n"
        "  port: 65536\n"
        "  port: 1\n"
        "  metric_type: COSIN\n"
        "  host: [a]\n"
        "preprocess:\n"
        "  mean: [1, 2]\n"
        "  image_size: [1, x]\n"
        "  std: 3\n"
        "  use_gpu: 2\n"
        "collections: {}\n"
        "async_pipeline: 4\n"
        "triton:\n"
        "  timeout: -1\n",
        "f.yaml:2: milvus.port 65536: wanted a number from 1 to 65535\n"
        "f.yaml:3: milvus.port: a second time\n"
        "f.yaml:4: milvus.metric_type COSIN: wanted one of L2|IP|COSINE; did you mean COSINE?\n"
        "f.yaml:5: milvus.host: wanted one value\n"
        "f.yaml:7: preprocess.mean: wanted a list of 3 values\n"
        "f.yaml:8: preprocess.image_size[1] x: wanted a number from 1 to 16384\n"
        "f.yaml:9: preprocess.std: wanted a list of 3 values\n"
        "f.yaml:10: preprocess.use_gpu 2: wanted true or false\n"
        "f.yaml:11: collections: wanted a list\n"
        "f.yaml:12: async_pipeline: wanted a section with keys of its own\n"
        "f.yaml:14: triton.timeout -1: wanted a number from 0 to 86400\n");
}

static void test_what_is_no_yaml_comes_last(void **state)
{
    struct told told;
    mr_config *config = NULL;
    mr_error err;
    const char *text = "zzzzzz: 1\ntriton: [\n  url: a\n";

    (void)state;
    assert_int_equal(read_text(text, strlen(text), &told, &config, &err), MR_E_INVALID);
    assert_int_equal(told.n, 3);
    assert_non_null(strstr(told.text, "f.yaml:1: unknown key zzzzzz\n"
                                      "f.yaml:2: triton: wanted a section with keys of its own\n"
                                      "f.yaml:4: not YAML: "));
}

static mr_status with_environment(const char *path, struct told *told, mr_config **out)
{
    mr_config_options options;
    mr_error err;

    *told = (struct told){.n = 0};
    mr_config_options_init(&options);
    options.problem = tell;
    options.cookie = told;
    if (!path)
        return mr_config_open(NULL, &options, out, &err);
    return mr_config_parse("f.yaml", path, strlen(path), &options, out, &err);
}

static void test_environment_beats_the_file(void **state)
{
    struct told told;
    mr_config *config;

    (void)state;
    assert_int_equal(setenv("TRITON_URL", "other:1", 1), 0);
    assert_int_equal(setenv("MILVUS_PORT", "tcp://10.0.0.1:19530", 1), 0);
    assert_int_equal(setenv("LOG_LEVEL", "verbose", 1), 0);
    assert_int_equal(with_environment(NULL, &told, &config), MR_OK);
    assert_value(config, "triton.url", "other:1", 0);
    assert_null(mr_config_find(config, "milvus.port"));
    assert_null(mr_config_find(config, "log_level"));
    mr_config_close(&config);

    /* LOG_LEVEL belongs to many programs: it counts only beside a file */
    assert_int_equal(with_environment("triton:\n  url: file\n", &told, &config), MR_E_INVALID);
    assert_string_equal(told.text,
                        "LOG_LEVEL verbose: wanted one of DEBUG|INFO|WARNING|ERROR|CRITICAL\n");
    assert_int_equal(setenv("LOG_LEVEL", "debug", 1), 0);
    assert_int_equal(with_environment("triton:\n  url: file\n", &told, &config), MR_OK);
    assert_value(config, "triton.url", "other:1", 0);
    assert_value(config, "log_level", "debug", 0);
    mr_config_close(&config);

    assert_int_equal(unsetenv("TRITON_URL"), 0);
    assert_int_equal(with_environment("triton:\n  url: file\n", &told, &config), MR_OK);
    assert_value(config, "triton.url", "file", 2); /* without it the file holds */
    mr_config_close(&config);
    assert_int_equal(unsetenv("LOG_LEVEL"), 0);
    assert_int_equal(unsetenv("MILVUS_PORT"), 0);
}

static bool is_even(const mr_config_key *key, const char *text, char *why, size_t size)
{
    (void)snprintf(why, size, "wanted %s", (const char *)key->cookie);
    return strlen(text) == 1 && strchr("02468", *text) != NULL;
}

static void test_keys_of_the_caller(void **state)
{
    static const mr_config_key keys[] = {
        {.name = "own.digit", .kind = MR_CONFIG_CHECKED, .check = is_even, .cookie = "even"}};
    mr_config_options options;
    struct told told = {.n = 0};
    mr_config *config = NULL;
    mr_error err;

    (void)state;
    mr_config_options_init(&options);
    options.keys = keys;
    options.n_keys = 1;
    options.problem = tell;
    options.cookie = &told;
    assert_int_equal(mr_config_parse("f", "own: {digit: 4}", 15, &options, &config, &err), MR_OK);
    assert_value(config, "own.digit", "4", 1);
    mr_config_close(&config);
    assert_int_equal(mr_config_parse("f", "own: {digit: 5}", 15, &options, &config, &err),
                     MR_E_INVALID);
    assert_string_equal(told.text, "f:1: own.digit 5: wanted even\n");
    assert_int_equal(mr_config_parse("f", "triton: {url: a}", 16, &options, &config, &err),
                     MR_E_INVALID);
}

/* Every default of the original is a value that its key takes. */
static void test_defaults_of_the_original_fit(void **state)
{
    size_t n, i;
    const mr_config_key *keys = mr_config_original(&n);

    (void)state;
    assert_true(n > 50);
    for (i = 0; i < n; i++) {
        const char *dot = strchr(keys[i].name, '.');
        char text[200];
        mr_config *config;

        if (!keys[i].fallback)
            continue;
        if (dot)
            (void)snprintf(text, sizeof text, "%.*s:\n  %s: %s\n", (int)(dot - keys[i].name),
                           keys[i].name, dot + 1, keys[i].fallback);
        else
            (void)snprintf(text, sizeof text, "%s: %s\n", keys[i].name, keys[i].fallback);
        config = good(text);
        assert_true(mr_config_has(config, keys[i].name));
        mr_config_close(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_lines),
        cmocka_unit_test(test_nothing_is_fine),
        cmocka_unit_test(test_unknown_keys_name_the_nearest),
        cmocka_unit_test(test_all_mistakes_are_told),
        cmocka_unit_test(test_what_is_no_yaml_comes_last),
        cmocka_unit_test(test_environment_beats_the_file),
        cmocka_unit_test(test_keys_of_the_caller),
        cmocka_unit_test(test_defaults_of_the_original_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
