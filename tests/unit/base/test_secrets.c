/* SPDX-License-Identifier: Apache-2.0 */
/* What is secret in URLs is not shown; the rest of a message is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

static void check(const char *before, const char *after)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%s", before);
    mr_mask_secrets(text);
    assert_string_equal(text, after);
    mr_mask_secrets(text); /* again: nothing more */
    assert_string_equal(text, after);
}

static void values_of_secret_parameters_are_masked(void **state)
{
    (void)state;
    check("http://h/a.jpg?token=abcdef", "http://h/a.jpg?token=***");
    check("http://h/a.jpg?w=100&sig=a%2Fb%3D&h=7", "http://h/a.jpg?w=100&sig=***&h=7");
    check("https://b.s3/x?X-Amz-Date=2026&X-Amz-Signature=0f0f&X-Amz-Credential=AK/1/s3",
          "https://b.s3/x?X-Amz-Date=2026&X-Amz-Signature=***&X-Amz-Credential=***");
    check("https://h/x?Expires=1&Signature=zz~&Key-Pair-Id=K1",
          "https://h/x?Expires=1&Signature=***&Key-Pair-Id=K1");
    check("h?ACCESS_TOKEN=q&refresh_token=abcd#access_token=abcd",
          "h?ACCESS_TOKEN=*&refresh_token=***#access_token=***");
    check("h?key=1234;password=12;api-key=abc", "h?key=***;password=**;api-key=***");
    check("h?token=&a=1", "h?token=&a=1");
}

static void users_and_passwords_are_masked(void **state)
{
    (void)state;
    check("http://me:p@ss@h:80/a@b?x=1", "http://***@h:80/a@b?x=1");
    check("milvus://root:Milvus@127.0.0.1:19530", "milvus://***@127.0.0.1:19530");
    check("s3://h/a and https://u@h/?auth=abc", "s3://h/a and https://*@h/?auth=***");
}

static void the_sentence_around_it_stays(void **state)
{
    (void)state;
    check("cannot read http://h/?token=abcdef: not found",
          "cannot read http://h/?token=***: not found");
    check("\"h?sig=abcd\" and <h?sig=abcd>", "\"h?sig=***\" and <h?sig=***>");
}

static void what_is_no_secret_is_untouched(void **state)
{
    static const char *const texts[] = {"",
                                        "?",
                                        "?=",
                                        "&&==",
                                        "://",
                                        "monkey=banana",
                                        "http://h/key=1/token=2",
                                        "h?keyword=1&monkey=2&signed=3&tok=4",
                                        "a.jpg: 12 bytes; key 3",
                                        "http://h/a@b?c=d@e"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(texts[i], texts[i]);
}

static void on_message(void *cookie, mr_log_level level, const char *part, const char *message)
{
    (void)level;
    (void)part;
    (void)snprintf(cookie, 200, "%s", message);
}

static void errors_and_messages_have_been_through_it(void **state)
{
    char seen[200] = "";
    mr_logger logger = {.write = on_message, .cookie = seen, .level = MR_LOG_INFO};
    mr_error err;

    (void)state;
    (void)mr__error_set(&err, MR_E_IO, "%s: gone", "http://u:p@h/?token=secret");
    assert_string_equal(err.message, "http://***@h/?token=***: gone");
    (void)mr__error_wrap(&err, "read %s", "h?key=secret");
    assert_string_equal(err.message, "read h?key=***: http://***@h/?token=***: gone");
    mr__log(&logger, MR_LOG_INFO, "test", "%s", "h?key=secret");
    assert_string_equal(seen, "h?key=***");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_secret_parameters_are_masked),
        cmocka_unit_test(users_and_passwords_are_masked),
        cmocka_unit_test(the_sentence_around_it_stays),
        cmocka_unit_test(what_is_no_secret_is_untouched),
        cmocka_unit_test(errors_and_messages_have_been_through_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
