/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of filter expressions: words to a tree, by recursive descent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "store/filter_tree.h"

/* What a part of the expression is. */
typedef struct operand {
    enum { CONDITION, FIELD, LITERAL } kind;
    uint32_t node; /* CONDITION: in the tree; FIELD: column and path are there too */
    mr__filter_column column;
    mr__filter_span path;
    mr__filter_value value; /* LITERAL */
    size_t at;
} operand;

typedef struct parser {
    mr__filter_reader *r;
    mr__filter_tree *tree;
    uint32_t depth;
} parser;

static const char *const columns[] = {
    [MR__FILTER_ID] = "id",
    [MR__FILTER_URI] = "uri",
    [MR__FILTER_FINGERPRINT] = "fingerprint",
    [MR__FILTER_METADATA] = "metadata",
};

enum { COLUMNS = sizeof columns / sizeof columns[0] };

static bool parse_or(parser *p, operand *out);

static bool grow(parser *p, void **items, size_t *cap, size_t item)
{
    size_t more = *cap ? *cap * 2 : 16, bytes;
    void *grown = mr__size_mul(&bytes, more, item) ? realloc(*items, bytes) : NULL;

    if (!grown) {
        (void)mr__error_no_memory(p->r->err, "filter");
        return false;
    }
    *items = grown;
    *cap = more;
    return true;
}

static bool add_node(parser *p, const mr__filter_node *node, size_t at, uint32_t *out)
{
    mr__filter_tree *t = p->tree;

    if (t->n_nodes == 0)
        t->n_nodes = 1; /* 0 means none */
    if (t->n_nodes > MR__FILTER_NODES_MAX)
        return mr__filter_wrong(p->r, at, "more than %d conditions", MR__FILTER_NODES_MAX);
    if (t->n_nodes >= t->cap_nodes && !grow(p, (void **)&t->nodes, &t->cap_nodes, sizeof *t->nodes))
        return false;
    t->nodes[t->n_nodes] = *node;
    *out = (uint32_t)t->n_nodes++;
    return true;
}

static bool add_value(parser *p, const mr__filter_value *value, mr__filter_span *span)
{
    mr__filter_tree *t = p->tree;

    if (t->n_values == MR__FILTER_VALUES_MAX)
        return mr__filter_wrong(p->r, p->r->at, "more than %d values", MR__FILTER_VALUES_MAX);
    if (t->n_values == t->cap_values &&
        !grow(p, (void **)&t->values, &t->cap_values, sizeof *t->values))
        return false;
    if (span->n == 0)
        span->first = (uint32_t)t->n_values;
    span->n++;
    t->values[t->n_values++] = *value;
    return true;
}

static bool deeper(parser *p)
{
    if (p->depth == MR__FILTER_DEPTH_MAX)
        return mr__filter_wrong(p->r, p->r->at, "nested deeper than %d levels",
                                MR__FILTER_DEPTH_MAX);
    p->depth++;
    return true;
}

static bool unknown_field(parser *p, const char *name, size_t n, size_t at)
{
    char shown[80], hint[160] = "";
    size_t i, least = 3;

    mr__text_escape(shown, sizeof shown, name, n < 32 ? n : 32);
    for (i = 0; i < COLUMNS; i++) {
        size_t distance = mr__text_distance(shown, columns[i]);
        if (distance >= least)
            continue;
        least = distance;
        (void)snprintf(hint, sizeof hint, "did you mean %s?", columns[i]);
    }
    if (!*hint)
        (void)snprintf(hint, sizeof hint, "for a key of the metadata: metadata[\"%s\"]", shown);
    return mr__filter_wrong(p->r, at, "no field %s; %s", shown, hint);
}

/* ["key"] or [3], again and again. */
static bool parse_path(parser *p, operand *out)
{
    mr__filter_reader *r = p->r;

    if (r->word != MR__WORD_OPEN)
        return mr__filter_wanted(r, "[\"key\"] after metadata");
    while (r->word == MR__WORD_OPEN) {
        mr__filter_value *literal = &r->literal;

        if (!mr__filter_next(r))
            return false;
        if (r->word != MR__WORD_LITERAL ||
            (literal->type != MR__FILTER_TEXT &&
             (literal->type != MR__FILTER_INTEGER || literal->integer < 0 || out->path.n == 0)))
            return mr__filter_wanted(r, out->path.n == 0 ? "a key in quotes"
                                                         : "a key in quotes or an index");
        if (out->path.n == MR__FILTER_PATH_MAX)
            return mr__filter_wrong(r, r->at, "more than %d keys", MR__FILTER_PATH_MAX);
        if (!add_value(p, literal, &out->path) || !mr__filter_next(r))
            return false;
        if (r->word != MR__WORD_CLOSE)
            return mr__filter_wanted(r, "]");
        if (!mr__filter_next(r))
            return false;
    }
    return true;
}

static bool parse_field(parser *p, operand *out)
{
    mr__filter_reader *r = p->r;
    const char *name = r->text + r->at;
    size_t n = r->n, i;

    for (i = 0; i < COLUMNS; i++)
        if (strlen(columns[i]) == n && memcmp(columns[i], name, n) == 0)
            break;
    if (i == COLUMNS)
        return unknown_field(p, name, n, r->at);
    *out = (operand){.kind = FIELD, .column = (mr__filter_column)i, .at = r->at};
    if (!mr__filter_next(r))
        return false;
    if (out->column == MR__FILTER_METADATA)
        return parse_path(p, out);
    if (r->word == MR__WORD_OPEN)
        return mr__filter_wrong(r, r->at, "%s has no keys", columns[i]);
    return true;
}

/* A literal with its sign; `what` says what may stand here. */
static bool parse_literal(parser *p, mr__filter_value *out, const char *what)
{
    mr__filter_reader *r = p->r;
    bool negative = false, sign = false;
    size_t at = r->at;

    while (r->word == MR__WORD_MINUS || r->word == MR__WORD_PLUS) {
        negative ^= r->word == MR__WORD_MINUS;
        sign = true;
        if (!mr__filter_next(r))
            return false;
    }
    if (r->word != MR__WORD_LITERAL)
        return mr__filter_wanted(r, sign ? "a number" : what);
    *out = r->literal;
    if (sign && out->type != MR__FILTER_INTEGER && out->type != MR__FILTER_REAL)
        return mr__filter_wanted(r, "a number");
    if (out->type == MR__FILTER_INTEGER && !negative && out->integer == INT64_MIN)
        return mr__filter_wrong(r, at, "the number does not fit 64 bits");
    if (negative && out->integer != INT64_MIN)
        out->integer = -out->integer;
    if (negative)
        out->real = -out->real;
    return mr__filter_next(r);
}

/* EXISTS metadata["key"]. */
static bool parse_exists(parser *p, operand *out)
{
    mr__filter_node node = {.kind = MR__FILTER_EXISTS};
    operand field = {.kind = FIELD};
    size_t at = p->r->at;

    if (!mr__filter_next(p->r))
        return false;
    if (p->r->word != MR__WORD_NAME)
        return mr__filter_wanted(p->r, "metadata[\"key\"] after exists");
    if (!parse_field(p, &field))
        return false;
    if (field.column != MR__FILTER_METADATA)
        return mr__filter_wrong(p->r, field.at, "%s is always there", columns[field.column]);
    node.column = field.column;
    node.path = field.path;
    *out = (operand){.kind = CONDITION, .at = at};
    return add_node(p, &node, at, &out->node);
}

static bool parse_primary(parser *p, operand *out)
{
    mr__filter_reader *r = p->r;
    size_t at = r->at;

    switch (r->word) {
    case MR__WORD_LEFT:
        if (!deeper(p) || !mr__filter_next(r) || !parse_or(p, out))
            return false;
        if (r->word != MR__WORD_RIGHT)
            return mr__filter_wanted(r, out->kind == CONDITION ? "and, or or )" : "a comparison");
        p->depth--;
        out->at = at;
        return mr__filter_next(r);
    case MR__WORD_NAME:
        return parse_field(p, out);
    case MR__WORD_EXISTS:
        return parse_exists(p, out);
    default:
        *out = (operand){.kind = LITERAL, .at = at};
        return parse_literal(p, &out->value, "a field or a value");
    }
}

static bool is_comparison(mr__filter_word word)
{
    return word >= MR__WORD_EQ && word <= MR__WORD_GE;
}

/* `3 < field` is `field > 3`. */
static mr__filter_word turned(mr__filter_word op)
{
    switch (op) {
    case MR__WORD_LT:
        return MR__WORD_GT;
    case MR__WORD_LE:
        return MR__WORD_GE;
    case MR__WORD_GT:
        return MR__WORD_LT;
    case MR__WORD_GE:
        return MR__WORD_LE;
    default:
        return op;
    }
}

/* Can the field be compared with that value in that way? */
static bool check_kinds(parser *p, const operand *field, const mr__filter_value *value,
                        mr__filter_word op, size_t at)
{
    if (field->column != MR__FILTER_METADATA && value->type != MR__FILTER_TEXT)
        return mr__filter_wrong(p->r, at, "%s is a text: wanted a text in quotes",
                                columns[field->column]);
    if (value->type == MR__FILTER_BOOL && op != MR__WORD_EQ && op != MR__WORD_NE)
        return mr__filter_wrong(p->r, at, "true and false have no order: wanted == or !=");
    return true;
}

static bool add_comparison(parser *p, const operand *field, mr__filter_word op,
                           const operand *literal, operand *out)
{
    mr__filter_node node = {
        .kind = MR__FILTER_COMPARE, .op = op, .column = field->column, .path = field->path};

    out->kind = CONDITION;
    return check_kinds(p, field, &literal->value, op, literal->at) &&
           add_value(p, &literal->value, &node.literals) &&
           add_node(p, &node, field->at, &out->node);
}

static void join(parser *p, uint32_t parent, uint32_t child)
{
    mr__filter_node *nodes = p->tree->nodes;

    nodes[child].sibling = nodes[parent].child;
    nodes[parent].child = child;
    if (nodes[parent].depth <= nodes[child].depth)
        nodes[parent].depth = nodes[child].depth + 1;
}

/* The second half of `1 <= field < 5`; the first, field >= 1, is in `out`. */
static bool parse_range(parser *p, const operand *field, mr__filter_word first, operand *out)
{
    mr__filter_node both = {.kind = MR__FILTER_AND};
    mr__filter_word op = p->r->word;
    operand literal = {.kind = LITERAL}, second = {.kind = CONDITION};
    bool up = first == MR__WORD_LT || first == MR__WORD_LE;
    bool fits =
        up ? op == MR__WORD_LT || op == MR__WORD_LE : op == MR__WORD_GT || op == MR__WORD_GE;
    uint32_t parent = 0;

    if (first == MR__WORD_EQ || first == MR__WORD_NE)
        return mr__filter_wanted(p->r, "and, or or the end");
    if (!fits)
        return mr__filter_wanted(p->r, up ? "< or <= in a range" : "> or >= in a range");
    if (!mr__filter_next(p->r))
        return false;
    literal.at = p->r->at;
    if (!parse_literal(p, &literal.value, "a value") ||
        !add_comparison(p, field, op, &literal, &second) || !add_node(p, &both, out->at, &parent))
        return false;
    join(p, parent, second.node);
    join(p, parent, out->node);
    out->node = parent;
    return true;
}

static bool parse_comparison(parser *p, operand *left, operand *out)
{
    mr__filter_word op = p->r->word;
    operand right = {.kind = LITERAL};

    if (left->kind == CONDITION)
        return mr__filter_wanted(p->r, "and, or or the end");
    if (!mr__filter_next(p->r) || !parse_primary(p, &right))
        return false;
    *out = (operand){.kind = CONDITION, .at = left->at};
    if (right.kind == CONDITION || (left->kind == right.kind))
        return mr__filter_wrong(p->r, right.at, "wanted %s",
                                left->kind == FIELD ? "a value: a field is compared with a "
                                                      "number, a text, true or false"
                                                    : "a field, such as id or metadata[\"key\"]");
    if (left->kind == FIELD) {
        if (!add_comparison(p, left, op, &right, out))
            return false;
        return is_comparison(p->r->word) ? mr__filter_wanted(p->r, "and, or or the end") : true;
    }
    if (!add_comparison(p, &right, turned(op), left, out))
        return false;
    return is_comparison(p->r->word) ? parse_range(p, &right, op, out) : true;
}

/* FIELD [NOT] IN [...]: the word at hand is NOT or IN. */
static bool parse_in(parser *p, const operand *field, operand *out)
{
    mr__filter_reader *r = p->r;
    mr__filter_node node = {.kind = MR__FILTER_IN, .column = field->column, .path = field->path};
    mr__filter_node not = {.kind = MR__FILTER_NOT};
    bool negative = r->word == MR__WORD_NOT;
    uint32_t parent = 0;

    if (negative && !mr__filter_next(r))
        return false;
    if (r->word != MR__WORD_IN)
        return mr__filter_wanted(r, "in after not");
    if (field->kind != FIELD)
        return mr__filter_wrong(r, field->at, "wanted a field before in");
    if (!mr__filter_next(r))
        return false;
    if (r->word != MR__WORD_OPEN)
        return mr__filter_wanted(r, "[ after in");
    do {
        mr__filter_value value = {.type = MR__FILTER_INTEGER};
        size_t at;

        if (!mr__filter_next(r))
            return false;
        if (r->word == MR__WORD_CLOSE)
            break;
        at = r->at;
        if (!parse_literal(p, &value, "a value or ]") ||
            !check_kinds(p, field, &value, MR__WORD_EQ, at) ||
            !add_value(p, &value, &node.literals))
            return false;
    } while (r->word == MR__WORD_COMMA);
    if (r->word != MR__WORD_CLOSE)
        return mr__filter_wanted(r, "a comma or ]");
    *out = (operand){.kind = CONDITION, .at = field->at};
    if (!mr__filter_next(r) || !add_node(p, &node, field->at, &out->node))
        return false;
    if (!negative)
        return true;
    if (!add_node(p, &not, field->at, &parent))
        return false;
    join(p, parent, out->node);
    out->node = parent;
    return true;
}

static bool parse_condition(parser *p, operand *out)
{
    operand left = {.kind = LITERAL};

    if (!parse_primary(p, &left))
        return false;
    if (is_comparison(p->r->word))
        return parse_comparison(p, &left, out);
    if (p->r->word == MR__WORD_IN || (p->r->word == MR__WORD_NOT && left.kind != CONDITION))
        return parse_in(p, &left, out);
    *out = left;
    return true;
}

static bool need_condition(parser *p, const operand *o)
{
    if (o->kind == CONDITION)
        return true;
    if (o->kind == FIELD)
        return mr__filter_wanted(p->r, "== != < <= > >= or in");
    return mr__filter_wrong(p->r, o->at, "wanted a condition, found only a value");
}

static bool parse_not(parser *p, operand *out)
{
    mr__filter_node node = {.kind = MR__FILTER_NOT};
    size_t at = p->r->at;
    uint32_t child;

    if (p->r->word != MR__WORD_NOT)
        return parse_condition(p, out);
    if (!deeper(p) || !mr__filter_next(p->r) || !parse_not(p, out) || !need_condition(p, out))
        return false;
    p->depth--;
    child = out->node;
    *out = (operand){.kind = CONDITION, .at = at};
    if (!add_node(p, &node, at, &out->node))
        return false;
    join(p, out->node, child);
    return true;
}

typedef bool parse_fn(parser *p, operand *out);

/* PART { WORD PART }, joined by a node of `kind`. */
static bool parse_chain(parser *p, parse_fn *part, mr__filter_kind kind, operand *out)
{
    mr__filter_word word = kind == MR__FILTER_AND ? MR__WORD_AND : MR__WORD_OR;
    mr__filter_node node = {.kind = kind};
    operand next = {.kind = LITERAL};
    uint32_t parent = 0;
    size_t at = p->r->at;

    if (!part(p, out))
        return false;
    if (p->r->word != word)
        return true;
    if (!need_condition(p, out) || !add_node(p, &node, at, &parent))
        return false;
    join(p, parent, out->node);
    while (p->r->word == word) {
        if (!mr__filter_next(p->r) || !part(p, &next) || !need_condition(p, &next))
            return false;
        join(p, parent, next.node);
    }
    *out = (operand){.kind = CONDITION, .node = parent, .at = at};
    return true;
}

static bool parse_and(parser *p, operand *out)
{
    return parse_chain(p, parse_not, MR__FILTER_AND, out);
}

static bool parse_or(parser *p, operand *out)
{
    return parse_chain(p, parse_and, MR__FILTER_OR, out);
}

bool mr__filter_parse(mr__filter_reader *r, mr__filter_tree *tree)
{
    parser p = {.r = r, .tree = tree};
    operand whole = {.kind = LITERAL};

    if (!mr__filter_next(r))
        return false;
    if (r->word == MR__WORD_END)
        return mr__filter_wanted(r, "a condition");
    if (!parse_or(&p, &whole) || !need_condition(&p, &whole))
        return false;
    if (r->word != MR__WORD_END)
        return mr__filter_wanted(r, "and, or or the end");
    tree->root = whole.node;
    return true;
}
