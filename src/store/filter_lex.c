/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a filter expression. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "plan/plan.h"
#include "store/filter_tree.h"

#define SHOWN_BYTES 40
#define NUMBER_MAX  64

bool mr__filter_wrong(mr__filter_reader *r, size_t at, const char *fmt, ...)
{
    char why[320];
    size_t character = 1, i;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    for (i = 0; i < at && i < r->size; i++)
        character += ((unsigned char)r->text[i] & 0xC0) != 0x80;
    r->mistake = at;
    (void)mr__error_set(r->err, MR_E_INVALID, "filter: character %zu: %s", character, why);
    return false;
}

bool mr__filter_wanted(mr__filter_reader *r, const char *what)
{
    char shown[SHOWN_BYTES * 4 + 1];
    size_t n = r->n;

    if (r->word == MR__WORD_END)
        return mr__filter_wrong(r, r->at, "wanted %s, found the end", what);
    while (n > SHOWN_BYTES || (n < r->n && ((unsigned char)r->text[r->at + n] & 0xC0) == 0x80))
        n--;
    mr__text_escape(shown, sizeof shown, r->text + r->at, n);
    if (r->word == MR__WORD_UNKNOWN)
        return mr__filter_wrong(
            r, r->at, "%s is not known here; there are == != < <= > >= in exists and or not",
            shown);
    return mr__filter_wrong(r, r->at, "wanted %s, found %s%s", what, shown, n < r->n ? "..." : "");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int digit_of(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Writes a code point as UTF-8; false if it is none. */
static bool put_utf8(mr__filter_reader *r, uint32_t c)
{
    char *out = r->texts + r->texts_used;

    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return false;
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | (c >> 6));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | (c >> 12));
        *out++ = (char)(0x80 | ((c >> 6) & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | (c >> 18));
        *out++ = (char)(0x80 | ((c >> 12) & 0x3F));
        *out++ = (char)(0x80 | ((c >> 6) & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    r->texts_used = (size_t)(out - r->texts);
    return true;
}

/* What follows a backslash at `p`: letters that stand for signs. */
static int simple_escape(char c)
{
    static const char letters[] = "abfnrtv\\\"'?";
    static const char signs[] = "\a\b\f\n\r\t\v\\\"'?";
    const char *found = c ? strchr(letters, c) : NULL;

    return found ? signs[found - letters] : -1;
}

/*
 * The escape sequence behind the backslash at `at`; returns the byte after it, 0 after a mistake.
 * \xHH and \NNN (octal) are bytes; \uHHHH and \UHHHHHHHH are code points.
 */
static size_t take_escape(mr__filter_reader *r, size_t at)
{
    size_t p = at + 1, want = 0, i;
    char c = p < r->size ? r->text[p] : '\0';
    uint32_t base = 16, value = 0;
    int sign = simple_escape(c);

    if (sign >= 0) {
        r->texts[r->texts_used++] = (char)sign;
        return p + 1;
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        want = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        p++;
    } else if (c >= '0' && c <= '3') {
        want = 3;
        base = 8;
    }
    for (i = 0; i < want; i++, p++) {
        uint32_t digit = p < r->size ? (uint32_t)digit_of(r->text[p]) : 99;
        if (digit >= base)
            break;
        value = value * base + digit;
    }
    if (want == 0 || i < want) {
        (void)mr__filter_wrong(r, at, "not an escape sequence; a backslash itself is \\\\");
        return 0;
    }
    if (c == 'u' || c == 'U') {
        if (put_utf8(r, value))
            return p;
    } else if (value != 0) {
        r->texts[r->texts_used++] = (char)value;
        return p;
    }
    (void)mr__filter_wrong(r, at, "not a character that a text can hold");
    return 0;
}

static bool read_string(mr__filter_reader *r)
{
    char quote = r->text[r->at];
    size_t start = r->texts_used, p = r->at + 1;

    while (p < r->size && r->text[p] != quote) {
        if (r->text[p] == '\n' || r->text[p] == '\r')
            break;
        if (r->text[p] != '\\') {
            r->texts[r->texts_used++] = r->text[p++];
            continue;
        }
        p = take_escape(r, p);
        if (p == 0)
            return false;
    }
    if (p >= r->size || r->text[p] != quote)
        return mr__filter_wrong(r, r->at, "the text is not closed: wanted %c", quote);
    r->literal = (mr__filter_value){
        .type = MR__FILTER_TEXT, .text = r->texts + start, .n = r->texts_used - start};
    if (!mr__text_is_utf8(r->literal.text, r->literal.n))
        return mr__filter_wrong(r, r->at, "the text is not UTF-8");
    r->word = MR__WORD_LITERAL;
    r->next = p + 1;
    return true;
}

/* Bytes that look like a number: digits, letters, points, and a sign behind an exponent's letter.
 */
static size_t number_length(const mr__filter_reader *r)
{
    const char *p = r->text + r->at;
    bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    size_t n = 0;

    while (is_digit(p[n]) || is_letter(p[n]) || p[n] == '.' ||
           ((p[n] == '+' || p[n] == '-') && n > 0 && !hex && (p[n - 1] == 'e' || p[n - 1] == 'E')))
        n++;
    return n;
}

/* 12, 017, 0x1f, 0b11; at most 2^63, whose negative is the least one. */
static bool read_integer(mr__filter_reader *r, const char *text)
{
    uint64_t base = 10, value = 0;

    if (text[0] == '0' && text[1]) {
        base = text[1] == 'x' || text[1] == 'X' ? 16 : text[1] == 'b' || text[1] == 'B' ? 2 : 8;
        text += base == 8 ? 1 : 2;
    }
    if (!*text)
        return false;
    for (; *text; text++) {
        uint64_t digit = (uint64_t)digit_of(*text);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (value > (uint64_t)INT64_MAX + 1)
        return false;
    r->literal = (mr__filter_value){.type = MR__FILTER_INTEGER, .integer = (int64_t)value};
    return true;
}

static bool read_number(mr__filter_reader *r)
{
    size_t n = number_length(r);
    char text[NUMBER_MAX + 1];
    double real;

    r->n = n;
    if (n > NUMBER_MAX)
        return mr__filter_wrong(r, r->at, "a number of more than %d characters", NUMBER_MAX);
    memcpy(text, r->text + r->at, n);
    text[n] = '\0';
    r->word = MR__WORD_LITERAL;
    r->next = r->at + n;
    if (read_integer(r, text))
        return true;
    /* digits alone that do not fit are a mistake, not a nearby number */
    if (strspn(text, "0123456789") == n || strspn(text, "0123456789.eE+-") != n ||
        !mr__number_parse(text, &real) || !isfinite(real))
        return mr__filter_wrong(r, r->at, "%.64s is not a number that fits 64 bits", text);
    r->literal = (mr__filter_value){.type = MR__FILTER_REAL, .real = real};
    return true;
}

static bool read_name(mr__filter_reader *r)
{
    static const struct {
        const char *name;
        mr__filter_word word;
    } words[] = {
        {"and", MR__WORD_AND},      {"or", MR__WORD_OR},         {"not", MR__WORD_NOT},
        {"in", MR__WORD_IN},        {"exists", MR__WORD_EXISTS}, {"like", MR__WORD_UNKNOWN},
        {"true", MR__WORD_LITERAL}, {"false", MR__WORD_LITERAL},
    };
    const char *name = r->text + r->at;
    size_t n = 0, i;

    while (is_letter(name[n]) || is_digit(name[n]))
        n++;
    r->n = n;
    r->next = r->at + n;
    r->word = MR__WORD_NAME;
    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].name) == n && strncasecmp(words[i].name, name, n) == 0)
            r->word = words[i].word;
    if (r->word == MR__WORD_LITERAL)
        r->literal =
            (mr__filter_value){.type = MR__FILTER_BOOL, .integer = (name[0] | 0x20) == 't'};
    return true;
}

static bool read_sign(mr__filter_reader *r)
{
    /* longer ones first */
    static const struct {
        const char *sign;
        mr__filter_word word;
    } signs[] = {
        {"==", MR__WORD_EQ},      {"!=", MR__WORD_NE},      {"<=", MR__WORD_LE},
        {">=", MR__WORD_GE},      {"&&", MR__WORD_AND},     {"||", MR__WORD_OR},
        {"<<", MR__WORD_UNKNOWN}, {">>", MR__WORD_UNKNOWN}, {"**", MR__WORD_UNKNOWN},
        {"<", MR__WORD_LT},       {">", MR__WORD_GT},       {"!", MR__WORD_NOT},
        {"(", MR__WORD_LEFT},     {")", MR__WORD_RIGHT},    {"[", MR__WORD_OPEN},
        {"]", MR__WORD_CLOSE},    {",", MR__WORD_COMMA},    {"-", MR__WORD_MINUS},
        {"+", MR__WORD_PLUS},     {"*", MR__WORD_UNKNOWN},  {"/", MR__WORD_UNKNOWN},
        {"%", MR__WORD_UNKNOWN},
    };
    const char *p = r->text + r->at;
    size_t i;

    for (i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t n = strlen(signs[i].sign);

        if (strncmp(p, signs[i].sign, n) != 0)
            continue;
        r->word = signs[i].word;
        r->n = n;
        r->next = r->at + n;
        return true;
    }
    if (*p == '=')
        return mr__filter_wrong(r, r->at, "equality is written ==");
    if (*p == '&' || *p == '|')
        return mr__filter_wrong(r, r->at, "wanted %c%c", *p, *p);
    r->word = MR__WORD_NAME; /* something to be shown */
    r->n = mr__text_utf8_len((const unsigned char *)p, r->size - r->at);
    if (r->n == 0)
        r->n = 1;
    return mr__filter_wanted(r, "a word, a number, a text in quotes or a sign");
}

bool mr__filter_next(mr__filter_reader *r)
{
    const char *p;

    while (r->next < r->size && strchr(" \t\r\n", r->text[r->next]))
        r->next++;
    r->at = r->next;
    r->n = 0;
    p = r->text + r->at;
    if (r->at == r->size) {
        r->word = MR__WORD_END;
        return true;
    }
    if (*p == '"' || *p == '\'') {
        bool ok = read_string(r);
        r->n = ok ? r->next - r->at : 1;
        return ok;
    }
    if (is_digit(*p) || (*p == '.' && is_digit(p[1])))
        return read_number(r);
    return is_letter(*p) ? read_name(r) : read_sign(r);
}
