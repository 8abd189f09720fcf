/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing rows. Where an item's id is the key, rows are upserts: a request whose outcome nobody
 * knows is sent again. Where the server makes the keys they are inserts: rows of the same items are
 * looked for and deleted first, and again before a request is repeated; one that the server still
 * carries out after it was given up is then stored twice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/milvus/milvus.h"
#include "store/milvus/rows.h"

enum { AGAIN_MS = 500, LEAST_SLACK = 4096 };

static mr_status send_rows(mr__mv *self, const mr__mv_message *message, mr__mv_reply *reply,
                           mr_error *err)
{
    bool insert = self->schema.auto_id;
    const mr__mv_request request = {.method = insert ? "Insert" : "Upsert",
                                    .parts = message->parts,
                                    .n_parts = message->n_parts,
                                    .patience = MR__MV_WAIT,
                                    .once = insert};

    return mr__mv_call(&self->client, &request, &mv__mutation_result__descriptor, reply, err);
}

static mr_status delete_before(mr__mv *self, const mr__row *const *rows, size_t n, mr_error *err)
{
    const char **ids = calloc(n ? n : 1, sizeof(const char *));
    uint64_t deleted = 0;
    mr_status status;
    size_t i;

    if (!ids)
        return mr__error_no_memory(err, "request");
    for (i = 0; i < n; i++)
        ids[i] = rows[i]->id;
    status = mr__mv_delete_items(&self->client, &self->schema, ids, n, &deleted, err);
    free((void *)ids);
    return status;
}

static mr_status insert_rows(mr__mv *self, const mr__mv_message *message,
                             const mr__row *const *rows, size_t n, mr__mv_reply *reply,
                             mr_error *err)
{
    uint64_t until = mr__clock_ns() + (uint64_t)self->client.retry_ms * 1000000;
    mr_status status = MR_OK;

    for (;;) {
        if (self->look)
            status = delete_before(self, rows, n, err);
        if (status == MR_OK)
            status = send_rows(self, message, reply, err);
        if (status == MR_OK || (reply->verdict != MR__MV_LOST && reply->verdict != MR__MV_UNSURE) ||
            mr__clock_ns() > until || !mr__stop_pause(self->client.stop, AGAIN_MS))
            return status;
        status = MR_OK;
    }
}

static mr_status write_rows(mr__mv *self, const mr__row *const *rows, size_t n, mr_error *err);

/* What is too large for the server goes in two halves. */
static mr_status write_halves(mr__mv *self, const mr__row *const *rows, size_t n, uint64_t limit,
                              mr_error *err)
{
    size_t half = n / 2,
           bytes = limit > 2 * (uint64_t)LEAST_SLACK ? (size_t)limit - LEAST_SLACK : 0;
    size_t known = atomic_load(&self->max_bytes);
    mr_status status;

    if (bytes > 0 && bytes < known)
        atomic_store(&self->max_bytes, bytes);
    status = write_rows(self, rows, half, err);
    return status == MR_OK ? write_rows(self, rows + half, n - half, err) : status;
}

static mr_status write_rows(mr__mv *self, const mr__row *const *rows, size_t n, mr_error *err)
{
    const mr__mv_layout layout = {.database = mr__mv_database(&self->client),
                                  .schema = &self->schema,
                                  .fingerprint = self->fingerprint};
    mr__mv_message message;
    mr__mv_reply reply = {0};
    mr_status status = mr__mv_message_make(&layout, rows, n, &message, err);

    if (status != MR_OK)
        return status;
    if (self->schema.auto_id)
        status = insert_rows(self, &message, rows, n, &reply, err);
    else
        status = send_rows(self, &message, &reply, err);
    mr__mv_reply_fini(&reply);
    mr__mv_message_fini(&message);
    if (status != MR_OK && reply.verdict == MR__MV_TOO_LARGE && n > 1)
        return write_halves(self, rows, n, reply.limit, err);
    return status;
}

/* How many of the first rows go into one request. */
static size_t fit(const mr__mv *self, const mr__row *const *rows, size_t n)
{
    size_t cap = atomic_load(&((mr__mv *)(uintptr_t)self)->max_bytes), bytes = 0, i;

    cap = self->batch_bytes < cap ? self->batch_bytes : cap;
    for (i = 0; i < n && i < self->batch_rows; i++) {
        bytes += mr__mv_row_bytes(rows[i], &self->schema);
        if (bytes > cap && i > 0)
            break;
    }
    return i;
}

mr_status mr__mv_commit(mr_store *store, const mr__commit *commit, mr_error *err)
{
    mr__mv *self = (mr__mv *)store;
    const mr__row **rows;
    mr_status status = MR_OK;
    size_t n, at, now;

    if (!self->writing)
        return mr__error_set(err, MR_E_INVALID, "no collection was begun");
    if (commit->n_rows == 0)
        return MR_OK;
    rows = calloc(commit->n_rows, sizeof(const mr__row *));
    n = rows ? mr__mv_rows_distinct(commit->rows, commit->n_rows, rows) : SIZE_MAX;
    if (n == SIZE_MAX)
        status = mr__error_no_memory(err, "batch");
    for (at = 0; status == MR_OK && at < n; at += now) {
        now = fit(self, rows + at, n - at);
        status = write_rows(self, rows + at, now, err);
    }
    free((void *)rows);
    return status;
}
