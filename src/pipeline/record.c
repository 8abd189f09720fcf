/* SPDX-License-Identifier: Apache-2.0 */
/* One batch on its way from the embedder to the store. */
#include "pipeline/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* Ids, keys, uris, metadata and messages of the largest batch stay far below this. */
#define STRINGS_MAX ((size_t)1 << 30)

/* Of one item: id, key and uri, which are mostly one path, and a little metadata. */
#define STRINGS_USUAL 512

static mr_status make_room(mr__record *record, size_t items, mr_error *err)
{
    mr__row *rows;
    mr_ledger_entry *entries;

    if (items <= record->room)
        return MR_OK;
    rows = reallocarray(record->rows, items, sizeof *rows);
    if (rows)
        record->rows = rows;
    entries = reallocarray(record->entries, items, sizeof *entries);
    if (entries)
        record->entries = entries;
    if (!rows || !entries)
        return mr__error_no_memory(err, "batch record");
    record->room = items;
    return MR_OK;
}

uint64_t mr__record_bytes(uint32_t batch, uint32_t dim)
{
    return (uint64_t)batch *
           (dim * sizeof(float) + sizeof(mr__row) + sizeof(mr_ledger_entry) + STRINGS_USUAL);
}

size_t mr__record_holds(const mr__record *record)
{
    size_t item = record->dim * sizeof(float) + sizeof(mr__row) + sizeof(mr_ledger_entry);

    return record->strings.len + record->n_entries * item;
}

mr_status mr__record_init(mr__record *record, uint32_t batch, uint32_t dim, mr_error *err)
{
    size_t floats;
    mr_status status;

    *record = (mr__record){.dim = dim, .keep = (size_t)batch * STRINGS_USUAL};
    mr__buf_init(&record->strings, STRINGS_MAX);
    status = make_room(record, batch, err);
    if (status == MR_OK && dim > 0) {
        if (mr__size_mul(&floats, batch, dim))
            record->vectors = calloc(floats, sizeof *record->vectors);
        if (!record->vectors)
            status = mr__error_no_memory(err, "batch record");
    }
    if (status != MR_OK)
        mr__record_fini(record);
    return status;
}

void mr__record_fini(mr__record *record)
{
    mr_batch_release(&record->held);
    free(record->vectors);
    free(record->rows);
    free(record->entries);
    mr__buf_fini(&record->strings);
    *record = (mr__record){0};
}

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 1;
}

/* Bytes that `keep` will need for the strings of `n` results; false on overflow. */
static bool strings_bytes(const mr_item_result *results, size_t n, size_t *total)
{
    size_t i;

    for (i = 0; i < n; i++) {
        const mr_item_result *r = &results[i];
        size_t bytes = text_bytes(r->id) + text_bytes(r->uri) + text_bytes(r->key) +
                       text_bytes(r->metadata) + text_bytes(r->message) + text_bytes(r->format) +
                       text_bytes(r->version_etag);
        if (!mr__size_add(total, *total, bytes))
            return false;
    }
    return true;
}

/* Copies a string behind the others; room was made before, so nothing moves. */
static const char *keep(mr__record *record, const char *text)
{
    const char *at = record->strings.data + record->strings.len;

    (void)mr__buf_add(&record->strings, text ? text : "", text_bytes(text));
    return at;
}

/* Why a row was not embedded; NULL if it was. */
static const char *refusal(const mr__record_facts *facts, uint32_t row)
{
    const mr__refusals *refused = facts->refused;

    return refused && row < refused->room && refused->why[row][0] ? refused->why[row] : NULL;
}

static mr_item_result refused_result(const mr_item_result *r, const char *why)
{
    mr_item_result result = *r;

    result.state = MR_ITEM_FAILED;
    result.stage = MR_STAGE_EMBED;
    result.code = MR_CODE_EMBED_FAILED;
    result.message = why;
    return result;
}

static const char *state_name(const mr_item_result *r)
{
    if (r->state == MR_ITEM_OK)
        return "stored";
    if (r->state == MR_ITEM_DUPLICATE || r->code == MR_CODE_DUPLICATE_ID)
        return "duplicate";
    return r->state == MR_ITEM_QUARANTINED ? "quarantined" : "failed";
}

static void add_entry(mr__record *record, const mr_item_result *r, const mr__record_facts *facts)
{
    bool ok = r->state == MR_ITEM_OK;

    record->entries[record->n_entries++] = (mr_ledger_entry){
        .key = keep(record, r->key),
        .id = keep(record, r->id),
        .uri = keep(record, r->uri),
        .state = state_name(r),
        .stage = ok ? MR_STAGE_STORE : r->stage,
        .code = r->code,
        .message = keep(record, r->message),
        .attempts = r->attempts,
        .ms_fetch = r->ms_fetch,
        .ms_wait = r->ms_wait,
        .ms_decode = r->ms_decode,
        .ms_transform = r->ms_transform,
        .ms_embed = ok ? facts->ms_embed : 0,
        .bytes = r->bytes,
        .width = r->width,
        .height = r->height,
        .format = keep(record, r->format),
        .fingerprint = facts->fingerprint,
        .version_size = r->version_size,
        .version_mtime_ns = r->version_mtime_ns,
        .version_etag = keep(record, r->version_etag),
    };
}

static void add_row(mr__record *record, const mr_item_result *r, const void *data)
{
    const mr_ledger_entry *entry = &record->entries[record->n_entries - 1];

    record->rows[record->n_rows++] = (mr__row){
        .id = entry->id, .uri = entry->uri, .metadata = keep(record, r->metadata), .data = data};
}

/* Both lists are in the order of the source: merges them. */
static void add_all(mr__record *record, const mr_batch *batch, const mr__record_facts *facts)
{
    uint32_t ok = 0, failed = 0;

    while (ok < batch->n_ok || failed < batch->n_failed) {
        const mr_item_result *r;
        const char *why;
        const void *data;

        if (failed < batch->n_failed &&
            (ok == batch->n_ok || batch->failures[failed].seq < batch->items[ok].seq)) {
            add_entry(record, &batch->failures[failed++], facts);
            continue;
        }
        r = &batch->items[ok];
        why = refusal(facts, ok);
        if (why) {
            const mr_item_result result = refused_result(r, why);

            add_entry(record, &result, facts);
            ok++;
            continue;
        }
        data = record->dim > 0
                   ? (const void *)(record->vectors + (size_t)ok * record->dim)
                   : (const void *)((const unsigned char *)batch->data + ok * batch->row_bytes);
        add_entry(record, r, facts);
        add_row(record, r, data);
        ok++;
    }
}

mr_status mr__record_fill(mr__record *record, mr_batch *batch, const mr__record_facts *facts,
                          mr_error *err)
{
    size_t bytes = facts->refused ? (size_t)batch->n_ok * MR__WHY_SIZE : 0;
    mr_status status = make_room(record, (size_t)batch->n_ok + batch->n_failed, err);

    if (status != MR_OK)
        return status;
    if (!strings_bytes(batch->items, batch->n_ok, &bytes) ||
        !strings_bytes(batch->failures, batch->n_failed, &bytes) ||
        !mr__buf_reserve(&record->strings, bytes))
        return mr__error_no_memory(err, "names of a batch");
    record->index = batch->index;
    add_all(record, batch, facts);
    if (record->dim == 0)
        record->held = batch;
    return MR_OK;
}

void mr__record_clear(mr__record *record)
{
    mr_batch_release(&record->held);
    mr__buf_reset(&record->strings);
    if (record->strings.cap > 4 * record->keep) {
        mr__buf_fini(&record->strings);
        mr__buf_init(&record->strings, STRINGS_MAX);
    }
    record->n_rows = 0;
    record->n_entries = 0;
}
