/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions: what is understood, where a mistake is and what was wanted, and the limits.
 */
#include "fixture.h"

#include "base/buf.h"
#include "store/filter_tree.h"

/* The expression is refused at byte `at` with a message that has `part`. */
static void refuse(const char *text, size_t at, const char *part)
{
    mr_error err = {0};
    size_t found = 999;

    if (mr_filter_check(text, &found, &err) != MR_E_INVALID)
        fail_msg("%s: not refused (%s)", text, err.message);
    assert_contains(err.message, part);
    if (found != at)
        fail_msg("%s: at %zu, not %zu: %s", text, found, at, err.message);
}

static void test_mistakes(void **state)
{
    (void)state;
    refuse("", 0, "filter: character 1: wanted a condition, found the end");
    refuse("  ", 2, "wanted a condition, found the end");
    refuse("id ==", 5, "character 6: wanted a field or a value, found the end");
    refuse("id == and", 6, "wanted a field or a value, found and");
    refuse("id", 2, "wanted == != < <= > >= or in, found the end");
    refuse("id = \"a\"", 3, "equality is written ==");
    refuse("id == \"a\" id == \"b\"", 10, "wanted and, or or the end, found id");
    refuse("id == \"a\" and", 13, "found the end");
    refuse("id == \"a\" & id == \"b\"", 10, "wanted &&");
    refuse("(id == \"a\"", 10, "wanted and, or or ), found the end");
    refuse("id == \"a\")", 9, "found )");
    refuse("id == \"a", 6, "the text is not closed");
    refuse("id == 'a\\q'", 8, "not an escape sequence");
    refuse("id == '\\x00'", 7, "not a character that a text can hold");
    refuse("id == '\\ud800'", 7, "not a character");
    refuse("id == '\\xff'", 6, "not UTF-8");
    refuse("id == 7", 6, "id is a text: wanted a text in quotes");
    refuse("id in [\"a\", 7]", 12, "id is a text");
    refuse("3 == 3", 5, "wanted a field");
    refuse("\"a\" == \"b\"", 7, "wanted a field");
    refuse("id == uri", 6, "wanted a value");
    refuse("true", 0, "wanted a condition, found only a value");
    refuse("idd == \"a\"", 0, "no field idd; did you mean id?");
    refuse("label == \"a\"", 0, "no field label; for a key of the metadata: metadata[\"label\"]");
    refuse("metadata == 3", 9, "wanted [\"key\"] after metadata, found ==");
    refuse("metadata[0] == 3", 9, "wanted a key in quotes, found 0");
    refuse("metadata[\"a\"][-1] == 3", 14, "wanted a key in quotes or an index, found -");
    refuse("metadata[\"a\" == 3", 13, "wanted ], found ==");
    refuse("id[\"a\"] == \"b\"", 2, "id has no keys");
    refuse("metadata[\"a\"] < true", 16, "true and false have no order");
    refuse("metadata[\"a\"] == 99999999999999999999", 17, "is not a number that fits");
    refuse("metadata[\"a\"] == 9223372036854775808", 17, "does not fit 64 bits");
    refuse("metadata[\"a\"] == 089", 17, "089");
    refuse("metadata[\"a\"] == 1e999", 17, "1e999");
    refuse("metadata[\"a\"] == 12abc", 17, "12abc");
    refuse("metadata[\"a\"] == -\"b\"", 18, "wanted a number, found \"b\"");
    refuse("metadata[\"a\"] + 1 == 2", 14, "+");
    refuse("metadata[\"a\"] like \"b%\"", 14, "like is not known here");
    refuse("1 < metadata[\"a\"] > 0", 18, "wanted < or <= in a range");
    refuse("1 == metadata[\"a\"] == 1", 19, "wanted and, or or the end");
    refuse("id == \"a\" == true", 10, "wanted and, or or the end");
    refuse("id in \"a\"", 6, "wanted [ after in");
    refuse("id in [\"a\" \"b\"]", 11, "wanted a comma or ]");
    refuse("id not \"a\"", 7, "wanted in after not");
    refuse("3 in [3]", 0, "wanted a field before in");
    refuse("exists id", 7, "id is always there");
    refuse("exists 3", 7, "wanted metadata[\"key\"] after exists");
    refuse("not id", 6, "wanted == != < <= > >= or in");
    refuse("uri == \"\xc3\xa9\" ; id", 12, "character 12: wanted");
    refuse("id == \x01", 6, "\\x01");
}

static void test_understood(void **state)
{
    static const char *const right[] = {
        "id==\"a\"",
        "  ( ( id == 'it\\'s' ) )\n",
        "id >= \"a\" && uri != 'b' || !(fingerprint < \"c\")",
        "NOT id in [] AND uri NOT IN ['a',]",
        "metadata[\"a\"][\"b c\"][0] <= -1.5e-3",
        "-0x1F < metadata[\"a\"] <= 017",
        "5 > metadata['a'] >= +.5",
        "exists metadata[\"a\"] or metadata[\"b\"] == False",
        "metadata[\"a\"] in [1, 2.5, \"x\", true, -9223372036854775808]",
        "(3) < (metadata[\"a\"])",
        "metadata[\"\\u00e9\\U0001f600\\x41\\101\\n\"] == 0b101",
    };
    mr_error err = {0};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof right / sizeof right[0]; i++)
        if (mr_filter_check(right[i], NULL, &err) != MR_OK)
            fail_msg("%s: %s", right[i], err.message);
}

/* `n` times `part`. */
static void repeat(mr__buf *text, const char *part, int n)
{
    while (n-- > 0)
        assert_true(mr__buf_addf(text, "%s", part));
}

static sqlite3 *database(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TABLE rows (row INTEGER PRIMARY KEY, collection INTEGER,"
                     " id TEXT, uri TEXT, fingerprint TEXT, metadata TEXT);"
                     "CREATE TABLE items (collection INTEGER, key TEXT);"
                     "INSERT INTO rows VALUES (1, 1, 'a', 'u', 'f', '{\"a\":{\"b\":1}}')",
                     NULL, NULL, NULL),
        SQLITE_OK);
    return db;
}

/* SQLite takes the condition, also where it stands deepest: inside of a DELETE's own SELECT. */
static void assert_sqlite_takes(sqlite3 *db, const char *text)
{
    static const char *const forms[] = {
        "SELECT row FROM rows WHERE collection = ?1 AND %s ORDER BY row",
        "DELETE FROM items WHERE collection = ?1 AND key IN"
        " (SELECT id FROM rows NOT INDEXED WHERE collection = ?1 AND %s )"};
    mr__where *filter = NULL;
    mr_error err = {0};
    size_t i;

    assert_ok(mr__where_compile(text, 2, &filter, NULL, &err), err);
    for (i = 0; i < 2; i++) {
        char *sql = sqlite3_mprintf(forms[i], mr__where_sql(filter));
        sqlite3_stmt *stmt = NULL;

        if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
            fail_msg("%s: %.200s", sqlite3_errmsg(db), text);
        assert_ok(mr__where_bind(filter, stmt, &err), err);
        while (sqlite3_step(stmt) == SQLITE_ROW)
            continue;
        assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
        sqlite3_free(sql);
    }
    mr__where_free(&filter);
    assert_null(filter);
}

/* A tree as deep and as wide as is allowed, in the shape that costs SQLite's parser the most: of
 * two parts of one depth one has to come second. */
static void add_worst(mr__buf *text, int depth, int *left)
{
    bool both = depth > 1 && *left > 4 * depth;

    if (depth == 0) {
        *left -= 1;
        repeat(text, "metadata['a']['b'][0]['d']['e'][1]['g']['h'] < 1", 1);
        return;
    }
    *left -= 2;
    repeat(text, "not (", 1);
    if (depth > 1)
        add_worst(text, depth - 2, left);
    else
        repeat(text, "id == 'a'", 1);
    repeat(text, depth % 4 < 2 ? " and " : " or ", 1);
    if (both)
        add_worst(text, depth - 2, left);
    else
        repeat(text, "id == 'a'", 1);
    repeat(text, ")", 1);
}

static void test_limits(void **state)
{
    sqlite3 *db = database();
    mr__buf text;
    int left = MR__FILTER_NODES_MAX / 2;

    (void)state;
    mr__buf_init(&text, 1 << 20);
    repeat(&text, "(", MR__FILTER_DEPTH_MAX);
    repeat(&text, "id == 'a'", 1);
    repeat(&text, ")", MR__FILTER_DEPTH_MAX);
    assert_sqlite_takes(db, text.data);
    mr__buf_reset(&text);
    repeat(&text, "(", MR__FILTER_DEPTH_MAX + 1);
    refuse(text.data, MR__FILTER_DEPTH_MAX, "nested deeper than 32 levels");
    mr__buf_reset(&text);
    repeat(&text, "!", MR__FILTER_DEPTH_MAX + 1);
    refuse(text.data, MR__FILTER_DEPTH_MAX, "nested deeper");

    mr__buf_reset(&text);
    repeat(&text, "id == 'a' and ", MR__FILTER_NODES_MAX - 2);
    repeat(&text, "id == 'a'", 1);
    assert_sqlite_takes(db, text.data);
    repeat(&text, " and id == 'a'", 1);
    refuse(text.data, text.len - 9, "more than 1024 conditions");

    mr__buf_reset(&text);
    repeat(&text, "id in [", 1);
    repeat(&text, "'a',", MR__FILTER_VALUES_MAX);
    repeat(&text, "]", 1);
    assert_sqlite_takes(db, text.data);
    mr__buf_reset(&text);
    repeat(&text, "id in [", 1);
    repeat(&text, "'a',", MR__FILTER_VALUES_MAX + 1);
    refuse(text.data, text.len - 1, "more than 16384 values");

    mr__buf_reset(&text);
    repeat(&text, "metadata", 1);
    repeat(&text, "['a']", MR__FILTER_PATH_MAX);
    repeat(&text, " == 1", 1);
    assert_sqlite_takes(db, text.data);
    mr__buf_reset(&text);
    repeat(&text, "metadata", 1);
    repeat(&text, "['a']", MR__FILTER_PATH_MAX + 1);
    refuse(text.data, text.len - 4, "more than 8 keys");

    mr__buf_reset(&text);
    repeat(&text, " ", MR__FILTER_BYTES_MAX + 1);
    refuse(text.data, 0, "longer than 262144 bytes");

    mr__buf_reset(&text);
    add_worst(&text, MR__FILTER_DEPTH_MAX, &left);
    assert_sqlite_takes(db, text.data);
    mr__buf_fini(&text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_understood),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
