/* SPDX-License-Identifier: Apache-2.0 */
/* Records that go in one commit. */
#ifndef MR_PIPELINE_GROUP_H
#define MR_PIPELINE_GROUP_H

#include "pipeline/record.h"

typedef struct mr__group {
    mr__record **records; /* in order */
    uint32_t n_records, max_records;
    size_t n_rows, n_entries, room; /* `room` of both arrays below; 0: a group is one record */
    mr__row *rows;
    mr_ledger_entry *entries;
} mr__group;

/* For at most `records` of `batch` items, as long as they have at most `rows` rows altogether. */
mr_status mr__group_init(mr__group *group, uint32_t records, uint32_t batch, uint32_t rows,
                         mr_error *err);
void mr__group_fini(mr__group *group);

void mr__group_clear(mr__group *group);
/* False: it is full. An empty group takes any record. */
bool mr__group_add(mr__group *group, mr__record *record);

/* The commit of what was added. Valid until the group is cleared. */
mr__commit mr__group_unit(mr__group *group);

#endif
