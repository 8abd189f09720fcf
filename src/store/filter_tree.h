/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the filter compiler: words, then a tree of conditions. */
#ifndef MR_STORE_FILTER_TREE_H
#define MR_STORE_FILTER_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/filter.h"

enum {
    MR__FILTER_BYTES_MAX = 1 << 18, /* of the expression */
    MR__FILTER_DEPTH_MAX = 32,      /* parentheses and negations within each other */
    MR__FILTER_NODES_MAX = 1024,    /* conditions and what joins them */
    MR__FILTER_VALUES_MAX = 16384,  /* literals, keys and indexes */
    MR__FILTER_PATH_MAX = 8         /* keys and indexes of one field */
};

typedef enum mr__filter_type {
    MR__FILTER_INTEGER,
    MR__FILTER_REAL,
    MR__FILTER_TEXT,
    MR__FILTER_BOOL
} mr__filter_type;

/* A literal, or a key or index of a path. */
typedef struct mr__filter_value {
    mr__filter_type type;
    int64_t integer; /* also of BOOL: 0, 1 */
    double real;
    const char *text; /* UTF-8 without NUL, not terminated */
    size_t n;
} mr__filter_value;

typedef enum mr__filter_word {
    MR__WORD_END,
    MR__WORD_LITERAL,
    MR__WORD_NAME,
    MR__WORD_AND,
    MR__WORD_OR,
    MR__WORD_NOT,
    MR__WORD_IN,
    MR__WORD_EXISTS,
    MR__WORD_EQ,
    MR__WORD_NE,
    MR__WORD_LT,
    MR__WORD_LE,
    MR__WORD_GT,
    MR__WORD_GE,
    MR__WORD_LEFT,    /* ( */
    MR__WORD_RIGHT,   /* ) */
    MR__WORD_OPEN,    /* [ */
    MR__WORD_CLOSE,   /* ] */
    MR__WORD_COMMA,   /* , */
    MR__WORD_MINUS,   /* - */
    MR__WORD_PLUS,    /* + */
    MR__WORD_UNKNOWN, /* of Milvus, but not known here: like, arithmetic, functions */
} mr__filter_word;

/* Where the reading is, and the word that was read last. */
typedef struct mr__filter_reader {
    const char *text;
    size_t size, next; /* of the text; of what is not read yet */
    mr__filter_word word;
    size_t at, n; /* where the word stands */
    mr__filter_value literal;
    char *texts; /* [size] room for what the strings stand for */
    size_t texts_used;
    size_t mistake;
    mr_error *err;
} mr__filter_reader;

/* Reads the next word; false after a mistake was told. */
bool mr__filter_next(mr__filter_reader *r);

/* Tells a mistake at byte `at`; false. */
bool mr__filter_wrong(mr__filter_reader *r, size_t at, const char *fmt, ...) MR__PRINTF(3, 4);

/* "wanted WHAT, found the word at hand"; false. */
bool mr__filter_wanted(mr__filter_reader *r, const char *what);

typedef enum mr__filter_kind {
    MR__FILTER_AND,
    MR__FILTER_OR,
    MR__FILTER_NOT,
    MR__FILTER_COMPARE,
    MR__FILTER_IN,
    MR__FILTER_EXISTS
} mr__filter_kind;

typedef enum mr__filter_column {
    MR__FILTER_ID,
    MR__FILTER_URI,
    MR__FILTER_FINGERPRINT,
    MR__FILTER_METADATA
} mr__filter_column;

/* Values first..first+n-1 of the tree. */
typedef struct mr__filter_span {
    uint32_t first, n;
} mr__filter_span;

typedef struct mr__filter_node {
    mr__filter_kind kind;
    mr__filter_word op; /* COMPARE: EQ .. GE */
    mr__filter_column column;
    mr__filter_span path;     /* of METADATA */
    mr__filter_span literals; /* COMPARE: one */
    uint32_t child;           /* AND, OR, NOT: the first */
    uint32_t sibling;         /* in the list of the parent; 0: the last */
    uint32_t depth;           /* levels below it */
} mr__filter_node;

typedef struct mr__filter_tree {
    mr__filter_node *nodes; /* [0] is not used */
    size_t n_nodes, cap_nodes;
    mr__filter_value *values;
    size_t n_values, cap_values;
    uint32_t root;
} mr__filter_tree;

/* Reads the whole text into `tree`; false after a mistake was told. */
bool mr__filter_parse(mr__filter_reader *r, mr__filter_tree *tree);

#endif
