/* SPDX-License-Identifier: Apache-2.0 */
/* What follows "triton:": read, refused without telling secrets, and printed as a store remembers
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "embed/triton/options.h"

static mr__triton_options parsed(const char *rest)
{
    mr__triton_options options;
    mr_error err = {0};

    if (mr__triton_options_parse(rest, &options, &err) != MR_OK)
        fail_msg("\"%s\": %s", rest, err.message);
    return options;
}

static void refused(const char *rest, const char *says)
{
    mr__triton_options options;
    mr_error err = {0};

    assert_int_equal(mr__triton_options_parse(rest, &options, &err), MR_E_INVALID);
    if (!strstr(err.message, says))
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", rest, err.message, says);
    if (strstr(err.message, "secret"))
        fail_msg("\"%s\" tells a secret", err.message);
}

static void test_addresses(void **state)
{
    mr__triton_options o = parsed("http://localhost:8000/embedding_model/1");
    char text[64];

    (void)state;
    assert_false(o.grpc || o.tls);
    assert_string_equal(o.host, "localhost");
    assert_string_equal(o.model, "embedding_model");
    assert_string_equal(o.version, "1");
    assert_string_equal(mr__triton_address(&o, text, sizeof text), "localhost:8000");
    assert_int_equal(parsed("http://h/m").port, 8000);
    assert_int_equal(parsed("https://h/m").port, 443);
    assert_int_equal(parsed("grpc://h/m").port, 8001);
    o = parsed("grpcs://[::1]:65535/a%20b");
    assert_true(o.grpc && o.tls);
    assert_string_equal(o.model, "a b");
    assert_string_equal(o.version, "");
    assert_string_equal(mr__triton_address(&o, text, sizeof text), "[::1]:65535");
}

static void test_values(void **state)
{
    mr__triton_options o = parsed("http://h/m");

    (void)state;
    assert_int_equal(o.timeout_ms, 60000);
    assert_int_equal(o.retries, 3);
    assert_int_equal(o.wait_ms, 120000);
    assert_int_equal(o.delay_ms, 100);
    assert_int_equal(o.in_flight + o.batch, 0);
    assert_int_equal(o.shm, MR__TRITON_SHM_AUTO);
    o = parsed("https://h/m?input=a%26b&output=c%3d&shm=require&timeout=250ms&retries=0&delay=0&"
               "wait=3m&in_flight=16&batch=7&headers=/h&ca=/a&cert=/c&key=/k");
    assert_string_equal(o.input, "a&b");
    assert_string_equal(o.output, "c=");
    assert_int_equal(o.shm, MR__TRITON_SHM_REQUIRE);
    assert_int_equal(o.timeout_ms, 250);
    assert_int_equal(o.retries + o.delay_ms, 0);
    assert_int_equal(o.wait_ms, 180000);
    assert_int_equal(o.in_flight, 16);
    assert_int_equal(o.batch, 7);
    assert_string_equal(o.headers_file, "/h");
    assert_string_equal(o.ca, "/a");
    assert_string_equal(o.cert, "/c");
    assert_string_equal(o.key, "/k");
    assert_int_equal(parsed("http://h/m?shm=off").shm, MR__TRITON_SHM_OFF);
}

static void test_mistakes(void **state)
{
    char host[400] = "http://";

    (void)state;
    refused("localhost:8000/m", "scheme");
    refused("ftp://h/m", "grpcs");
    refused("http://h", "no model");
    refused("http://h/", "no model");
    refused("http:///m", "no host");
    refused("http://h:0/m", "1..65535");
    refused("http://h:65536/m", "1..65535");
    refused("http://h:/m", "1..65535");
    refused("http://[::1/m", "without its");
    refused("http://[g]/m", "no host");
    refused("http://user:secret@h/m", "headers=FILE");
    refused("http://h\r\nX: secret/m", "no host");
    refused("http://h/m/latest", "a version is a number");
    refused("http://h/m/1/2", "a version is a number");
    refused("http://h/m/", "a version is a number");
    refused("http://h/a%2fb", "no model");
    refused("http://h/a%0ab", "no model");
    refused("http://h/a%zz", "no model");
    refused("http://h/m?outputs=x", "did you mean \"output\"");
    refused("http://h/m?output=", "the name of an output");
    refused("http://h/m?shm=yes", "auto, off or require");
    refused("http://h/m?timeout=0", "1ms to 24h");
    refused("http://h/m?in_flight=17", "1..16");
    refused("http://h/m?in_flight=0", "1..16");
    refused("http://h/m?batch=-1", "1..65535");
    refused("http://h/m?ca=/x", "https://");
    refused("https://h/m?cert=/x", "go together");
    memset(host + 7, 'a', 300);
    memcpy(host + 307, "/m", 3);
    refused(host, "too long");
}

static void test_canonical(void **state)
{
    static const char *const pairs[][2] = {
        {"http://h/m", "triton:http://h:8000/m"},
        {"https://h:1/m/03?timeout=3s&wait=0&shm=off&retries=1&output=a%20b&input=%26&in_flight=3",
         "triton:https://h:1/m/03?input=%26&output=a%20b"},
        {"grpcs://[::1]/m?headers=/x/y%3f&ca=/a&cert=/b&key=/c",
         "triton:grpcs://[::1]:8001/m?ca=/a&cert=/b&key=/c&headers=/x/y%3F"},
    };
    char text[MR__TRITON_SPEC_SIZE], again[MR__TRITON_SPEC_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        mr__triton_options o = parsed(pairs[i][0]);
        assert_int_equal(mr__triton_options_print(&o, text, sizeof text, NULL), MR_OK);
        assert_string_equal(text, pairs[i][1]);
        o = parsed(text + strlen("triton:"));
        assert_int_equal(mr__triton_options_print(&o, again, sizeof again, NULL), MR_OK);
        assert_string_equal(again, text);
        assert_int_equal(mr__triton_options_print(&o, again, strlen(text), NULL), MR_E_INVALID);
    }
}

/* What a file of this text gives. */
static mr_status headers(const char *text, mr__triton_options *out, mr_error *err)
{
    char path[] = "/tmp/millrace-headers-XXXXXX";
    int fd = mkstemp(path);
    mr_status status;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    *out = parsed("http://h/m");
    (void)snprintf(out->headers_file, sizeof out->headers_file, "%s", path);
    status = mr__triton_options_headers(out, err);
    (void)unlink(path);
    return status;
}

static void test_headers(void **state)
{
    static const char *const bad[] = {"no colon secret\n", ": secret\n", "a b: secret\n",
                                      "X: secret\x01\n"};
    mr__triton_options o;
    mr_error err = {0};
    char many[512] = "";

    (void)state;
    assert_int_equal(headers("# a remark\nAuthorization: Bearer secret\r\n\nX-A:b", &o, &err),
                     MR_OK);
    assert_int_equal(o.n_headers, 2);
    assert_string_equal(o.headers[0], "Authorization: Bearer secret");
    assert_string_equal(o.headers[1], "X-A:b");
    mr__triton_options_fini(&o);
    assert_int_equal(o.n_headers, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(headers(bad[i], &o, &err), MR_E_INVALID);
        assert_non_null(strstr(err.message, ":1: wanted"));
        assert_null(strstr(err.message, "secret"));
        mr__triton_options_fini(&o);
    }
    for (int i = 0; i < 17; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), "X-%d: y\n", i);
    assert_int_equal(headers(many, &o, &err), MR_E_INVALID);
    assert_non_null(strstr(err.message, "more than 16"));
    mr__triton_options_fini(&o);
    o = parsed("http://h/m?headers=/nowhere/at/all");
    assert_int_equal(mr__triton_options_headers(&o, &err), MR_E_ENV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_values),
        cmocka_unit_test(test_mistakes),  cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
