/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of stores share: a directory of their own, rows whose content can be told. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

#define FP "mr1:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define MAX_TEST_ROWS 512

/* A batch that owns its strings and vectors. */
typedef struct batch {
    char ids[MAX_TEST_ROWS][32];
    char keys[MAX_TEST_ROWS][32];
    float *vectors;
    mr__row rows[MAX_TEST_ROWS];
    mr_ledger_entry entries[MAX_TEST_ROWS];
    mr__commit commit;
    uint32_t dim;
} batch;

/* Creates a directory below TMPDIR and fills `path` with DIR/`name`. */
void fixture_path(char *path, size_t size, const char *name);
/* Removes the directory of `path` with all files in it. */
void fixture_remove(const char *path);

/* float32 [dim] collection "default" of fake:dim with a ledger. */
mr__collection_spec fixture_spec(uint32_t dim);

/* Component `j` of the vector of item `number`: any two items differ. */
float fixture_component(uint64_t number, uint32_t j);

/* Items `first`..`first + n - 1`, all stored: id "i<number>", key "k<number>". */
batch *fixture_batch(uint64_t first, size_t n, uint32_t dim);
void fixture_batch_free(batch *b);

/* Opens for writing and begins; fails the test on an error. */
mr_store *fixture_writer(const char *path, uint32_t dim);
mr_store *fixture_reader(const char *path);
void fixture_commit(mr_store *store, uint64_t first, size_t n, uint32_t dim);

#define assert_ok(call, err)                                                                       \
    do {                                                                                           \
        mr_status status_ = (call);                                                                \
        if (status_ != MR_OK)                                                                      \
            fail_msg("%s: status %d: %s", #call, (int)status_, (err).message);                     \
    } while (0)

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" lacks \"%s\"", (text), (part));                                       \
    } while (0)

#endif
