/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a ledger in its default place: of one store only, and without secrets. */
#include "fixture.h"

#include "base/buf.h"
#include "store/ledger.h"

static char *name_of(const char *spec)
{
    mr__buf name;

    mr__buf_init(&name, 4096);
    assert_true(mr__ledger_name(spec, &name));
    return name.data;
}

static void check_name(const char *spec, const char *expected)
{
    char *name = name_of(spec);

    assert_string_equal(name, expected);
    free(name);
}

static void test_names(void **state)
{
    char spec[400], expected[600], *here = realpath(".", NULL), *a, *b;

    (void)state;
    check_name("milvus://localhost:19530", "milvus%3A%2F%2Flocalhost%3A19530");
    check_name("Milvus://LocalHost:19530/Db", "milvus%3A%2F%2Flocalhost%3A19530%2FDb");
    /* how it is reached is no part of it, and secrets least of all */
    check_name("milvus://root:pass@word@h:1/db?token=secret#x", "milvus%3A%2F%2Fh%3A1%2Fdb");
    check_name("milvus://h:1?user=a@b", "milvus%3A%2F%2Fh%3A1");
    /* no two stores share one: what is escaped cannot be written as it is shown */
    check_name("milvus://h:1/a%2Fb", "milvus%3A%2F%2Fh%3A1%2Fa%252Fb");
    check_name("milvus://h:1/a/b", "milvus%3A%2F%2Fh%3A1%2Fa%2Fb");
    check_name("jsonl:/data/x.jsonl", "jsonl%3A%2Fdata%2Fx.jsonl");
    assert_non_null(here);
    (void)snprintf(spec, sizeof spec, "jsonl:%s/x", here);
    a = name_of(spec);
    check_name("jsonl:x", a);
    free(a);
    free(here);
    /* too long for a file name: cut, and told apart by a digest of the whole */
    memset(spec, 'a', sizeof spec);
    memcpy(spec, "milvus://", 9);
    spec[sizeof spec - 1] = '\0';
    a = name_of(spec);
    spec[sizeof spec - 2] = 'b';
    b = name_of(spec);
    assert_int_equal(strlen(a), 193);
    assert_int_equal(strlen(b), 193);
    assert_memory_equal(a, b, 160);
    assert_string_not_equal(a, b);
    (void)snprintf(expected, sizeof expected, "%s.ledger-journal", a);
    assert_true(strlen(expected) <= 255);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
