/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting rows by id and by filter, and telling which ids a filter selects. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "store/milvus/milvus.h"

enum { IDS = 1000, PAGE = 8192, MAX_FILTER = 4 << 20, MAX_ID = 65536 };

/* Rows that are about to go, as far as the server can tell: it counts keys that were named, not
 * rows that were there. */
static mr_status delete_counted(mr__mv *self, const char *name, const char *filter,
                                uint64_t *deleted, mr_error *err)
{
    uint64_t rows = 0, said = 0;
    bool counted = mr__mv_count(&self->client, name, filter, MR__MV_NOW, &rows, NULL) == MR_OK;
    mr_status status = MR_OK;

    if (!counted || rows > 0)
        status = mr__mv_delete(&self->client, name, filter, MR__MV_NOW, &said, err);
    if (status == MR_OK)
        *deleted += counted ? rows : said;
    return status;
}

static mr_status remove_some(mr__mv *self, const mr__mv_schema *schema, const char *const *ids,
                             size_t n, uint64_t *deleted, mr_error *err)
{
    mr_status status;
    mr__buf filter;

    if (schema->auto_id)
        return mr__mv_delete_items(&self->client, schema, ids, n, deleted, err);
    mr__buf_init(&filter, MAX_FILTER);
    status = mr__mv_put_ids(&filter, schema, ids, n, false, err);
    if (status == MR_OK)
        status = delete_counted(self, schema->name, filter.data, deleted, err);
    mr__buf_fini(&filter);
    return status;
}

mr_status mr__mv_remove(mr_store *store, const char *name, const char *const *ids, size_t n_ids,
                        uint64_t *deleted, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__mv_schema schema;
    mr_status status;
    size_t i;

    if (self->read_only)
        return mr__error_set(err, MR_E_INVALID, "%s was opened for reading only", self->spec);
    status = mr__mv_find(self, name, &schema, err);
    for (i = 0; status == MR_OK && i < n_ids; i += IDS)
        status =
            remove_some(self, &schema, ids + i, n_ids - i < IDS ? n_ids - i : IDS, deleted, err);
    mr__mv_schema_fini(&schema);
    return status;
}

mr_status mr__mv_remove_where(mr_store *store, const char *name, const char *filter,
                              uint64_t *deleted, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__mv_schema schema;
    mr_status status;

    if (self->read_only)
        return mr__error_set(err, MR_E_INVALID, "%s was opened for reading only", self->spec);
    status = mr__mv_find(self, name, &schema, err);
    if (status == MR_OK)
        status = delete_counted(self, name, filter, deleted, err);
    mr__mv_schema_fini(&schema);
    return status;
}

/* "(filter) and key > last", so that pages go on where the last one ended. */
static bool page_filter(mr__buf *buf, const mr__mv_schema *schema, const char *filter,
                        const char *last)
{
    bool ok = mr__buf_addf(buf, "(%s)", filter);

    if (!last)
        return ok;
    ok = ok && mr__buf_addf(buf, " and %s > ", schema->id_field);
    if (schema->id_is_integer)
        return ok && mr__buf_addf(buf, "%s", last);
    return ok && mr__mv_put_literal(buf, last);
}

/* The key in row `i`, and the id of its item. */
static bool read_row(const Mv__QueryResults *answer, const mr__mv_schema *schema, size_t i,
                     char *key, char *id)
{
    Mv__FieldData **fields = answer->fields_data;
    const Mv__FieldData *column = mr__mv_column(fields, answer->n_fields_data, schema->id_field);
    mr__mv_text text;
    int64_t number;
    json_t *root;
    const char *item;

    if (schema->id_is_integer) {
        if (!mr__mv_value_long(column, i, &number))
            return false;
        (void)snprintf(key, MAX_ID, "%" PRId64, number);
    } else {
        if (!mr__mv_value_text(column, i, &text) || text.size >= MAX_ID)
            return false;
        memcpy(key, text.data, text.size);
        key[text.size] = '\0';
    }
    (void)mr__text_copy(id, MAX_ID, key);
    if (!schema->auto_id ||
        !mr__mv_value_text(mr__mv_column(fields, answer->n_fields_data, "metadata"), i, &text))
        return true;
    root = json_loadb(text.data, text.size, 0, NULL);
    item = json_string_value(json_object_get(root, "id"));
    if (item)
        (void)mr__text_copy(id, MAX_ID, item);
    json_decref(root);
    return true;
}

typedef struct selection {
    mr__mv *self;
    const mr__mv_schema *schema;
    const char *filter;
    mr_status (*fn)(void *cookie, const char *id, mr_error *err);
    void *cookie;
    char *last, *key, *id; /* [MAX_ID] greatest key so far, and of one row */
    bool begun;
} selection;

static bool is_greater(const selection *s)
{
    int64_t a, b;

    if (!s->begun)
        return true;
    if (s->schema->id_is_integer)
        return mr__mv_integer_id(s->key, &a) && mr__mv_integer_id(s->last, &b) && a > b;
    return strcmp(s->key, s->last) > 0;
}

/* One page. `*n`: its rows. Milvus gives pages in the order of keys. */
static mr_status select_page(selection *s, size_t *n, mr_error *err)
{
    const char *fields[] = {s->schema->id_field, "metadata"};
    mr__mv_query query = {.collection = s->schema->name,
                          .fields = fields,
                          .n_fields = s->schema->auto_id ? 2 : 1,
                          .limit = PAGE};
    mr__mv_reply reply = {0};
    mr_status status = MR_OK;
    mr__buf filter;

    *n = 0;
    mr__buf_init(&filter, MAX_FILTER);
    if (!page_filter(&filter, s->schema, s->filter, s->begun ? s->last : NULL))
        status = mr__error_set(err, MR_E_INVALID, "the filter is too long");
    query.filter = filter.data;
    if (status == MR_OK)
        status = mr__mv_query_run(&s->self->client, &query, &reply, err);
    while (status == MR_OK && read_row(reply.message, s->schema, *n, s->key, s->id)) {
        if (is_greater(s))
            (void)mr__text_copy(s->last, MAX_ID, s->key);
        s->begun = true;
        (*n)++;
        status = s->fn(s->cookie, s->id, err);
    }
    mr__mv_reply_fini(&reply);
    mr__buf_fini(&filter);
    return status;
}

mr_status mr__mv_select(mr_store *store, const char *name, const char *filter,
                        mr_status (*fn)(void *cookie, const char *id, mr_error *err), void *cookie,
                        mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    mr__mv_schema schema;
    selection s = {.self = self, .schema = &schema, .filter = filter, .fn = fn, .cookie = cookie};
    mr_status status = mr__mv_find(self, name, &schema, err);
    size_t n = PAGE;

    if (status != MR_OK)
        return status;
    s.last = calloc(1, MAX_ID);
    s.key = calloc(1, MAX_ID);
    s.id = calloc(1, MAX_ID);
    if (!s.last || !s.key || !s.id)
        status = mr__error_no_memory(err, "ids");
    while (status == MR_OK && n >= PAGE)
        status = select_page(&s, &n, err);
    free(s.last);
    free(s.key);
    free(s.id);
    mr__mv_schema_fini(&schema);
    return status;
}
