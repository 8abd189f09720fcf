/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter expressions of the local store, in the grammar of Milvus:
 *
 *   or:        and  { ("or" | "||") and }
 *   and:       not  { ("and" | "&&") not }
 *   not:       ("not" | "!") not | condition
 *   condition: value OP value            OP: == != < <= > >=, a field on one side, a literal on the
 *            | literal OP field OP literal   other; a range: both OP < or <=, or both > or >=
 *            | field ["not"] "in" "[" [literal {"," literal} [","]] "]"
 *            | "exists" metadata["key"]
 *            | "(" or ")"
 *   field:     id | uri | fingerprint | metadata["key"]{["key"] | [index]}
 *   literal:   12, -3, 0x1f, 017, 0b11, 1.5e3, "text", 'text', true, false
 *
 * A condition holds or does not; there is no third answer. A comparison of a metadata value holds
 * only if the value is there and of the literal's kind (number, text, truth value), numbers being
 * compared by value whatever they were written as. != is the opposite of ==, so it holds where the
 * key is missing; "not" turns over whatever is below it. Texts are compared byte by byte.
 *
 * It is compiled into one SQL condition. Everything that was typed arrives there as a bound
 * parameter; the SQL itself is made of fixed pieces.
 */
#ifndef MR_STORE_FILTER_H
#define MR_STORE_FILTER_H

#include <sqlite3.h>
#include <stddef.h>

#include "base/error.h"

typedef struct mr__where mr__where;

/*
 * Compiles `text` to a condition on the table "rows" whose parameters are numbered from `first`.
 * MR_E_INVALID: "filter: character N: wanted ..., found ..."; `*at`, unless it is NULL, is then the
 * byte of the mistake. Any thread.
 */
mr_status mr__where_compile(const char *text, int first, mr__where **out, size_t *at,
                            mr_error *err);

/* The condition: an SQL expression in parentheses that is 0 or 1. */
const char *mr__where_sql(const mr__where *filter);

/* Binds the parameters; the filter must outlive the statement's use of them. */
mr_status mr__where_bind(const mr__where *filter, sqlite3_stmt *stmt, mr_error *err);

/* Frees it and sets `*filter` to NULL. NULL is allowed. */
void mr__where_free(mr__where **filter);

#endif
