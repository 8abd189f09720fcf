/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter expressions as SQL. SQLite's parser has a stack of a hundred entries and no more, and the
 * depth of an expression is limited too. So the deepest part of a chain is written first: what
 * stands on the left has been understood, and takes one entry, when the rest comes. Long chains are
 * written in groups.
 *
 * Metadata is looked up by json_each, not by a JSON path: a path finds no key with a quote or a
 * backslash in it, nor one whose text in the store is spelt with escapes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "millrace/store.h"
#include "store/filter_tree.h"

#define SQL_MAX 900000 /* SQLite takes a million */
#define GROUP   32

struct mr__where {
    char *sql;
    char *texts;
    mr__filter_value *values; /* in the order of the parameters */
    size_t n_values;
    int first;
};

typedef struct writer {
    const mr__filter_tree *tree;
    mr__where *filter;
    mr__buf sql;
    bool full;
} writer;

static const char *const columns[] = {
    [MR__FILTER_ID] = "rows.id",
    [MR__FILTER_URI] = "rows.uri",
    [MR__FILTER_FINGERPRINT] = "rows.fingerprint",
    [MR__FILTER_METADATA] = "rows.metadata",
};

static void put(writer *w, const char *text)
{
    w->full = w->full || !mr__buf_add(&w->sql, text, strlen(text));
}

static void put_parameter(writer *w, uint32_t value)
{
    mr__where *f = w->filter;

    w->full = w->full || !mr__buf_addf(&w->sql, "?%zu", (size_t)f->first + f->n_values);
    f->values[f->n_values++] = w->tree->values[value];
}

static void put_node(writer *w, uint32_t at);

static const char *sign_of(mr__filter_word op)
{
    switch (op) {
    case MR__WORD_NE:
    case MR__WORD_EQ:
        return "=";
    case MR__WORD_LT:
        return "<";
    case MR__WORD_LE:
        return "<=";
    case MR__WORD_GT:
        return ">";
    default:
        return ">=";
    }
}

/* The JSON types that a literal can be equal to; of truth values there is nothing more to say. */
static const char *types_of(const mr__filter_value *value)
{
    switch (value->type) {
    case MR__FILTER_TEXT:
        return "='text'";
    case MR__FILTER_BOOL:
        return value->integer ? "='true'" : "='false'";
    default:
        return " IN ('integer','real')";
    }
}

static bool same_kind(const mr__filter_value *a, const mr__filter_value *b)
{
    return strcmp(types_of(a), types_of(b)) == 0;
}

/* json_each over the object, then over what was found, once for each key; the last is j<n-1>. */
static void put_path(writer *w, const mr__filter_span *path)
{
    uint32_t i;

    put(w, "EXISTS(SELECT 1 FROM json_each(CASE WHEN json_valid(rows.metadata) THEN rows.metadata"
           " ELSE '{}' END) AS j0");
    for (i = 1; i < path->n; i++)
        w->full =
            w->full || !mr__buf_addf(&w->sql,
                                     ", json_each(CASE WHEN j%u.type IN ('object','array') THEN"
                                     " j%u.value ELSE '{}' END) AS j%u",
                                     i - 1, i - 1, i);
    put(w, " WHERE ");
    for (i = 0; i < path->n; i++) {
        w->full = w->full || !mr__buf_addf(&w->sql, "j%u.key=", i);
        put_parameter(w, path->first + i);
        put(w, " AND ");
    }
}

/* What the metadata value must be: its type, and its relation to the literal. */
static void put_relation(writer *w, const mr__filter_node *node, uint32_t value)
{
    const mr__filter_value *literal = &w->tree->values[value];
    unsigned last = node->path.n - 1;

    w->full = w->full || !mr__buf_addf(&w->sql, "j%u.type%s", last, types_of(literal));
    if (literal->type == MR__FILTER_BOOL)
        return;
    w->full = w->full || !mr__buf_addf(&w->sql, " AND j%u.value%s", last, sign_of(node->op));
    put_parameter(w, value);
}

static void put_comparison(writer *w, const mr__filter_node *node)
{
    if (node->column == MR__FILTER_METADATA) {
        put_path(w, &node->path);
        put_relation(w, node, node->literals.first);
        put(w, ")");
    } else {
        put(w, "(");
        put(w, columns[node->column]);
        put(w, sign_of(node->op));
        put_parameter(w, node->literals.first);
        put(w, ")");
    }
    if (node->op == MR__WORD_NE)
        put(w, "=0");
}

/* "(?1,?2)" of those literals that are of the kind of literal `like`. */
static void put_list(writer *w, const mr__filter_node *node, uint32_t like)
{
    const mr__filter_value *values = w->tree->values;
    const char *separator = "(";
    uint32_t i;

    for (i = node->literals.first; i < node->literals.first + node->literals.n; i++) {
        if (!same_kind(&values[i], &values[like]))
            continue;
        put(w, separator);
        put_parameter(w, i);
        separator = ",";
    }
    put(w, ")");
}

/* Is literal `at` the first of its kind in the list? */
static bool is_first(const writer *w, const mr__filter_node *node, uint32_t at)
{
    uint32_t i;

    for (i = node->literals.first; i < at; i++)
        if (same_kind(&w->tree->values[i], &w->tree->values[at]))
            return false;
    return true;
}

static void put_metadata_list(writer *w, const mr__filter_node *node)
{
    unsigned last = node->path.n - 1, kinds = 0;
    uint32_t i;

    put_path(w, &node->path);
    put(w, "(");
    /* at most four: number, text, true, false */
    for (i = node->literals.first; kinds < 4 && i < node->literals.first + node->literals.n; i++) {
        const mr__filter_value *literal = &w->tree->values[i];

        if (!is_first(w, node, i))
            continue;
        w->full = w->full || !mr__buf_addf(&w->sql, "%sj%u.type%s", kinds ? " OR " : "", last,
                                           types_of(literal));
        kinds++;
        if (literal->type == MR__FILTER_BOOL)
            continue;
        w->full = w->full || !mr__buf_addf(&w->sql, " AND j%u.value IN ", last);
        put_list(w, node, i);
    }
    put(w, "))");
}

static void put_in(writer *w, const mr__filter_node *node)
{
    if (node->literals.n == 0) {
        put(w, "0");
    } else if (node->column == MR__FILTER_METADATA) {
        put_metadata_list(w, node);
    } else {
        put(w, "(");
        put(w, columns[node->column]);
        put(w, " IN ");
        put_list(w, node, node->literals.first);
        put(w, ")");
    }
}

/* The children, the deepest first; in groups if there are many. */
static void put_chain(writer *w, const mr__filter_node *node)
{
    const mr__filter_node *nodes = w->tree->nodes;
    const char *joint = node->kind == MR__FILTER_AND ? " AND " : " OR ";
    uint32_t deepest = node->child, i;
    size_t n = 0, written = 0;
    bool grouped;

    for (i = node->child; i; i = nodes[i].sibling, n++)
        if (nodes[i].depth > nodes[deepest].depth)
            deepest = i;
    grouped = n > GROUP;
    put(w, grouped ? "((" : "(");
    put_node(w, deepest);
    for (i = node->child; i; i = nodes[i].sibling) {
        bool next_group;

        if (i == deepest)
            continue;
        written++;
        next_group = grouped && written % GROUP == 0;
        put(w, next_group ? ")" : "");
        put(w, joint);
        put(w, next_group ? "(" : "");
        put_node(w, i);
    }
    put(w, grouped ? "))" : ")");
}

static void put_node(writer *w, uint32_t at)
{
    const mr__filter_node *node = &w->tree->nodes[at];

    switch (node->kind) {
    case MR__FILTER_AND:
    case MR__FILTER_OR:
        put_chain(w, node);
        break;
    case MR__FILTER_NOT:
        put_node(w, node->child); /* it is in parentheses, or ends with =0 itself */
        put(w, "=0");
        break;
    case MR__FILTER_COMPARE:
        put_comparison(w, node);
        break;
    case MR__FILTER_IN:
        put_in(w, node);
        break;
    case MR__FILTER_EXISTS:
        put_path(w, &node->path);
        put(w, "1)");
        break;
    }
}

static mr_status write_sql(const mr__filter_tree *tree, mr__where *filter, mr_error *err)
{
    writer w = {.tree = tree, .filter = filter};
    size_t parameters = 1, i;

    /* more than there are values: both halves of a range have the path */
    for (i = 1; i < tree->n_nodes; i++)
        parameters += tree->nodes[i].path.n + tree->nodes[i].literals.n;
    filter->values = calloc(parameters, sizeof *filter->values);
    if (!filter->values)
        return mr__error_no_memory(err, "filter");
    mr__buf_init(&w.sql, SQL_MAX);
    put(&w, "(");
    put_node(&w, tree->root);
    put(&w, ")");
    if (w.full) {
        bool too_long = w.sql.len > SQL_MAX / 2;

        mr__buf_fini(&w.sql);
        return too_long ? mr__error_set(err, MR_E_INVALID, "filter: it is too long")
                        : mr__error_no_memory(err, "filter");
    }
    filter->sql = w.sql.data;
    return MR_OK;
}

mr_status mr__where_compile(const char *text, int first, mr__where **out, size_t *at, mr_error *err)
{
    mr__filter_reader r = {.text = text, .size = strlen(text), .err = err};
    mr__filter_tree tree = {0};
    mr__where *filter = NULL;
    mr_error told = {0};
    mr_status status = MR_OK;

    *out = NULL;
    r.err = &told;
    if (at)
        *at = 0;
    if (r.size > MR__FILTER_BYTES_MAX)
        return mr__error_set(err, MR_E_INVALID, "filter: longer than %d bytes",
                             MR__FILTER_BYTES_MAX);
    filter = calloc(1, sizeof *filter);
    r.texts = malloc(r.size + 1);
    if (!filter || !r.texts) {
        status = mr__error_no_memory(err, "filter");
        goto done;
    }
    filter->first = first;
    if (mr__filter_parse(&r, &tree)) {
        status = write_sql(&tree, filter, err);
    } else {
        status = told.status;
        if (err)
            *err = told;
        if (at)
            *at = r.mistake;
    }
    if (status != MR_OK)
        goto done;
    filter->texts = r.texts;
    r.texts = NULL;
    *out = filter;
    filter = NULL;
done:
    free(r.texts);
    free(tree.nodes);
    free(tree.values);
    mr__where_free(&filter);
    return status;
}

const char *mr__where_sql(const mr__where *filter)
{
    return filter->sql;
}

mr_status mr__where_bind(const mr__where *filter, sqlite3_stmt *stmt, mr_error *err)
{
    int rc = SQLITE_OK;
    size_t i;

    for (i = 0; i < filter->n_values && rc == SQLITE_OK; i++) {
        const mr__filter_value *value = &filter->values[i];
        int number = filter->first + (int)i;

        if (value->type == MR__FILTER_TEXT)
            rc = sqlite3_bind_text(stmt, number, value->text, (int)value->n, SQLITE_STATIC);
        else if (value->type == MR__FILTER_REAL)
            rc = sqlite3_bind_double(stmt, number, value->real);
        else
            rc = sqlite3_bind_int64(stmt, number, value->integer);
    }
    return rc == SQLITE_OK
               ? MR_OK
               : mr__error_set(err, MR_E_INTERNAL, "filter: bind: %s", sqlite3_errstr(rc));
}

mr_status mr_filter_check(const char *filter, size_t *at, mr_error *err)
{
    mr__where *compiled = NULL;
    mr_status status = mr__where_compile(filter, 1, &compiled, at, err);

    mr__where_free(&compiled);
    return status;
}

void mr__where_free(mr__where **filter)
{
    if (!filter || !*filter)
        return;
    free((*filter)->sql);
    free((*filter)->texts);
    free((*filter)->values);
    free(*filter);
    *filter = NULL;
}
