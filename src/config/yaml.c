/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text -> nodes. libyaml cuts the text into events; what hostile text could make large is
 * bounded here: depth, number and length of values. Aliases are refused, so nothing multiplies.
 */
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/error.h"
#include "base/text.h"
#include "config/config.h"

struct reader {
    yaml_parser_t parser;
    mr_config *config;
    char name[MR__CONFIG_NAME_MAX];
    size_t name_len;
    char *stop; /* char[256] */
    uint32_t *stop_line;
    mr_status status;
    mr_error *err;
};

static bool read_value(struct reader *r, yaml_event_t *event, uint32_t depth);

static uint32_t line_of(yaml_mark_t mark)
{
    return mark.line < UINT32_MAX ? (uint32_t)mark.line + 1 : UINT32_MAX;
}

static bool stop(struct reader *r, yaml_mark_t mark, const char *why)
{
    mr__text_escape(r->stop, 256, why, strlen(why));
    *r->stop_line = line_of(mark);
    return false;
}

static bool next(struct reader *r, yaml_event_t *event)
{
    char why[200];

    if (yaml_parser_parse(&r->parser, event))
        return true;
    if (r->parser.error == YAML_MEMORY_ERROR) {
        r->status = mr__error_no_memory(r->err, "the configuration");
        return false;
    }
    (void)snprintf(why, sizeof why, "not YAML: %s%s%s",
                   r->parser.problem ? r->parser.problem : "unreadable",
                   r->parser.context ? " " : "", r->parser.context ? r->parser.context : "");
    if (r->parser.error != YAML_READER_ERROR)
        return stop(r, r->parser.problem_mark, why);
    return stop(r, r->parser.mark, why);
}

/* `.part` or `[index]` behind the name; remember name_len before and set it back after. */
static bool push(struct reader *r, yaml_mark_t mark, const char *part, size_t n)
{
    if (r->name_len + n + 2 > sizeof r->name)
        return stop(r, mark, "a name is too long");
    if (r->name_len > 0 && part[0] != '[')
        r->name[r->name_len++] = '.';
    memcpy(r->name + r->name_len, part, n);
    r->name_len += n;
    r->name[r->name_len] = '\0';
    return true;
}

static void pop(struct reader *r, size_t len)
{
    r->name_len = len;
    r->name[len] = '\0';
}

static bool add(struct reader *r, const yaml_event_t *event, enum mr__node_kind kind,
                const char *text, uint32_t depth)
{
    mr__config_node node = {.value = {.name = r->name,
                                      .text = text,
                                      .line = line_of(event->start_mark),
                                      .list = kind == MR__NODE_LIST},
                            .depth = depth};

    if (depth == 0)
        return true;
    node.kind = kind;
    node.value.quoted =
        kind == MR__NODE_VALUE && event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (r->config->n == MR__CONFIG_VALUES_MAX)
        return stop(r, event->start_mark, "too many values");
    r->status = mr__config_add(r->config, &node, r->err);
    return r->status == MR_OK;
}

/* Tags other than YAML's own would make objects of some library. */
static bool tag_is_plain(const yaml_char_t *tag)
{
    static const char own[] = "tag:yaml.org,2002:";
    static const char *const names[] = {"str", "int", "float", "bool", "null", "seq", "map"};
    const char *text = (const char *)tag;
    size_t i;

    if (!text || strcmp(text, "!") == 0)
        return true;
    if (strncmp(text, own, sizeof own - 1) != 0)
        return false;
    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text + sizeof own - 1, names[i]) == 0)
            return true;
    return false;
}

static bool is_null(const yaml_event_t *event)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    size_t i;

    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp((const char *)event->data.scalar.value, words[i]) == 0)
            return true;
    return false;
}

/* The text of a scalar, or NULL after the reason to stop was given. */
static const char *scalar(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;

    if (event->data.scalar.length > MR__CONFIG_TEXT_MAX)
        (void)stop(r, event->start_mark, "a value is too long");
    else if (strlen(text) != event->data.scalar.length)
        (void)stop(r, event->start_mark, "a NUL byte in a value");
    else
        return text;
    return NULL;
}

/* A name of a mapping: letters, digits, '_' and '-', so that whole names can be cut again. */
static bool read_name(struct reader *r, const yaml_event_t *event)
{
    const char *text;
    char why[200], shown[128];
    size_t n;

    if (event->type == YAML_ALIAS_EVENT)
        return stop(r, event->start_mark, "aliases are not taken");
    if (event->type != YAML_SCALAR_EVENT)
        return stop(r, event->start_mark, "a list or a section where a key belongs");
    text = scalar(r, event);
    if (!text)
        return false;
    n = strlen(text);
    if (n == 0 ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != n) {
        mr__text_escape(shown, sizeof shown, text, n);
        (void)snprintf(why, sizeof why, "%.100s is not the name of a key", n ? shown : "\"\"");
        return stop(r, event->start_mark, why);
    }
    return push(r, event->start_mark, text, n);
}

static bool read_map(struct reader *r, uint32_t depth)
{
    yaml_event_t event;
    size_t len = r->name_len;
    bool ok = true;

    while (ok) {
        yaml_mark_t mark;

        if (!next(r, &event))
            return false;
        if (event.type == YAML_MAPPING_END_EVENT)
            break;
        ok = read_name(r, &event);
        mark = event.start_mark;
        yaml_event_delete(&event);
        if (!ok || !next(r, &event))
            return false;
        event.start_mark = mark; /* a value stands where its key does */
        ok = read_value(r, &event, depth);
        yaml_event_delete(&event);
        pop(r, len);
    }
    if (ok)
        yaml_event_delete(&event);
    return ok;
}

static bool read_list(struct reader *r, uint32_t depth)
{
    yaml_event_t event;
    size_t len = r->name_len, i;
    char part[24];
    bool ok = true;

    for (i = 0; ok; i++) {
        int n = snprintf(part, sizeof part, "[%zu]", i);

        if (!next(r, &event))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            break;
        ok = push(r, event.start_mark, part, (size_t)n) && read_value(r, &event, depth);
        yaml_event_delete(&event);
        pop(r, len);
    }
    if (ok)
        yaml_event_delete(&event);
    return ok;
}

static bool read_value(struct reader *r, yaml_event_t *event, uint32_t depth)
{
    const yaml_char_t *tag = NULL;
    const char *text;

    if (depth > MR__CONFIG_DEPTH_MAX)
        return stop(r, event->start_mark, "nested too deep");
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        tag = event->data.scalar.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        tag = event->data.mapping_start.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        tag = event->data.sequence_start.tag;
        break;
    default:
        return stop(r, event->start_mark, "aliases are not taken");
    }
    if (!tag_is_plain(tag))
        return stop(r, event->start_mark, "tags are not taken");
    if (event->type == YAML_MAPPING_START_EVENT)
        return add(r, event, MR__NODE_MAP, NULL, depth) && read_map(r, depth + 1);
    if (depth == 0 && (event->type != YAML_SCALAR_EVENT || !is_null(event)))
        return stop(r, event->start_mark, "wanted sections: lines such as workers:");
    if (event->type == YAML_SEQUENCE_START_EVENT)
        return add(r, event, MR__NODE_LIST, NULL, depth) && read_list(r, depth + 1);
    text = scalar(r, event);
    if (!text)
        return false;
    if (is_null(event))
        return add(r, event, MR__NODE_NULL, NULL, depth);
    return add(r, event, MR__NODE_VALUE, text, depth);
}

static void read_stream(struct reader *r)
{
    yaml_event_t event;
    size_t documents = 0;
    bool more = true;

    while (more && next(r, &event)) {
        switch (event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (documents++ > 0)
                more = stop(r, event.start_mark, "more than one document");
            break;
        case YAML_STREAM_END_EVENT:
            more = false;
            break;
        default:
            more = read_value(r, &event, 0);
            break;
        }
        yaml_event_delete(&event);
    }
}

mr_status mr__config_read(mr_config *config, const char *text, size_t n, char stop_text[256],
                          uint32_t *stop_line, mr_error *err)
{
    struct reader r = {.config = config, .stop = stop_text, .stop_line = stop_line, .err = err};

    stop_text[0] = '\0';
    *stop_line = 0;
    if (!yaml_parser_initialize(&r.parser))
        return mr__error_no_memory(err, "the configuration");
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    read_stream(&r);
    yaml_parser_delete(&r.parser);
    return r.status;
}
