/* SPDX-License-Identifier: Apache-2.0 */
/* What follows "onnx:": read, refused, and printed as a store remembers it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "embed/onnx/options.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static mr__onnx_options parsed(const char *rest)
{
    mr__onnx_options options;
    mr_error err = {0};

    if (mr__onnx_options_parse(rest, &options, &err) != MR_OK)
        fail_msg("\"%s\": %s", rest, err.message);
    return options;
}

static void refused(const char *rest, const char *says)
{
    mr__onnx_options options;
    mr_error err = {0};

    assert_int_equal(mr__onnx_options_parse(rest, &options, &err), MR_E_INVALID);
    if (!strstr(err.message, says))
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", rest, err.message, says);
}

static void test_values(void **state)
{
    mr__onnx_options o = parsed("a/b.onnx");

    (void)state;
    assert_string_equal(o.model, "a/b.onnx");
    assert_int_equal(o.pooling, MR__ONNX_POOL_NONE);
    assert_int_equal(o.provider, MR__ONNX_CPU);
    assert_int_equal(o.batch + o.threads, 0);

    o = parsed("m?pooling=mean&output=a%26b%3d&batch=8&provider=openvino&device=GPU.1&threads=3"
               "&runtime=/x y/libonnxruntime.so&sha256=" DIGEST);
    assert_string_equal(o.model, "m");
    assert_int_equal(o.pooling, MR__ONNX_POOL_MEAN);
    assert_string_equal(o.output, "a&b=");
    assert_int_equal(o.batch, 8);
    assert_int_equal(o.provider, MR__ONNX_OPENVINO);
    assert_string_equal(mr__onnx_provider_name(o.provider), "openvino");
    assert_string_equal(o.device, "GPU.1");
    assert_int_equal(o.threads, 3);
    assert_string_equal(o.runtime, "/x y/libonnxruntime.so");
    assert_string_equal(o.sha256, DIGEST);

    assert_string_equal(parsed("what?.onnx?").model, "what?.onnx");
    assert_string_equal(parsed("50%25.onnx").model, "50%25.onnx");
}

static void test_mistakes(void **state)
{
    char longest[5000];

    (void)state;
    refused("", "onnx:MODEL");
    refused("?pooling=cls", "onnx:MODEL");
    refused("m?provder=cuda", "did you mean \"provider\"");
    refused("m?x", "no option \"x\"");
    refused("m?batch", "rows a run");
    refused("m?batch=", "rows a run");
    refused("m?batch=0", "1..4096");
    refused("m?batch=4097", "1..4096");
    refused("m?batch=-1", "1..4096");
    refused("m?threads=1025", "1..1024");
    refused("m?pooling=max", "cls or mean");
    refused("m?provider=rocm", "cpu, cuda");
    refused("m?sha256=12", "64 hex");
    refused("m?output=%", "name of an output");
    refused("m?output=%4", "name of an output");
    refused("m?output=%zz", "name of an output");
    refused("m?output=a%00b", "name of an output");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    refused(longest, "4095 bytes");
    memcpy(longest, "m?output=", 9);
    refused(longest, "name of an output");
    memcpy(longest, "m?device=", 9);
    longest[9 + 64] = '\0';
    refused(longest, "device");
    longest[9 + 63] = '\0';
    assert_int_equal(strlen(parsed(longest).device), 63);
}

/* Printed and read again it is the same; what does not change the vectors is left out. */
static void test_canonical_text(void **state)
{
    mr__onnx_options o = parsed("m?threads=2&provider=cuda&batch=4&pooling=cls&output=a%3fb%26%25 c"
                                "&runtime=/r&sha256=" DIGEST);
    char text[MR__ONNX_SPEC_SIZE], again[MR__ONNX_SPEC_SIZE];
    mr_error err;

    (void)state;
    memcpy(o.model, "/a b/what?.onnx", sizeof "/a b/what?.onnx");
    assert_int_equal(mr__onnx_options_print(&o, text, sizeof text, &err), MR_OK);
    assert_string_equal(text, "onnx:/a b/what?.onnx?output=a%3fb%26%25%20c&pooling=cls&batch=4&"
                              "sha256=" DIGEST);
    o = parsed(text + strlen("onnx:"));
    assert_string_equal(o.model, "/a b/what?.onnx");
    assert_string_equal(o.output, "a?b&% c");
    assert_int_equal(mr__onnx_options_print(&o, again, sizeof again, &err), MR_OK);
    assert_string_equal(again, text);
    for (size_t size = 0; size < strlen(text); size++)
        assert_int_equal(mr__onnx_options_print(&o, again, size + 1, &err), MR_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_canonical_text),
    };

    return cmocka_run_group_tests_name("onnx-options", tests, NULL, NULL);
}
