/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows become columns. Texts are copied once, into the buffers that are sent. Vectors are not
 * copied where they lie one after the other, as those of a batch do: the request then has three
 * parts, of which the middle one is the batch. Rows that were left out (a key that is there twice)
 * make a gap, and one part more; from too many gaps on the vectors are gathered.
 */
#include "store/milvus/rows.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "store/milvus/query.h"

enum { DATABASE = 2, COLLECTION = 3, COLUMN = 5, N_ROWS = 7 }; /* of InsertRequest */
enum { MAX_RUNS = 64, ROW_OVERHEAD = 64 };

#define MAX_TEXTS ((size_t)1 << 30)

size_t mr__mv_row_bytes(const mr__row *row, const mr__mv_schema *schema)
{
    return schema->dim * sizeof(float) + strlen(row->id) + strlen(row->metadata) +
           strlen(row->uri) + ROW_OVERHEAD + MR__MV_FINGERPRINT_BYTES;
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

size_t mr__mv_rows_distinct(const mr__row *rows, size_t n, const mr__row **out)
{
    size_t places = 16, kept = 0, i;
    const mr__row **table;

    while (places < n * 2)
        places *= 2;
    table = calloc(places, sizeof(const mr__row *));
    if (!table)
        return SIZE_MAX;
    for (i = 0; i < n; i++) {
        size_t at = hash_of(rows[i].id) & (places - 1);

        while (table[at] && strcmp(table[at]->id, rows[i].id) != 0)
            at = (at + 1) & (places - 1);
        if (table[at])
            continue;
        table[at] = &rows[i];
        out[kept++] = &rows[i];
    }
    free((void *)table);
    return kept;
}

static mr_status too_long(const mr__row *row, const char *field, uint32_t bytes, mr_error *err)
{
    return mr__error_set(err, MR_E_INVALID,
                         "id \"%.100s\": its %s is longer than the %u bytes of the field", row->id,
                         field, bytes);
}

static bool put_key(mr__mv_message *m, const mr__mv_schema *schema, const mr__row *const *rows,
                    size_t n)
{
    size_t i;

    if (schema->auto_id)
        return true;
    if (schema->id_is_integer)
        return mr__mv_put_longs(&m->head, COLUMN, schema->id_field, m->longs, n);
    for (i = 0; i < n; i++)
        m->texts[i] = (mr__mv_text){rows[i]->id, strlen(rows[i]->id)};
    return mr__mv_put_texts(&m->head, COLUMN, MR__MV_VARCHAR, schema->id_field, m->texts, n);
}

/* The object with `id` as its member: set in front, or over one that is there. */
static char *with_id(const char *metadata, const char *id)
{
    const char *open = strchr(metadata, '{'), *rest = open ? open + 1 : "}";
    json_t *root = strstr(metadata, "\"id\"") ? json_loads(metadata, 0, NULL) : NULL;
    json_t *text = json_string(id);
    char *literal, *out = NULL;
    size_t size;

    if (root && json_object_get(root, "id")) {
        if (json_object_set_new(root, "id", text) == 0)
            out = json_dumps(root, JSON_COMPACT);
        json_decref(root);
        return out;
    }
    json_decref(root);
    literal = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
    json_decref(text);
    size = literal ? strlen(literal) + strlen(rest) + 16 : 0;
    out = literal ? malloc(size) : NULL;
    if (out) {
        (void)mr__text_copy(out, size, "{\"id\":");
        (void)mr__text_append(out, size, literal);
        (void)mr__text_append(out, size, rest[strspn(rest, " \t\r\n")] == '}' ? "" : ",");
        (void)mr__text_append(out, size, rest);
    }
    free(literal);
    return out;
}

static mr_status put_metadata(mr__mv_message *m, const mr__mv_schema *schema,
                              const mr__row *const *rows, size_t n, mr_error *err)
{
    bool ok;
    size_t i;

    if (!schema->has_metadata && !schema->metadata_dynamic)
        return MR_OK;
    for (i = 0; i < n; i++) {
        const char *text = rows[i]->metadata[0] ? rows[i]->metadata : "{}";

        if (schema->auto_id) {
            text = m->made[m->n_made] = with_id(text, rows[i]->id);
            if (!text)
                return mr__error_no_memory(err, "metadata");
            m->n_made++;
        }
        m->texts[i] = (mr__mv_text){text, strlen(text)};
    }
    ok = schema->has_metadata
             ? mr__mv_put_texts(&m->tail, COLUMN, MR__MV_JSON, "metadata", m->texts, n)
             : mr__mv_put_dynamic(&m->tail, COLUMN, m->texts, n);
    return ok ? MR_OK : mr__error_no_memory(err, "request");
}

/* A server refuses a whole message for one byte that is no UTF-8: it becomes %XX. */
static bool escape(const char *text, size_t n, mr__buf *out)
{
    const unsigned char *p = (const unsigned char *)text;
    bool ok = true;

    while (n > 0 && ok) {
        size_t len = mr__text_utf8_len(p, n);

        ok = len > 0 ? mr__buf_add(out, p, len) : mr__buf_addf(out, "%%%02X", *p);
        len = len > 0 ? len : 1;
        p += len;
        n -= len;
    }
    return ok;
}

static mr_status put_uri(mr__mv_message *m, const mr__mv_schema *schema, const mr__row *const *rows,
                         size_t n, mr_error *err)
{
    size_t i;

    if (schema->uri_bytes == 0)
        return MR_OK;
    for (i = 0; i < n; i++) {
        size_t len = strlen(rows[i]->uri);
        const char *text = rows[i]->uri;

        if (!mr__text_is_utf8(text, len)) {
            mr__buf_reset(&m->escaped);
            if (!escape(text, len, &m->escaped) || !(m->made[m->n_made] = strdup(m->escaped.data)))
                return mr__error_no_memory(err, "request");
            text = m->made[m->n_made++];
            len = strlen(text);
        }
        if (len > schema->uri_bytes)
            return too_long(rows[i], "uri", schema->uri_bytes, err);
        m->texts[i] = (mr__mv_text){text, len};
    }
    return mr__mv_put_texts(&m->tail, COLUMN, MR__MV_VARCHAR, "uri", m->texts, n)
               ? MR_OK
               : mr__error_no_memory(err, "request");
}

static mr_status put_fingerprint(mr__mv_message *m, const mr__mv_layout *layout, size_t n,
                                 mr_error *err)
{
    size_t len = strlen(layout->fingerprint), i;

    if (layout->schema->fingerprint_bytes == 0)
        return MR_OK;
    if (len > layout->schema->fingerprint_bytes)
        return mr__error_set(err, MR_E_INVALID, "field fingerprint is too short for one");
    for (i = 0; i < n; i++)
        m->texts[i] = (mr__mv_text){layout->fingerprint, len};
    return mr__mv_put_texts(&m->tail, COLUMN, MR__MV_VARCHAR, "fingerprint", m->texts, n)
               ? MR_OK
               : mr__error_no_memory(err, "request");
}

/* The vectors, run by run; all in one place if there are too many runs. */
static mr_status add_vectors(mr__mv_message *m, uint32_t dim, const mr__row *const *rows, size_t n,
                             mr_error *err)
{
    size_t bytes = dim * sizeof(float), all, i;
    mr__rpc_part *part = NULL;

    for (i = 0; i < n; i++) {
        const char *end = part ? (const char *)part->data + part->size : NULL;

        if (part && (const char *)rows[i]->data == end) {
            part->size += bytes;
            continue;
        }
        if (m->n_parts > MAX_RUNS)
            break;
        part = &m->parts[m->n_parts++];
        *part = (mr__rpc_part){rows[i]->data, bytes};
    }
    if (i == n)
        return MR_OK;
    if (!mr__size_mul(&all, n, bytes) || !(m->gathered = malloc(all)))
        return mr__error_no_memory(err, "request");
    for (i = 0; i < n; i++)
        memcpy((char *)m->gathered + i * bytes, rows[i]->data, bytes);
    m->n_parts = 1;
    m->parts[m->n_parts++] = (mr__rpc_part){m->gathered, all};
    return MR_OK;
}

static mr_status prepare(mr__mv_message *m, const mr__mv_schema *schema, const mr__row *const *rows,
                         size_t n, mr_error *err)
{
    size_t i;

    mr__buf_init(&m->head, MAX_TEXTS);
    mr__buf_init(&m->tail, MAX_TEXTS);
    mr__buf_init(&m->escaped, MAX_TEXTS);
    m->parts = calloc(MAX_RUNS + 3, sizeof *m->parts);
    m->texts = calloc(n, sizeof *m->texts);
    m->longs = calloc(n, sizeof *m->longs);
    m->made = calloc(n * 2, sizeof *m->made);
    if (!m->parts || !m->texts || !m->longs || !m->made)
        return mr__error_no_memory(err, "request");
    for (i = 0; i < n && !schema->auto_id; i++) {
        if (schema->id_is_integer && !mr__mv_integer_id(rows[i]->id, &m->longs[i]))
            return mr__error_set(err, MR_E_INVALID,
                                 "id \"%.100s\" is no integer, and the key of collection %s is "
                                 "one; name the items by a manifest with ids that are",
                                 rows[i]->id, schema->name);
        if (!schema->id_is_integer && strlen(rows[i]->id) > schema->id_bytes)
            return too_long(rows[i], "id", schema->id_bytes, err);
    }
    return MR_OK;
}

mr_status mr__mv_message_make(const mr__mv_layout *layout, const mr__row *const *rows, size_t n,
                              mr__mv_message *out, mr_error *err)
{
    const mr__mv_schema *schema = layout->schema;
    const char *db = layout->database;
    mr_status status;
    bool ok;

    *out = (mr__mv_message){0};
    status = prepare(out, schema, rows, n, err);
    if (status != MR_OK)
        goto done;
    ok = (!db || mr__mv_put_bytes(&out->head, DATABASE, db, strlen(db))) &&
         mr__mv_put_bytes(&out->head, COLLECTION, schema->name, strlen(schema->name)) &&
         put_key(out, schema, rows, n) &&
         mr__mv_put_vector_head(&out->head, COLUMN, schema->vector_field, schema->dim, n);
    if (!ok)
        status = mr__error_no_memory(err, "request");
    if (status == MR_OK)
        status = put_metadata(out, schema, rows, n, err);
    if (status == MR_OK)
        status = put_uri(out, schema, rows, n, err);
    if (status == MR_OK)
        status = put_fingerprint(out, layout, n, err);
    if (status == MR_OK && !mr__mv_put_number(&out->tail, N_ROWS, n))
        status = mr__error_no_memory(err, "request");
    if (status != MR_OK)
        goto done;
    out->parts[out->n_parts++] = (mr__rpc_part){out->head.data, out->head.len};
    status = add_vectors(out, schema->dim, rows, n, err);
    out->parts[out->n_parts++] = (mr__rpc_part){out->tail.data, out->tail.len};
done:
    if (status != MR_OK)
        mr__mv_message_fini(out);
    return status;
}

void mr__mv_message_fini(mr__mv_message *message)
{
    size_t i;

    for (i = 0; i < message->n_made; i++)
        free(message->made[i]);
    free(message->made);
    free(message->gathered);
    free(message->parts);
    free(message->texts);
    free(message->longs);
    mr__buf_fini(&message->head);
    mr__buf_fini(&message->tail);
    mr__buf_fini(&message->escaped);
    *message = (mr__mv_message){0};
}
