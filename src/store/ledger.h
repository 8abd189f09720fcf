/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger of a store that has none inside: a file beside it, with the tables of a local store.
 *
 * Rows go to the store first; once it has acknowledged them, their entries go here. A crash between
 * leaves rows that the ledger does not know: the next run writes them again, which an upsert makes
 * harmless. What is deleted is forgotten here first, for the same reason. So whatever the ledger
 * calls stored is in the store, and the other way round it does not matter.
 *
 * The file remembers whose ledger it is: the store's name and what tells its collection from
 * another one of the same name. Of a collection that was dropped and made again it forgets
 * everything.
 */
#ifndef MR_STORE_LEDGER_H
#define MR_STORE_LEDGER_H

#include "base/buf.h"
#include "store/store.h"

/*
 * Appends what `spec` names as a part of a file name: two stores never share one. User, password
 * and query of an address say how a store is reached and are left out. False: out of memory.
 */
bool mr__ledger_name(const char *spec, mr__buf *out);

/* The file: the one given, or ${XDG_STATE_HOME:-~/.local/state}/millrace/NAME.ledger, which is
 * then remembered in the store. */
mr_status mr__ledger_file(mr_store *store, mr_error *err);

/* Makes the folder of a file in the default place, and those above it. */
mr_status mr__ledger_folder(const char *file, mr_error *err);
bool mr__ledger_exists(const char *file);

/* Opens it for writing, into `store->ledger`; creates it and, in the default place, the folder. */
mr_status mr__ledger_open(mr_store *store, mr_error *err);
/* The same for reading; the caller closes `*out`. MR_E_NOT_FOUND names the file. */
mr_status mr__ledger_look(mr_store *store, mr_store **out, mr_error *err);

/* Below: `store->ledger` is open. */
mr_status mr__ledger_begin(mr_store *store, const mr__collection_spec *spec, mr_error *err);
mr_status mr__ledger_record(mr_store *store, const mr__commit *commit, mr_error *err);
mr_status mr__ledger_finish(mr_store *store, mr_error *err);

/* Before the collection, rows of it, or what `filter` selects of it are deleted. A store that has
 * its ledger inside, and one whose ledger was never made, have nothing to forget. */
mr_status mr__ledger_forget(mr_store *store, const char *collection, mr_error *err);
mr_status mr__ledger_forget_ids(mr_store *store, const char *collection, const char *const *ids,
                                size_t n_ids, mr_error *err);
mr_status mr__ledger_forget_where(mr_store *store, const char *collection, const char *filter,
                                  mr_error *err);

#endif
