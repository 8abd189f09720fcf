/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the source enters the stream. Runs on the stream's feeder thread, item by item:
 *
 *   rejected by the source            goes through: it is reported as failed
 *   same key met in this run          skipped: it has been handled
 *   same id under another key         duplicate: in this run, or the ledger stores it from there
 *   stored, same fingerprint, same    skipped; the versions of URLs are asked for side by side,
 *   version (--refresh auto)          see ahead.h
 *   anything else                     goes through
 *
 * A duplicate goes through the stream as an item that its source rejects, so that it is recorded in
 * its place. An interrupted source is an end like any other here: what was taken is delivered.
 */
#include "pipeline/admit.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

mr_status mr__admit_init(mr__admit *admit, const mr__admit_options *options, mr_error *err)
{
    *admit = (mr__admit){.options = *options};
    return mr__seen_open(options->ids, &admit->seen, err);
}

void mr__admit_fini(mr__admit *admit)
{
    if (admit->ahead)
        mr__admit_stop(admit);
    mr__ahead_close(&admit->ahead);
    mr__seen_close(&admit->seen);
}

void mr__admit_stop(void *cookie)
{
    mr__admit *admit = cookie;

    atomic_store(&admit->stopped, true);
    if (admit->options.fetch)
        mr__fetch_context_interrupt(admit->options.fetch);
    mr_source_interrupt(admit->options.source);
}

/* What the ledger says of the item: its own entry, and who owns its id. */
static mr_status ask_ledger(mr__admit *admit, const mr_item *item, mr__ledger_fact *fact,
                            char *owner, size_t size, mr_error *err)
{
    mr_status status = mr__store_fact(admit->options.store, item->key, fact, err);

    if (status == MR_OK)
        status = mr__store_id_owner(admit->options.store, item->id, owner, size, err);
    return status;
}

/* Is it stored as it would be now? `*ask`: if its version, which only a server knows, is the same.
 */
static bool unchanged(const mr__admit *admit, const mr_item *item, const mr__ledger_fact *fact,
                      bool *ask)
{
    mr__version now;
    mr_error ignored;

    if (!fact->found || !fact->stored || admit->options.refresh == MR_REFRESH_ALWAYS)
        return false;
    if (admit->options.refresh == MR_REFRESH_NEVER)
        return true;
    if (strcmp(fact->fingerprint, admit->options.fingerprint) != 0)
        return false;
    if (!item->locator)
        return fact->version.size == item->n_bytes;
    *ask = admit->options.fetch && mr__fetch_is_remote(item->locator);
    if (*ask)
        return false;
    /* what cannot be looked at enters the stream and fails there with its reason */
    memset(&now, 0, sizeof now);
    return mr__fetch_stat(admit->options.fetch, item->locator, &now, &ignored) == MR_OK &&
           mr__version_equal(&now, &fact->version);
}

static void make_duplicate(mr_item *item, const char *owner)
{
    char text[sizeof item->message];

    item->code = MR_CODE_DUPLICATE_ID;
    (void)snprintf(text, sizeof text, "the id was met before under %s",
                   *owner ? owner : "another source key");
    mr_mask_secrets(text);
    mr__text_escape(item->message, sizeof item->message, text, strlen(text));
}

/* MR_OK: the item goes on, perhaps as a duplicate. MR_AGAIN: it is skipped. */
static mr_status judge(mr__admit *admit, mr_item *item, mr__version *stored, bool *ask,
                       mr_error *err)
{
    mr__ledger_fact fact;
    char owner[2048] = "";
    mr_status status;

    if (item->code != MR_CODE_NONE || !item->id || !item->key)
        return MR_OK;
    switch (mr__seen_meet(admit->seen, item->id, item->key)) {
    case MR__SEEN_SAME_KEY:
        return MR_AGAIN;
    case MR__SEEN_OTHER_KEY:
        make_duplicate(item, owner);
        return MR_OK;
    case MR__SEEN_NEW:
        break;
    }
    if (!admit->options.store)
        return MR_OK;
    memset(&fact, 0, sizeof fact);
    status = ask_ledger(admit, item, &fact, owner, sizeof owner, err);
    if (status != MR_OK)
        return status;
    /* a key that was cut to fit is compared as far as it goes */
    if (*owner && strncmp(owner, item->key, sizeof owner - 1) != 0) {
        make_duplicate(item, owner);
        return MR_OK;
    }
    *stored = fact.version;
    return unchanged(admit, item, &fact, ask) ? MR_AGAIN : MR_OK;
}

/* An mr__ahead_fn: the next item that is wanted, or is if it has changed. */
static mr_status take(void *cookie, mr_item *item, mr__version *stored, bool *ask, mr_error *err)
{
    mr__admit *admit = cookie;

    for (;;) {
        mr_status status = MR_EOF;

        if (!atomic_load(&admit->stopped))
            status = mr_source_next(admit->options.source, item, err);
        if (status == MR_E_INTERRUPTED)
            return MR_EOF;
        if (status == MR_OK)
            status = judge(admit, item, stored, ask, err);
        if (status != MR_AGAIN)
            return status;
        atomic_fetch_add(&admit->skipped, 1);
    }
}

/* From the first item on that has to be asked for, what is read is read ahead. */
static mr_status go_ahead(mr__admit *admit, const mr_item *first, const mr__version *stored,
                          mr_error *err)
{
    const mr__ahead_options options = {.next = take,
                                       .cookie = admit,
                                       .fetch = admit->options.fetch,
                                       .first = first,
                                       .stored = stored};

    return mr__ahead_open(&options, &admit->ahead, err);
}

mr_status mr__admit_next(void *cookie, mr_item *item, mr_error *err)
{
    mr__admit *admit = cookie;

    if (!admit->ahead) {
        mr__version stored = {0};
        bool ask = false;
        mr_status status = take(admit, item, &stored, &ask, err);

        if (status == MR_OK && ask)
            status = go_ahead(admit, item, &stored, err);
        if (!admit->ahead)
            return status;
    }
    for (;;) {
        bool same = false;
        mr_status status = mr__ahead_next(admit->ahead, item, &same, err);

        if (status == MR_OK && atomic_load(&admit->stopped))
            return MR_EOF;
        if (status != MR_OK || !same)
            return status;
        atomic_fetch_add(&admit->skipped, 1);
    }
}
