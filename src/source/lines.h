/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a stream of bytes into the names of a list, one at a time, in fixed memory.
 *
 * Names end with a newline, or with NUL. In lists with newlines one carriage return before the
 * newline and a UTF-8 byte order mark at the start of the list belong to the separator, as editors
 * elsewhere write them; in lists with NUL every byte counts. Empty names are passed over. What is
 * longer than MR__LOCATOR_MAX keeps its first bytes and the hash of all.
 */
#ifndef MR_SOURCE_LINES_H
#define MR_SOURCE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nettle/sha2.h>

#include "source/ident.h"

typedef struct mr__lines {
    char separator;
    bool ready;      /* `text` holds a whole name: the next call begins another */
    bool too_long;   /* only the first MR__LOCATOR_MAX bytes are in `text` */
    bool has_nul;    /* a NUL byte inside a name that ends with a newline */
    uint64_t number; /* of the line, from 1 */
    size_t len;
    char sha256[65]; /* hex, of the whole name, when `too_long` */
    struct sha256_ctx sha;
    char text[MR__LOCATOR_MAX + 2]; /* one more for a carriage return, one to terminate */
} mr__lines;

void mr__lines_init(mr__lines *lines, bool nul_separated);

/* Takes bytes from `*p` on and moves it. True: a name is complete. False: all of it was taken. */
bool mr__lines_feed(mr__lines *lines, const char **p, const char *end);

/* After the last byte: is there a last name without its separator? */
bool mr__lines_finish(mr__lines *lines);

#endif
