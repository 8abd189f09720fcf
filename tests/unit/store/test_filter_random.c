/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random filter expressions over random rows: what SQLite selects by the compiled condition is what
 * a plain evaluator of the same expression selects. The evaluator knows the rows as values in C,
 * not as JSON, and the expression as it was drawn, not as it was parsed.
 */
#include "fixture.h"

#include <inttypes.h>

#include "base/buf.h"
#include "store/filter.h"

#define ROWS        64
#define EXPRESSIONS 3000
#define KEYS        5
#define KIDS        3

/* as the key is, in a filter, in JSON */
static const char *const keys[KEYS][3] = {
    {"a", "\"a\"", "\"a\""},
    {"b c", "'b c'", "\"b\\u0020c\""},
    {"q\"\\", "\"q\\\"\\\\\"", "\"q\\\"\\\\\""},
    {"\xc3\xa9", "\"\\u00e9\"", "\"\\u00E9\""},
    {"n", "'n'", "\"n\""},
};
static const char *const texts[] = {"", "a", "B", "b", "it's", "10", "\xc3\xa9", "true"};

typedef enum kind { MISSING, NUL, INTEGER, REAL, TEXT, BOOLEAN, NESTED, KINDS } kind;

typedef struct value {
    kind kind;
    int64_t integer;
    double real;
    int text;
} value;

typedef struct row {
    char id[16];
    value values[KEYS];
    value inner[KEYS]; /* of a NESTED one: {"n": inner} or, if `list`, [inner] */
    bool list[KEYS];
} row;

typedef struct expression {
    enum { AND, OR, NOT, COMPARE, IN, EXISTS, ID, RANGE } kind;
    int key, depth; /* depth 1: metadata[key], 2: metadata[key]["n"] or [0] */
    bool index;
    int op;
    value literals[3];
    int n;
    struct expression *kids[KIDS];
} expression;

static uint64_t random_state = 88172645463325252u;

static unsigned draw(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 20) % n);
}

static value draw_value(unsigned kinds)
{
    value v = {.kind = (kind)draw(kinds)};

    v.integer = v.kind == BOOLEAN ? (int64_t)draw(2) : (int64_t)draw(7) - 3;
    if (v.kind == INTEGER && draw(8) == 0)
        v.integer = draw(2) ? INT64_MAX - 1 : INT64_MIN;
    v.real = ((double)draw(13) - 6.0) / 2.0;
    v.text = (int)draw(sizeof texts / sizeof texts[0]);
    return v;
}

static value draw_literal(void)
{
    value v;

    do
        v = draw_value(BOOLEAN + 1);
    while (v.kind < INTEGER);
    return v;
}

static void draw_row(row *r, int number)
{
    int k;

    (void)snprintf(r->id, sizeof r->id, "i%02d", number);
    for (k = 0; k < KEYS; k++) {
        r->values[k] = draw_value(KINDS);
        r->inner[k] = draw_value(NESTED);
        r->list[k] = draw(2);
    }
}

static void put_json(mr__buf *out, const value *v)
{
    switch (v->kind) {
    case INTEGER:
        assert_true(mr__buf_addf(out, "%" PRId64, v->integer));
        break;
    case REAL:
        assert_true(mr__buf_addf(out, "%.1f", v->real));
        break;
    case TEXT:
        assert_true(mr__buf_addf(out, "\"%s\"", texts[v->text]));
        break;
    case BOOLEAN:
        assert_true(mr__buf_addf(out, v->integer ? "true" : "false"));
        break;
    default:
        assert_true(mr__buf_addf(out, "null"));
    }
}

static void put_row(mr__buf *out, const row *r)
{
    const char *separator = "{";
    int k;

    for (k = 0; k < KEYS; k++) {
        if (r->values[k].kind == MISSING)
            continue;
        assert_true(mr__buf_addf(out, "%s%s:", separator, keys[k][2]));
        separator = ",";
        if (r->values[k].kind != NESTED) {
            put_json(out, &r->values[k]);
        } else if (r->inner[k].kind == MISSING) {
            assert_true(mr__buf_addf(out, r->list[k] ? "[]" : "{}"));
        } else {
            assert_true(mr__buf_addf(out, r->list[k] ? "[" : "{\"m\":1,\"n\":"));
            put_json(out, &r->inner[k]);
            assert_true(mr__buf_addf(out, r->list[k] ? "]" : "}"));
        }
    }
    assert_true(mr__buf_addf(out, "%s}", *separator == '{' ? "{" : ""));
}

static expression *draw_expression(int depth)
{
    expression *e = calloc(1, sizeof *e);
    int i;

    assert_non_null(e);
    e->kind = depth > 0 ? draw(8) : COMPARE + draw(5);
    e->key = (int)draw(KEYS);
    e->depth = draw(3) == 0 ? 2 : 1;
    e->index = draw(2);
    e->op = (int)draw(6);
    e->n = e->kind == IN ? (int)draw(4) : 1;
    for (i = 0; i < 3; i++)
        e->literals[i] = draw_literal();
    while (e->kind == COMPARE && e->literals[0].kind == BOOLEAN && e->op > 1)
        e->op = (int)draw(6);
    while (e->kind == RANGE && (e->literals[0].kind == BOOLEAN || e->literals[1].kind == BOOLEAN))
        e->literals[draw(2)] = draw_literal();
    if (e->kind <= NOT)
        for (i = 0; i < (e->kind == NOT ? 1 : 2 + (int)draw(KIDS - 1)); i++)
            e->kids[i] = draw_expression(depth - 1);
    return e;
}

static void free_expression(expression *e)
{
    int i;

    for (i = 0; e && i < KIDS; i++)
        free_expression(e->kids[i]);
    free(e);
}

static void put_literal(mr__buf *out, const value *v)
{
    static const char *const yes[] = {"true", "True", "TRUE"};

    if (v->kind == TEXT && strcmp(texts[v->text], "it's") == 0)
        assert_true(mr__buf_addf(out, draw(2) ? "\"it's\"" : "'it\\'s'"));
    else if (v->kind == TEXT)
        assert_true(mr__buf_addf(out, draw(2) ? "\"%s\"" : "'%s'", texts[v->text]));
    else if (v->kind == BOOLEAN)
        assert_true(mr__buf_addf(out, "%s", v->integer ? yes[draw(3)] : "false"));
    else if (v->kind == INTEGER && v->integer >= 0 && draw(4) == 0)
        assert_true(mr__buf_addf(out, "0x%" PRIx64, (uint64_t)v->integer));
    else
        put_json(out, v);
}

static void put_field(mr__buf *out, const expression *e)
{
    if (e->kind == ID) {
        assert_true(mr__buf_addf(out, "id"));
        return;
    }
    assert_true(mr__buf_addf(out, "metadata[%s]", keys[e->key][1]));
    if (e->depth == 2)
        assert_true(mr__buf_addf(out, e->index ? "[0]" : "[\"n\"]"));
}

static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
static const char *const turned[] = {"==", "!=", ">", ">=", "<", "<="};

static void put_expression(mr__buf *out, const expression *e);

static void put_leaf(mr__buf *out, const expression *e)
{
    bool turn = draw(3) == 0;
    int i;

    if (e->kind == RANGE) {
        put_literal(out, &e->literals[0]);
        assert_true(mr__buf_addf(out, "<"));
        put_field(out, e);
        assert_true(mr__buf_addf(out, "<= "));
        put_literal(out, &e->literals[1]);
    } else if (e->kind == EXISTS) {
        assert_true(mr__buf_addf(out, "exists "));
        put_field(out, e);
    } else if (e->kind == IN) {
        put_field(out, e);
        assert_true(mr__buf_addf(out, e->op & 1 ? " not in [" : " in ["));
        for (i = 0; i < e->n; i++) {
            put_literal(out, &e->literals[i]);
            assert_true(mr__buf_addf(out, i + 1 < e->n || draw(2) ? ", " : ""));
        }
        assert_true(mr__buf_addf(out, "]"));
    } else {
        if (!turn)
            put_field(out, e);
        else if (e->kind == ID)
            assert_true(mr__buf_addf(out, "'i%02d'", (int)e->literals[0].integer & 63));
        else
            put_literal(out, &e->literals[0]);
        assert_true(mr__buf_addf(out, " %s ", turn ? turned[e->op] : ops[e->op]));
        if (turn)
            put_field(out, e);
        else if (e->kind == ID)
            assert_true(mr__buf_addf(out, "'i%02d'", (int)e->literals[0].integer & 63));
        else
            put_literal(out, &e->literals[0]);
    }
}

static void put_expression(mr__buf *out, const expression *e)
{
    static const char *const joints[2][3] = {{" and ", "&&", " AND "}, {" or ", "||", " OR "}};
    int i;

    if (e->kind > NOT) {
        put_leaf(out, e);
        return;
    }
    if (e->kind == NOT)
        assert_true(mr__buf_addf(out, draw(2) ? "!" : "not "));
    for (i = 0; i < KIDS && e->kids[i]; i++) {
        /* "and" binds closer than "or": an "and" inside of an "or" needs no parentheses */
        bool bare = e->kids[i]->kind > NOT || (e->kind == OR && e->kids[i]->kind == AND && draw(2));
        if (i > 0)
            assert_true(mr__buf_addf(out, "%s", joints[e->kind][draw(3)]));
        assert_true(mr__buf_addf(out, bare && e->kind != NOT ? "" : "("));
        put_expression(out, e->kids[i]);
        assert_true(mr__buf_addf(out, bare && e->kind != NOT ? "" : ")"));
    }
}

/* < 0, 0, > 0; 2: they cannot be compared. */
static int compare(const value *a, const value *b)
{
    long double x, y;

    if (a->kind == TEXT && b->kind == TEXT) {
        int order = strcmp(texts[a->text], texts[b->text]);
        return (order > 0) - (order < 0);
    }
    if (a->kind == BOOLEAN && b->kind == BOOLEAN)
        return a->integer == b->integer ? 0 : -1;
    if ((a->kind != INTEGER && a->kind != REAL) || (b->kind != INTEGER && b->kind != REAL))
        return 2;
    x = a->kind == INTEGER ? (long double)a->integer : (long double)a->real;
    y = b->kind == INTEGER ? (long double)b->integer : (long double)b->real;
    return (x > y) - (x < y);
}

static bool holds(int op, int order)
{
    switch (op) {
    case 0:
        return order == 0;
    case 1:
        return order != 0;
    case 2:
        return order == -1;
    case 3:
        return order == -1 || order == 0;
    case 4:
        return order == 1;
    default:
        return order == 1 || order == 0;
    }
}

static value find(const row *r, const expression *e)
{
    value v = r->values[e->key];

    if (e->depth == 1)
        return v;
    return v.kind == NESTED && r->list[e->key] == e->index ? r->inner[e->key]
                                                           : (value){.kind = MISSING};
}

/* `broken`: != does not hold where nothing can be compared, as a third truth value would have it.
 */
static bool selects(const expression *e, const row *r, bool broken)
{
    value v = find(r, e);
    bool found = false;
    char id[16];
    int i, order;

    switch (e->kind) {
    case NOT:
        return !selects(e->kids[0], r, broken);
    case AND:
    case OR:
        for (i = 0; i < KIDS && e->kids[i]; i++)
            if (selects(e->kids[i], r, broken) == (e->kind == OR))
                return e->kind == OR;
        return e->kind == AND;
    case EXISTS:
        return v.kind != MISSING;
    case IN:
        for (i = 0; i < e->n; i++)
            found = found || compare(&v, &e->literals[i]) == 0;
        return found != (e->op & 1);
    case ID:
        (void)snprintf(id, sizeof id, "i%02d", (int)e->literals[0].integer & 63);
        order = strcmp(r->id, id);
        return holds(e->op, (order > 0) - (order < 0));
    case RANGE:
        return holds(4, compare(&v, &e->literals[0])) && holds(3, compare(&v, &e->literals[1]));
    default:
        order = compare(&v, &e->literals[0]);
        return holds(e->op, order) && !(broken && order == 2);
    }
}

static sqlite3 *fill(const row *rows)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    mr__buf json;
    int i;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TABLE rows (row INTEGER PRIMARY KEY, id TEXT, uri TEXT,"
                                  " fingerprint TEXT, metadata TEXT)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT INTO rows VALUES (?1, ?2, '', '', ?3)", -1, &stmt, NULL),
        SQLITE_OK);
    mr__buf_init(&json, 1 << 16);
    for (i = 0; i < ROWS; i++) {
        mr__buf_reset(&json);
        put_row(&json, &rows[i]);
        (void)sqlite3_bind_int(stmt, 1, i);
        (void)sqlite3_bind_text(stmt, 2, rows[i].id, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(stmt, 3, json.data, -1, SQLITE_TRANSIENT);
        assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
        (void)sqlite3_reset(stmt);
    }
    mr__buf_fini(&json);
    sqlite3_finalize(stmt);
    return db;
}

/* A bit for each row that the filter selects. */
static uint64_t ask(sqlite3 *db, const char *text)
{
    mr__where *filter = NULL;
    sqlite3_stmt *stmt = NULL;
    uint64_t selected = 0;
    mr_error err = {0};
    char *sql;
    int rc;

    if (mr__where_compile(text, 1, &filter, NULL, &err) != MR_OK)
        fail_msg("%s: %s", text, err.message);
    sql = sqlite3_mprintf("SELECT row FROM rows WHERE %s", mr__where_sql(filter));
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_ok(mr__where_bind(filter, stmt, &err), err);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        selected |= UINT64_C(1) << sqlite3_column_int(stmt, 0);
    if (rc != SQLITE_DONE)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    mr__where_free(&filter);
    return selected;
}

static void test_random(void **state)
{
    static row rows[ROWS];
    unsigned i, r, differing = 0, some = 0;
    sqlite3 *db;
    mr__buf text;

    (void)state;
    for (r = 0; r < ROWS; r++)
        draw_row(&rows[r], (int)r);
    db = fill(rows);
    mr__buf_init(&text, 1 << 16);
    for (i = 0; i < EXPRESSIONS; i++) {
        expression *e = draw_expression((int)draw(4));
        uint64_t expected = 0, broken = 0, got;

        for (r = 0; r < ROWS; r++) {
            expected |= (uint64_t)selects(e, &rows[r], false) << r;
            broken |= (uint64_t)selects(e, &rows[r], true) << r;
        }
        mr__buf_reset(&text);
        put_expression(&text, e);
        got = ask(db, text.data);
        if (got != expected)
            fail_msg("expression %u selects %016" PRIx64 ", not %016" PRIx64 ": %s", i, got,
                     expected, text.data);
        some += got != 0 && got != UINT64_MAX;
        differing += got != broken;
        free_expression(e);
    }
    mr__buf_fini(&text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    /* most of them select some rows, and an evaluator with another idea of != is found out */
    assert_true(some > EXPRESSIONS / 2);
    assert_true(differing > EXPRESSIONS / 20);
}

/* A damaged row, or one nested deeper than SQLite reads, selects like one without metadata. */
static void test_what_is_no_metadata(void **state)
{
    static row rows[ROWS];
    mr__buf deep;
    sqlite3 *db;
    sqlite3_stmt *stmt = NULL;
    int i;

    (void)state;
    db = fill(rows);
    mr__buf_init(&deep, 1 << 16);
    assert_true(mr__buf_addf(&deep, "{\"a\":1,\"n\":"));
    for (i = 0; i < 4100; i++)
        assert_true(mr__buf_addf(&deep, i < 2050 ? "[" : "]"));
    assert_true(mr__buf_addf(&deep, "}"));
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE rows SET metadata = '{\"a\":1}' WHERE row = 3;"
                                  "UPDATE rows SET metadata = '{\"a\":1' WHERE row = 4",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "UPDATE rows SET metadata = ?1 WHERE row = 5", -1, &stmt, NULL),
        SQLITE_OK);
    (void)sqlite3_bind_text(stmt, 1, deep.data, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    assert_int_equal(ask(db, "metadata[\"a\"] == 1"), 1u << 3);
    assert_int_equal(ask(db, "metadata[\"a\"] != 1"), ~(UINT64_C(1) << 3));
    assert_int_equal(ask(db, "metadata[\"a\"][\"b\"] == 1"), 0);
    mr__buf_fini(&deep);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_what_is_no_metadata),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
