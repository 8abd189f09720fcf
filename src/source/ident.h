/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an item is called: id, source key and uri.
 *
 * The path form is the name as typed without "./", inner "/./", doubled and trailing slashes; ".."
 * stays, because a/../b need not be b. A URL ("scheme://...") is left alone, but for a user and
 * password in it: "***" stands for them in all three. The id is the path
 * form or its stem; the source key is the path form always; the uri is the locator as typed.
 *
 * All three are UTF-8. A name that is UTF-8 stays as it is, a per cent sign too. In a name that is
 * not, each byte outside a well-formed sequence becomes %XX, and a per cent sign %25, so that two
 * such names never meet.
 *
 * An id has 1..512 bytes. A longer one makes the item `bad_id`; it is then shown, and the ledger
 * keyed, by its first bytes, "~" and the SHA-256 of the whole.
 */
#ifndef MR_SOURCE_IDENT_H
#define MR_SOURCE_IDENT_H

#include "base/buf.h"
#include "millrace/source.h"

#define MR__ID_MAX      512  /* bytes of an id or a source key */
#define MR__LOCATOR_MAX 4096 /* bytes of a name: no path that can be opened is longer */

/* Where the strings of one item live until the next one. */
typedef struct mr__ident {
    mr_id_from from;
    mr__buf open; /* a URL without its user and password */
    mr__buf path; /* path form, raw bytes */
    mr__buf full; /* path form, escaped */
    mr__buf id;
    mr__buf key;
    mr__buf uri;
} mr__ident;

void mr__ident_init(mr__ident *ident, mr_id_from from);
void mr__ident_fini(mr__ident *ident);

/*
 * Fills in id, key and uri of `item` from the `n` bytes at `locator` (a terminator follows
 * them), and code and message if they make no id. Not `locator` itself. MR_OK or MR_E_NO_MEMORY.
 */
mr_status mr__ident_name(mr__ident *ident, const char *locator, size_t n, mr_item *item,
                         mr_error *err);

/* The same for a name that was too long to be kept: its first bytes, and the SHA-256 (hex) of all.
 */
mr_status mr__ident_too_long(mr__ident *ident, const char *head, size_t n, const char *sha256,
                             mr_item *item, mr_error *err);

/* Each appends to `out`; false if that is full or memory is out. `path` is terminated. */
bool mr__ident_path(mr__buf *out, const char *path, size_t n);
bool mr__ident_escape(mr__buf *out, const char *bytes, size_t n);
/* `text` if it fits MR__ID_MAX, else the bounded form. */
bool mr__ident_bound(mr__buf *out, const char *text, size_t n);

/* Marks the item as rejected by its source. The message is escaped and cut. */
void mr__ident_reject(mr_item *item, mr_code code, const char *fmt, ...) MR__PRINTF(3, 4);

/* A SHA-256 as 64 lower-case hex digits. */
void mr__ident_hex(char out[65], const unsigned char digest[32]);

#endif
