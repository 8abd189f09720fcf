/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector cache beside a local store: row numbers and vectors of one collection, contiguous, in
 * the order of the row numbers. Derived and never trusted: a file that is not exactly what its
 * header says, or whose identity is not the collection's, is made anew from the table.
 */
#ifndef MR_STORE_VECTORS_H
#define MR_STORE_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* What a cache must be of. The stamp is a random number drawn by each commit, so that a store that
 * was copied, restored or made again never meets the cache of another history. */
typedef struct mr__vectors_key {
    int64_t collection;
    int64_t generation;
    int64_t stamp;
    uint32_t dim;
} mr__vectors_key;

typedef struct mr__vectors {
    void *map; /* NULL: none */
    size_t map_size;
    mr__vectors_key key;
    const int64_t *rows; /* [n] ascending */
    const float *data;   /* [n, dim] */
    uint64_t n;
} mr__vectors;

/* Maps the cache at `path` if it is whole and of `key`; false otherwise. */
bool mr__vectors_map(const char *path, const mr__vectors_key *key, mr__vectors *out);
void mr__vectors_unmap(mr__vectors *vectors);

/* Writing: `n` rows arrive in order, then the file takes its place by rename. */
typedef struct mr__vectors_writer {
    int fd; /* holds the lock of `temporary` */
    FILE *rows, *data;
    char *path, *temporary;
    uint64_t n, expected;
    size_t size;
    uint64_t sum;
    mr__vectors_key key;
} mr__vectors_writer;

/* MR_E_BUSY: another process is at it. After any answer the writer must be abandoned. */
mr_status mr__vectors_create(mr__vectors_writer *writer, const char *path,
                             const mr__vectors_key *key, uint64_t n, mr_error *err);
mr_status mr__vectors_add(mr__vectors_writer *writer, int64_t row, const float *vector,
                          mr_error *err);
mr_status mr__vectors_finish(mr__vectors_writer *writer, mr_error *err);
/* Frees everything; removes what was not finished. */
void mr__vectors_abandon(mr__vectors_writer *writer);

#endif
