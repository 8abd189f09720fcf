/* SPDX-License-Identifier: Apache-2.0 */
/* What a ledger beside another store asks of a local store's tables, and nobody else does. */
#ifndef MR_STORE_BESIDE_H
#define MR_STORE_BESIDE_H

#include "store/local.h"

/* Sets the description of a collection. */
mr_status mr__beside_describe(mr_store *ledger, const char *collection, const char *text,
                              mr_error *err);
/* The id under which the item is stored so far, if it is another one; else "". */
mr_status mr__beside_moved(mr_store *ledger, const mr_ledger_entry *entry, char *old, size_t size,
                           mr_error *err);

#endif
