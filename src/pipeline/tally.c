/* SPDX-License-Identifier: Apache-2.0 */
/* What a run has done so far. */
#include "pipeline/tally.h"

#include <string.h>

void mr__tally_init(mr__tally *tally)
{
    *tally = (mr__tally){0};
    pthread_mutex_init(&tally->lock, NULL);
}

void mr__tally_fini(mr__tally *tally)
{
    pthread_mutex_destroy(&tally->lock);
}

void mr__tally_embedded(mr__tally *tally, double seconds)
{
    pthread_mutex_lock(&tally->lock);
    tally->counts.embed_s += seconds;
    pthread_mutex_unlock(&tally->lock);
}

static uint64_t *counter_of(mr__counts *counts, const char *state)
{
    if (strcmp(state, "stored") == 0)
        return &counts->ok;
    if (strcmp(state, "duplicate") == 0)
        return &counts->duplicate;
    return strcmp(state, "quarantined") == 0 ? &counts->quarantined : &counts->failed;
}

void mr__tally_committed(mr__tally *tally, const mr__record *record, double seconds)
{
    size_t i;

    pthread_mutex_lock(&tally->lock);
    tally->counts.store_s += seconds;
    for (i = 0; i < record->n_entries; i++) {
        const mr_ledger_entry *entry = &record->entries[i];

        ++*counter_of(&tally->counts, entry->state);
        if ((int)entry->code > MR_CODE_NONE && entry->code < MR_CODE_COUNT)
            tally->counts.by_code[entry->code]++;
    }
    pthread_mutex_unlock(&tally->lock);
}

mr__counts mr__tally_get(mr__tally *tally)
{
    mr__counts counts;

    pthread_mutex_lock(&tally->lock);
    counts = tally->counts;
    pthread_mutex_unlock(&tally->lock);
    return counts;
}
