/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, source keys and uris. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "source/ident.h"

static void assert_names(mr_id_from from, const char *locator, const char *id, const char *key)
{
    mr_item item = {0};
    mr__ident ident;
    mr_error err;

    mr__ident_init(&ident, from);
    assert_int_equal(mr__ident_name(&ident, locator, strlen(locator), &item, &err), MR_OK);
    assert_int_equal(item.code, MR_CODE_NONE);
    assert_string_equal(item.id, id);
    assert_string_equal(item.key, key);
    mr__ident_fini(&ident);
}

static void test_path_form(void **state)
{
    static const char *const pairs[][2] = {
        {"a.jpg", "a.jpg"},
        {"./a.jpg", "a.jpg"},
        {"././/a.jpg", "a.jpg"},
        {"a//b/./c///d.jpg", "a/b/c/d.jpg"},
        {"../a/../b.jpg", "../a/../b.jpg"},
        {"/a//b", "/a/b"},
        {"//a", "/a"},
        {"/", "/"},
        {"///", "/"},
        {"/.", "/"},
        {".", "."},
        {"./", "."},
        {"a/", "a"},
        {"a/.", "a"},
        {".a/..b/...", ".a/..b/..."},
        {"http://h//a/./b", "http://h//a/./b"},
        {"s3+x://b//k", "s3+x://b//k"},
        {"http://user:secret@h/a.jpg", "http://***@h/a.jpg"},
        {"https://user@h:8080?a@b", "https://***@h:8080?a@b"},
        {"http://u:p@q@h#x", "http://***@h#x"},
        {"http://h/a@b", "http://h/a@b"},
        {"http://h?a@b", "http://h?a@b"},
        {"dir/u:p@h/a", "dir/u:p@h/a"},
        {"://a//b", ":/a/b"},
        {"1x://a//b", "1x:/a/b"},
        {"100%.jpg", "100%.jpg"},
        {"caf%C3%A9.jpg", "caf%C3%A9.jpg"},
        {"\xe5\xae\xb6.jpg", "\xe5\xae\xb6.jpg"},
        {"caf\xe9.jpg", "caf%E9.jpg"},
        {"\xc3\xa9\xe9%.jpg", "\xc3\xa9%E9%25.jpg"},
        {"\xed\xa0\x80", "%ED%A0%80"},
        {"a\tb", "a\tb"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_names(MR_ID_FROM_PATH, pairs[i][0], pairs[i][1], pairs[i][1]);
}

static void test_stem(void **state)
{
    (void)state;
    assert_names(MR_ID_FROM_STEM, "./x/a.b.jpg", "a.b", "x/a.b.jpg");
    assert_names(MR_ID_FROM_STEM, "x/.jpg", ".jpg", "x/.jpg");
    assert_names(MR_ID_FROM_STEM, "x.y/a", "a", "x.y/a");
    assert_names(MR_ID_FROM_STEM, "a.", "a.", "a.");
    assert_names(MR_ID_FROM_STEM, "..", "..", "..");
    assert_names(MR_ID_FROM_STEM, "/", "/", "/");
    assert_names(MR_ID_FROM_STEM, "x/\xe9.jpg", "%E9", "x/%E9.jpg");
}

/* 512 bytes are an id; one more is not, and neither are bytes that escaping makes too many */
static void test_limits(void **state)
{
    char name[5001];
    mr_item item = {0}, other = {0};
    mr__ident ident, second;
    mr_error err;

    (void)state;
    mr__ident_init(&ident, MR_ID_FROM_PATH);
    mr__ident_init(&second, MR_ID_FROM_PATH);
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(mr__ident_name(&ident, name, 512, &item, &err), MR_OK);
    assert_int_equal(item.code, MR_CODE_NONE);
    assert_int_equal(strlen(item.id), 512);
    assert_int_equal(mr__ident_name(&ident, name, 513, &item, &err), MR_OK);
    assert_int_equal(item.code, MR_CODE_BAD_ID);
    assert_int_equal(strlen(item.id), 512);
    assert_int_equal(item.id[447], '~');
    assert_string_equal(item.id, item.key);
    assert_int_equal(strlen(item.uri), 513);
    name[512] = 'm';
    assert_int_equal(mr__ident_name(&second, name, 513, &other, &err), MR_OK);
    assert_memory_equal(other.key, item.key, 448);
    assert_string_not_equal(other.key, item.key);
    item = other = (mr_item){0};
    memset(name, 0xe9, sizeof name - 1);
    assert_int_equal(mr__ident_name(&ident, name, 171, &item, &err), MR_OK);
    assert_int_equal(item.code, MR_CODE_BAD_ID);
    assert_int_equal(mr__ident_name(&second, name, 170, &other, &err), MR_OK);
    assert_int_equal(other.code, MR_CODE_NONE);
    other = (mr_item){0};
    assert_int_equal(mr__ident_name(&second, name, 5000, &other, &err), MR_OK);
    assert_int_equal(other.code, MR_CODE_BAD_ID);
    assert_true(strlen(other.key) <= 512);
    mr__ident_fini(&ident);
    mr__ident_fini(&second);
}

/* The cut of a long name falls between characters, and the hash is that of the whole */
static void test_bounded_form(void **state)
{
    char text[601];
    mr__buf out;
    size_t i;

    (void)state;
    for (i = 0; i < 600; i += 3)
        memcpy(text + i, "\xe5\xae\xb6", 4);
    mr__buf_init(&out, 4096);
    assert_true(mr__ident_bound(&out, text, 600));
    assert_int_equal(out.len, 447 + 1 + 64); /* 447 is a multiple of 3 */
    assert_int_equal(out.data[447], '~');
    mr__buf_reset(&out);
    text[0] = 'a';
    memmove(text + 1, text + 3, 597);
    assert_true(mr__ident_bound(&out, text, 598));
    assert_int_equal(out.len, 445 + 1 + 64);
    assert_int_equal(out.data[445], '~');
    mr__buf_reset(&out);
    memset(text, 'a', 600);
    assert_true(mr__ident_bound(&out, text, 600));
    assert_string_equal(out.data + 448,
                        "ba35c170729417f1499e0886e7e12fcdb4ab00ad411110ae1e888c766d4ed70d");
    mr__buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_form),
        cmocka_unit_test(test_stem),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bounded_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
