/* SPDX-License-Identifier: Apache-2.0 */
/* Records that go in one commit. */
#include "pipeline/group.h"

#include <stdlib.h>
#include <string.h>

mr_status mr__group_init(mr__group *group, uint32_t records, uint32_t batch, uint32_t rows,
                         mr_error *err)
{
    *group = (mr__group){.max_records = records};
    group->records = calloc(records, sizeof *group->records);
    if (rows > batch) {
        group->room = rows;
        group->rows = calloc(rows, sizeof *group->rows);
        group->entries = calloc(rows, sizeof *group->entries);
    }
    if (!group->records || (group->room > 0 && (!group->rows || !group->entries))) {
        mr__group_fini(group);
        return mr__error_no_memory(err, "commit");
    }
    return MR_OK;
}

void mr__group_fini(mr__group *group)
{
    free(group->records);
    free(group->rows);
    free(group->entries);
    *group = (mr__group){0};
}

void mr__group_clear(mr__group *group)
{
    group->n_records = 0;
    group->n_rows = 0;
    group->n_entries = 0;
}

bool mr__group_add(mr__group *group, mr__record *record)
{
    if (group->n_records > 0 && (group->n_records == group->max_records ||
                                 group->n_entries + record->n_entries > group->room))
        return false;
    group->records[group->n_records++] = record;
    group->n_rows += record->n_rows;
    group->n_entries += record->n_entries;
    return true;
}

mr__commit mr__group_unit(mr__group *group)
{
    const mr__record *first = group->records[0];
    mr__commit unit = {.rows = first->rows,
                       .n_rows = group->n_rows,
                       .entries = first->entries,
                       .n_entries = group->n_entries,
                       .batch = first->index};
    size_t rows = 0, entries = 0;
    uint32_t i;

    if (group->n_records == 1)
        return unit;
    for (i = 0; i < group->n_records; i++) {
        const mr__record *record = group->records[i];

        if (record->n_rows > 0)
            memcpy(group->rows + rows, record->rows, record->n_rows * sizeof *record->rows);
        if (record->n_entries > 0)
            memcpy(group->entries + entries, record->entries,
                   record->n_entries * sizeof *record->entries);
        rows += record->n_rows;
        entries += record->n_entries;
    }
    unit.rows = group->rows;
    unit.entries = group->entries;
    return unit;
}
