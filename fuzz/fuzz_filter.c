/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter expressions: any text is either refused with the place of its mistake, or gives SQL that
 * SQLite takes and that runs over rows without an error.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The condition selects each row or not: "F" and "not F" share the rows between them. */
static void run(sqlite3 *db, const mr__where *filter)
{
    char *sql = sqlite3_mprintf("SELECT count(*) FILTER (WHERE %s), count(*) FILTER (WHERE (%s)=0)"
                                " FROM rows",
                                mr__where_sql(filter), mr__where_sql(filter));
    sqlite3_stmt *stmt = NULL;
    mr_error err = {0};

    check(sql != NULL);
    /* the one thing that may be too much: it is an error of its own */
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
        check(mr__where_bind(filter, stmt, &err) == MR_OK);
        check(sqlite3_step(stmt) == SQLITE_ROW);
        check(sqlite3_column_int(stmt, 0) + sqlite3_column_int(stmt, 1) == 3);
    } else {
        check(strstr(sqlite3_errmsg(db), "parser stack overflow") ||
              strstr(sqlite3_errmsg(db), "too large") || strstr(sqlite3_errmsg(db), "too big"));
    }
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sqlite3 *db;
    mr__where *filter = NULL;
    mr_error err = {0};
    size_t at = SIZE_MAX;
    char *text = malloc(size + 1);

    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (!db) {
        check(sqlite3_open(":memory:", &db) == SQLITE_OK);
        check(sqlite3_exec(db,
                           "CREATE TABLE rows (id TEXT, uri TEXT, fingerprint TEXT, metadata TEXT);"
                           "INSERT INTO rows VALUES ('a', 'u', 'f', '{\"a\":{\"b\":[1,\"x\"]}}'),"
                           " ('b', 'u', 'f', '{\"a\":2.5,\"b\":true}'), ('c', '', '', '{}')",
                           NULL, NULL, NULL) == SQLITE_OK);
    }
    if (mr__where_compile(text, 1, &filter, &at, &err) == MR_OK) {
        run(db, filter);
    } else {
        check(err.status == MR_E_INVALID && at <= size && err.message[0]);
        check(mr__text_is_utf8(err.message, strlen(err.message)));
    }
    mr__where_free(&filter);
    free(text);
    return 0;
}
